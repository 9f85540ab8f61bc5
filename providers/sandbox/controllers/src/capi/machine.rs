//! Machines: hand bootstrap data and instance to each other, find their node, and take everything down again.

mod status;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde_json::{Map, Value, json};

use self::status::{Parts, available_in, status};
use super::scope::{
    CORE_GATE, MANAGER, adopt, claim, cluster_of, paused, paused_condition, reference, same_cluster, say_paused, status_of,
};
use crate::conditions::{merge, say};
use crate::delays::Delay;
use crate::fleet::Fleet;
use crate::kinds::Kind;
use crate::object::{Fields, Key, Meta, Object, finalizers, owner_reference, with_owner};
use crate::plane::{Event, Next, Plane, Provider, Result};

const FINALIZER: &str = "machine.cluster.x-k8s.io";
const PRE_DRAIN: &str = "pre-drain.delete.hook.machine.cluster.x-k8s.io";
const PRE_TERMINATE: &str = "pre-terminate.delete.hook.machine.cluster.x-k8s.io";
/// Taint of a worker that its Machine has not labelled yet.
pub const NODE_UNINITIALIZED: &str = "node.cluster.x-k8s.io/uninitialized";

/// The Machines of a plane.
pub const MACHINES: Provider = Provider {
    name: "machines",
    kind: Kind::Machine,
    gate: CORE_GATE,
    concerns,
    reconcile: |fleet, plane, key| look(fleet, plane, key).boxed(),
};

fn concerns(plane: &Plane, event: &Event) -> Vec<Key> {
    match event.kind {
        Kind::Cluster => same_cluster(plane, Kind::Machine, event),
        Kind::KubeadmConfig | Kind::AwsMachine => event.beside(event.object.owner_name("Machine")),
        _ => Vec::new(),
    }
}

async fn look(fleet: &Arc<Fleet>, plane: &Arc<Plane>, key: &Key) -> Result<Next> {
    let Some(machine) = plane.get(Kind::Machine, key) else {
        return Ok(Next::Wait);
    };
    let Some(cluster) = cluster_of(plane, &machine) else {
        return Ok(Next::Wait);
    };
    if paused(&cluster, &machine) {
        say_paused(fleet, plane, Kind::Machine, &machine).await?;
        return Ok(Next::Wait);
    }
    claim(fleet, plane, &cluster).await?;
    if machine.deleting() {
        return delete(fleet, plane, &cluster, &machine).await;
    }
    if let Some(all) = finalizers(&machine, FINALIZER, true) {
        let owners = machine
            .controller_uid()
            .is_none()
            .then(|| with_owner(&machine, &owner_reference(&Kind::Cluster.api_version(), "Cluster", &cluster, false)))
            .flatten();
        let mut patch = json!({"metadata": {"finalizers": all, "labels": {super::scope::CLUSTER: cluster.name()}}});
        if let Some(owners) = owners {
            patch["metadata"]["ownerReferences"] = owners;
        }
        plane.merge(Kind::Machine, &machine, patch, MANAGER).await?;
        return Ok(Next::Wait);
    }
    let bootstrap = adopted(plane, &machine, "/spec/bootstrap/configRef", cluster.name()).await?;
    let instance = adopted(plane, &machine, "/spec/infrastructureRef", cluster.name()).await?;
    if let Some(patch) = handed_over(&machine, bootstrap.as_deref(), instance.as_deref()) {
        plane.merge(Kind::Machine, &machine, patch, MANAGER).await?;
        return Ok(Next::Wait);
    }
    let mut next = Next::Wait;
    let node = match find_node(fleet, plane, &cluster, &machine).await? {
        Ok(node) => node,
        Err(_) => {
            next = Next::After(fleet.delays.of(Delay::Retry).max(Duration::from_millis(200)));
            None
        }
    };
    if let Some((workload, node)) = &node {
        label_node(workload, &cluster, &machine, node).await?;
    }
    let node = node.map(|(_, node)| node);
    let parts = Parts {
        machine: &machine,
        bootstrap: bootstrap.as_deref(),
        instance: instance.as_deref(),
        node: node.as_deref(),
        initialized: cluster.flag("/status/initialization/controlPlaneInitialized"),
    };
    let status = status(&parts, fleet.clock.now());
    if let Some(left) = available_in(&machine, &status, fleet.clock.now()) {
        next = next.or_after(left);
    }
    plane.set_status(Kind::Machine, &machine, status, MANAGER).await?;
    Ok(next)
}

