//! The agent's own Kubernetes objects, rendered from an image name. Pure; adds no marks (whoever owns the objects does).

use serde_json::{Value as Json, json};

use crate::marks::{AGENT_GROUP, AGENT_NAME, CONTROL_PLANE_TAINT, SYSTEM_NAMESPACE};

/// Plural of the agent's `Layer` kind.
pub const LAYER_PLURAL: &str = "layers";
/// Kind of a layer handed to the agent.
pub const LAYER_KIND: &str = "Layer";

/// Condition of a `Layer` that the agent cannot apply however often it tries, until somebody changes something (kstatus' word for it).
pub const LAYER_STALLED: &str = "Stalled";

/// Label of the agent's pods, by which its Deployment chooses them; its value is the agent's name.
pub const AGENT_LABEL: &str = "app.kubernetes.io/name";

/// What the agent needs on a workload plane, in the order of application: Namespace, CustomResourceDefinition, ServiceAccount,
/// ClusterRoleBinding, Deployment.
///
/// The Deployment runs `<image> agent` once (strategy Recreate: never two writers) and tolerates the control plane's taint, so that it
/// runs before workers exist.
pub fn agent_objects(image: &str) -> Vec<Json> {
    vec![namespace(), layer_crd(), service_account(), binding(), deployment(image)]
}

/// The CustomResourceDefinition of `Layer`.
pub fn layer_crd() -> Json {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{LAYER_PLURAL}.{AGENT_GROUP}")},
        "spec": {
            "group": AGENT_GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": LAYER_KIND,
                "listKind": "LayerList",
                "plural": LAYER_PLURAL,
                "singular": "layer",
            },
            "versions": [{
                "name": "v1alpha1",
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
                    {"name": "Reason", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].message"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "required": ["spec"],
                    "properties": {"spec": spec_schema(), "status": status_schema()},
                }},
            }],
        },
    })
}

/// What names a leaf of an object and who owns it.
const OWNED_LEAF: [&str; 6] = ["apiVersion", "kind", "namespace", "name", "path", "manager"];

fn texts(names: &[&str]) -> Json {
    names.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect::<serde_json::Map<_, _>>().into()
}

fn spec_schema() -> Json {
    let strings = json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic"});
    json!({
        "type": "object",
        "required": ["digest", "secrets"],
        "properties": {
            "digest": {"type": "string"},
            "secrets": strings,
            "dependsOn": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            "mode": {"type": "string", "enum": ["report", "heal"], "default": "report"},
            "repair": {"type": "string"},
            "takeovers": {
                "type": "array",
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["apiVersion", "kind", "name", "path", "manager"],
                    "properties": texts(&OWNED_LEAF),
                },
            },
        },
    })
}

fn status_schema() -> Json {
    let text = json!({"type": "string"});
    json!({
        "type": "object",
        "properties": {
            "observedGeneration": {"type": "integer", "format": "int64"},
            "digest": text,
            "repaired": text,
            "ready": {"type": "boolean"},
            "conditions": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
                "items": {
                    "type": "object",
                    "required": ["type", "status"],
                    "properties": {
                        "type": text,
                        "status": text,
                        "reason": text,
                        "message": text,
                        "lastTransitionTime": {"type": "string", "format": "date-time"},
                        "observedGeneration": {"type": "integer", "format": "int64"},
                    },
                },
            },
            "drift": {
                "type": "array",
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "properties": texts(&[&OWNED_LEAF[..], &["time"]].concat()),
                },
            },
        },
    })
}

fn namespace() -> Json {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM_NAMESPACE}})
}

fn service_account() -> Json {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": AGENT_NAME, "namespace": SYSTEM_NAMESPACE},
    })
}

fn binding() -> Json {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": AGENT_NAME},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": AGENT_NAME, "namespace": SYSTEM_NAMESPACE}],
    })
}

fn deployment(image: &str) -> Json {
    let labels = json!({AGENT_LABEL: AGENT_NAME});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": AGENT_NAME, "namespace": SYSTEM_NAMESPACE, "labels": labels},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": AGENT_NAME,
                    "tolerations": [{"key": CONTROL_PLANE_TAINT, "operator": "Exists", "effect": "NoSchedule"}],
                    "containers": [{
                        "name": "agent",
                        "image": image,
                        "args": ["agent"],
                        "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "runAsNonRoot": true},
                    }],
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_kubeschema::crd::kind_facts;

    #[test]
    fn the_crd_is_a_structural_one() {
        let facts = kind_facts(&layer_crd()).expect("facts");
        assert_eq!(facts.len(), 1);
        assert_eq!(facts[0].api_version(), crate::marks::AGENT_API_VERSION);
        assert!(facts[0].subresources.status);
    }

    #[test]
    fn the_agent_may_run_on_a_control_plane_node() {
        let objects = agent_objects("registry.example/agent:1");
        let kinds: Vec<_> = objects.iter().map(|o| o["kind"].as_str().unwrap_or("")).collect();
        assert_eq!(kinds, ["Namespace", "CustomResourceDefinition", "ServiceAccount", "ClusterRoleBinding", "Deployment"]);
        let deployment = &objects[4];
        assert_eq!(deployment.pointer("/spec/template/spec/tolerations/0/key"), Some(&json!(CONTROL_PLANE_TAINT)));
        assert_eq!(deployment.pointer("/spec/template/spec/containers/0/image"), Some(&json!("registry.example/agent:1")));
    }
}
