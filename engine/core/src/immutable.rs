//! Fields of Kubernetes' own kinds that an API server never changes on an object that lives. For the plan, which shows what has to be
//! made again, and for an agent that heals. Knows no custom resources: their rules are in their schemas and webhooks.

use serde_json::Value as Json;
use windlass_kubeschema::fieldpath::{FieldPath, PathElement};

/// What of an object is fixed.
enum Fixed {
    /// These fields, with all below them.
    Always(&'static [&'static str]),
    /// The same, from the moment at which they have a value.
    OnceSet(&'static [&'static str]),
    /// All of `spec` but the first; the second from the moment at which they have a value.
    SpecBut(&'static [&'static str], &'static [&'static str]),
    /// These fields, while the object says `immutable: true`.
    WhenMarked(&'static [&'static str]),
}

use Fixed::{Always, OnceSet, SpecBut, WhenMarked};

const RBAC: &str = "rbac.authorization.k8s.io";
const STORAGE: &str = "storage.k8s.io";

/// Group, kind and what is fixed, by `pkg/apis/*/validation/validation.go` of kubernetes/kubernetes 1.34 (`Validate…Update`) and the field
/// descriptions of its API reference.
const FIXED: &[(&str, &str, Fixed)] = &[
    ("", "ConfigMap", WhenMarked(&["immutable", "data", "binaryData"])),
    ("", "Secret", WhenMarked(&["immutable", "data", "stringData"])),
    ("", "Secret", Always(&["type"])),
    ("", "Service", OnceSet(&["spec.clusterIP", "spec.clusterIPs"])),
    ("", "PersistentVolumeClaim", SpecBut(&["resources", "volumeAttributesClassName"], &["storageClassName", "volumeName"])),
    (
        "",
        "PersistentVolume",
        SpecBut(
            &[
                "accessModes",
                "capacity",
                "claimRef",
                "mountOptions",
                "persistentVolumeReclaimPolicy",
                "storageClassName",
                "volumeAttributesClassName",
            ],
            &["nodeAffinity"],
        ),
    ),
    (RBAC, "ClusterRoleBinding", Always(&["roleRef"])),
    (RBAC, "RoleBinding", Always(&["roleRef"])),
    ("apps", "DaemonSet", Always(&["spec.selector"])),
    ("apps", "Deployment", Always(&["spec.selector"])),
    ("apps", "ReplicaSet", Always(&["spec.selector"])),
    (
        "apps",
        "StatefulSet",
        SpecBut(
            &[
                "minReadySeconds",
                "ordinals",
                "persistentVolumeClaimRetentionPolicy",
                "replicas",
                "revisionHistoryLimit",
                "template",
                "updateStrategy",
            ],
            &[],
        ),
    ),
    ("batch", "Job", Always(&["spec.completionMode", "spec.podFailurePolicy", "spec.selector", "spec.successPolicy", "spec.template"])),
    ("discovery.k8s.io", "EndpointSlice", Always(&["addressType"])),
    ("networking.k8s.io", "IngressClass", Always(&["spec.controller"])),
    ("node.k8s.io", "RuntimeClass", Always(&["handler"])),
    ("scheduling.k8s.io", "PriorityClass", Always(&["preemptionPolicy", "value"])),
    (STORAGE, "CSIDriver", Always(&["spec.attachRequired", "spec.volumeLifecycleModes"])),
    (STORAGE, "StorageClass", Always(&["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"])),
    ("apiextensions.k8s.io", "CustomResourceDefinition", Always(&["spec.group", "spec.names.kind", "spec.names.plural", "spec.scope"])),
];

/// Whether the API refuses every change of this leaf of a living object.
pub fn is_fixed(group: &str, kind: &str, live: &Json, leaf: &FieldPath) -> bool {
    let set = || leaf.get(live).is_some_and(|value| !value.is_null());
    let marked = || live.get("immutable") == Some(&Json::Bool(true));
    FIXED.iter().filter(|(of_group, of_kind, _)| *of_group == group && *of_kind == kind).any(|(_, _, fixed)| match fixed {
        Always(fields) => any_holds(fields, leaf),
        OnceSet(fields) => any_holds(fields, leaf) && set(),
        SpecBut(free, once_set) => match leaf.0.as_slice() {
            [PathElement::Field(spec), PathElement::Field(field), ..] if spec == "spec" => {
                !free.contains(&field.as_str()) && (set() || !once_set.contains(&field.as_str()))
            }
            _ => false,
        },
        WhenMarked(fields) => any_holds(fields, leaf) && marked(),
    })
}

