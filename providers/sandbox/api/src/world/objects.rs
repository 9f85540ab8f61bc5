//! The objects of one plane and the only place that changes them.
//! A change is checked, numbered, indexed, put in the history and handed to the store under one lock, so that memory, history
//! and store agree on the order. Knows no HTTP, no schema and no rule about fields besides `metadata`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::history::History;
use super::{Event, EventKind, GroupResource, ObjectKey, Place, Since};
use crate::store::{Acknowledgement, Row, Store};

/// One version of one object.
#[derive(Debug)]
pub(crate) struct Stored {
    pub key: ObjectKey,
    /// The number behind `metadata.resourceVersion`.
    pub version: u64,
    pub value: Value,
}

impl Stored {
    /// A string of `metadata`, or "".
    pub fn meta(&self, field: &str) -> &str {
        self.value.get("metadata").and_then(|meta| meta.get(field)).and_then(Value::as_str).unwrap_or("")
    }
}

/// What must be true of the present object for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    Absent,
    Version(u64),
}

/// A change of one object.
#[derive(Debug)]
pub(crate) enum Write {
    /// The new value, complete but for its resourceVersion.
    Put(Value),
    Delete,
}

/// Why a write did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The object is not as expected: read again and decide again.
    Raced,
    /// The namespace is not there.
    NoNamespace,
    /// The namespace is being deleted.
    Terminating,
}

/// All objects of a plane.
#[derive(Debug)]
pub(crate) struct World {
    plane: Arc<str>,
    inner: RwLock<Inner>,
    store: Store,
    latest: watch::Sender<u64>,
    work: mpsc::UnboundedSender<Arc<Event>>,
}

#[derive(Debug)]
struct Inner {
    version: u64,
    /// Versions above the first and up to the second number may have been seen by clients before a crash and do not exist.
    lost: (u64, u64),
    objects: HashMap<GroupResource, BTreeMap<ObjectKey, Arc<Stored>>>,
    places: HashMap<String, Place>,
    dependents: HashMap<String, BTreeSet<Place>>,
    history: History,
}

/// A crash can lose writes that were visible but not yet acknowledged; numbering goes on this far above them.
const GAP: u64 = 1000;

impl World {
    /// A plane as it was stored, with the receiver of the events that garbage collection works on.
    pub fn restore(
        plane: &str,
        store: Store,
        version: u64,
        rows: Vec<Row>,
        history: usize,
    ) -> (World, mpsc::UnboundedReceiver<Arc<Event>>) {
        let (work, receiver) = mpsc::unbounded_channel();
        let first = if version == 0 { 0 } else { version + GAP };
        let mut inner = Inner {
            version: first,
            lost: (version, first),
            objects: HashMap::new(),
            places: HashMap::new(),
            dependents: HashMap::new(),
            history: History::new(history, version),
        };
        for row in rows {
            let stored = Arc::new(Stored { key: row.key.clone(), version: row.version, value: row.value });
            let place = Place { resource: row.resource, key: row.key };
            inner.index(&place, None, Some(&stored));
            inner.objects.entry(place.resource).or_default().insert(place.key, stored);
        }
        let world = World { plane: plane.into(), inner: RwLock::new(inner), store, latest: watch::Sender::new(first), work };
        (world, receiver)
    }

    /// The plane's present resourceVersion.
    pub fn version(&self) -> u64 {
        self.read().version
    }

