//! What a KubeadmControlPlane's status says, and what it says about its Machines. Pure but for the workload plane's cache.

use std::sync::Arc;

use serde_json::{Value, json};

use super::certificate_secrets::{Certificates, is_etcd_external};
use super::machines::{all_ready, all_up_to_date, minor, scaling, tally, versions, write_tally};
use super::scope::{CLUSTER, CONTROL_PLANE, paused_condition, status_of};
use crate::conditions::{Say, holds, merge, say, unknown};
use crate::kinds::Kind;
use crate::object::{Fields, Meta, Object};
use crate::plane::Plane;

/// A control plane and what was found out about it.
pub struct Parts<'a> {
    /// The KubeadmControlPlane.
    pub control_plane: &'a Object,
    /// Its Machines.
    pub machines: &'a [Arc<Object>],
    /// Names of the outdated ones.
    pub outdated: &'a [String],
    /// How far its certificates are.
    pub certificates: Certificates,
    /// Whether kubeadm's configuration can be read from the workload plane, or could once.
    pub initialized: bool,
    /// Whether the workload plane answers, or why not.
    pub connection: Result<(), String>,
    /// What the next move waits for.
    pub blocked: String,
}

/// The status that the control plane shall have.
pub fn status(parts: &Parts<'_>, now: jiff::Timestamp) -> Value {
    let (control_plane, machines) = (parts.control_plane, parts.machines);
    let mut status = status_of(control_plane);
    let mut numbers = tally(machines);
    numbers.up_to_date = numbers.replicas - i64::try_from(parts.outdated.len()).unwrap_or(0);
    write_tally(&mut status, numbers);
    status["observedGeneration"] = json!(control_plane.generation());
    let cluster = control_plane.label(CLUSTER).unwrap_or_default();
    status["selector"] = json!(format!("{CLUSTER}={cluster},{CONTROL_PLANE}"));
    if parts.initialized {
        status["initialization"]["controlPlaneInitialized"] = json!(true);
    }
    let versions = versions(machines);
    if let Some(fields) = status.as_object_mut() {
        if versions.is_null() {
            fields.remove("versions");
        } else {
            fields.insert("versions".to_owned(), versions);
        }
        if let Some(lowest) = machines
            .iter()
            .map(|machine| machine.text("/spec/version"))
            .min_by_key(|version| (minor(version), (*version).len(), (*version).to_owned()))
        {
            fields.insert("version".to_owned(), json!(lowest));
        }
    }
    let wanted = control_plane.int("/spec/replicas").unwrap_or(1);
    let mut says = vec![
        paused_condition(false),
        say("Deleting", false, "NotDeleting", ""),
        say("Remediating", false, "NotRemediating", ""),
        all_ready("MachinesReady", machines),
        all_up_to_date("MachinesUpToDate", machines),
        if parts.outdated.is_empty() {
            say("RollingOut", false, "NotRollingOut", "")
        } else {
            say("RollingOut", true, "RollingOut", format!("Rolling out {} not up-to-date replicas", parts.outdated.len()))
        },
    ];
    says.extend(scaling(wanted, numbers.replicas, false, &parts.blocked));
    says.extend(health(parts));
    let condition = |kind: &str| says.iter().find(|say| say.kind == kind);
    let lacking: Vec<String> = ["Initialized", "CertificatesAvailable", "EtcdClusterHealthy", "ControlPlaneComponentsHealthy"]
        .iter()
        .filter_map(|kind| condition(kind))
        .filter(|one| one.status == "False" || one.status == "Unknown" && one.kind != "EtcdClusterHealthy")
        .map(|one| format!("* {}: {}", one.kind, one.message))
        .collect();
    says.push(if lacking.is_empty() {
        say("Available", true, "Available", "")
    } else {
        say("Available", false, "NotAvailable", lacking.join("\n"))
    });
    status["conditions"] = merge(control_plane.items("/status/conditions"), &says, control_plane.generation(), now);
    status
}

