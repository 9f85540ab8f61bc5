//! The kinds that the process cloud reads and writes, and how the contract ties them together. Pure.

use kube::api::{ApiResource, DynamicObject};
use serde_json::Value as Json;

/// On a Machine and its infrastructure: the name of its Cluster.
pub(super) const CLUSTER_LABEL: &str = "cluster.x-k8s.io/cluster-name";
/// On a Machine of a control plane.
pub(super) const CONTROL_PLANE_LABEL: &str = "cluster.x-k8s.io/control-plane";
/// On anything: its controllers leave it alone.
const PAUSED: &str = "cluster.x-k8s.io/paused";

/// Definitions without which a plane has nothing for the cloud to do.
pub(super) const DEFINITIONS: [&str; 4] = [
    "clusters.cluster.x-k8s.io",
    "machines.cluster.x-k8s.io",
    "awsclusters.infrastructure.cluster.x-k8s.io",
    "awsmachines.infrastructure.cluster.x-k8s.io",
];

pub(super) fn aws_cluster() -> ApiResource {
    resource("infrastructure.cluster.x-k8s.io", "v1beta2", "AWSCluster")
}

pub(super) fn aws_machine() -> ApiResource {
    resource("infrastructure.cluster.x-k8s.io", "v1beta2", "AWSMachine")
}

pub(super) fn cluster() -> ApiResource {
    resource("cluster.x-k8s.io", "v1beta2", "Cluster")
}

pub(super) fn machine() -> ApiResource {
    resource("cluster.x-k8s.io", "v1beta2", "Machine")
}

pub(super) fn kubeadm_config() -> ApiResource {
    resource("bootstrap.cluster.x-k8s.io", "v1beta2", "KubeadmConfig")
}

fn resource(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: format!("{group}/{version}"),
        kind: kind.to_owned(),
        plural: format!("{}s", kind.to_lowercase()),
    }
}

/// Its name; every object of an API has one.
pub(super) fn name(object: &DynamicObject) -> &str {
    object.metadata.name.as_deref().unwrap_or_default()
}

/// Its namespace; empty beside namespaces.
pub(super) fn namespace(object: &DynamicObject) -> &str {
    object.metadata.namespace.as_deref().unwrap_or_default()
}

/// A text at a JSON pointer outside of the metadata; an empty one counts as none.
pub(super) fn text<'a>(object: &'a DynamicObject, pointer: &str) -> Option<&'a str> {
    object.data.pointer(pointer).and_then(Json::as_str).filter(|text| !text.is_empty())
}

/// Whether a truth value stands at a JSON pointer and says yes.
pub(super) fn says_yes(object: &DynamicObject, pointer: &str) -> bool {
    object.data.pointer(pointer).and_then(Json::as_bool) == Some(true)
}

/// The name of the object of this kind that owns it.
pub(super) fn owner<'a>(object: &'a DynamicObject, kind: &str) -> Option<&'a str> {
    let owners = object.metadata.owner_references.iter().flatten();
    owners.filter(|owner| owner.kind == kind && owner.api_version.starts_with("cluster.x-k8s.io/")).map(|owner| owner.name.as_str()).next()
}

/// Whether an object of this cluster must be left alone, deletions included.
pub(super) fn is_paused(cluster: &DynamicObject, object: &DynamicObject) -> bool {
    says_yes(cluster, "/spec/paused") || object.metadata.annotations.as_ref().is_some_and(|found| found.contains_key(PAUSED))
}

/// Whether somebody wants it gone.
pub(super) fn is_being_deleted(object: &DynamicObject) -> bool {
    object.metadata.deletion_timestamp.is_some()
}

/// Whether it has this label.
pub(super) fn has_label(object: &DynamicObject, label: &str) -> bool {
    object.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(label))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(json: Json) -> DynamicObject {
        serde_json::from_value(json).expect("an object")
    }

    #[test]
    fn an_owner_is_found_by_kind_and_group() {
        let machine = object(json!({"metadata": {"name": "a", "ownerReferences": [
            {"apiVersion": "example.com/v1", "kind": "Machine", "name": "stranger", "uid": "1"},
            {"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Machine", "name": "ours", "uid": "2"},
        ]}}));
        assert_eq!(owner(&machine, "Machine"), Some("ours"));
        assert_eq!(owner(&machine, "Cluster"), None);
    }

    #[test]
    fn a_pause_stands_on_the_cluster_or_on_the_object() {
        let plain = object(json!({"metadata": {"name": "a"}, "spec": {}}));
        let paused = object(json!({"metadata": {"name": "a"}, "spec": {"paused": true}}));
        let annotated = object(json!({"metadata": {"name": "a", "annotations": {PAUSED: ""}}}));
        assert!(!is_paused(&plain, &plain));
        assert!(is_paused(&paused, &plain));
        assert!(is_paused(&plain, &annotated));
    }

    #[test]
    fn plurals_are_those_of_the_definitions() {
        for (kind, definition) in [cluster(), machine(), aws_cluster(), aws_machine()].iter().zip(DEFINITIONS) {
            assert_eq!(format!("{}.{}", kind.plural, kind.group), definition);
        }
    }
}
