//! Whose a living object is that stands in a Namespace, or is of a kind, of ours. One rule for the plan, which refuses before the first
//! effect, and for the steps, which look again. Knows no plane.

use serde_json::Value as Json;

use crate::marks::lineage_of;

/// Whether somebody else has made a live object and would miss it: it does not carry our lineage, it is no furniture, and it does not
/// follow an owner. What has an owner goes with it: the owner is ours, or is itself named as not ours.
pub fn is_foreign(live: &Json, lineage: &str) -> bool {
    let ours = lineage_of(live) == Some(lineage);
    let owned = live.pointer("/metadata/ownerReferences").and_then(Json::as_array).is_some_and(|owners| !owners.is_empty());
    !ours && !owned && !is_furniture(live)
}

/// What Kubernetes itself puts into every namespace, and what only tells or follows from other objects.
pub fn is_furniture(live: &Json) -> bool {
    let text = |pointer: &str| live.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
    matches!(
        (text("/kind"), text("/metadata/name")),
        ("Event" | "EndpointSlice" | "Endpoints" | "Lease" | "PodMetrics", _)
            | ("ConfigMap", "kube-root-ca.crt")
            | ("ServiceAccount", "default")
    ) || (text("/kind"), text("/type")) == ("Secret", "kubernetes.io/service-account-token")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::LABEL_LINEAGE;
    use serde_json::json;

    #[test]
    fn what_is_ours_follows_or_is_furniture_is_not_foreign() {
        let of = |kind: &str, name: &str| json!({"kind": kind, "metadata": {"name": name}});
        let with = |metadata: Json| json!({"kind": "Pod", "metadata": metadata});
        for (live, foreign) in [
            (of("ConfigMap", "notes"), true),
            (of("Pod", "debug"), true),
            (of("ServiceAccount", "builder"), true),
            (of("ConfigMap", "kube-root-ca.crt"), false),
            (of("ServiceAccount", "default"), false),
            (of("Event", "x"), false),
            (of("Lease", "leader"), false),
            (of("Endpoints", "x"), false),
            (of("EndpointSlice", "x"), false),
            (json!({"kind": "Secret", "type": "kubernetes.io/service-account-token", "metadata": {"name": "t"}}), false),
            (json!({"kind": "Secret", "type": "Opaque", "metadata": {"name": "t"}}), true),
            (with(json!({"labels": {LABEL_LINEAGE: "mine"}})), false),
            (with(json!({"labels": {LABEL_LINEAGE: "another"}})), true),
            (with(json!({"ownerReferences": []})), true),
            (with(json!({"ownerReferences": [{"kind": "ReplicaSet", "name": "r", "uid": "u"}]})), false),
        ] {
            assert_eq!(is_foreign(&live, "mine"), foreign, "{live}");
        }
    }
}
