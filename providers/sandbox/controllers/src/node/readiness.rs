//! Nodes: Ready while a network plugin runs on them, known to the cloud while a cloud-controller-manager runs, tainted as Kubernetes does meanwhile.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::kubelet::mounts_network_plugin;
use crate::conditions::{holds, merge_builtin, say};
use crate::fleet::{Fleet, MANAGEMENT, cluster_of};
use crate::kinds::Kind;
use crate::object::{Fields, Key, Meta, Object};
use crate::plane::{Controller, Event, Next, Plane, Result};

/// Taint of a node that is not Ready.
pub const NOT_READY: &str = "node.kubernetes.io/not-ready";
/// Taint of a node that an external cloud provider has not seen.
pub const UNINITIALIZED: &str = "node.cloudprovider.kubernetes.io/uninitialized";

/// Annotation of the simulated nodes that belong to no cloud: always Ready.
pub const SELF_CONTAINED: &str = "sandbox.windlass.dev/self-contained";

/// The nodes of a plane.
pub struct Nodes;

impl Controller for Nodes {
    fn name(&self) -> &'static str {
        "nodes"
    }
    fn kind(&self) -> Kind {
        Kind::Node
    }
    fn needs(&self) -> &'static [Kind] {
        &[Kind::Node, Kind::Pod]
    }
    fn concerns(&self, plane: &Plane, event: &Event) -> Vec<Key> {
        if event.kind != Kind::Pod {
            return Vec::new();
        }
        let node = event.object.text("/spec/nodeName");
        if is_cloud_controller(&event.object) {
            plane.cache().keys(Kind::Node)
        } else if !node.is_empty() && mounts_network_plugin(&event.object) {
            vec![(String::new(), node.to_owned())]
        } else {
            Vec::new()
        }
    }
    fn reconcile<'a>(&'a self, fleet: &'a Arc<Fleet>, plane: &'a Arc<Plane>, key: &'a Key) -> BoxFuture<'a, Result<Next>> {
        look(fleet, plane, key).boxed()
    }
}

async fn look(fleet: &Arc<Fleet>, plane: &Arc<Plane>, key: &Key) -> Result<Next> {
    let Some(node) = plane.get(Kind::Node, key) else {
        return Ok(Next::Wait);
    };
    if node.deleting() {
        return Ok(Next::Wait);
    }
    let ready = node.annotation(SELF_CONTAINED).is_some() || network_runs(plane, &node);
    let status = reported(&node, ready, fleet.clock.now());
    plane.set_status(Kind::Node, &node, status, "kubelet").await?;
    if let Some(taints) = with_taint(node.items("/spec/taints"), NOT_READY, !ready) {
        plane.merge(Kind::Node, &node, json!({"spec": {"taints": taints}}), "kube-controller-manager").await?;
        return Ok(Next::Wait);
    }
    let uninitialized = node.items("/spec/taints").iter().any(|taint| taint.text("/key") == UNINITIALIZED);
    if uninitialized && cloud_controller_runs(plane) {
        initialize(fleet, plane, &node).await?;
    }
    Ok(Next::Wait)
}

