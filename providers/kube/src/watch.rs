//! One watch for each (plane, kind, namespace), shared by all who wait; it ends with the last of them. Judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use kube::Api;
use kube::core::DynamicObject;
use kube::runtime::watcher::{Config, Event, watcher};
use serde_json::Value as Json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use windlass_core::addr::Address;

use crate::error::ApiError;
use crate::kinds::{Kind, ObjectRef};
use crate::plane::Plane;

/// Objects by namespace (empty for cluster-scoped kinds) and name.
pub type Objects = BTreeMap<(String, String), Arc<Json>>;

/// What a watch sees now.
#[derive(Clone, Default)]
pub struct View {
    /// All objects; `None` until the first list is complete.
    pub objects: Option<Arc<Objects>>,
    /// Why nothing is seen at the moment.
    pub trouble: Option<String>,
}

impl View {
    /// One object of the view.
    pub fn get(&self, namespace: Option<&str>, name: &str) -> Option<&Json> {
        let key = (namespace.unwrap_or_default().to_owned(), name.to_owned());
        self.objects.as_ref()?.get(&key).map(Arc::as_ref)
    }

    /// All objects of the view.
    pub fn all(&self) -> impl Iterator<Item = &Json> {
        self.objects.iter().flat_map(|objects| objects.values().map(Arc::as_ref))
    }
}

/// A running watch.
pub struct Watch {
    state: RwLock<View>,
    changes: watch::Sender<u64>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Watch {
    /// What it sees now.
    pub fn view(&self) -> View {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells of each change after now.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Replaces what is seen, or says why nothing is.
    fn set(&self, seen: Result<Objects, String>) {
        self.update(|view| match seen {
            Ok(objects) => *view = View { objects: Some(Arc::new(objects)), trouble: None },
            Err(trouble) => view.trouble = Some(trouble),
        });
    }

    /// Changes what is seen in place: it is copied only if somebody looks at it right now.
    fn change(&self, change: impl FnOnce(&mut Objects)) {
        self.update(|view| {
            change(Arc::make_mut(view.objects.get_or_insert_default()));
            view.trouble = None;
        });
    }

    fn update(&self, update: impl FnOnce(&mut View)) {
        update(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
        self.changes.send_modify(|n| *n += 1);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    plane: Address,
    api_version: String,
    kind: String,
    namespace: Option<String>,
}

/// The watches that somebody uses.
#[derive(Default)]
pub struct Watches {
    running: Mutex<BTreeMap<Name, Weak<Watch>>>,
}

impl Watches {
    /// Joins the watch of a kind, or begins it.
    pub async fn on(&self, plane: &Arc<Plane>, api_version: &str, kind: &str, namespace: Option<&str>) -> Result<Arc<Watch>, ApiError> {
        let resource = plane.kind(api_version, kind).await?;
        let namespace = namespace.filter(|_| resource.namespaced);
        let name = Name {
            plane: plane.address.clone(),
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
        };
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watch) = running.get(&name).and_then(Weak::upgrade) {
            return Ok(watch);
        }
        running.retain(|_, watch| watch.strong_count() > 0);
        let api_resource = resource.api_resource();
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(plane.client(), namespace, &api_resource),
            None => Api::all_with(plane.client(), &api_resource),
        };
        let watch = Arc::new(Watch { state: RwLock::default(), changes: watch::Sender::new(0), task: Mutex::new(None) });
        let task = tokio::spawn(follow(api, resource.clone(), Arc::downgrade(&watch)));
        *watch.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        running.insert(name, Arc::downgrade(&watch));
        Ok(watch)
    }

    /// Watches of all kinds of some objects, for who waits for one of them after the other: without a holder a watch ends with each wait, and
    /// the next wait lists the whole kind again. A kind that cannot be watched is left to the wait itself, which says so.
    pub async fn keep<'a>(&self, plane: &Arc<Plane>, objects: impl IntoIterator<Item = &'a ObjectRef>) -> Vec<Arc<Watch>> {
        let kinds: BTreeSet<_> =
            objects.into_iter().map(|object| (&object.api_version, &object.kind, object.namespace.as_deref())).collect();
        let mut kept = Vec::with_capacity(kinds.len());
        for (api_version, kind, namespace) in kinds {
            kept.extend(self.on(plane, api_version, kind, namespace).await.ok());
        }
        kept
    }
}

/// Between a watch that failed and the next list: at first, and at the most.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// Lists and watches until nobody waits any more. After an error everything is listed again: a watch that is taken up where it broke off
/// says nothing until something changes, so nobody would learn that the plane answers again.
async fn follow(api: Api<DynamicObject>, kind: Arc<Kind>, watch: Weak<Watch>) {
    let mut pause = AGAIN_AFTER.0;
    loop {
        let mut listed = Objects::new();
        let mut events = watcher(api.clone(), Config::default()).boxed();
        let trouble = loop {
            let event = match events.try_next().await {
                Ok(Some(event)) => event,
                Ok(None) => break "the watch has ended".to_owned(),
                Err(error) => break crate::plane::chain(&error),
            };
            let Some(watch) = watch.upgrade() else { return };
            match event {
                Event::Init => listed.clear(),
                Event::InitApply(object) => keep(&mut listed, &object, &kind),
                Event::InitDone => {
                    watch.set(Ok(std::mem::take(&mut listed)));
                    pause = AGAIN_AFTER.0;
                }
                Event::Apply(object) => watch.change(|objects| keep(objects, &object, &kind)),
                Event::Delete(object) => watch.change(|objects| drop(objects.remove(&place(&object)))),
            }
        };
        let Some(watch) = watch.upgrade() else { return };
        watch.set(Err(trouble));
        drop(watch);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(AGAIN_AFTER.1);
    }
}

fn place(object: &DynamicObject) -> (String, String) {
    (object.metadata.namespace.clone().unwrap_or_default(), object.metadata.name.clone().unwrap_or_default())
}

/// Items of a list of built-ins carry neither apiVersion nor kind: they are set here, since judgements ask for them.
fn keep(objects: &mut Objects, object: &DynamicObject, kind: &Kind) {
    if let Ok(mut json) = serde_json::to_value(object) {
        if let Some(fields) = json.as_object_mut() {
            fields.insert("apiVersion".to_owned(), Json::String(kind.api_version.clone()));
            fields.insert("kind".to_owned(), Json::String(kind.kind.clone()));
        }
        objects.insert(place(object), Arc::new(json));
    }
}
