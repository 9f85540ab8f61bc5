//! One watch per kind of a plane, feeding the cache; custom kinds are watched while their definition is established. Knows no rule.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use kube::runtime::{WatchStreamExt, watcher};
use tokio_util::sync::CancellationToken;

use super::access::Plane;
use crate::conditions::holds;
use crate::kinds::Kind;
use crate::object::{Fields, Key, Meta, Object};

/// Starts the watches of the built-in kinds.
pub fn watch_built_in(plane: &Arc<Plane>) {
    for kind in Kind::BUILT_IN {
        tokio::spawn(watch(plane.clone(), kind, plane.stop.clone()));
    }
}

/// Running watches of custom kinds, by kind.
pub type CustomWatches = Arc<Mutex<BTreeMap<Kind, CancellationToken>>>;

/// Starts or ends the watch of the custom kind that `definition` defines; called at each change of a definition.
pub fn watch_custom(plane: &Arc<Plane>, watches: &CustomWatches, definition: &Object, gone: bool) {
    let Some(kind) = Kind::CUSTOM.into_iter().find(|kind| kind.definition() == definition.name()) else {
        return;
    };
    let served =
        definition.items("/spec/versions").iter().any(|version| version.text("/name") == kind.names().1 && version.flag("/served"));
    let wanted = !gone && !definition.deleting() && served && holds(definition, "Established");
    let mut watches = watches.lock().unwrap_or_else(PoisonError::into_inner);
    match (wanted, watches.contains_key(&kind)) {
        (true, false) => {
            let stop = plane.stop.child_token();
            watches.insert(kind, stop.clone());
            tokio::spawn(watch(plane.clone(), kind, stop));
        }
        (false, true) => {
            if let Some(stop) = watches.remove(&kind) {
                stop.cancel();
            }
            plane.cache_mut().drop_kind(kind);
        }
        _ => {}
    }
}

async fn watch(plane: Arc<Plane>, kind: Kind, stop: CancellationToken) {
    let stream = watcher(plane.api(kind, ""), watcher::Config::default()).default_backoff();
    let mut stream = std::pin::pin!(stream);
    let mut listed: BTreeSet<Key> = BTreeSet::new();
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = stream.next() => event,
        };
        match event {
            None => return,
            Some(Ok(watcher::Event::Init)) => listed.clear(),
            Some(Ok(watcher::Event::InitApply(object))) => {
                listed.insert(object.key());
                plane.observe(kind, object);
            }
            Some(Ok(watcher::Event::InitDone)) => {
                end_of_list(&plane, kind, &listed).await;
                let first = plane.cache_mut().set_synced(kind);
                if first {
                    for registered in plane.registered().iter().filter(|one| one.controller.needs().contains(&kind)) {
                        plane.look_at_all(registered);
                    }
                }
            }
            Some(Ok(watcher::Event::Apply(object))) => {
                plane.observe(kind, object);
            }
            Some(Ok(watcher::Event::Delete(object))) => plane.forget(kind, &object),
            Some(Err(error)) => {
                tracing::debug!(plane = plane.id, kind = kind.kind(), %error, "watch")
            }
        }
    }
}

/// Objects that a fresh list no longer has were deleted while the watch was away; each is asked for once, since it may be younger than the list.
async fn end_of_list(plane: &Plane, kind: Kind, listed: &BTreeSet<Key>) {
    let missing: Vec<Key> = plane.cache().keys(kind).into_iter().filter(|key| !listed.contains(key)).collect();
    for (namespace, name) in missing {
        if let Ok(None) = plane.read(&kind.resource(), &namespace, &name).await
            && let Some(object) = plane.get(kind, &(namespace, name))
        {
            plane.forget(kind, &object);
        }
    }
}
