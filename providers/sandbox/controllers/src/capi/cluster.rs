//! Clusters: ties infrastructure and control plane together, hands on the endpoint, deletes everything in CAPI's order.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};

use super::cluster_status::{Parts, status};
use super::machines::is_control_plane;
use super::scope::{CORE_GATE, MANAGER, adopt, claim, cluster_key, paused, reference, release, say_paused, status_of};
use crate::conditions::{merge, say};
use crate::delays::Delay;
use crate::fleet::Fleet;
use crate::kinds::Kind;
use crate::object::{Fields, Key, Meta, Object, finalizers};
use crate::plane::{Event, Next, Plane, Provider, Result};

const FINALIZER: &str = "cluster.cluster.x-k8s.io";

/// The Clusters of a plane.
pub const CLUSTERS: Provider = Provider {
    name: "clusters",
    kind: Kind::Cluster,
    gate: CORE_GATE,
    concerns,
    reconcile: |fleet, plane, key| look(fleet, plane, key).boxed(),
};

fn concerns(plane: &Plane, event: &Event) -> Vec<Key> {
    match event.kind {
        Kind::MachineDeployment | Kind::MachineSet | Kind::Machine => cluster_key(&event.object).into_iter().collect(),
        Kind::AwsCluster | Kind::KubeadmControlPlane => match cluster_key(&event.object) {
            Some(key) => vec![key],
            None => referring(plane, event),
        },
        _ => Vec::new(),
    }
}

/// Clusters that name an object which no Cluster owns yet.
fn referring(plane: &Plane, event: &Event) -> Vec<Key> {
    let wanted = Some((event.kind, event.object.key()));
    let names = |cluster: &Object, pointer: &str| reference(cluster.namespace(), cluster.at(pointer)) == wanted;
    let clusters = plane.cache().all(Kind::Cluster);
    let referring = clusters.iter().filter(|cluster| names(cluster, "/spec/infrastructureRef") || names(cluster, "/spec/controlPlaneRef"));
    referring.map(|cluster| cluster.key()).collect()
}

async fn look(fleet: &Arc<Fleet>, plane: &Arc<Plane>, key: &Key) -> Result<Next> {
    let Some(cluster) = plane.get(Kind::Cluster, key) else {
        release(fleet, plane, key)?;
        return Ok(Next::Wait);
    };
    if paused(&cluster, &cluster) {
        // First the books, then the word: whoever waits for the condition finds the cluster released.
        release(fleet, plane, key)?;
        say_paused(fleet, plane, Kind::Cluster, &cluster).await?;
        return Ok(Next::Wait);
    }
    claim(fleet, plane, &cluster).await?;
    if cluster.deleting() {
        return delete(fleet, plane, &cluster).await;
    }
    if let Some(all) = finalizers(&cluster, FINALIZER, true) {
        plane.merge(Kind::Cluster, &cluster, json!({"metadata": {"finalizers": all}}), MANAGER).await?;
        return Ok(Next::Wait);
    }
    let infrastructure = adopted(plane, &cluster, "/spec/infrastructureRef").await?;
    let control_plane = adopted(plane, &cluster, "/spec/controlPlaneRef").await?;
    if let Some(endpoint) = endpoint(&cluster, infrastructure.as_deref()) {
        plane.merge(Kind::Cluster, &cluster, json!({"spec": {"controlPlaneEndpoint": endpoint}}), MANAGER).await?;
        return Ok(Next::Wait);
    }
    let initialized = cluster.flag("/status/initialization/controlPlaneInitialized")
        || control_plane.as_ref().is_some_and(|one| one.flag("/status/initialization/controlPlaneInitialized"));
    let connection =
        if initialized { fleet.reach(plane, key).await?.map(|_| ()) } else { Err("Remote connection not established yet".to_owned()) };
    let next = if initialized && connection.is_err() {
        Next::After(fleet.delays.of(Delay::Retry).max(Duration::from_millis(200)))
    } else {
        Next::Wait
    };
    let (machines, deployments, sets) = children(plane, key);
    let parts = Parts {
        cluster: &cluster,
        infrastructure: infrastructure.as_deref(),
        control_plane: control_plane.as_deref(),
        machines,
        deployments,
        sets,
        connection,
    };
    plane.set_status(Kind::Cluster, &cluster, status(&parts, fleet.clock.now()), MANAGER).await?;
    Ok(next)
}

type Objects = Vec<Arc<Object>>;

