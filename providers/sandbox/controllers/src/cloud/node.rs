//! The node of a booted machine as its kubelet registers it, and a control plane machine's static pods.

use serde_json::{Value, json};

use crate::capi::{Role, UserData};
use crate::kinds::Kind;
use crate::ledger::Resource;
use crate::node::{MIRROR, NOT_READY, UNINITIALIZED};
use crate::object::{Fields, Meta, Object, owner_reference, short_hash};
use crate::plane::{Plane, Result};

const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

/// Registers the node and starts the static pods; what is there already stays.
pub async fn register(plane: &Plane, instance: &Resource, data: &UserData) -> Result<()> {
    let name = instance.attributes.text("/hostname");
    let node = node(instance, data);
    plane.ensure(&Kind::Node.resource(), node, "kubelet").await?;
    let Some(created) = plane.read(&Kind::Node.resource(), "", name).await? else {
        return Ok(());
    };
    if created.text("/status/nodeInfo/kubeletVersion").is_empty() {
        let fresh = plane.observe(Kind::Node, created);
        let mut status = if fresh.at("/status").is_object() { fresh.at("/status").clone() } else { json!({}) };
        crate::capi::overlay(&mut status, &reported(instance));
        plane.set_status(Kind::Node, &fresh, status, "kubelet").await?;
    }
    if data.role != Role::Worker
        && let Some(node) = plane.get(Kind::Node, &(String::new(), name.to_owned()))
    {
        let external = data.cluster.at("/etcd/external").is_object();
        for component in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
            if component != "etcd" || !external {
                plane.ensure(&Kind::Pod.resource(), static_pod(component, &node, instance.attributes.text("/version")), "kubelet").await?;
            }
        }
    }
    Ok(())
}

fn node(instance: &Resource, data: &UserData) -> Value {
    let name = instance.attributes.text("/hostname");
    let control_plane = data.role != Role::Worker;
    let external = UserData::kubelet_argument(&data.registration, "cloud-provider") == Some("external");
    let mut labels = json!({
        "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64",
    });
    for pair in UserData::kubelet_argument(&data.registration, "node-labels").unwrap_or_default().split(',') {
        if let Some((key, value)) = pair.split_once('=') {
            labels[key.trim()] = json!(value.trim());
        }
    }
    // kubeadm taints a control plane unless it is told which taints to set.
    let mut taints: Vec<Value> = data.registration.items("/taints").to_vec();
    if control_plane {
        labels[CONTROL_PLANE] = json!("");
        labels["node.kubernetes.io/exclude-from-external-load-balancers"] = json!("");
        if data.registration.at("/taints").is_null() {
            taints.push(json!({"key": CONTROL_PLANE, "effect": "NoSchedule"}));
        }
    }
    if external {
        taints.push(json!({"key": UNINITIALIZED, "value": "true", "effect": "NoSchedule"}));
    }
    taints.push(json!({"key": NOT_READY, "effect": "NoSchedule"}));
    let mut spec = json!({"taints": taints});
    if let Some(id) = UserData::kubelet_argument(&data.registration, "provider-id") {
        spec["providerID"] = json!(id.trim_matches('\'').replace("{{ instance_id }}", &instance.id).replace("'", ""));
    }
    json!({"metadata": {"name": name, "labels": labels, "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"}}, "spec": spec})
}

/// What the kubelet knows of its machine.
fn reported(instance: &Resource) -> Value {
    let facts = &instance.attributes;
    let capacity = json!({"cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "80Gi"});
    json!({
        "addresses": [{"type": "InternalIP", "address": facts.text("/address")}, {"type": "Hostname", "address": facts.text("/hostname")}],
        "capacity": capacity, "allocatable": capacity, "nodeInfo": node_info(facts.text("/version"), &instance.id),
    })
}

/// `status.nodeInfo` of a machine.
pub fn node_info(version: &str, seed: &str) -> Value {
    json!({
        "architecture": "amd64", "operatingSystem": "linux", "osImage": "Windlass sandbox", "kernelVersion": "6.8.0-sandbox", "containerRuntimeVersion": "containerd://2.1.0",
        "kubeletVersion": version, "kubeProxyVersion": "", "machineID": short_hash(seed, 16), "systemUUID": short_hash(seed, 20), "bootID": short_hash(seed, 24),
    })
}

fn static_pod(component: &str, node: &Object, version: &str) -> Value {
    let image =
        if component == "etcd" { "registry.k8s.io/etcd:3.6.5-0".to_owned() } else { format!("registry.k8s.io/{component}:{version}") };
    let hash = short_hash(&format!("{component}/{version}"), 16);
    json!({
        "metadata": {
            "name": format!("{component}-{}", node.name()), "namespace": "kube-system", "labels": {"component": component, "tier": "control-plane"},
            "annotations": {MIRROR: hash, "kubernetes.io/config.hash": hash, "kubernetes.io/config.source": "file"},
            "ownerReferences": [owner_reference("v1", "Node", node, true)],
        },
        "spec": {
            "nodeName": node.name(), "hostNetwork": true, "priorityClassName": "system-node-critical", "tolerations": [{"operator": "Exists", "effect": "NoExecute"}],
            "containers": [{"name": component, "image": image, "command": [component]}],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taints_of_a_new_node() {
        let instance = Resource {
            id: "i-1".to_owned(),
            number: 1,
            thing: "instance".to_owned(),
            token: String::new(),
            cluster: "n/c".to_owned(),
            owner: String::new(),
            plane: "management".to_owned(),
            state: "running".to_owned(),
            created_ms: 0,
            terminated_ms: None,
            attributes: json!({"hostname": "ip-1"}),
        };
        let taints = |role: Role, registration: Value| -> Vec<String> {
            let node =
                node(&instance, &UserData { role, ca: None, service_account_key: String::new(), registration, cluster: Value::Null });
            node.items("/spec/taints").iter().map(|taint| taint.text("/key").to_owned()).collect()
        };
        let external = json!([{"name": "cloud-provider", "value": "external"}]);
        assert_eq!(taints(Role::Init, json!({"kubeletExtraArgs": external})), [CONTROL_PLANE, UNINITIALIZED, NOT_READY]);
        assert_eq!(taints(Role::ControlPlane, json!({"taints": []})), [NOT_READY]);
        assert_eq!(
            taints(
                Role::Worker,
                json!({"kubeletExtraArgs": external, "taints": [{"key": "node.cluster.x-k8s.io/uninitialized", "effect": "NoSchedule"}]})
            ),
            ["node.cluster.x-k8s.io/uninitialized", UNINITIALIZED, NOT_READY]
        );
    }
}
