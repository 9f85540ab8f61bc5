//! Pods of a node that is gone: nobody is left to stop them.

use serde_json::Value;

use crate::plane::Plane;
use crate::verbs::{Call, DeleteOptions, delete_object};
use crate::world::GroupResource;

/// Ends the deletion of the pods that waited for the node's kubelet.
pub(super) async fn node_is_gone(plane: &Plane, node: &str) {
    let id = GroupResource::new("", "pods");
    let kinds = plane.kinds();
    let Some(resource) = kinds.resource(&id) else { return };
    for pod in plane.world().list(&id, "", None).0 {
        let on_it = pod.value.pointer("/spec/nodeName").and_then(Value::as_str) == Some(node);
        if !on_it || pod.meta("deletionTimestamp").is_empty() {
            continue;
        }
        let Some(mut call) = Call::internal(plane, resource, &pod.key, "kube-controller-manager") else { continue };
        let options = DeleteOptions { grace: Some(0), ..DeleteOptions::default() };
        if let Err(failure) = delete_object(&mut call, &options).await {
            tracing::debug!(node, failure.message, "a pod of a node that is gone");
        }
    }
}