/// Initialized, CertificatesAvailable, EtcdClusterHealthy, ControlPlaneComponentsHealthy.
fn health(parts: &Parts<'_>) -> Vec<Say> {
    let external = is_etcd_external(parts.control_plane.at("/spec/kubeadmConfigSpec"));
    let group = |kind: &'static str, of: &[&str]| match &parts.connection {
        _ if parts.machines.is_empty() => unknown(kind, "InspectionFailed", "No Machine yet"),
        Err(words) => unknown(kind, "InspectionFailed", format!("Remote connection not established: {words}")),
        Ok(()) => {
            let sick: Vec<String> = parts
                .machines
                .iter()
                .filter(|machine| !machine.deleting() && of.iter().any(|one| !holds(&***machine, one)))
                .map(|machine| format!("* Machine {}: not all of {} are True", machine.name(), of.join(", ")))
                .collect();
            // One healthy member keeps the API up; fewer than half of etcd's members do not.
            let healthy = parts.machines.len() - sick.len();
            let enough = if kind == "EtcdClusterHealthy" { healthy * 2 > parts.machines.len() } else { healthy > 0 };
            if enough { say(kind, true, "Healthy", "") } else { say(kind, false, "NotHealthy", sick.join("\n")) }
        }
    };
    vec![
        if parts.initialized {
            say("Initialized", true, "Initialized", "")
        } else {
            say("Initialized", false, "NotInitialized", "Control plane not yet initialized")
        },
        match parts.certificates {
            Certificates::Available => say("CertificatesAvailable", true, "Available", ""),
            Certificates::Waiting => say("CertificatesAvailable", false, "NotAvailable", "Waiting for Cluster infrastructure"),
            // What is missing stands in the manager's log.
            Certificates::Lacking => unknown("CertificatesAvailable", "InternalError", "Please check controller logs for errors"),
        },
        if external {
            // Said once, in the beginning, and left to whoever looks after that etcd.
            unknown("EtcdClusterHealthy", "InspectionFailed", "Waiting for Cluster status.infrastructureReady to be true")
        } else {
            group("EtcdClusterHealthy", &["EtcdPodHealthy", "EtcdMemberHealthy"])
        },
        group("ControlPlaneComponentsHealthy", &["APIServerPodHealthy", "ControllerManagerPodHealthy", "SchedulerPodHealthy"]),
    ]
}

/// Conditions of one control plane Machine: is it up to date, and do its static pods run?
pub fn machine_conditions(machine: &Object, workload: Option<&Plane>, control_plane: &Object, outdated: &[String]) -> Vec<Say> {
    let mut says = vec![if outdated.is_empty() {
        say("UpToDate", true, "UpToDate", "")
    } else {
        say("UpToDate", false, "NotUpToDate", outdated.iter().map(|one| format!("* {one}")).collect::<Vec<_>>().join("\n"))
    }];
    let external = is_etcd_external(control_plane.at("/spec/kubeadmConfigSpec"));
    let mut components = vec![
        ("APIServerPodHealthy", "kube-apiserver"),
        ("ControllerManagerPodHealthy", "kube-controller-manager"),
        ("SchedulerPodHealthy", "kube-scheduler"),
    ];
    if !external {
        components.push(("EtcdPodHealthy", "etcd"));
        components.push(("EtcdMemberHealthy", "etcd"));
    }
    let node = machine.text("/status/nodeRef/name");
    for (kind, component) in components {
        says.push(match workload {
            Some(workload) if !node.is_empty() => {
                let pod = workload.get(Kind::Pod, &("kube-system".to_owned(), format!("{component}-{node}")));
                match pod {
                    Some(pod) if holds(&*pod, "Ready") => say(kind, true, "Healthy", ""),
                    Some(_) => say(kind, false, "NotHealthy", format!("Pod {component}-{node} is not ready")),
                    None => say(kind, false, "DoesNotExist", format!("Pod {component}-{node} does not exist")),
                }
            }
            _ => unknown(
                kind,
                "InspectionFailed",
                format!("Waiting for a Node with spec.providerID {} to exist", machine.text("/spec/providerID")),
            ),
        });
    }
    says
}
