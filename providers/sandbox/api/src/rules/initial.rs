//! What the server writes into new objects of built-in kinds (strategies' PrepareForCreate, and the admission plugins that are
//! always on).

use serde_json::{Map, Value, json};

use super::metadata;
use super::pods::default;
use crate::kinds::{Resource, accepted};
use crate::status::Failure;

/// Called before fields are attributed to the client: what is set here belongs to whoever created the object.
pub(super) fn before_tracking(resource: &Resource, object: &mut Value) -> Result<(), Failure> {
    if resource.is("", "namespaces") {
        let name = object.pointer("/metadata/name").cloned().unwrap_or(Value::Null);
        let meta = metadata::of(object)?;
        let labels = meta.entry("labels").or_insert_with(|| json!({}));
        if labels.is_null() {
            *labels = json!({});
        }
        if let Some(labels) = labels.as_object_mut() {
            labels.insert("kubernetes.io/metadata.name".into(), name);
        }
    }
    Ok(())
}

/// Called last, when uid and time stamps are set.
pub(super) fn after_tracking(resource: &Resource, object: &mut Value, now: &str) {
    if resource.custom {
        return;
    }
    let uid = object.pointer("/metadata/uid").cloned().unwrap_or(Value::Null);
    if resource.is("apiextensions.k8s.io", "customresourcedefinitions") {
        accepted(object, now);
        return;
    }
    let Some(map) = object.as_object_mut() else { return };
    let with_status = resource.versions.iter().any(|version| version.status);
    match (resource.group(), resource.plural()) {
        ("", "namespaces") => {
            default(map, "spec", json!({}));
            if let Some(spec) = map.get_mut("spec").and_then(Value::as_object_mut) {
                default(spec, "finalizers", json!(["kubernetes"]));
            }
            map.insert("status".into(), json!({"phase": "Active"}));
        }
        ("", "pods") => pod(map),
        ("", "services") => {
            map.insert("status".into(), json!({"loadBalancer": {}}));
        }
        ("", "persistentvolumeclaims" | "persistentvolumes") => {
            map.insert("status".into(), json!({"phase": "Pending"}));
        }
        ("batch", "jobs") => {
            job(map, &uid);
            map.insert("status".into(), json!({}));
        }
        ("networking.k8s.io", "ingresses") => {
            map.insert("status".into(), json!({"loadBalancer": {}}));
        }
        // A kubelet registers its node with a status.
        ("", "nodes") => default(map, "status", json!({})),
        _ if with_status => {
            map.insert("status".into(), json!({}));
        }
        _ => {}
    }
}

fn pod(pod: &mut Map<String, Value>) {
    if let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut) {
        default(spec, "serviceAccountName", json!("default"));
        let account = spec.get("serviceAccountName").cloned().unwrap_or(Value::Null);
        default(spec, "serviceAccount", account);
        default(spec, "priority", json!(0));
        default(spec, "preemptionPolicy", json!("PreemptLowerPriority"));
    }
    let class = quality(pod);
    pod.insert("status".into(), json!({"phase": "Pending", "qosClass": class}));
}

/// Guaranteed: every container limits cpu and memory to what it requests. BestEffort: none asks for anything.
fn quality(pod: &Map<String, Value>) -> &'static str {
    let containers = pod.get("spec").and_then(|spec| spec.get("containers")).and_then(Value::as_array);
    let containers = containers.map_or(&[][..], Vec::as_slice);
    let part = |container: &Value, which: &str, name: &str| container.pointer(&format!("/resources/{which}/{name}")).cloned();
    let asks = |container: &Value| {
        ["requests", "limits"].iter().any(|which| ["cpu", "memory"].iter().any(|name| part(container, which, name).is_some()))
    };
    if !containers.iter().any(asks) {
        return "BestEffort";
    }
    let guaranteed = containers.iter().all(|container| {
        ["cpu", "memory"].iter().all(|name| {
            let limit = part(container, "limits", name);
            limit.is_some() && limit == part(container, "requests", name)
        })
    });
    if guaranteed { "Guaranteed" } else { "Burstable" }
}

/// A job's pods are found by its uid unless the user asked for a selector of his own.
fn job(job: &mut Map<String, Value>, uid: &Value) {
    let name = job.get("metadata").and_then(|meta| meta.get("name")).cloned().unwrap_or(Value::Null);
    let Some(spec) = job.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if spec.get("manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    spec.insert("selector".into(), json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}));
    let Some(template) = spec.get_mut("template").and_then(Value::as_object_mut) else { return };
    default(template, "metadata", json!({}));
    let Some(meta) = template.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    default(meta, "labels", json!({}));
    if let Some(labels) = meta.get_mut("labels").and_then(Value::as_object_mut) {
        for prefix in ["batch.kubernetes.io/", ""] {
            labels.insert(format!("{prefix}controller-uid"), uid.clone());
            labels.insert(format!("{prefix}job-name"), name.clone());
        }
    }
}