/// Whether one of these leaves is right only on an object that is made again, and nothing is lost by deleting the living one.
pub fn must_be_made_again<'l>(group: &str, kind: &str, live: &Json, mut leaves: impl Iterator<Item = &'l FieldPath>) -> bool {
    may_be_made_again(group, kind, live) && leaves.any(|leaf| is_fixed(group, kind, live, leaf))
}

/// Whether deleting an object to make it again loses nothing that cannot be made again: no volume goes with it, and no object of a kind.
fn may_be_made_again(group: &str, kind: &str, live: &Json) -> bool {
    match (group, kind) {
        ("", "PersistentVolume" | "PersistentVolumeClaim") | ("apiextensions.k8s.io", "CustomResourceDefinition") => false,
        ("apps", "StatefulSet") => {
            let when_deleted = live.pointer("/spec/persistentVolumeClaimRetentionPolicy/whenDeleted");
            when_deleted.and_then(Json::as_str) != Some("Delete")
        }
        _ => true,
    }
}

fn any_holds(fields: &[&str], leaf: &FieldPath) -> bool {
    fields.iter().any(|field| holds(field, leaf))
}

/// Whether a leaf is this field or stands below it.
fn holds(field: &str, leaf: &FieldPath) -> bool {
    let mut elements = leaf.0.iter();
    field.split('.').all(|name| matches!(elements.next(), Some(PathElement::Field(found)) if found == name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diff::path_from_text;

    #[test]
    fn what_the_api_refuses_to_change() {
        for (group, kind, live, leaf, expected) in [
            (RBAC, "ClusterRoleBinding", json!({"roleRef": {"name": "a"}}), "roleRef", true),
            (RBAC, "RoleBinding", json!({"roleRef": {"name": "a"}}), "roleRef.name", true),
            (RBAC, "RoleBinding", json!({"subjects": []}), "subjects", false),
            ("apps", "Deployment", json!({"spec": {"selector": {}}}), "spec.selector.matchLabels", true),
            ("apps", "Deployment", json!({"spec": {"replicas": 1}}), "spec.replicas", false),
            ("apps", "StatefulSet", json!({"spec": {"serviceName": "a"}}), "spec.serviceName", true),
            ("apps", "StatefulSet", json!({"spec": {"replicas": 1}}), "spec.replicas", false),
            ("apps", "StatefulSet", json!({"spec": {"replicas": 1}}), "spec.volumeClaimTemplates", true),
            ("batch", "Job", json!({"spec": {"parallelism": 1}}), "spec.parallelism", false),
            ("batch", "Job", json!({"spec": {"template": {}}}), "spec.template.spec.containers[name=\"a\"].image", true),
            ("", "Service", json!({"spec": {"clusterIP": "10.0.0.1"}}), "spec.clusterIP", true),
            ("", "Service", json!({"spec": {}}), "spec.clusterIP", false),
            ("", "PersistentVolumeClaim", json!({"spec": {"accessModes": ["ReadWriteOnce"]}}), "spec.accessModes", true),
            ("", "PersistentVolumeClaim", json!({"spec": {"resources": {}}}), "spec.resources", false),
            ("", "PersistentVolumeClaim", json!({"spec": {"resources": {}}}), "spec.storageClassName", false),
            ("", "PersistentVolumeClaim", json!({"spec": {"storageClassName": "a"}}), "spec.storageClassName", true),
            ("", "ConfigMap", json!({"data": {"a": "b"}}), "data.a", false),
            ("", "ConfigMap", json!({"immutable": true, "data": {"a": "b"}}), "data.a", true),
            ("", "ConfigMap", json!({"immutable": true}), "metadata.labels.a", false),
            ("", "Secret", json!({"type": "Opaque"}), "type", true),
            (STORAGE, "StorageClass", json!({"provisioner": "a"}), "parameters.type", true),
            (STORAGE, "StorageClass", json!({"provisioner": "a"}), "allowVolumeExpansion", false),
            ("example.org", "Deployment", json!({"spec": {"selector": {}}}), "spec.selector", false),
        ] {
            let path = path_from_text(leaf).unwrap();
            assert_eq!(is_fixed(group, kind, &live, &path), expected, "{kind} {leaf}");
        }
    }

    #[test]
    fn what_holds_data_is_not_made_again() {
        let deleting = json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}});
        assert!(!may_be_made_again("", "PersistentVolumeClaim", &json!({})) && !may_be_made_again("apps", "StatefulSet", &deleting));
        assert!(may_be_made_again("apps", "StatefulSet", &json!({})) && may_be_made_again(RBAC, "RoleBinding", &json!({})));
    }
}
