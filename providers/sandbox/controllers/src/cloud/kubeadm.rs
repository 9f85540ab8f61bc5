//! What `kubeadm init` leaves on a new plane: its configuration, RBAC, kube-proxy and CoreDNS.

use serde_json::{Value, json};

use crate::kinds::{Kind, resource, unwatched};
use crate::object::{Fields, without_empty};
use crate::plane::{Plane, Result};

const MANAGER: &str = "kubeadm";

/// Creates what is missing.
pub async fn initialize(plane: &Plane, configuration: &Value, version: &str) -> Result<()> {
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        plane.ensure(&Kind::Namespace.resource(), json!({"metadata": {"name": name}}), "kube-apiserver").await?;
    }
    let config = |name: &str, namespace: &str, data: Value| json!({"metadata": {"name": name, "namespace": namespace}, "data": data});
    let text = without_empty(configuration).to_string();
    plane.ensure(&unwatched::config_map(), config("kubeadm-config", "kube-system", json!({"ClusterConfiguration": text})), MANAGER).await?;
    plane
        .ensure(
            &unwatched::config_map(),
            config(
                "kubelet-config",
                "kube-system",
                json!({"kubelet": "{\"apiVersion\":\"kubelet.config.k8s.io/v1beta1\",\"kind\":\"KubeletConfiguration\"}"}),
            ),
            MANAGER,
        )
        .await?;
    access(plane).await?;
    kube_proxy(plane, version).await?;
    dns(plane, configuration).await
}

async fn access(plane: &Plane) -> Result<()> {
    let roles = resource("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles");
    let bindings = resource("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings");
    let role = json!({"metadata": {"name": "kubeadm:get-nodes"}, "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["nodes"]}]});
    plane.ensure(&roles, role, MANAGER).await?;
    let group = |name: &str| json!([{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": name}]);
    for (name, role, group_name) in [
        ("kubeadm:get-nodes", "kubeadm:get-nodes", "system:bootstrappers:kubeadm:default-node-token"),
        ("kubeadm:cluster-admins", "cluster-admin", "kubeadm:cluster-admins"),
    ] {
        let binding = json!({"metadata": {"name": name}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}, "subjects": group(group_name)});
        plane.ensure(&bindings, binding, MANAGER).await?;
    }
    Ok(())
}

fn account(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "kube-system"}})
}

async fn kube_proxy(plane: &Plane, version: &str) -> Result<()> {
    plane.ensure(&Kind::ServiceAccount.resource(), account("kube-proxy"), MANAGER).await?;
    let labels = json!({"k8s-app": "kube-proxy"});
    let set = json!({
        "metadata": {"name": "kube-proxy", "namespace": "kube-system", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "hostNetwork": true, "serviceAccountName": "kube-proxy", "priorityClassName": "system-node-critical", "nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [{"operator": "Exists"}],
                    "containers": [{"name": "kube-proxy", "image": format!("registry.k8s.io/kube-proxy:{version}"), "command": ["/usr/local/bin/kube-proxy"]}],
                },
            },
        },
    });
    plane.ensure(&Kind::DaemonSet.resource(), set, MANAGER).await
}

async fn dns(plane: &Plane, configuration: &Value) -> Result<()> {
    plane.ensure(&Kind::ServiceAccount.resource(), account("coredns"), MANAGER).await?;
    let corefile = "·:53 {\n    errors\n    health\n    ready\n    forward · /etc/resolv.conf\n    cache 30\n}\n".replace('·', ".");
    let map = json!({"metadata": {"name": "coredns", "namespace": "kube-system"}, "data": {"Corefile": corefile}});
    plane.ensure(&unwatched::config_map(), map, MANAGER).await?;
    let labels = json!({"k8s-app": "kube-dns"});
    let tag = Some(configuration.text("/dns/imageTag")).filter(|tag| !tag.is_empty()).unwrap_or("v1.12.4");
    let deployment = json!({
        "metadata": {"name": "coredns", "namespace": "kube-system", "labels": labels},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": labels}, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": "coredns", "priorityClassName": "system-cluster-critical", "nodeSelector": {"kubernetes.io/os": "linux"},
                    "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}, {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}],
                    "containers": [{"name": "coredns", "image": format!("registry.k8s.io/coredns/coredns:{tag}"), "args": ["-conf", "/etc/coredns/Corefile"]}],
                },
            },
        },
    });
    plane.ensure(&Kind::Deployment.resource(), deployment, MANAGER).await?;
    let service = json!({
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": labels},
        "spec": {"selector": labels, "ports": [{"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53}, {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53}]},
    });
    plane.ensure(&Kind::Service.resource(), service, MANAGER).await
}
