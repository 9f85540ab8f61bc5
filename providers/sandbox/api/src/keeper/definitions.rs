//! A CustomResourceDefinition that is being deleted: its objects go first.

use super::conditions::{Condition, say};
use crate::kinds::CLEANUP_FINALIZER;
use crate::plane::Plane;
use crate::verbs::{Call, DeleteOptions, Propagation, delete_object};
use crate::world::{GroupResource, ObjectKey, Place};

/// Deletes the definition's objects; if none is left, lets the definition go.
pub(super) async fn clean_up(plane: &Plane, name: &str) {
    let place = Place { resource: GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions"), key: ObjectKey::new("", name) };
    let Some(stored) = plane.world().get(&place.resource, &place.key) else { return };
    if stored.meta("deletionTimestamp").is_empty() || !super::garbage::has_finalizer(&stored, CLEANUP_FINALIZER) {
        return;
    }
    let terminating = |holds, reason, message: &str| [Condition { kind: "Terminating", holds, reason, message: message.to_owned() }];
    let begun = terminating(true, "InstanceDeletionInProgress", "CustomResource deletion is in progress");
    say(plane, &place, &begun, "kube-apiserver").await;
    let id = GroupResource::from_column(name);
    let kinds = plane.kinds();
    if let Some(resource) = kinds.resource(&id) {
        for stored in plane.world().list(&id, "", None).0 {
            if !stored.meta("deletionTimestamp").is_empty() {
                continue;
            }
            let Some(mut call) = Call::internal(plane, resource, &stored.key, "kube-apiserver") else { continue };
            let options = DeleteOptions { propagation: Some(Propagation::Background), ..DeleteOptions::default() };
            if let Err(failure) = delete_object(&mut call, &options).await {
                tracing::warn!(definition = name, failure.message, "definition deletion");
            }
        }
    }
    if plane.world().list(&id, "", None).0.is_empty() {
        let done = terminating(false, "InstanceDeletionCompleted", "removed all instances");
        say(plane, &place, &done, "kube-apiserver").await;
        super::garbage::remove_finalizer(plane, &place, CLEANUP_FINALIZER).await;
    }
}
