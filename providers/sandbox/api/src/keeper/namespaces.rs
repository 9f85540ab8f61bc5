//! A namespace that is being deleted: its objects go first, then it goes itself.

use serde_json::{Value, json};

use crate::plane::Plane;
use crate::verbs::{Call, DeleteOptions, Mode, Propagation, delete_object, update_object};
use crate::world::{GroupResource, ObjectKey};

const MANAGER: &str = "kube-controller-manager";

/// Deletes what is in the namespace; if nothing is left, takes the finalizer `kubernetes` from it.
pub(super) async fn sweep(plane: &Plane, namespace: &str) {
    let namespaces = GroupResource::new("", "namespaces");
    let key = ObjectKey::new("", namespace);
    let alive = plane.world().get(&namespaces, &key).is_none_or(|stored| stored.meta("deletionTimestamp").is_empty());
    if alive {
        return;
    }
    let mut left = false;
    let kinds = plane.kinds();
    for id in plane.world().resources() {
        let Some(resource) = kinds.resource(&id).filter(|resource| resource.namespaced) else { continue };
        for stored in plane.world().list(&id, namespace, None).0 {
            if !stored.meta("deletionTimestamp").is_empty() {
                left = true;
                continue;
            }
            let Some(mut call) = Call::internal(plane, resource, &stored.key, MANAGER) else { continue };
            let options = DeleteOptions { propagation: Some(Propagation::Background), ..DeleteOptions::default() };
            if let Err(failure) = delete_object(&mut call, &options).await {
                tracing::warn!(namespace, failure.message, "namespace deletion");
            }
        }
        left |= !plane.world().list(&id, namespace, None).0.is_empty();
    }
    if left {
        return;
    }
    let Some(mut call) = kinds.resource(&namespaces).and_then(|resource| Call::internal(plane, resource, &key, MANAGER)) else {
        return;
    };
    let mode = Mode { subresource: Some("finalize"), track: true };
    let done = update_object(&mut call, mode, |old| {
        let mut next = old.value.clone();
        if let Some(list) = next.pointer_mut("/spec/finalizers").and_then(Value::as_array_mut) {
            list.retain(|finalizer| *finalizer != json!("kubernetes"));
        }
        Ok(next)
    })
    .await;
    if let Err(failure) = done {
        tracing::warn!(namespace, failure.message, "namespace deletion");
    }
}
