//! Readiness of Cluster, KubeadmControlPlane and MachineDeployment (Cluster API v1beta2).

use serde_json::Value as Json;

use super::Verdict;
use super::condition::{condition, count, must_not_be_true, observed, terminal_failure};

/// Cluster: `status.initialization.infrastructureProvisioned`.
pub fn infrastructure_provisioned(live: &Json) -> Verdict {
    initialized(live, "infrastructureProvisioned", "InfrastructureReady")
}

/// Cluster or KubeadmControlPlane: `status.initialization.controlPlaneInitialized`.
pub fn control_plane_initialized(live: &Json) -> Verdict {
    let of_cluster = live.get("kind").and_then(Json::as_str) == Some("Cluster");
    initialized(live, "controlPlaneInitialized", if of_cluster { "ControlPlaneInitialized" } else { "Initialized" })
}

fn initialized(live: &Json, field: &str, told_by: &str) -> Verdict {
    if let Some(failure) = terminal_failure(live) {
        return Err(failure.to_owned());
    }
    observed(live)?;
    let pointer = format!("/status/initialization/{field}");
    if live.pointer(&pointer).and_then(Json::as_bool) == Some(true) {
        return Ok(());
    }
    Err(match condition(live, told_by) {
        Some(c) => c.words(),
        None => format!("{told_by} is not reported yet"),
    })
}

/// KubeadmControlPlane and MachineDeployment: so many machines, all up to date and available, nothing under way.
pub fn all_machines_ready(live: &Json, replicas: u64) -> Verdict {
    if let Some(failure) = terminal_failure(live) {
        return Err(failure.to_owned());
    }
    observed(live)?;
    let wanted = live.pointer("/spec/replicas").and_then(Json::as_u64);
    if wanted != Some(replicas) {
        return Err(format!("spec.replicas is {}, not {replicas}", wanted.map_or("missing".to_owned(), |n| n.to_string())));
    }
    for (field, word) in [
        ("replicas", "exist"),
        ("upToDateReplicas", "are up to date"),
        ("readyReplicas", "are ready"),
        ("availableReplicas", "are available"),
    ] {
        let n = count(live, &format!("/status/{field}"));
        if n != replicas {
            return Err(format!("{n} of {replicas} machines {word}{}", because(live)));
        }
    }
    for busy in ["RollingOut", "ScalingUp", "ScalingDown", "Remediating", "Deleting"] {
        must_not_be_true(live, busy)?;
    }
    Ok(())
}

/// The condition that says most of why machines are missing.
fn because(live: &Json) -> String {
    let told = ["MachinesReady", "ScalingUp", "RollingOut", "Available"];
    let worth_telling = |kind: &&&str| match condition(live, kind) {
        Some(c) => (c.status == "True") == matches!(**kind, "ScalingUp" | "RollingOut") && !c.message.is_empty(),
        None => false,
    };
    let found = told.iter().find(worth_telling).and_then(|kind| condition(live, kind));
    found.map(|c| format!(" ({})", c.words())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(function: impl Fn(&Json) -> Verdict, live: Json, expected: &str) {
        let got = match function(&live) {
            Ok(()) => "ready".to_owned(),
            Err(reason) => reason,
        };
        assert_eq!(got, expected, "{live}");
    }

    #[test]
    fn infrastructure() {
        let cluster = |status: Json| json!({"kind": "Cluster", "metadata": {"generation": 2}, "status": status});
        for (status, expected) in [
            (json!({}), "its controller has not looked at it yet"),
            (
                json!({"observedGeneration": 1, "initialization": {"infrastructureProvisioned": true}}),
                "its controller has not seen the latest change yet",
            ),
            (json!({"observedGeneration": 2, "initialization": {"infrastructureProvisioned": true}}), "ready"),
            (json!({"observedGeneration": 2}), "InfrastructureReady is not reported yet"),
            (
                json!({"observedGeneration": 2, "conditions": [{"type": "InfrastructureReady", "status": "False", "reason": "NotReady", "message": "* VpcReady: creating"}]}),
                "NotReady: * VpcReady: creating",
            ),
            (json!({"deprecated": {"v1beta1": {"failureMessage": "no quota"}}}), "no quota"),
        ] {
            check(infrastructure_provisioned, cluster(status), expected);
        }
    }

    #[test]
    fn initialization() {
        for (kind, told_by) in [("Cluster", "ControlPlaneInitialized"), ("KubeadmControlPlane", "Initialized")] {
            let object = |status: Json| json!({"kind": kind, "metadata": {"generation": 1}, "status": status});
            check(
                control_plane_initialized,
                object(json!({"observedGeneration": 1, "initialization": {"controlPlaneInitialized": true}})),
                "ready",
            );
            check(
                control_plane_initialized,
                object(json!({"observedGeneration": 1, "conditions": [{"type": told_by, "status": "False", "reason": "NotInitialized"}]})),
                "NotInitialized",
            );
        }
    }

    #[test]
    fn machines() {
        let object = |spec: u64, status: Json| json!({"metadata": {"generation": 1}, "spec": {"replicas": spec}, "status": status});
        let full =
            |n: u64| json!({"observedGeneration": 1, "replicas": n, "upToDateReplicas": n, "readyReplicas": n, "availableReplicas": n});
        let mut rolling = full(3);
        rolling["conditions"] =
            json!([{"type": "RollingOut", "status": "True", "reason": "RollingOut", "message": "Rolling out 1 not up-to-date replica"}]);
        let mut waiting = full(1);
        waiting["conditions"] =
            json!([{"type": "MachinesReady", "status": "False", "reason": "NotReady", "message": "* Machine x: waiting"}]);
        let mut old = full(3);
        old["upToDateReplicas"] = json!(1);
        for (live, expected) in [
            (object(3, full(3)), "ready"),
            (object(0, json!({"observedGeneration": 1})), "spec.replicas is 0, not 3"),
            (object(3, json!({"observedGeneration": 0})), "its controller has not seen the latest change yet"),
            (object(3, waiting), "1 of 3 machines exist (NotReady: * Machine x: waiting)"),
            (object(3, old), "1 of 3 machines are up to date"),
            (object(3, rolling), "RollingOut: RollingOut: Rolling out 1 not up-to-date replica"),
        ] {
            check(|live| all_machines_ready(live, 3), live, expected);
        }
        check(|live| all_machines_ready(live, 0), object(0, json!({"observedGeneration": 1})), "ready");
    }
}
