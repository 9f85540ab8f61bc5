//! The queue: every committed event is looked at once, in order; scans that many events ask for run when the queue is empty.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;

use super::{definitions, furnish, garbage, namespaces, pods, roles};
use crate::plane::Plane;
use crate::world::{Event, EventKind, GroupResource, ObjectKey, Place, Stored};

/// Scans that are due.
#[derive(Debug, Default)]
struct Due {
    namespaces: BTreeSet<String>,
    definitions: BTreeSet<String>,
    /// Rules of ClusterRoles that are sums.
    roles: bool,
}

/// Works until the plane ends.
pub(crate) async fn run(plane: Plane, mut events: mpsc::UnboundedReceiver<Arc<Event>>) {
    // Sums may have been left half done.
    let mut due = Due { roles: true, ..Due::default() };
    resume(&plane, &mut due).await;
    loop {
        let event = match events.try_recv() {
            Ok(event) => event,
            Err(mpsc::error::TryRecvError::Disconnected) => return,
            Err(mpsc::error::TryRecvError::Empty) => {
                scan(&plane, &mut due).await;
                match events.recv().await {
                    Some(event) => event,
                    None => return,
                }
            }
        };
        handle(&plane, &event, &mut due).await;
    }
}

/// Picks up what a stop or a crash interrupted.
async fn resume(plane: &Plane, due: &mut Due) {
    for resource in plane.world().resources() {
        for stored in plane.world().list(&resource, "", None).0 {
            let place = Place { resource: resource.clone(), key: stored.key.clone() };
            present(plane, &place, &stored, due).await;
        }
    }
}

async fn scan(plane: &Plane, due: &mut Due) {
    for namespace in std::mem::take(&mut due.namespaces) {
        namespaces::sweep(plane, &namespace).await;
    }
    if std::mem::take(&mut due.roles) {
        roles::aggregate(plane).await;
    }
    for definition in std::mem::take(&mut due.definitions) {
        definitions::clean_up(plane, &definition).await;
    }
}

async fn handle(plane: &Plane, event: &Event, due: &mut Due) {
    let place = Place { resource: event.resource.clone(), key: event.object.key.clone() };
    due.roles |= is_cluster_role(&place.resource);
    if event.kind == EventKind::Deleted {
        garbage::owner_is_gone(plane, &event.object).await;
        garbage::owners_may_go(plane, &event.object).await;
        if is_node(&place.resource) {
            pods::node_is_gone(plane, &place.key.name).await;
        }
        rest_of(plane, &place, due);
        return;
    }
    if event.kind == EventKind::Added && is_namespace(&place.resource) {
        furnish::namespace(plane, &place.key.name).await;
    }
    if let Some(before) = &event.before
        && owners(before) != owners(&event.object)
    {
        garbage::owners_may_go(plane, before).await;
    }
    present(plane, &place, &event.object, due).await;
}

/// What an object that is there asks for.
async fn present(plane: &Plane, place: &Place, stored: &Stored, due: &mut Due) {
    if owners(stored).is_some() {
        garbage::collect(plane, place).await;
    }
    if stored.meta("deletionTimestamp").is_empty() {
        return;
    }
    garbage::finalize(plane, place, stored).await;
    if is_namespace(&place.resource) {
        due.namespaces.insert(place.key.name.clone());
    }
    if is_definition(&place.resource) {
        due.definitions.insert(place.key.name.clone());
    }
}

/// A deleted object may have been the last of its namespace or of its kind.
fn rest_of(plane: &Plane, place: &Place, due: &mut Due) {
    let deleting = |resource: GroupResource, name: &str| {
        plane.world().get(&resource, &ObjectKey::new("", name)).is_some_and(|stored| !stored.meta("deletionTimestamp").is_empty())
    };
    if !place.key.namespace.is_empty() && deleting(GroupResource::new("", "namespaces"), &place.key.namespace) {
        due.namespaces.insert(place.key.namespace.clone());
    }
    let definition = place.resource.to_column();
    if deleting(GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions"), &definition) {
        due.definitions.insert(definition);
    }
}

fn owners(stored: &Stored) -> Option<&Value> {
    stored.value.get("metadata").and_then(|meta| meta.get("ownerReferences"))
}

fn is_namespace(resource: &GroupResource) -> bool {
    resource.group.is_empty() && &*resource.plural == "namespaces"
}

fn is_cluster_role(resource: &GroupResource) -> bool {
    &*resource.group == crate::rbac::GROUP && &*resource.plural == "clusterroles"
}

fn is_node(resource: &GroupResource) -> bool {
    resource.group.is_empty() && &*resource.plural == "nodes"
}

fn is_definition(resource: &GroupResource) -> bool {
    &*resource.group == "apiextensions.k8s.io" && &*resource.plural == "customresourcedefinitions"
}
