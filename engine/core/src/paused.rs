//! Who holds Cluster API back from an object: `spec.paused` of its Cluster, or the annotation on the object. For the plan, which warns,
//! and for waits, which would have no end otherwise. Knows no plane.

use serde_json::Value as Json;
use windlass_kubeschema::fieldpath::{FieldPath, PathElement};

use crate::diff::Owners;
use crate::marks::FIELD_MANAGER;

/// Cluster API leaves an object alone that carries it, whatever its value.
pub const ANNOTATION_PAUSED: &str = "cluster.x-k8s.io/paused";

/// `Cluster shop/shop is paused (spec.paused), by kubectl-patch at 2026-02-02T00:00:00Z`; `None`: it is not.
pub fn paused(live: &Json) -> Option<String> {
    let of_cluster = live.get("kind").and_then(Json::as_str) == Some("Cluster");
    let annotated = live.pointer("/metadata/annotations").is_some_and(|marks| marks.get(ANNOTATION_PAUSED).is_some());
    let field = PathElement::field;
    let (how, path) = match (of_cluster && live.pointer("/spec/paused") == Some(&Json::Bool(true)), annotated) {
        (true, _) => ("spec.paused", vec![field("spec"), field("paused")]),
        (false, true) => ("annotation cluster.x-k8s.io/paused", vec![field("metadata"), field("annotations"), field(ANNOTATION_PAUSED)]),
        (false, false) => return None,
    };
    let actor = Owners::of(live).actor(&FieldPath(path));
    let by = actor.map(|actor| match actor.time {
        Some(time) => format!(", by {} at {time}", actor.manager),
        None => format!(", by {}", actor.manager),
    });
    let text = |pointer: &str| live.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
    let (kind, namespace, name) = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
    Some(format!("{kind} {namespace}/{name} is paused ({how}){}", by.unwrap_or_default()))
}

/// The same, but for a pause of our own: a pivot under way.
pub fn paused_by_others(live: &Json) -> Option<String> {
    let path = FieldPath::of_fields(["spec", "paused"]);
    let own = Owners::of(live).actor(&path).is_some_and(|actor| actor.manager.starts_with(FIELD_MANAGER));
    paused(live).filter(|_| !own)
}

/// Whether Cluster API's controllers look after objects of this group.
pub fn may_be_paused(group: &str) -> bool {
    group == "cluster.x-k8s.io" || group.ends_with(".cluster.x-k8s.io")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pause_is_told_with_its_author() {
        let owned = |manager: &str, fields: Json| json!([{"manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2026-02-02T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields}]);
        let cluster = |paused: Json, managed: Json| json!({"kind": "Cluster", "metadata": {"name": "shop", "namespace": "shop", "managedFields": managed}, "spec": {"paused": paused}});
        let spec = json!({"f:spec": {"f:paused": {}}});
        let by_hand = cluster(json!(true), owned("kubectl-patch", spec.clone()));
        let told = "Cluster shop/shop is paused (spec.paused), by kubectl-patch at 2026-02-02T00:00:00Z";
        assert_eq!((paused(&by_hand).as_deref(), paused_by_others(&by_hand).as_deref()), (Some(told), Some(told)));
        let ours = cluster(json!(true), owned("windlass-pivot", spec.clone()));
        assert!(paused(&ours).is_some() && paused_by_others(&ours).is_none());
        assert_eq!(paused(&cluster(json!(false), owned("kubectl-patch", spec))), None);
        assert_eq!(paused(&cluster(json!(true), json!([]))).as_deref(), Some("Cluster shop/shop is paused (spec.paused)"));
        let marked = json!({"kind": "MachineDeployment", "metadata": {"name": "m", "namespace": "shop", "annotations": {ANNOTATION_PAUSED: ""},
            "managedFields": owned("kubectl-annotate", json!({"f:metadata": {"f:annotations": {"f:cluster.x-k8s.io/paused": {}}}}))}, "spec": {"paused": true}});
        assert_eq!(
            paused(&marked).as_deref(),
            Some("MachineDeployment shop/m is paused (annotation cluster.x-k8s.io/paused), by kubectl-annotate at 2026-02-02T00:00:00Z")
        );
        assert_eq!(paused(&json!({"kind": "Deployment", "metadata": {"name": "m"}, "spec": {"paused": true}})), None);
    }
}
