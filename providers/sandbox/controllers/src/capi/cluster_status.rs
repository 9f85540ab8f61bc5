//! What a Cluster's status says about its parts. Pure.

use std::sync::Arc;

use serde_json::{Value, json};

use super::machines::{all_ready, all_up_to_date, is_control_plane, outdated, tally, versions};
use super::scope::{paused_condition, status_of};
use crate::conditions::{Say, find, holds, merge, say, unknown};
use crate::object::{Fields, Meta, Object};

/// A Cluster and all that belongs to it.
pub struct Parts<'a> {
    /// The Cluster.
    pub cluster: &'a Object,
    /// Its infrastructure object.
    pub infrastructure: Option<&'a Object>,
    /// Its control plane object.
    pub control_plane: Option<&'a Object>,
    /// All its Machines.
    pub machines: Vec<Arc<Object>>,
    /// Its MachineDeployments.
    pub deployments: Vec<Arc<Object>>,
    /// Its MachineSets.
    pub sets: Vec<Arc<Object>>,
    /// Whether the workload API answers, or why not.
    pub connection: Result<(), String>,
}

/// The status that the Cluster shall have.
pub fn status(parts: &Parts<'_>, now: jiff::Timestamp) -> Value {
    let cluster = parts.cluster;
    let mut status = status_of(cluster);
    let provisioned = cluster.flag("/status/initialization/infrastructureProvisioned")
        || parts.infrastructure.is_some_and(|one| one.flag("/status/ready") || one.flag("/status/initialization/provisioned"));
    let initialized = cluster.flag("/status/initialization/controlPlaneInitialized")
        || parts.control_plane.is_some_and(|one| one.flag("/status/initialization/controlPlaneInitialized"));
    for (flag, set) in [("infrastructureProvisioned", provisioned), ("controlPlaneInitialized", initialized)] {
        if set {
            status["initialization"][flag] = json!(true);
        }
    }
    status["phase"] = json!(phase(cluster, provisioned));
    status["observedGeneration"] = json!(cluster.generation());
    if let Some(domains) = parts.infrastructure.map(failure_domains).filter(|domains| !domains.is_empty()) {
        status["failureDomains"] = json!(domains);
    }
    let (masters, workers): (Vec<_>, Vec<_>) = parts.machines.iter().cloned().partition(|machine| is_control_plane(machine));
    status["controlPlane"] = numbers(parts.control_plane.and_then(|one| one.int("/spec/replicas")).unwrap_or(0), &masters);
    let wanted: i64 = parts.deployments.iter().map(|one| one.int("/spec/replicas").unwrap_or(1)).sum();
    let standalone: i64 = parts
        .sets
        .iter()
        .filter(|set| set.owner_name("MachineDeployment").is_none())
        .map(|set| set.int("/spec/replicas").unwrap_or(1))
        .sum();
    status["workers"] = numbers(wanted + standalone, &workers);
    let mut says = conditions(parts, provisioned, initialized, &masters, &workers);
    says.push(available(&says));
    status["conditions"] = merge(cluster.items("/status/conditions"), &says, cluster.generation(), now);
    status
}

fn phase(cluster: &Object, provisioned: bool) -> &'static str {
    let endpoint = !cluster.text("/spec/controlPlaneEndpoint/host").is_empty();
    match (cluster.at("/spec/infrastructureRef").is_null() && cluster.at("/spec/controlPlaneRef").is_null(), provisioned && endpoint) {
        (true, _) => "Pending",
        (_, true) => "Provisioned",
        _ => "Provisioning",
    }
}

/// The contract v1beta1's map of failure domains as v1beta2's list.
fn failure_domains(infrastructure: &Object) -> Vec<Value> {
    let domains = infrastructure.at("/status/failureDomains").as_object().into_iter().flatten();
    domains.map(|(name, domain)| json!({"name": name, "controlPlane": domain.flag("/controlPlane")})).collect()
}

fn numbers(desired: i64, machines: &[Arc<Object>]) -> Value {
    let tally = tally(machines);
    let mut numbers = json!({
        "desiredReplicas": desired, "replicas": tally.replicas, "readyReplicas": tally.ready, "availableReplicas": tally.available, "upToDateReplicas": tally.up_to_date,
    });
    let versions = versions(machines);
    if !versions.is_null() {
        numbers["versions"] = versions;
    }
    numbers
}

