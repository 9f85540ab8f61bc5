//! When an object counts as ready: pure functions of the live object that give a reason while it is not.
//!
//! Every one looks at `metadata.generation` against `status.observedGeneration` first: older status says nothing of the present spec.

pub mod cause;
pub mod cluster_api;
pub mod condition;
pub mod generic;
pub mod machines;
pub mod workload;

use serde_json::Value as Json;
use windlass_core::plan::Readiness;

/// Ready, or why not.
pub type Verdict = Result<(), String>;

/// Judges a live object (`None`: it does not exist).
pub fn judge(readiness: &Readiness, live: Option<&Json>) -> Verdict {
    if let Readiness::Gone = readiness {
        return gone(live);
    }
    let live = live.ok_or_else(|| "it does not exist yet".to_owned())?;
    if let Some(since) = live.pointer("/metadata/deletionTimestamp").and_then(Json::as_str) {
        return Err(format!("it is being deleted since {since}"));
    }
    match readiness {
        Readiness::InfrastructureProvisioned => cluster_api::infrastructure_provisioned(live),
        Readiness::ControlPlaneInitialized => cluster_api::control_plane_initialized(live),
        Readiness::ControlPlaneReady { replicas } | Readiness::MachineDeploymentReady { replicas } => {
            cluster_api::all_machines_ready(live, u64::from(*replicas))
        }
        Readiness::Established => workload::crd(live),
        Readiness::Healthy => healthy(live),
        Readiness::Gone => gone(Some(live)),
    }
}

/// Whatever the kind says of itself.
pub fn healthy(live: &Json) -> Verdict {
    if let Some(since) = live.pointer("/metadata/deletionTimestamp").and_then(Json::as_str) {
        return Err(format!("it is being deleted since {since}"));
    }
    let text = |key: &str| live.get(key).and_then(Json::as_str).unwrap_or_default();
    let group = windlass_core::object::split_api_version(text("apiVersion")).0;
    match (group, text("kind")) {
        ("apps", "Deployment") => workload::deployment(live),
        ("apps", "DaemonSet") => workload::daemon_set(live),
        ("apps", "StatefulSet") => workload::stateful_set(live),
        ("apps", "ReplicaSet") => workload::replica_set(live),
        ("batch", "Job") => workload::job(live),
        ("", "Pod") => workload::pod(live),
        ("", "PersistentVolumeClaim") => workload::claim(live),
        ("", "Service") => workload::service(live),
        ("", "Namespace") => workload::namespace(live),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => workload::crd(live),
        _ => generic::conditions(live),
    }
}

fn gone(live: Option<&Json>) -> Verdict {
    let Some(live) = live else { return Ok(()) };
    let finalizers: Vec<&str> =
        live.pointer("/metadata/finalizers").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    if let Some(told) = condition::condition(live, "Deleting").filter(|c| c.status == "True" && !c.message.is_empty()) {
        return Err(format!("it is being deleted: {}", told.words()));
    }
    match (live.pointer("/metadata/deletionTimestamp").is_some(), finalizers.is_empty()) {
        (false, _) => Err("it still exists".to_owned()),
        (true, true) => Err("it is being deleted".to_owned()),
        (true, false) => Err(format!("it is being deleted, waiting for {}", finalizers.join(", "))),
    }
}
