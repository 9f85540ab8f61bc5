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
use windlass_core::deletion::Deletion;
use windlass_core::plan::Readiness;

/// Ready, or why not.
pub type Verdict = Result<(), String>;

/// Judges a live object (`None`: it does not exist).
pub fn judge(readiness: &Readiness, live: Option<&Json>) -> Verdict {
    if let Readiness::Gone = readiness {
        return gone(live);
    }
    let live = live.ok_or_else(|| "it does not exist yet".to_owned())?;
    if let Some(deletion) = Deletion::of(live) {
        return Err(format!("it is {}", deletion.words()));
    }
    match readiness {
        Readiness::InfrastructureProvisioned => cluster_api::infrastructure_provisioned(live),
        Readiness::ControlPlaneInitialized => cluster_api::control_plane_initialized(live),
        Readiness::ControlPlaneReady { replicas } | Readiness::MachineDeploymentReady { replicas } => {
            cluster_api::all_machines_ready(live, u64::from(*replicas))
        }
        Readiness::MachineDeploymentSettled => {
            cluster_api::all_machines_ready(live, live.pointer("/spec/replicas").and_then(Json::as_u64).unwrap_or_default())
        }
        Readiness::Established => workload::crd(live),
        Readiness::Healthy => healthy(live),
        Readiness::Gone => gone(Some(live)),
    }
}

/// Whatever the kind says of itself.
pub fn healthy(live: &Json) -> Verdict {
    if let Some(deletion) = Deletion::of(live) {
        return Err(format!("it is {}", deletion.words()));
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

/// Conditions in which an object says why it is not gone yet: of Cluster API, and of a Namespace.
const SAY_WHY: [&str; 4] = ["Deleting", "NamespaceDeletionContentFailure", "NamespaceFinalizersRemaining", "NamespaceContentRemaining"];

fn gone(live: Option<&Json>) -> Verdict {
    let Some(live) = live else { return Ok(()) };
    let says = |kind: &&str| condition::condition(live, kind).filter(|c| c.status == "True" && !c.message.is_empty());
    let told = SAY_WHY.iter().find_map(says).map(|c| format!(": {}", c.words())).unwrap_or_default();
    match Deletion::of(live) {
        Some(deletion) => Err(format!("it is {}{told}", deletion.words())),
        None => Err(format!("it still exists{told}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pool_of_others_size_is_ready_with_as_many_machines_as_it_asks_for() {
        let pool = |asked: u32, there: u32| {
            json!({"kind": "MachineDeployment", "metadata": {"generation": 1}, "spec": {"replicas": asked}, "status": {"observedGeneration": 1,
                "replicas": there, "upToDateReplicas": there, "readyReplicas": there, "availableReplicas": there}})
        };
        for (asked, there, expected) in [(7, 7, Ok(())), (0, 0, Ok(())), (7, 6, Err("6 of 7 machines exist".to_owned()))] {
            assert_eq!(judge(&Readiness::MachineDeploymentSettled, Some(&pool(asked, there))), expected);
        }
    }

    #[test]
    fn what_goes_says_since_when_and_what_holds_it() {
        let at = "2026-01-01T00:00:00Z";
        let told =
            |kind: &str, message: &str| json!({"conditions": [{"type": kind, "status": "True", "reason": "Some", "message": message}]});
        for (live, expected) in [
            (json!({"metadata": {}}), "it still exists"),
            (
                json!({"metadata": {"deletionTimestamp": at, "finalizers": ["a/b", "c/d"]}}),
                "it is being deleted since 2026-01-01T00:00:00Z, held by finalizers a/b, c/d",
            ),
            (
                json!({"kind": "Cluster", "metadata": {"deletionTimestamp": at, "finalizers": ["a/b"]}, "status": told("Deleting", "2 machines left")}),
                "it is being deleted since 2026-01-01T00:00:00Z, held by finalizer a/b: Some: 2 machines left",
            ),
            (
                json!({"kind": "Namespace", "metadata": {"deletionTimestamp": at}, "spec": {"finalizers": ["kubernetes"]},
                    "status": told("NamespaceFinalizersRemaining", "x/y in 1 resource instances")}),
                "it is being deleted since 2026-01-01T00:00:00Z, held by finalizer kubernetes: Some: x/y in 1 resource instances",
            ),
        ] {
            assert_eq!(judge(&Readiness::Gone, Some(&live)), Err(expected.to_owned()));
        }
        assert_eq!(judge(&Readiness::Gone, None), Ok(()));
        let going = json!({"kind": "ConfigMap", "metadata": {"deletionTimestamp": at}});
        assert_eq!(judge(&Readiness::Healthy, Some(&going)), Err("it is being deleted since 2026-01-01T00:00:00Z".to_owned()));
    }
}
