//! Readiness of machines and nodes as the saga needs it before a pivot and after it.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use windlass_core::deletion::Deletion;
use windlass_core::marks::LABEL_CLUSTER_NAME;

use super::Verdict;
use super::condition::{condition, must_not_be_true};

/// Cluster API's label of the machines of a MachineDeployment: its name.
const DEPLOYMENT_NAME: &str = "cluster.x-k8s.io/deployment-name";
/// Cluster API's label of the machines of a control plane; empty.
const CONTROL_PLANE: &str = "cluster.x-k8s.io/control-plane";

/// Name of an object, for messages.
pub fn name(live: &Json) -> &str {
    live.pointer("/metadata/name").and_then(Json::as_str).unwrap_or("?")
}

/// Machine: it has its node. If not, the condition is told that the others wait for.
pub fn has_node(machine: &Json) -> Verdict {
    match machine.pointer("/status/nodeRef/name").and_then(Json::as_str) {
        Some(_) => Ok(()),
        None => {
            let told = ["BootstrapConfigReady", "InfrastructureReady", "NodeReady", "Ready"]
                .iter()
                .filter_map(|kind| condition(machine, kind))
                .find(|c| c.status != "True");
            let why = told.map(|c| format!(" ({})", c.words())).unwrap_or_default();
            Err(format!("Machine {} has no node yet{why}", name(machine)))
        }
    }
}

/// Whether a Machine is of this control plane or MachineDeployment, by Cluster API's labels.
pub fn is_of(machine: &Json, owner: &Json) -> bool {
    let same_cluster = label(machine, LABEL_CLUSTER_NAME) == label(owner, LABEL_CLUSTER_NAME);
    same_cluster
        && match owner.get("kind").and_then(Json::as_str) {
            Some("MachineDeployment") => label(machine, DEPLOYMENT_NAME) == Some(name(owner)),
            _ => label(machine, CONTROL_PLANE).is_some(),
        }
}

fn label<'o>(object: &'o Json, key: &str) -> Option<&'o str> {
    object.get("metadata")?.get("labels")?.get(key)?.as_str()
}

/// Any object: it is not being deleted.
pub fn stays(live: &Json) -> Verdict {
    let kind = || live.get("kind").and_then(Json::as_str).unwrap_or_default();
    Deletion::of(live).map_or(Ok(()), |deletion| Err(format!("{} {} is {}", kind(), name(live), deletion.words())))
}

/// Machine: nothing happens to it (it is not deleted, updated or remediated).
pub fn is_calm(machine: &Json) -> Verdict {
    stays(machine)?;
    for busy in ["Updating", "Deleting"] {
        must_not_be_true(machine, busy).map_err(|why| format!("Machine {}: {why}", name(machine)))?;
    }
    if let Some(remediated) = condition(machine, "OwnerRemediated")
        && remediated.status == "False"
    {
        return Err(format!("Machine {} is being remediated: {}", name(machine), remediated.words()));
    }
    Ok(())
}

/// providerIDs of machines or nodes that have one.
pub fn provider_ids<'o>(objects: impl Iterator<Item = &'o Json>) -> BTreeSet<String> {
    let id = |object: &'o Json| object.pointer("/spec/providerID").and_then(Json::as_str).filter(|id| !id.is_empty());
    objects.filter_map(id).map(str::to_owned).collect()
}

/// Node: Ready, and the cloud has given it its identity.
pub fn node_ready(node: &Json) -> Verdict {
    let node_name = name(node);
    if node.pointer("/spec/providerID").and_then(Json::as_str).is_none_or(str::is_empty) {
        return Err(format!("Node {node_name} has no providerID yet (the cloud controller sets it)"));
    }
    match condition(node, "Ready") {
        Some(c) if c.status == "True" => Ok(()),
        Some(c) => Err(format!("Node {node_name} is not Ready: {}", c.words())),
        None => Err(format!("Node {node_name} says nothing of Ready yet")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nodes() {
        let ready = |status: &str| json!([{"type": "Ready", "status": status, "reason": "KubeletNotReady", "message": "cni plugin not initialized"}]);
        for (node, expected) in [
            (json!({"metadata": {"name": "n"}, "spec": {"providerID": "aws:///a/i-1"}, "status": {"conditions": ready("True")}}), "ready"),
            (
                json!({"metadata": {"name": "n"}, "spec": {}, "status": {"conditions": ready("True")}}),
                "Node n has no providerID yet (the cloud controller sets it)",
            ),
            (
                json!({"metadata": {"name": "n"}, "spec": {"providerID": "x"}, "status": {"conditions": ready("False")}}),
                "Node n is not Ready: KubeletNotReady: cni plugin not initialized",
            ),
            (json!({"metadata": {"name": "n"}, "spec": {"providerID": "x"}}), "Node n says nothing of Ready yet"),
        ] {
            assert_eq!(node_ready(&node).err().as_deref().unwrap_or("ready"), expected);
        }
    }

    #[test]
    fn machines() {
        assert_eq!(has_node(&json!({"status": {"nodeRef": {"name": "n"}}})), Ok(()));
        let waiting = json!({"metadata": {"name": "m"}, "status": {"conditions": [
            {"type": "NodeReady", "status": "Unknown", "reason": "NodeInspectionPending"},
            {"type": "InfrastructureReady", "status": "False", "reason": "WaitingForBootstrapData"},
        ]}});
        assert_eq!(has_node(&waiting), Err("Machine m has no node yet (WaitingForBootstrapData)".to_owned()));
        for (machine, calm) in [
            (json!({"metadata": {"name": "m"}}), true),
            (json!({"metadata": {"name": "m", "deletionTimestamp": "2026-01-01T00:00:00Z"}}), false),
            (json!({"metadata": {"name": "m"}, "status": {"conditions": [{"type": "Updating", "status": "True"}]}}), false),
            (json!({"metadata": {"name": "m"}, "status": {"conditions": [{"type": "OwnerRemediated", "status": "False"}]}}), false),
            (json!({"metadata": {"name": "m"}, "status": {"conditions": [{"type": "Updating", "status": "False"}]}}), true),
        ] {
            assert_eq!(is_calm(&machine).is_ok(), calm, "{machine}");
        }
    }

    #[test]
    fn machines_are_of_a_control_plane_or_of_a_pool() {
        let of = |kind: &str, name: &str, labels: Json| json!({"kind": kind, "metadata": {"name": name, "labels": labels}});
        let cluster = |name: &str| json!({"cluster.x-k8s.io/cluster-name": name});
        let pool = of("MachineDeployment", "a-general", cluster("a"));
        let control_plane = of("KubeadmControlPlane", "a", cluster("a"));
        let worker = |cluster: &str, pool: &str| {
            of("Machine", "m", json!({"cluster.x-k8s.io/cluster-name": cluster, "cluster.x-k8s.io/deployment-name": pool}))
        };
        let first =
            |cluster: &str| of("Machine", "m", json!({"cluster.x-k8s.io/cluster-name": cluster, "cluster.x-k8s.io/control-plane": ""}));
        for (machine, owner, expected) in [
            (worker("a", "a-general"), &pool, true),
            (worker("a", "a-gpu"), &pool, false),
            (worker("b", "a-general"), &pool, false),
            (first("a"), &pool, false),
            (first("a"), &control_plane, true),
            (first("b"), &control_plane, false),
            (worker("a", "a-general"), &control_plane, false),
        ] {
            assert_eq!(is_of(&machine, owner), expected, "{machine} of {owner}");
        }
    }
}
