//! Readiness of Kubernetes' own kinds (the rules of `kubectl rollout status` and kstatus).

use serde_json::Value as Json;

use super::Verdict;
use super::condition::{condition, count, must_be_true, observed};

/// Deployment: all replicas are new and available, none is left over.
pub fn deployment(live: &Json) -> Verdict {
    observed(live)?;
    let wanted = live.pointer("/spec/replicas").and_then(Json::as_u64).unwrap_or(1);
    let stuck = condition(live, "Progressing").filter(|c| c.status == "False").map(|c| c.words());
    let why = || stuck.as_ref().map(|words| format!(" ({words})")).unwrap_or_default();
    let updated = count(live, "/status/updatedReplicas");
    if updated < wanted {
        return Err(format!("{updated} of {wanted} pods are up to date{}", why()));
    }
    let all = count(live, "/status/replicas");
    if all > updated {
        return Err(format!("{} old pods still run", all - updated));
    }
    let available = count(live, "/status/availableReplicas");
    if available < wanted {
        return Err(format!("{available} of {wanted} pods are available{}", why()));
    }
    Ok(())
}

/// DaemonSet: every node that should have a pod has a new one that is available.
pub fn daemon_set(live: &Json) -> Verdict {
    observed(live)?;
    let wanted = count(live, "/status/desiredNumberScheduled");
    if live.pointer("/spec/updateStrategy/type").and_then(Json::as_str) != Some("OnDelete") {
        let updated = count(live, "/status/updatedNumberScheduled");
        if updated < wanted {
            return Err(format!("{updated} of {wanted} pods are up to date"));
        }
    }
    let available = count(live, "/status/numberAvailable");
    if available < wanted {
        return Err(format!("{available} of {wanted} pods are available"));
    }
    Ok(())
}

/// StatefulSet: all replicas are ready and of the newest revision.
pub fn stateful_set(live: &Json) -> Verdict {
    observed(live)?;
    let wanted = live.pointer("/spec/replicas").and_then(Json::as_u64).unwrap_or(1);
    let ready = count(live, "/status/readyReplicas");
    if ready < wanted {
        return Err(format!("{ready} of {wanted} pods are ready"));
    }
    let by_hand = live.pointer("/spec/updateStrategy/type").and_then(Json::as_str) == Some("OnDelete");
    let partition = count(live, "/spec/updateStrategy/rollingUpdate/partition");
    let updated = count(live, "/status/updatedReplicas");
    if !by_hand && updated < wanted.saturating_sub(partition) {
        return Err(format!("{updated} of {wanted} pods are up to date"));
    }
    Ok(())
}

/// ReplicaSet: all replicas are available.
pub fn replica_set(live: &Json) -> Verdict {
    observed(live)?;
    let wanted = live.pointer("/spec/replicas").and_then(Json::as_u64).unwrap_or(1);
    let available = count(live, "/status/availableReplicas");
    if available < wanted {
        return Err(format!("{available} of {wanted} pods are available"));
    }
    Ok(())
}

/// Job: Complete.
pub fn job(live: &Json) -> Verdict {
    if let Some(failed) = condition(live, "Failed").filter(|c| c.status == "True") {
        return Err(format!("it failed: {}", failed.words()));
    }
    if live.pointer("/spec/suspend").and_then(Json::as_bool) == Some(true) {
        return Ok(());
    }
    must_be_true(live, "Complete").map_err(|_| "it has not completed yet".to_owned())
}

/// Pod: Ready, or done.
pub fn pod(live: &Json) -> Verdict {
    match live.pointer("/status/phase").and_then(Json::as_str) {
        Some("Succeeded") => Ok(()),
        Some("Failed") => Err("it failed".to_owned()),
        _ => match condition(live, "PodScheduled").filter(|c| c.status == "False") {
            Some(unscheduled) => Err(unscheduled.words()),
            None => must_be_true(live, "Ready"),
        },
    }
}

/// PersistentVolumeClaim: Bound.
pub fn claim(live: &Json) -> Verdict {
    match live.pointer("/status/phase").and_then(Json::as_str) {
        Some("Bound") => Ok(()),
        Some(phase) => Err(format!("it is {phase}")),
        None => Err("it has no phase yet".to_owned()),
    }
}

