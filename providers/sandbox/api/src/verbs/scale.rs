//! The `scale` subresource.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::Call;
use super::update::{Mode, update_object};
use crate::http::{Answer, decode_patch_document};
use crate::managed;
use crate::status::Failure;
use crate::world::Stored;

/// The `Scale` of an object.
pub(crate) fn get_scale(call: &Call) -> Result<Answer, Failure> {
    let stored = call.stored().ok_or_else(|| call.not_found())?;
    Ok(Answer::ok(scale_of(call, &stored)?))
}

/// PUT (`patch_type` none) or PATCH of the `Scale`.
pub(crate) async fn write_scale(call: &mut Call, patch_type: Option<&str>, body: &Bytes) -> Result<Answer, Failure> {
    let paths = call.served.version().scale.clone().ok_or_else(Failure::no_such_path)?;
    let stored = call.stored().ok_or_else(|| call.not_found())?;
    let present = scale_of(call, &stored)?;
    let document = decode_patch_document(patch_type.unwrap_or(""), body)?.value;
    let wanted = match patch_type {
        None => document.clone(),
        Some("application/json-patch+json") => managed::json_patch(&present, &document)?,
        // A Scale has no list: all merging types mean the same for it.
        Some("application/merge-patch+json" | "application/strategic-merge-patch+json" | "application/apply-patch+yaml") => {
            managed::merge_patch(&present, &document)?
        }
        Some(_) => return Err(Failure::unsupported_media_type(&["application/json-patch+json", "application/merge-patch+json"])),
    };
    let replicas = match wanted.pointer("/spec/replicas") {
        None | Some(Value::Null) => 0,
        Some(value) => value.as_i64().ok_or_else(|| {
            Failure::bad_request("Scale in version \"v1\" cannot be handled as a Scale: spec.replicas: expected an integer")
        })?,
    };
    if replicas < 0 {
        return Err(Failure::new(
            422,
            "Invalid",
            format!(
                "Scale.autoscaling {:?} is invalid: spec.replicas: Invalid value: {replicas}: must be greater than or equal to 0",
                call.name
            ),
        ));
    }
    let asked_version = document.pointer("/metadata/resourceVersion").cloned();
    let mode = Mode { subresource: Some("scale"), track: true };
    let updated = update_object(call, mode, |old| {
        let mut next = old.value.clone();
        if let (Some(version), Some(meta)) = (&asked_version, next.get_mut("metadata").and_then(Value::as_object_mut)) {
            meta.insert("resourceVersion".into(), version.clone());
        }
        set_path(&mut next, &paths.spec, replicas.into());
        Ok(next)
    })
    .await?;
    Ok(Answer::ok(scale_of(call, &updated.object)?))
}

fn scale_of(call: &Call, stored: &Stored) -> Result<Value, Failure> {
    let paths = call.served.version().scale.clone().ok_or_else(Failure::no_such_path)?;
    let at = |path: &str| stored.value.pointer(&path.replace('.', "/"));
    let mut meta = Map::new();
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = stored.value.get("metadata").and_then(|meta| meta.get(field)) {
            meta.insert(field.to_owned(), value.clone());
        }
    }
    let mut status = Map::new();
    status.insert("replicas".into(), at(&paths.status).cloned().unwrap_or_else(|| 0.into()));
    let selector = match &paths.selector {
        Some(path) => at(path).and_then(Value::as_str).map(str::to_owned),
        None if !call.resource().custom => stored.value.pointer("/spec/selector").map(selector_text),
        None => None,
    };
    if let Some(selector) = selector.filter(|text| !text.is_empty()) {
        status.insert("selector".into(), selector.into());
    }
    let mut spec = Map::new();
    if let Some(replicas) = at(&paths.spec).filter(|replicas| **replicas != json!(0)) {
        spec.insert("replicas".into(), replicas.clone());
    }
    Ok(json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta, "spec": spec, "status": status}))
}

/// A LabelSelector (or the plain map of a ReplicationController) as text.
fn selector_text(selector: &Value) -> String {
    let labels = selector.get("matchLabels").or_else(|| selector.get("matchExpressions").is_none().then_some(selector));
    let mut parts: Vec<String> = labels
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")))
        .collect();
    for rule in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let key = rule.get("key").and_then(Value::as_str).unwrap_or("");
        let values: Vec<&str> = rule.get("values").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        parts.push(match rule.get("operator").and_then(Value::as_str) {
            Some("In") => format!("{key} in ({})", values.join(",")),
            Some("NotIn") => format!("{key} notin ({})", values.join(",")),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.join(",")
}

/// Sets `.a.b.c`, making the objects on the way.
fn set_path(object: &mut Value, path: &str, value: Value) {
    let mut parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
    let Some(last) = parts.pop() else { return };
    let mut place = object;
    for part in parts {
        if !place.is_object() {
            *place = json!({});
        }
        let Some(map) = place.as_object_mut() else { return };
        place = map.entry(part).or_insert_with(|| json!({}));
    }
    if !place.is_object() {
        *place = json!({});
    }
    if let Some(map) = place.as_object_mut() {
        map.insert(last.to_owned(), value);
    }
}
