//! In which order a layer's objects are applied; deletion is the reverse.

use serde_json::Value as Json;
use windlass_core::object::split_api_version;

/// Groups of objects, applied one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Namespaces.
    Namespace,
    /// CustomResourceDefinitions, established before anything else is sent.
    Definition,
    /// Accounts and rights.
    Rights,
    /// Everything that is nothing else.
    Ordinary,
    /// What makes the API server call into the layer's own pods.
    Hook,
    /// Objects of kinds that are not Kubernetes' own.
    Custom,
}

/// The group of an object.
pub fn rank(api_version: &str, kind: &str) -> Rank {
    let (group, _) = split_api_version(api_version);
    match (group, kind) {
        ("", "Namespace") => Rank::Namespace,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => Rank::Definition,
        ("rbac.authorization.k8s.io", _) | ("", "ServiceAccount") => Rank::Rights,
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => Rank::Hook,
        ("" | "apps" | "batch" | "autoscaling" | "policy", _) => Rank::Ordinary,
        // k8s.io is Kubernetes' own; x-k8s.io is what its projects ship as CRDs.
        (group, _) if group.ends_with(".k8s.io") && !group.ends_with(".x-k8s.io") => Rank::Ordinary,
        _ => Rank::Custom,
    }
}

/// Sorts objects for application; those of one rank keep their order.
pub fn sort(objects: &mut [Json]) {
    objects.sort_by_key(rank_of);
}

/// The group of a live or rendered object.
pub fn rank_of(object: &Json) -> Rank {
    let text = |key: &str| object.get(key).and_then(Json::as_str).unwrap_or_default();
    rank(text("apiVersion"), text("kind"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks() {
        for (api_version, kind, expected) in [
            ("v1", "Namespace", Rank::Namespace),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition", Rank::Definition),
            ("v1", "ServiceAccount", Rank::Rights),
            ("rbac.authorization.k8s.io/v1", "Role", Rank::Rights),
            ("apps/v1", "Deployment", Rank::Ordinary),
            ("networking.k8s.io/v1", "Ingress", Rank::Ordinary),
            ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", Rank::Hook),
            ("cluster.x-k8s.io/v1beta2", "Cluster", Rank::Custom),
            ("cilium.io/v2", "CiliumConfig", Rank::Custom),
        ] {
            assert_eq!(rank(api_version, kind), expected, "{api_version} {kind}");
        }
    }
}