/// Service: it has its address; the cloud's load balancer may come later.
pub fn service(live: &Json) -> Verdict {
    let balanced = live.pointer("/spec/type").and_then(Json::as_str) == Some("LoadBalancer");
    let address = live.pointer("/spec/clusterIP").and_then(Json::as_str).unwrap_or_default();
    match balanced && address.is_empty() {
        true => Err("it has no address yet".to_owned()),
        false => Ok(()),
    }
}

/// Namespace: not ending.
pub fn namespace(live: &Json) -> Verdict {
    match live.pointer("/status/phase").and_then(Json::as_str) {
        Some("Terminating") => Err("it is being deleted".to_owned()),
        _ => Ok(()),
    }
}

/// CustomResourceDefinition: names accepted and served.
pub fn crd(live: &Json) -> Verdict {
    if let Some(refused) = condition(live, "NamesAccepted").filter(|c| c.status == "False") {
        return Err(format!("its names are not accepted: {}", refused.words()));
    }
    must_be_true(live, "Established")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(function: fn(&Json) -> Verdict, rows: &[(Json, &str)]) {
        for (live, expected) in rows {
            assert_eq!(function(live).err().as_deref().unwrap_or("ready"), *expected, "{live}");
        }
    }

    #[test]
    fn deployments() {
        let of = |replicas: u64, status: Json| json!({"metadata": {"generation": 1}, "spec": {"replicas": replicas}, "status": status});
        check(
            deployment,
            &[
                (of(1, json!({})), "its controller has not looked at it yet"),
                (of(0, json!({"observedGeneration": 1})), "ready"),
                (of(2, json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2})), "ready"),
                (
                    of(2, json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 2})),
                    "1 of 2 pods are up to date",
                ),
                (
                    of(2, json!({"observedGeneration": 1, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 2})),
                    "1 old pods still run",
                ),
                (
                    of(
                        2,
                        json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1,
                        "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}),
                    ),
                    "1 of 2 pods are available (ProgressDeadlineExceeded)",
                ),
            ],
        );
    }

    #[test]
    fn daemon_sets() {
        let of = |status: Json| json!({"metadata": {"generation": 1}, "spec": {}, "status": status});
        check(
            daemon_set,
            &[
                (of(json!({})), "its controller has not looked at it yet"),
                (of(json!({"observedGeneration": 1})), "ready"),
                (
                    of(json!({"observedGeneration": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 1})),
                    "1 of 2 pods are up to date",
                ),
                (
                    of(json!({"observedGeneration": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1})),
                    "1 of 2 pods are available",
                ),
                (
                    of(json!({"observedGeneration": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2})),
                    "ready",
                ),
            ],
        );
    }

    #[test]
    fn other_kinds() {
        check(
            stateful_set,
            &[
                (
                    json!({"metadata": {"generation": 1}, "spec": {"replicas": 1}, "status": {"observedGeneration": 1}}),
                    "0 of 1 pods are ready",
                ),
                (
                    json!({"metadata": {"generation": 1}, "spec": {"replicas": 1}, "status": {"observedGeneration": 1, "readyReplicas": 1, "updatedReplicas": 1}}),
                    "ready",
                ),
            ],
        );
        let with = |kind: &str, status: &str| json!({"status": {"conditions": [{"type": kind, "status": status, "reason": "R"}]}});
        check(
            job,
            &[(with("Complete", "True"), "ready"), (with("Failed", "True"), "it failed: R"), (json!({}), "it has not completed yet")],
        );
        check(
            crd,
            &[
                (with("Established", "True"), "ready"),
                (json!({}), "it says nothing of Established yet"),
                (with("NamesAccepted", "False"), "its names are not accepted: R"),
            ],
        );
        check(
            claim,
            &[
                (json!({"status": {"phase": "Bound"}}), "ready"),
                (json!({"status": {"phase": "Pending"}}), "it is Pending"),
                (json!({}), "it has no phase yet"),
            ],
        );
        check(
            pod,
            &[(json!({"status": {"phase": "Succeeded"}}), "ready"), (with("PodScheduled", "False"), "R"), (with("Ready", "True"), "ready")],
        );
        check(
            service,
            &[
                (json!({"spec": {"type": "LoadBalancer"}}), "it has no address yet"),
                (json!({"spec": {"type": "ClusterIP"}}), "ready"),
                (json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}}), "ready"),
            ],
        );
        check(namespace, &[(json!({"status": {"phase": "Terminating"}}), "it is being deleted"), (json!({}), "ready")]);
    }
}
