//! Conditions in the status of what is being deleted.

use serde_json::{Value, json};

use crate::plane::Plane;
use crate::verbs::{Call, Mode, update_object};
use crate::world::Place;

/// What a condition is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub kind: &'static str,
    pub holds: bool,
    pub reason: &'static str,
    pub message: String,
}

/// Writes the conditions into the status of an object; others stay, and the time moves only with the status.
pub(super) async fn say(plane: &Plane, place: &Place, conditions: &[Condition], manager: &str) {
    let kinds = plane.kinds();
    let call = kinds.resource(&place.resource).and_then(|resource| Call::internal(plane, resource, &place.key, manager));
    let Some(mut call) = call else { return };
    let now = plane.now();
    let written = update_object(&mut call, Mode { subresource: Some("status"), track: true }, |old| {
        let mut next = old.value.clone();
        if let Some(status) = next.get_mut("status").and_then(Value::as_object_mut) {
            let list = status.entry("conditions").or_insert_with(|| json!([]));
            for condition in conditions {
                put(list, condition, &now);
            }
        }
        Ok(next)
    })
    .await;
    match written {
        // It may be gone meanwhile.
        Err(failure) if failure.code != 404 => tracing::warn!(object = ?place, failure.message, "conditions of a deletion"),
        _ => {}
    }
}

fn put(list: &mut Value, condition: &Condition, now: &str) {
    let Some(list) = list.as_array_mut() else { return };
    let status = if condition.holds { "True" } else { "False" };
    let before = list.iter_mut().find(|one| one.get("type").and_then(Value::as_str) == Some(condition.kind));
    let since = before.as_ref().filter(|one| one.get("status").and_then(Value::as_str) == Some(status));
    let since = since.and_then(|one| one.get("lastTransitionTime")).cloned().unwrap_or_else(|| now.into());
    let next = json!({
        "type": condition.kind, "status": status, "lastTransitionTime": since, "reason": condition.reason, "message": condition.message,
    });
    match before {
        Some(one) => *one = next,
        None => list.push(next),
    }
}