/// The status that the kubelet reports.
fn reported(node: &Object, ready: bool, now: jiff::Timestamp) -> Value {
    let mut status = node.at("/status").clone();
    let words = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized";
    let mut says = vec![
        say("MemoryPressure", false, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        say("DiskPressure", false, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        say("PIDPressure", false, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ];
    says.push(if ready {
        say("Ready", true, "KubeletReady", "kubelet is posting ready status")
    } else {
        say("Ready", false, "KubeletNotReady", words)
    });
    status["conditions"] = merge_builtin(node.items("/status/conditions"), &says, now);
    status
}

/// `taints` with a NoSchedule taint added or taken away; `None` if nothing changes.
pub fn with_taint(taints: &[Value], key: &str, present: bool) -> Option<Value> {
    let there = taints.iter().any(|taint| taint.text("/key") == key);
    if there == present {
        return None;
    }
    let mut taints: Vec<Value> = taints.iter().filter(|taint| taint.text("/key") != key).cloned().collect();
    if present {
        taints.push(json!({"key": key, "effect": "NoSchedule"}));
    }
    Some(if taints.is_empty() { Value::Null } else { Value::Array(taints) })
}

/// What a cloud-controller-manager does to a new node: providerID, addresses, zone and type, and the taint goes.
async fn initialize(fleet: &Fleet, plane: &Plane, node: &Object) -> Result<()> {
    let Some((namespace, name)) = cluster_of(&plane.id) else {
        return Ok(());
    };
    let instances = fleet.ledger.live_of(&format!("{namespace}/{name}"))?;
    let Some(instance) = instances.iter().find(|one| one.thing == "instance" && one.attributes.text("/hostname") == node.name()) else {
        return Ok(());
    };
    let facts = &instance.attributes;
    let (zone, region, kind) = (facts.text("/zone"), facts.text("/region"), facts.text("/type"));
    let taints = with_taint(node.items("/spec/taints"), UNINITIALIZED, false);
    let mut patch = json!({
        "metadata": {"labels": {
            "topology.kubernetes.io/zone": zone, "topology.kubernetes.io/region": region, "node.kubernetes.io/instance-type": kind,
            "failure-domain.beta.kubernetes.io/zone": zone, "failure-domain.beta.kubernetes.io/region": region, "beta.kubernetes.io/instance-type": kind,
        }},
        "spec": {"taints": taints.unwrap_or(Value::Null)},
    });
    if node.text("/spec/providerID").is_empty() {
        patch["spec"]["providerID"] = json!(format!("aws:///{zone}/{}", instance.id));
    }
    plane.merge(Kind::Node, node, patch, "aws-cloud-controller-manager").await.map(|_| ())
}

/// Whether a network plugin's DaemonSet has a ready pod on this node.
pub fn network_runs(plane: &Plane, node: &Object) -> bool {
    if node.annotation(SELF_CONTAINED).is_some() {
        return true;
    }
    let pods = plane.cache().pods_on(node.name());
    pods.iter().any(|pod| pod.owner_name("DaemonSet").is_some() && mounts_network_plugin(pod) && !pod.deleting() && holds(&**pod, "Ready"))
}

/// Whether a cloud-controller-manager runs on this plane; the management plane's cloud needs none.
pub fn cloud_controller_runs(plane: &Plane) -> bool {
    plane.id == MANAGEMENT
        || plane.cache().all(Kind::Pod).iter().any(|pod| is_cloud_controller(pod) && !pod.deleting() && holds(&**pod, "Ready"))
}

fn is_cloud_controller(pod: &Object) -> bool {
    pod.items("/spec/containers").iter().any(|container| container.text("/image").contains("cloud-controller-manager"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_follows_the_network_plugin() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let node: Object = serde_json::from_value(json!({"metadata": {"name": "n"}, "status": {}})).expect("node");
        let status = reported(&node, false, now);
        let ready =
            |status: &Value| status.items("/conditions").iter().find(|one| one.text("/type") == "Ready").cloned().unwrap_or_default();
        assert_eq!(ready(&status).text("/reason"), "KubeletNotReady");
        assert!(ready(&status).text("/message").contains("cni plugin not initialized"));
        assert_eq!(ready(&reported(&node, true, now)).text("/status"), "True");
    }

    #[test]
    fn taints_come_and_go_once() {
        let tainted = with_taint(&[json!({"key": "a"})], NOT_READY, true).expect("change");
        assert_eq!(with_taint(tainted.as_array().expect("list"), NOT_READY, true), None);
        assert_eq!(with_taint(tainted.as_array().expect("list"), NOT_READY, false), Some(json!([{"key": "a"}])));
        assert_eq!(with_taint(&[json!({"key": NOT_READY})], NOT_READY, false), Some(Value::Null));
    }
}