fn conditions(parts: &Parts<'_>, provisioned: bool, initialized: bool, masters: &[Arc<Object>], workers: &[Arc<Object>]) -> Vec<Say> {
    let kind = |pointer: &str| parts.cluster.text(pointer).to_owned();
    let infrastructure = match parts.infrastructure {
        None => say("InfrastructureReady", false, "DoesNotExist", format!("{} does not exist", kind("/spec/infrastructureRef/kind"))),
        Some(_) if provisioned => say("InfrastructureReady", true, "Ready", ""),
        Some(one) => {
            let words = find(one, "Ready").map_or_else(String::new, |ready| ready.text("/message").to_owned());
            let words = if words.is_empty() { format!("{} status.ready is false", kind("/spec/infrastructureRef/kind")) } else { words };
            say("InfrastructureReady", false, "NotReady", words)
        }
    };
    let control_plane = match parts.control_plane {
        None => say("ControlPlaneAvailable", false, "DoesNotExist", format!("{} does not exist", kind("/spec/controlPlaneRef/kind"))),
        Some(one) => match find(one, "Available") {
            Some(there) if there.text("/status") == "True" => say("ControlPlaneAvailable", true, "Available", ""),
            Some(there) => say("ControlPlaneAvailable", false, "NotAvailable", there.text("/message")),
            None => unknown("ControlPlaneAvailable", "NotYetReported", "Condition Available not yet reported"),
        },
    };
    let mut says = vec![
        paused_condition(false),
        say("Deleting", false, "NotDeleting", ""),
        say("Remediating", false, "NotRemediating", ""),
        infrastructure,
        control_plane,
        if initialized {
            say("ControlPlaneInitialized", true, "Initialized", "")
        } else {
            say("ControlPlaneInitialized", false, "NotInitialized", "Control plane not yet initialized")
        },
        all_ready("ControlPlaneMachinesReady", masters),
        all_up_to_date("ControlPlaneMachinesUpToDate", masters),
        all_ready("WorkerMachinesReady", workers),
        all_up_to_date("WorkerMachinesUpToDate", workers),
        match &parts.connection {
            Ok(()) => say("RemoteConnectionProbe", true, "ProbeSucceeded", ""),
            Err(words) => say("RemoteConnectionProbe", false, "ProbeFailed", words.clone()),
        },
        workers_available(parts),
    ];
    says.extend(movements(parts, masters.iter().chain(workers).any(|machine| outdated(machine))));
    says
}

fn workers_available(parts: &Parts<'_>) -> Say {
    if parts.deployments.is_empty() && parts.sets.is_empty() {
        return say("WorkersAvailable", true, "NoWorkers", "");
    }
    let lacking: Vec<String> = parts
        .deployments
        .iter()
        .filter(|one| !holds(&***one, "Available"))
        .map(|one| {
            format!(
                "* MachineDeployment {}: {}",
                one.name(),
                find(&**one, "Available").map_or("Condition Available not yet reported", |condition| { condition.text("/message") })
            )
        })
        .collect();
    if lacking.is_empty() {
        say("WorkersAvailable", true, "Available", "")
    } else {
        say("WorkersAvailable", false, "NotAvailable", lacking.join("\n"))
    }
}

/// RollingOut, ScalingUp, ScalingDown: of the control plane or of any pool.
fn movements(parts: &Parts<'_>, outdated: bool) -> Vec<Say> {
    let of = |kind: &str| {
        let control_plane = parts.control_plane.filter(|one| holds(*one, kind)).map(|one| format!("* KubeadmControlPlane {}", one.name()));
        let pools = parts.deployments.iter().filter(|one| holds(&***one, kind)).map(|one| format!("* MachineDeployment {}", one.name()));
        control_plane.into_iter().chain(pools).collect::<Vec<_>>().join("\n")
    };
    let one = |kind: &'static str, reason: &str, not: &str, extra: bool| {
        let who = of(kind);
        if who.is_empty() && !extra { say(kind, false, not, "") } else { say(kind, true, reason, who) }
    };
    vec![
        one("RollingOut", "RollingOut", "NotRollingOut", outdated),
        one("ScalingUp", "ScalingUp", "NotScalingUp", false),
        one("ScalingDown", "ScalingDown", "NotScalingDown", false),
    ]
}

/// The summary that people wait for.
fn available(says: &[Say]) -> Say {
    let needed = ["RemoteConnectionProbe", "InfrastructureReady", "ControlPlaneAvailable", "WorkersAvailable"];
    let lacking: Vec<String> = says
        .iter()
        .filter(|say| needed.contains(&say.kind) && say.status != "True")
        .map(|say| format!("* {}: {}", say.kind, say.message))
        .collect();
    if lacking.is_empty() { say("Available", true, "Available", "") } else { say("Available", false, "NotAvailable", lacking.join("\n")) }
}