fn children(plane: &Plane, key: &Key) -> (Objects, Objects, Objects) {
    let cache = plane.cache();
    (cache.of_cluster(Kind::Machine, key), cache.of_cluster(Kind::MachineDeployment, key), cache.of_cluster(Kind::MachineSet, key))
}

/// The referenced object, owned by the Cluster and labelled with its name; `None` while it is not there.
async fn adopted(plane: &Plane, cluster: &Object, pointer: &str) -> Result<Option<Arc<Object>>> {
    let Some((kind, key)) = reference(cluster.namespace(), cluster.at(pointer)) else {
        return Ok(None);
    };
    let Some(object) = plane.get(kind, &key) else {
        return Ok(None);
    };
    match adopt(&object, Kind::Cluster, cluster, false, cluster.name()) {
        Some(patch) => Ok(Some(plane.merge(kind, &object, patch, MANAGER).await?)),
        None => Ok(Some(object)),
    }
}

/// The endpoint to write into the Cluster, if it is not there.
fn endpoint(cluster: &Object, infrastructure: Option<&Object>) -> Option<Value> {
    let infrastructure = infrastructure.filter(|one| one.flag("/status/ready") || one.flag("/status/initialization/provisioned"))?;
    let host = infrastructure.text("/spec/controlPlaneEndpoint/host");
    let absent = cluster.text("/spec/controlPlaneEndpoint/host").is_empty();
    (absent && !host.is_empty()).then(|| json!({"host": host, "port": infrastructure.at("/spec/controlPlaneEndpoint/port")}))
}

/// MachineDeployments, then sets, then worker Machines, then the control plane, then the infrastructure, then the Cluster itself.
async fn delete(fleet: &Fleet, plane: &Plane, cluster: &Object) -> Result<Next> {
    let key = cluster.key();
    let (machines, deployments, sets) = children(plane, &key);
    let workers: Objects = machines.iter().filter(|machine| !is_control_plane(machine)).cloned().collect();
    let standalone: Objects = sets.iter().filter(|set| set.owner_name("MachineDeployment").is_none()).cloned().collect();
    for (kind, objects) in [(Kind::MachineDeployment, &deployments), (Kind::MachineSet, &standalone), (Kind::Machine, &workers)] {
        for object in objects.iter().filter(|object| !object.deleting()) {
            plane.delete(kind, object).await?;
        }
    }
    let left = deployments.len() + sets.len() + workers.len();
    if left > 0 {
        return say_deleting(
            fleet,
            plane,
            cluster,
            "WaitingForWorkersDeletion",
            &format!("* MachineDeployments: {}\n* MachineSets: {}\n* Worker Machines: {}", deployments.len(), sets.len(), workers.len()),
        )
        .await;
    }
    for (pointer, reason, word) in [
        ("/spec/controlPlaneRef", "WaitingForControlPlaneDeletion", "Control plane"),
        ("/spec/infrastructureRef", "WaitingForInfrastructureDeletion", "Infrastructure"),
    ] {
        let object = reference(cluster.namespace(), cluster.at(pointer)).and_then(|(kind, key)| Some((kind, plane.get(kind, &key)?)));
        if let Some((kind, object)) = object {
            if !object.deleting() {
                plane.delete(kind, &object).await?;
            }
            return say_deleting(fleet, plane, cluster, reason, &format!("* {word}: {}", object.name())).await;
        }
        if pointer == "/spec/controlPlaneRef" && !machines.is_empty() {
            return say_deleting(fleet, plane, cluster, reason, &format!("* Control plane Machines: {}", machines.len())).await;
        }
    }
    release(fleet, plane, &key)?;
    if let Some(all) = finalizers(cluster, FINALIZER, false) {
        plane.merge(Kind::Cluster, cluster, json!({"metadata": {"finalizers": all}}), MANAGER).await?;
    }
    Ok(Next::Wait)
}

async fn say_deleting(fleet: &Fleet, plane: &Plane, cluster: &Object, reason: &str, message: &str) -> Result<Next> {
    let mut status = status_of(cluster);
    status["phase"] = json!("Deleting");
    let says = [
        say("Deleting", true, reason, message),
        say("Available", false, "NotAvailable", format!("* Deleting:\n  {message}")),
        say("Paused", false, "NotPaused", ""),
    ];
    status["conditions"] = merge(cluster.items("/status/conditions"), &says, cluster.generation(), fleet.clock.now());
    plane.set_status(Kind::Cluster, cluster, status, MANAGER).await?;
    Ok(Next::Wait)
}