/// The referenced object, owned by the Machine; `None` while it is not there.
async fn adopted(plane: &Plane, machine: &Object, pointer: &str, cluster: &str) -> Result<Option<Arc<Object>>> {
    let Some((kind, key)) = reference(machine.namespace(), machine.at(pointer)) else {
        return Ok(None);
    };
    let Some(object) = plane.get(kind, &key) else {
        return Ok(None);
    };
    if object.deleting() {
        return Ok(Some(object));
    }
    match adopt(&object, Kind::Machine, machine, true, cluster) {
        Some(mut patch) => {
            // The MachineSet or control plane that made it hands it over.
            if let Some(owners) = patch["metadata"]["ownerReferences"].as_array_mut() {
                owners.retain(|owner| !matches!(owner.text("/kind"), "MachineSet" | "KubeadmControlPlane"));
            }
            Ok(Some(plane.merge(kind, &object, patch, MANAGER).await?))
        }
        None => Ok(Some(object)),
    }
}

/// What the Machine takes into its spec from its bootstrap configuration and its instance.
fn handed_over(machine: &Object, bootstrap: Option<&Object>, instance: Option<&Object>) -> Option<Value> {
    let mut spec = Map::new();
    if let Some(bootstrap) = bootstrap.filter(|one| one.flag("/status/initialization/dataSecretCreated")) {
        let secret = bootstrap.text("/status/dataSecretName");
        if machine.text("/spec/bootstrap/dataSecretName").is_empty() && !secret.is_empty() {
            spec.insert("bootstrap".to_owned(), json!({"dataSecretName": secret}));
        }
    }
    if let Some(instance) = instance.filter(|one| one.flag("/status/ready")) {
        let id = instance.text("/spec/providerID");
        if !id.is_empty() && machine.text("/spec/providerID") != id {
            spec.insert("providerID".to_owned(), json!(id));
        }
    }
    (!spec.is_empty()).then(|| json!({"spec": spec}))
}

type Found = Option<(Arc<Plane>, Arc<Object>)>;

/// The Machine's node by providerID; `Err` says why the workload API is out of reach.
async fn find_node(fleet: &Fleet, plane: &Plane, cluster: &Object, machine: &Object) -> Result<std::result::Result<Found, String>> {
    let id = machine.text("/spec/providerID");
    if id.is_empty() || !cluster.flag("/status/initialization/controlPlaneInitialized") {
        return Ok(Ok(None));
    }
    let workload = match fleet.reach(plane, &cluster.key()).await? {
        Ok(workload) => workload,
        Err(words) => return Ok(Err(words)),
    };
    let node = workload.cache().all(Kind::Node).into_iter().find(|node| node.text("/spec/providerID") == id);
    Ok(Ok(node.map(|node| (workload, node))))
}

/// Labels and annotations that CAPI keeps on nodes; its own taint goes.
async fn label_node(workload: &Plane, cluster: &Object, machine: &Object, node: &Object) -> Result<()> {
    let owner = machine.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
    let mut annotations = vec![
        ("cluster.x-k8s.io/cluster-name", cluster.name()),
        ("cluster.x-k8s.io/cluster-namespace", cluster.namespace()),
        ("cluster.x-k8s.io/machine", machine.name()),
    ];
    if let Some(owner) = owner {
        annotations.push(("cluster.x-k8s.io/owner-kind", owner.kind.as_str()));
        annotations.push(("cluster.x-k8s.io/owner-name", owner.name.as_str()));
    }
    let mut patch = json!({"metadata": {"annotations": {}, "labels": {}}});
    for (key, value) in annotations.into_iter().filter(|(key, value)| node.annotation(key) != Some(value)) {
        patch["metadata"]["annotations"][key] = json!(value);
    }
    // Only labels of these domains travel from a Machine to its node.
    for (key, value) in machine.metadata.labels.iter().flatten() {
        let (domain, _) = key.split_once('/').unwrap_or(("", key));
        let managed = domain == "node-role.kubernetes.io"
            || domain == "node-restriction.kubernetes.io"
            || domain.ends_with(".node-restriction.kubernetes.io")
            || domain == "node.cluster.x-k8s.io"
            || domain.ends_with(".node.cluster.x-k8s.io");
        if managed && node.label(key) != Some(value) {
            patch["metadata"]["labels"][key] = json!(value);
        }
    }
    let taints = crate::node::with_taint(node.items("/spec/taints"), NODE_UNINITIALIZED, false);
    let nothing = |pointer: &str| patch.at(pointer).as_object().is_none_or(Map::is_empty);
    if nothing("/metadata/annotations") && nothing("/metadata/labels") && taints.is_none() {
        return Ok(());
    }
    if let Some(taints) = taints {
        patch["spec"] = json!({"taints": taints});
    }
    workload.merge(Kind::Node, node, patch, MANAGER).await.map(|_| ())
}

