//! The cloud-controller-manager of AWS: it gives nodes their providerID, zones and addresses, and takes the `uninitialized` taint away.
//!
//! Source of the objects: CAPA `templates/cluster-template.yaml` (its addon `cloud-controller-manager-addon`).

use serde_json::{Value as Json, json};
use windlass_core::provider::{ClusterInput, Rendered};
use windlass_core::value::Value;

/// Name of the ServiceAccount and of what is bound to it.
const ACCOUNT: &str = "cloud-controller-manager";
/// Name of the DaemonSet.
const NAME: &str = "aws-cloud-controller-manager";
const NAMESPACE: &str = "kube-system";
const IMAGE: &str = "registry.k8s.io/provider-aws/cloud-controller-manager";

/// Newest published image of each Kubernetes minor (registry.k8s.io/images/k8s-staging-provider-aws of kubernetes/k8s.io).
/// A newer minor gets the last one: the manager may be one minor behind the API server, never ahead of it.
const VERSIONS: [(u32, &str); 5] = [(31, "v1.31.9"), (32, "v1.32.8"), (33, "v1.33.4"), (34, "v1.34.3"), (35, "v1.35.2")];

/// The layer's objects in the order in which they are applied.
pub fn objects(cluster: &ClusterInput) -> Vec<Rendered> {
    let version = version(&cluster.kubernetes_version);
    [service_account(), cluster_role(), cluster_role_binding(), role_binding(), daemon_set(version)]
        .iter()
        .map(|object| Rendered { object: Value::from_json(object) })
        .collect()
}

/// The image's tag for a Kubernetes version.
fn version(kubernetes: &str) -> &'static str {
    let minor = kubernetes.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()).unwrap_or(u32::MAX);
    let (oldest, rest) = (VERSIONS[0].1, VERSIONS.iter().rev());
    rest.into_iter().find(|(known, _)| *known <= minor).map_or(oldest, |(_, version)| version)
}

fn service_account() -> Json {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": ACCOUNT, "namespace": NAMESPACE},
    })
}

fn cluster_role() -> Json {
    let rule = |group: &str, resource: &str, verbs: &[&str]| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs});
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": format!("system:{ACCOUNT}")},
        "rules": [
            rule("", "events", &["create", "patch", "update"]),
            rule("", "nodes", &["*"]),
            rule("", "nodes/status", &["patch"]),
            rule("", "services", &["list", "patch", "update", "watch"]),
            rule("", "services/status", &["list", "patch", "update", "watch"]),
            rule("", "serviceaccounts", &["create", "get", "list", "watch"]),
            rule("", "serviceaccounts/token", &["create"]),
            rule("", "persistentvolumes", &["get", "list", "update", "watch"]),
            rule("", "configmaps", &["list", "watch"]),
            rule("", "endpoints", &["create", "get", "list", "watch", "update"]),
            rule("coordination.k8s.io", "leases", &["create", "get", "list", "watch", "update"]),
        ],
    })
}

fn cluster_role_binding() -> Json {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": format!("system:{ACCOUNT}")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": format!("system:{ACCOUNT}")},
        "subjects": [subject()],
    })
}

/// Lets the manager read how the API server authenticates, which its own secure port needs.
fn role_binding() -> Json {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": format!("{ACCOUNT}:apiserver-authentication-reader"), "namespace": NAMESPACE},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "extension-apiserver-authentication-reader"},
        "subjects": [subject()],
    })
}

fn subject() -> Json {
    json!({"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE})
}

/// One Pod on each control plane node. It runs on the host's network before there is a CNI, so it tolerates nodes that are
/// not ready and not initialised.
fn daemon_set(version: &str) -> Json {
    let labels = json!({"k8s-app": NAME});
    let control_plane = "node-role.kubernetes.io/control-plane";
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": ACCOUNT,
                    "hostNetwork": true,
                    "priorityClassName": "system-node-critical",
                    "nodeSelector": {control_plane: ""},
                    "tolerations": [
                        {"key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true", "effect": "NoSchedule"},
                        {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoSchedule"},
                        {"key": control_plane, "operator": "Exists", "effect": "NoSchedule"},
                    ],
                    "containers": [{
                        "name": NAME,
                        "image": format!("{IMAGE}:{version}"),
                        "args": [
                            "--v=2",
                            "--cloud-provider=aws",
                            "--use-service-account-credentials=true",
                            "--configure-cloud-routes=false",
                        ],
                        "resources": {"requests": {"cpu": "200m"}},
                    }],
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn the_manager_is_never_ahead_of_the_api_server() {
        let table = [("1.31.0", "v1.31.9"), ("1.33.7", "v1.33.4"), ("1.34.3", "v1.34.3"), ("1.35.0", "v1.35.2"), ("1.36.1", "v1.35.2")];
        for (kubernetes, want) in table {
            assert_eq!(version(kubernetes), want, "{kubernetes}");
        }
    }
}
