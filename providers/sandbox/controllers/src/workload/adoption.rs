//! Adoption: a workload becomes the controller of what its selector matches and nobody controls, as after an orphaning deletion.
//! Knows no owner kind's rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::pods::{MANAGER, active, owner_key};
use crate::kinds::Kind;
use crate::node::requirement;
use crate::object::{Fields, Key, Meta, Object, owner_reference, string_map, with_owner};
use crate::plane::{Event, Plane, Result};

/// Whether a label selector selects an object. An empty one selects nothing: no workload may have one.
pub fn selects(selector: &Value, object: &Object) -> bool {
    let none = BTreeMap::new();
    let labels = object.metadata.labels.as_ref().unwrap_or(&none);
    let (equal, expressions) = (string_map(selector.at("/matchLabels")), selector.items("/matchExpressions"));
    let some = !equal.is_empty() || !expressions.is_empty();
    some && equal.iter().all(|(name, value)| labels.get(name) == Some(value)) && expressions.iter().all(|one| requirement(one, labels))
}

/// Whether `owner` may become the controller of `object`.
pub fn adoptable(owner: &Object, object: &Object) -> bool {
    let free = object.controller_uid().is_none() && object.namespace() == owner.namespace();
    free && active(object) && selects(owner.at("/spec/selector"), object)
}

/// Makes `owner` the controller of every object of `kind` that is adoptable and that `fits`.
pub async fn adopt(plane: &Plane, kind: Kind, owner_kind: Kind, owner: &Object, fits: impl Fn(&Object) -> bool) -> Result<()> {
    let free: Vec<Arc<Object>> =
        plane.cache().uncontrolled(kind).into_iter().filter(|object| adoptable(owner, object) && fits(object)).collect();
    if free.is_empty() {
        return Ok(());
    }
    // The cache may not know yet that the owner is going and has just let go of them.
    let now = plane.read(&owner_kind.resource(), owner.namespace(), owner.name()).await?;
    if now.is_none_or(|now| now.uid() != owner.uid() || now.deleting()) {
        return Ok(());
    }
    let reference = owner_reference(&owner_kind.api_version(), owner_kind.kind(), owner, true);
    for object in free {
        if let Some(owners) = with_owner(&object, &reference) {
            // The version guards against another one that adopts it at the same time.
            let patch = json!({"metadata": {"ownerReferences": owners, "resourceVersion": object.metadata.resource_version}});
            plane.merge(kind, &object, patch, MANAGER).await?;
        }
    }
    Ok(())
}

/// Keys of the objects of `kind` that a change of an owned object concerns: its owner, or those that would adopt it.
pub fn owners(plane: &Plane, kind: Kind, event: &Event) -> Vec<Key> {
    if event.gone || event.object.controller_uid().is_some() {
        return owner_key(plane, kind, event).into_iter().collect();
    }
    let all = plane.cache().all(kind);
    all.iter().filter(|owner| adoptable(owner, &event.object)).map(|owner| owner.key()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Object {
        serde_json::from_value(value).expect("an object")
    }

    #[test]
    fn what_is_free_and_selected_is_adoptable() {
        let owner = |selector: Value| object(json!({"metadata": {"name": "web", "namespace": "n"}, "spec": {"selector": selector}}));
        let web =
            owner(json!({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["old"]}]}));
        let pod = |metadata: Value| {
            let mut pod = json!({"metadata": {"name": "p", "namespace": "n", "labels": {"app": "web"}}});
            pod["metadata"].as_object_mut().expect("a map").extend(metadata.as_object().cloned().unwrap_or_default());
            object(pod)
        };
        let reference = |controller: bool| json!([{"apiVersion": "v1", "kind": "K", "name": "k", "uid": "u", "controller": controller}]);
        for (metadata, expected) in [
            (json!({}), true),
            (json!({"ownerReferences": reference(false)}), true),
            (json!({"ownerReferences": reference(true)}), false),
            (json!({"namespace": "m"}), false),
            (json!({"labels": {"app": "shop"}}), false),
            (json!({"labels": {"app": "web", "tier": "old"}}), false),
            (json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}), false),
        ] {
            assert_eq!(adoptable(&web, &pod(metadata.clone())), expected, "{metadata}");
        }
        assert!(!adoptable(&owner(json!({})), &pod(json!({}))), "an empty selector selects nothing");
        let mut done = pod(json!({}));
        done.data = json!({"status": {"phase": "Succeeded"}});
        assert!(!adoptable(&web, &done));
    }
}
