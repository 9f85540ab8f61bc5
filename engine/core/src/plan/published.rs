//! What an agent has of a layer beside the layer's objects: the content Secrets that a `Layer` names, and its own word on it. Judges what
//! lives; makes no step.

use serde_json::Value as Json;

use super::demands::recorded_layer_objects;
use super::going::going;
use super::own_marks::{mark_leaves, metadata_leaf};
use crate::addr::Address;
use crate::diff::LeafDiff;
use crate::drift::{ObjectDrift, secret_leaf};
use crate::facts::Facts;
use crate::marks::{ANNOTATION_LAYER_DIGEST, SYSTEM_NAMESPACE};
use crate::object::ObjectKey;
use crate::recorded::Recorded;

/// The Secrets that a live `Layer` takes its content from.
pub(crate) fn content_secrets(layer: &ObjectKey, facts: &Facts) -> Vec<ObjectKey> {
    let named = facts.object(layer).and_then(|live| live.pointer("/spec/secrets")).and_then(Json::as_array);
    let key = |name: &str| ObjectKey {
        plane: layer.plane.clone(),
        group: String::new(),
        kind: "Secret".to_owned(),
        namespace: Some(SYSTEM_NAMESPACE.to_owned()),
        name: name.to_owned(),
    };
    named.into_iter().flatten().filter_map(Json::as_str).map(key).collect()
}

/// The same, each with what is wrong with it; `None`: it is as it was published.
pub(crate) fn content_drift(
    recorded: &Recorded,
    owner: &Address,
    layer: &ObjectKey,
    facts: &Facts,
) -> Vec<(ObjectKey, Option<ObjectDrift>)> {
    let digest = facts.object(layer).and_then(|live| live.pointer("/spec/digest"));
    let leaves = |live: &Json| -> Vec<LeafDiff> {
        // What applies a layer again takes its Secrets back by force, so nobody is named as one to take from.
        let parts = ["content", "sha256"].into_iter().filter_map(|entry| secret_leaf(live, entry));
        let stamp = metadata_leaf(live, "annotations", ANNOTATION_LAYER_DIGEST, digest.cloned());
        parts.chain(stamp).chain(mark_leaves(live, &recorded.lineage, owner)).collect()
    };
    let judged = |secret: ObjectKey| {
        let drift = own_drift(&secret, facts, leaves);
        (secret, drift)
    };
    content_secrets(layer, facts).into_iter().map(judged).collect()
}

/// What is wrong with the object by which the agent knows of a layer; `None`: it is there, and marked as ours.
pub(crate) fn layer_drift(recorded: &Recorded, owner: &Address, layer: &ObjectKey, facts: &Facts) -> Option<ObjectDrift> {
    own_drift(layer, facts, |live| mark_leaves(live, &recorded.lineage, owner))
}

fn own_drift(key: &ObjectKey, facts: &Facts, leaves: impl Fn(&Json) -> Vec<LeafDiff>) -> Option<ObjectDrift> {
    let Some(live) = facts.object(key) else { return Some(ObjectDrift::gone()) };
    if let Some(deletion) = going(facts, key) {
        return Some(ObjectDrift::going(deletion));
    }
    let leaves = leaves(live);
    (!leaves.is_empty()).then(|| ObjectDrift { leaves, ..ObjectDrift::default() })
}

/// Layers of which the agent says that they are not ready, one line each.
pub(crate) fn unready_layers(recorded: &Recorded, facts: &Facts) -> Vec<String> {
    let words = |(address, layer): (Address, ObjectKey)| {
        let conditions = facts.object(&layer)?.pointer("/status/conditions")?.as_array()?;
        let ready = conditions.iter().find(|condition| text(condition, "type") == "Ready")?;
        let said = [text(ready, "reason"), text(ready, "message")];
        let said: Vec<&str> = said.into_iter().filter(|part| !part.is_empty()).collect();
        (text(ready, "status") != "True").then(|| format!("{address}: the agent says that it is not ready: {}", said.join(": ")))
    };
    recorded_layer_objects(recorded).into_iter().filter_map(words).collect()
}

fn text<'j>(condition: &'j Json, field: &str) -> &'j str {
    condition.get(field).and_then(Json::as_str).unwrap_or_default()
}
