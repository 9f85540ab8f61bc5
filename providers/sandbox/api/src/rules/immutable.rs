//! Fields of built-in kinds that never change after creation (`pkg/apis/*/validation`). Those of custom resources are rules
//! of their schemas.

use serde_json::Value;

use crate::kinds::Resource;
use crate::status::Cause;

/// Paths whose change is refused, by kind; the words of the refusal are the server's `field is immutable`.
const FIELDS: &[(&str, &str, &[&str])] = &[
    ("", "secrets", &["type"]),
    ("", "persistentvolumeclaims", &["spec.storageClassName", "spec.volumeName", "spec.accessModes", "spec.volumeMode"]),
    ("apps", "deployments", &["spec.selector"]),
    ("apps", "daemonsets", &["spec.selector"]),
    ("apps", "replicasets", &["spec.selector"]),
    ("batch", "jobs", &["spec.selector", "spec.completionMode", "spec.template"]),
    ("storage.k8s.io", "storageclasses", &["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"]),
    ("scheduling.k8s.io", "priorityclasses", &["preemptionPolicy"]),
    ("storage.k8s.io", "csidrivers", &["spec.attachRequired"]),
    ("apiextensions.k8s.io", "customresourcedefinitions", &["spec.group", "spec.names.plural", "spec.names.kind", "spec.scope"]),
    ("discovery.k8s.io", "endpointslices", &["addressType"]),
    ("node.k8s.io", "runtimeclasses", &["handler"]),
];

/// What an update changes and may not.
pub(super) fn causes(resource: &Resource, old: &Value, new: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (group, plural, fields) in FIELDS {
        if resource.is(group, plural) {
            causes.extend(fields.iter().filter_map(|field| changed(field, old, new)));
        }
    }
    match (resource.group(), resource.plural()) {
        ("", "configmaps") => frozen(&["data", "binaryData"], old, new, &mut causes),
        ("", "secrets") => frozen(&["data"], old, new, &mut causes),
        ("apps", "statefulsets") => stateful_set(old, new, &mut causes),
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") if old.get("roleRef") != new.get("roleRef") => {
            causes.push(Cause::invalid("roleRef", shown(new.get("roleRef")), "cannot change roleRef"));
        }
        ("", "nodes") => {
            let id = |node: &Value| node.pointer("/spec/providerID").and_then(Value::as_str).unwrap_or("").to_owned();
            if !id(old).is_empty() && id(old) != id(new) {
                causes.push(Cause::forbidden("spec.providerID", "node updates may not change providerID except from \"\" to valid"));
            }
        }
        ("", "pods") => pod(old, new, &mut causes),
        ("", "persistentvolumes") => {
            let source = |volume: &Value| {
                let mut spec = volume.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
                for free in [
                    "claimRef",
                    "persistentVolumeReclaimPolicy",
                    "capacity",
                    "mountOptions",
                    "accessModes",
                    "storageClassName",
                    "nodeAffinity",
                    "volumeAttributesClassName",
                ] {
                    spec.remove(free);
                }
                spec
            };
            if source(old) != source(new) {
                causes.push(Cause::forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation"));
            }
        }
        _ => {}
    }
    causes
}

fn changed(field: &str, old: &Value, new: &Value) -> Option<Cause> {
    let pointer = format!("/{}", field.replace('.', "/"));
    let (before, after) = (old.pointer(&pointer), new.pointer(&pointer));
    let unset = |value: Option<&Value>| matches!(value, None | Some(Value::Null));
    // What the system fills in later (a claim's volume, a job's selector) is not a change.
    if before == after || unset(before) {
        return None;
    }
    Some(Cause::invalid(field, shown(after), "field is immutable"))
}

/// ConfigMaps and Secrets that are marked `immutable`.
fn frozen(fields: &[&str], old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    if old.get("immutable") != Some(&Value::Bool(true)) {
        return;
    }
    if new.get("immutable") != Some(&Value::Bool(true)) {
        causes.push(Cause::forbidden("immutable", "field is immutable when `immutable` is set"));
    }
    for field in fields {
        if old.get(*field) != new.get(*field) {
            causes.push(Cause::forbidden(field, "field is immutable when `immutable` is set"));
        }
    }
}

fn stateful_set(old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    let fixed = |set: &Value| {
        let mut spec = set.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
        for free in [
            "replicas",
            "ordinals",
            "template",
            "updateStrategy",
            "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds",
        ] {
            spec.remove(free);
        }
        spec
    };
    if fixed(old) != fixed(new) {
        causes.push(Cause::forbidden(
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', \
             'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        ));
    }
}

/// Of a pod's spec only images, tolerations added, the deadline and the node (by binding) change.
fn pod(old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    let fixed = |pod: &Value| {
        let mut spec = pod.get("spec").cloned().unwrap_or(Value::Null);
        if let Some(map) = spec.as_object_mut() {
            for free in ["tolerations", "activeDeadlineSeconds", "terminationGracePeriodSeconds", "schedulingGates"] {
                map.remove(free);
            }
            for list in ["containers", "initContainers"] {
                for container in super::pods::items(map, list) {
                    container.remove("image");
                    container.remove("resources");
                }
            }
        }
        spec
    };
    if fixed(old) != fixed(new) {
        causes.push(Cause::forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,\
             `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
             `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
        ));
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "null".to_owned(), Value::to_string)
}