    /// Woken at every change with its resourceVersion.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    pub fn get(&self, resource: &GroupResource, key: &ObjectKey) -> Option<Arc<Stored>> {
        self.read().objects.get(resource)?.get(key).cloned()
    }

    /// The objects of a resource, in one namespace (or in all for ""), after `after`, with the version they belong to.
    pub fn list(&self, resource: &GroupResource, namespace: &str, after: Option<&ObjectKey>) -> (Vec<Arc<Stored>>, u64) {
        let inner = self.read();
        let Some(objects) = inner.objects.get(resource) else { return (Vec::new(), inner.version) };
        let start = match after {
            Some(key) => std::ops::Bound::Excluded(key.clone()),
            None => std::ops::Bound::Included(ObjectKey::new(namespace, "")),
        };
        let listed = objects
            .range((start, std::ops::Bound::Unbounded))
            .take_while(|(key, _)| namespace.is_empty() || key.namespace == namespace)
            .map(|(_, stored)| stored.clone())
            .collect();
        (listed, inner.version)
    }

    /// Every resource that has objects.
    pub fn resources(&self) -> Vec<GroupResource> {
        let inner = self.read();
        let mut all: Vec<_> =
            inner.objects.iter().filter(|(_, objects)| !objects.is_empty()).map(|(resource, _)| resource.clone()).collect();
        all.sort();
        all
    }

    /// What happened to a resource after `version`.
    pub fn since(&self, version: u64, resource: &GroupResource) -> (Since, u64) {
        let inner = self.read();
        if version > inner.lost.0 && version < inner.lost.1 {
            return (Since::TooOld, inner.version);
        }
        (inner.history.since(version, resource), inner.version)
    }

    /// True if a list that began at `version` can still be followed by a watch.
    pub fn remembers(&self, version: u64) -> bool {
        let inner = self.read();
        inner.history.reaches(version) && !(version > inner.lost.0 && version < inner.lost.1)
    }

    /// Where the object with this uid is.
    pub fn place_of(&self, uid: &str) -> Option<Place> {
        self.read().places.get(uid).cloned()
    }

    /// Objects whose ownerReferences name this uid.
    pub fn dependents_of(&self, uid: &str) -> Vec<Place> {
        self.read().dependents.get(uid).map(|places| places.iter().cloned().collect()).unwrap_or_default()
    }

    /// Changes one object if it is as expected. `in_namespace` also asks that its namespace is there and not being deleted.
    pub fn write(
        &self,
        place: &Place,
        expect: Expect,
        write: Write,
        in_namespace: bool,
    ) -> Result<(Arc<Stored>, Acknowledgement), Refused> {
        let body = match &write {
            Write::Put(value) => Some(crate::store::encode(value)),
            Write::Delete => None,
        };
        let mut inner = self.write_lock();
        let before = inner.objects.get(&place.resource).and_then(|objects| objects.get(&place.key)).cloned();
        match (&before, expect) {
            (None, Expect::Absent) => {}
            (Some(stored), Expect::Version(version)) if stored.version == version => {}
            _ => return Err(Refused::Raced),
        }
        if in_namespace {
            inner.check_namespace(&place.key.namespace)?;
        }
        let version = inner.version + 1;
        inner.version = version;
        let (kind, stored) = match (write, &before) {
            (Write::Put(mut value), _) => {
                set_version(&mut value, version);
                let kind = if before.is_some() { EventKind::Modified } else { EventKind::Added };
                (kind, Arc::new(Stored { key: place.key.clone(), version, value }))
            }
            (Write::Delete, Some(old)) => {
                let mut value = old.value.clone();
                set_version(&mut value, version);
                (EventKind::Deleted, Arc::new(Stored { key: place.key.clone(), version, value }))
            }
            (Write::Delete, None) => return Err(Refused::Raced),
        };
        let present = (kind != EventKind::Deleted).then_some(&stored);
        inner.index(place, before.as_ref(), present);
        match present {
            Some(stored) => {
                inner.objects.entry(place.resource.clone()).or_default().insert(place.key.clone(), stored.clone());
            }
            None => {
                if let Some(objects) = inner.objects.get_mut(&place.resource) {
                    objects.remove(&place.key);
                }
            }
        }
        let event = Arc::new(Event { kind, resource: place.resource.clone(), object: stored.clone(), before });
        inner.history.push(event.clone());
        let acknowledgement = self.store.write(&self.plane, place, version, body);
        // The receiver is gone only while the plane is being stopped.
        let _ = self.work.send(event);
        self.latest.send_replace(version);
        Ok((stored, acknowledgement))
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write_lock(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Inner {
    fn check_namespace(&self, namespace: &str) -> Result<(), Refused> {
        let found = self.objects.get(&GroupResource::new("", "namespaces")).and_then(|objects| objects.get(&ObjectKey::new("", namespace)));
        match found {
            None => Err(Refused::NoNamespace),
            Some(stored) if !stored.meta("deletionTimestamp").is_empty() => Err(Refused::Terminating),
            Some(_) => Ok(()),
        }
    }

    fn index(&mut self, place: &Place, before: Option<&Arc<Stored>>, after: Option<&Arc<Stored>>) {
        let old = before.map(|stored| owner_uids(&stored.value)).unwrap_or_default();
        let new = after.map(|stored| owner_uids(&stored.value)).unwrap_or_default();
        for uid in old.difference(&new) {
            if let Some(places) = self.dependents.get_mut(*uid) {
                places.remove(place);
                if places.is_empty() {
                    self.dependents.remove(*uid);
                }
            }
        }
        for uid in new.difference(&old) {
            self.dependents.entry((*uid).to_owned()).or_default().insert(place.clone());
        }
        match (before, after) {
            (None, Some(stored)) => {
                self.places.insert(stored.meta("uid").to_owned(), place.clone());
            }
            (Some(stored), None) => {
                self.places.remove(stored.meta("uid"));
            }
            _ => {}
        }
    }
}

fn owner_uids(value: &Value) -> BTreeSet<&str> {
    value
        .get("metadata")
        .and_then(|meta| meta.get("ownerReferences"))
        .and_then(Value::as_array)
        .map(|owners| owners.iter().filter_map(|owner| owner.get("uid").and_then(Value::as_str)).collect())
        .unwrap_or_default()
}

fn set_version(value: &mut Value, version: u64) {
    if let Some(meta) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.insert("resourceVersion".into(), version.to_string().into());
    }
}