/// Hooks, then the instance, then the bootstrap configuration, then the node, then the Machine.
async fn delete(fleet: &Fleet, plane: &Plane, cluster: &Object, machine: &Object) -> Result<Next> {
    for (prefix, reason) in [(PRE_DRAIN, "WaitingForPreDrainHook"), (PRE_TERMINATE, "WaitingForPreTerminateHook")] {
        let hooks: Vec<&str> =
            machine.metadata.annotations.iter().flatten().filter(|(key, _)| key.starts_with(prefix)).map(|(key, _)| key.as_str()).collect();
        if !hooks.is_empty() {
            return say_deleting(fleet, plane, machine, reason, &format!("Waiting for hooks: {}", hooks.join(", "))).await;
        }
    }
    for (pointer, reason) in
        [("/spec/infrastructureRef", "WaitingForInfrastructureDeletion"), ("/spec/bootstrap/configRef", "WaitingForBootstrapDeletion")]
    {
        let object = reference(machine.namespace(), machine.at(pointer)).and_then(|(kind, key)| Some((kind, plane.get(kind, &key)?)));
        if let Some((kind, object)) = object {
            if !object.deleting() {
                plane.delete(kind, &object).await?;
            }
            return say_deleting(fleet, plane, machine, reason, &format!("Waiting for {} {} to be deleted", kind.kind(), object.name()))
                .await;
        }
    }
    let node = machine.text("/status/nodeRef/name");
    if !node.is_empty()
        && !cluster.deleting()
        && let Ok(workload) = fleet.reach(plane, &cluster.key()).await?
        && let Some(node) = workload.get(Kind::Node, &(String::new(), node.to_owned()))
    {
        workload.delete(Kind::Node, &node).await?;
    }
    if let Some(all) = finalizers(machine, FINALIZER, false) {
        plane.merge(Kind::Machine, machine, json!({"metadata": {"finalizers": all}}), MANAGER).await?;
    }
    Ok(Next::Wait)
}

async fn say_deleting(fleet: &Fleet, plane: &Plane, machine: &Object, reason: &str, message: &str) -> Result<Next> {
    let mut status = status_of(machine);
    status["phase"] = json!("Deleting");
    let says = [
        say("Deleting", true, reason, message),
        say("Ready", false, "NotReady", format!("* Deleting: {message}")),
        say("Available", false, "NotReady", ""),
        paused_condition(false),
    ];
    status["conditions"] = merge(machine.items("/status/conditions"), &says, machine.generation(), fleet.clock.now());
    plane.set_status(Kind::Machine, machine, status, MANAGER).await?;
    Ok(Next::Wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn object(value: Value) -> Object {
        serde_json::from_value(value).expect("object")
    }

    pub(super) fn machine() -> Object {
        object(json!({
            "metadata": {"name": "m", "namespace": "n"},
            "spec": {
                "clusterName": "c", "bootstrap": {"configRef": {"kind": "KubeadmConfig"}, "dataSecretName": "m"}, "infrastructureRef": {"kind": "AWSMachine"},
                "providerID": "aws:///a/i-1", "readinessGates": [{"conditionType": "APIServerPodHealthy"}],
            },
        }))
    }

    #[test]
    fn what_bootstrap_and_instance_hand_over() {
        let bare = object(json!({"metadata": {"name": "m"}, "spec": {"bootstrap": {}}}));
        let config =
            object(json!({"metadata": {"name": "m"}, "status": {"initialization": {"dataSecretCreated": true}, "dataSecretName": "m"}}));
        let instance = object(json!({"metadata": {"name": "m"}, "spec": {"providerID": "aws:///a/i-1"}, "status": {"ready": true}}));
        assert_eq!(
            handed_over(&bare, Some(&config), Some(&instance)),
            Some(json!({"spec": {"bootstrap": {"dataSecretName": "m"}, "providerID": "aws:///a/i-1"}}))
        );
        assert_eq!(handed_over(&machine(), Some(&config), Some(&instance)), None);
    }
}
