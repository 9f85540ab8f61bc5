//! POST `pods/NAME/binding`: the scheduler's decision.

use serde_json::{Value, json};

use super::Call;
use super::update::{Mode, update_object};
use crate::http::Answer;
use crate::status::Failure;

/// Puts the pod of the call on the node that the Binding names.
pub(crate) async fn bind(call: &mut Call, body: &Value) -> Result<Answer, Failure> {
    let node = body.pointer("/target/name").and_then(Value::as_str).unwrap_or("").to_owned();
    if node.is_empty() {
        return Err(Failure::new(422, "Invalid", format!("Binding {:?} is invalid: target.name: Required value", call.name)));
    }
    let now = call.plane.now();
    let name = call.name.clone();
    let mode = Mode { subresource: Some("binding"), track: true };
    update_object(call, mode, |old| {
        let present = old.value.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or("");
        if !present.is_empty() {
            let why = format!("pod {name} is already assigned to node {present:?}");
            return Err(Failure::conflict("", "pods/binding", &name, &why));
        }
        if !old.meta("deletionTimestamp").is_empty() {
            let why = format!("pod {name} is being deleted, cannot be assigned to a host");
            return Err(Failure::conflict("", "pods/binding", &name, &why));
        }
        let mut next = old.value.clone();
        if let Some(spec) = next.get_mut("spec").and_then(Value::as_object_mut) {
            spec.insert("nodeName".into(), node.clone().into());
        }
        if let Some(status) = next.get_mut("status").and_then(Value::as_object_mut) {
            let conditions = status.entry("conditions").or_insert_with(|| json!([]));
            if let Some(list) = conditions.as_array_mut() {
                list.retain(|condition| condition.get("type") != Some(&json!("PodScheduled")));
                list.push(json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now}));
            }
        }
        Ok(next)
    })
    .await?;
    Ok(Answer::Json { code: 201, value: json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}) })
}
