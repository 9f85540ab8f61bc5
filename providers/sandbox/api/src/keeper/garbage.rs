//! Garbage collection by ownerReferences, with the decisions of kube-controller-manager's garbage collector.

use serde_json::Value;

use crate::plane::Plane;
use crate::status::Failure;
use crate::verbs::{Call, DeleteOptions, Mode, Propagation, delete_object, update_object};
use crate::world::{ObjectKey, Place, Stored};

const MANAGER: &str = "kube-controller-manager";

/// How an owner stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// It is there (or cannot be known).
    Solid,
    /// It is not there.
    Absent,
    /// It is being deleted in the foreground and waits for this dependent.
    Waiting,
}

/// Deletes the object if no owner keeps it; forgets owners that are gone if another keeps it.
pub(super) async fn collect(plane: &Plane, place: &Place) {
    let Some(stored) = plane.world().get(&place.resource, &place.key) else { return };
    let being_deleted = !stored.meta("deletionTimestamp").is_empty();
    if being_deleted && !has_finalizer(&stored, "foregroundDeletion") {
        return;
    }
    let references = references(&stored.value);
    let owners: Vec<(Owner, &Value)> = references.iter().map(|reference| (classify(plane, place, reference), reference)).collect();
    if owners.iter().all(|(owner, _)| *owner == Owner::Solid) {
        return;
    }
    if owners.iter().any(|(owner, _)| *owner == Owner::Solid) {
        let gone: Vec<String> = owners.iter().filter(|(owner, _)| *owner != Owner::Solid).map(|(_, reference)| uid(reference)).collect();
        forget_owners(plane, place, &gone).await;
        return;
    }
    if being_deleted {
        return;
    }
    let waiting = owners.iter().any(|(owner, _)| *owner == Owner::Waiting);
    let with_dependents = !plane.world().dependents_of(stored.meta("uid")).is_empty();
    let propagation = if waiting && with_dependents || has_finalizer(&stored, "foregroundDeletion") {
        Propagation::Foreground
    } else if has_finalizer(&stored, "orphan") {
        Propagation::Orphan
    } else {
        Propagation::Background
    };
    let options = DeleteOptions { uid: Some(stored.meta("uid").to_owned()), propagation: Some(propagation), ..DeleteOptions::default() };
    if let Some(mut call) = call(plane, place) {
        report(place, delete_object(&mut call, &options).await.map(|_| ()));
    }
}

/// An owner was deleted: its dependents are looked at.
pub(super) async fn owner_is_gone(plane: &Plane, owner: &Stored) {
    for dependent in plane.world().dependents_of(owner.meta("uid")) {
        collect(plane, &dependent).await;
    }
}

/// A dependent is gone (or has another owner now): an owner that waited for it may be deleted.
pub(super) async fn owners_may_go(plane: &Plane, dependent: &Stored) {
    for reference in references(&dependent.value) {
        let Some(place) = plane.world().place_of(&uid(&reference)) else { continue };
        if let Some(owner) = plane.world().get(&place.resource, &place.key)
            && !owner.meta("deletionTimestamp").is_empty()
        {
            finalize(plane, &place, &owner).await;
        }
    }
}

/// Does the work behind the finalizers `foregroundDeletion` and `orphan` of an object that is being deleted.
pub(super) async fn finalize(plane: &Plane, place: &Place, stored: &Stored) {
    let dependents = plane.world().dependents_of(stored.meta("uid"));
    if has_finalizer(stored, "foregroundDeletion") {
        let blocking: Vec<&Place> = dependents.iter().filter(|dependent| blocks(plane, dependent, stored.meta("uid"))).collect();
        if blocking.is_empty() {
            remove_finalizer(plane, place, "foregroundDeletion").await;
        }
        for dependent in blocking {
            collect(plane, dependent).await;
        }
    }
    if has_finalizer(stored, "orphan") {
        for dependent in &dependents {
            forget_owners(plane, dependent, &[stored.meta("uid").to_owned()]).await;
        }
        remove_finalizer(plane, place, "orphan").await;
    }
}

/// Removes a finalizer from an object, which may delete it.
pub(super) async fn remove_finalizer(plane: &Plane, place: &Place, finalizer: &str) {
    change_list(plane, place, "finalizers", |entry| entry.as_str() != Some(finalizer)).await;
}

async fn forget_owners(plane: &Plane, place: &Place, uids: &[String]) {
    change_list(plane, place, "ownerReferences", |entry| !uids.contains(&uid(entry))).await;
}

async fn change_list(plane: &Plane, place: &Place, field: &str, keep: impl Fn(&Value) -> bool) {
    let Some(mut call) = call(plane, place) else { return };
    let mode = Mode { subresource: None, track: true };
    let changed = update_object(&mut call, mode, |old| {
        let mut next = old.value.clone();
        if let Some(list) = next.pointer_mut(&format!("/metadata/{field}")).and_then(Value::as_array_mut) {
            list.retain(&keep);
        }
        Ok(next)
    })
    .await;
    report(place, changed.map(|_| ()));
}

fn classify(plane: &Plane, dependent: &Place, reference: &Value) -> Owner {
    let text = |field: &str| reference.get(field).and_then(Value::as_str).unwrap_or("");
    let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
    let kinds = plane.kinds();
    let Some(resource) = kinds.of_kind(group, text("kind")) else { return Owner::Solid };
    let namespace = if resource.namespaced { dependent.key.namespace.as_str() } else { "" };
    if resource.namespaced && namespace.is_empty() {
        return Owner::Solid;
    }
    match plane.world().get(&resource.id, &ObjectKey::new(namespace, text("name"))) {
        Some(owner) if owner.meta("uid") == text("uid") => {
            let waiting = !owner.meta("deletionTimestamp").is_empty() && has_finalizer(&owner, "foregroundDeletion");
            if waiting && reference.get("blockOwnerDeletion") == Some(&Value::Bool(true)) { Owner::Waiting } else { Owner::Solid }
        }
        _ => Owner::Absent,
    }
}

fn blocks(plane: &Plane, dependent: &Place, owner: &str) -> bool {
    plane.world().get(&dependent.resource, &dependent.key).is_some_and(|stored| {
        references(&stored.value)
            .iter()
            .any(|reference| uid(reference) == owner && reference.get("blockOwnerDeletion") == Some(&Value::Bool(true)))
    })
}

fn call(plane: &Plane, place: &Place) -> Option<Call> {
    let kinds = plane.kinds();
    Call::internal(plane, kinds.resource(&place.resource)?, &place.key, MANAGER)
}

fn report(place: &Place, result: Result<(), Failure>) {
    match result {
        Err(failure) if failure.code != 404 && failure.code != 409 => {
            tracing::warn!(object = ?place, failure.message, "garbage collection");
        }
        _ => {}
    }
}

fn references(object: &Value) -> Vec<Value> {
    object.pointer("/metadata/ownerReferences").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn uid(reference: &Value) -> String {
    reference.get("uid").and_then(Value::as_str).unwrap_or("").to_owned()
}

pub(super) fn has_finalizer(stored: &Stored, finalizer: &str) -> bool {
    stored
        .value
        .pointer("/metadata/finalizers")
        .and_then(Value::as_array)
        .is_some_and(|list| list.iter().any(|entry| entry.as_str() == Some(finalizer)))
}
