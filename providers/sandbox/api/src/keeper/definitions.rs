//! A CustomResourceDefinition that is being deleted: its objects go first.

use crate::kinds::CLEANUP_FINALIZER;
use crate::plane::Plane;
use crate::verbs::{Call, DeleteOptions, Propagation, delete_object};
use crate::world::{GroupResource, ObjectKey, Place};

/// Deletes the definition's objects; if none is left, lets the definition go.
pub(super) async fn clean_up(plane: &Plane, name: &str) {
    let place = Place { resource: GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions"), key: ObjectKey::new("", name) };
    let alive = plane.world().get(&place.resource, &place.key).is_none_or(|stored| stored.meta("deletionTimestamp").is_empty());
    if alive {
        return;
    }
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
        super::garbage::remove_finalizer(plane, &place, CLEANUP_FINALIZER).await;
    }
}
