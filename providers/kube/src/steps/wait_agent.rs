//! `WaitAgent`: the agent's heartbeat is fresh, and comes from a pod that runs now.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::agent_objects::AGENT_LABEL;
use windlass_core::marks::{AGENT_NAME, AGENT_STALE_SECONDS, SYSTEM_NAMESPACE};
use windlass_run::ports::{Ensured, Outcome, StepError};

use crate::error::ApiError;
use crate::kinds::ObjectRef;
use crate::plane::{Only, Plane};
use crate::ready::machines::name;
use crate::work::Work;

/// Carries out the step.
pub async fn run(work: &Work<'_>, plane: &Address) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    let replaced = replace_pods_of_former_account(work, &plane).await?;
    let deployment = ObjectRef::new("apps/v1", "Deployment", Some(SYSTEM_NAMESPACE), AGENT_NAME);
    work.ready(&plane, &deployment, &windlass_core::plan::Readiness::Healthy).await?;
    let pods = work.watch(&plane, "v1", "Pod", Some(SYSTEM_NAMESPACE)).await?;
    let leases = work.watch(&plane, "coordination.k8s.io/v1", "Lease", Some(SYSTEM_NAMESPACE)).await?;
    let age = work
        .patience
        .until_beside(&leases, std::slice::from_ref(&pods), &called(&plane), |view| {
            let seen = pods.view();
            let agents = seen.all().filter(|pod| is_agent(pod) && !is_going(pod)).map(name);
            let running: BTreeSet<&str> = agents.filter(|name| !replaced.contains(*name)).collect();
            heard(view.get(Some(SYSTEM_NAMESPACE), AGENT_NAME), &running, Timestamp::now())
        })
        .await?;
    let ensured = if replaced.is_empty() { Ensured::NotNeeded } else { Ensured::Updated };
    Ok(Outcome { evidence: json!({"heartbeat_age_seconds": age, "replaced_pods": replaced}), ensured, ..Outcome::default() })
}

/// Deletes the agent's pods that are older than its ServiceAccount, and names them: their token is bound to an account that is gone, and the
/// kubelet asks for another only at 80 % of its lifetime. Which they are is read from live objects alone, so a killed run needs no memory of it.
pub async fn replace_pods_of_former_account(work: &Work<'_>, plane: &Plane) -> Result<BTreeSet<String>, StepError> {
    let failed_to = |error: ApiError| error.during(&plane.address, "replace the agent's pods");
    let mut replaced = BTreeSet::new();
    let account = ObjectRef::new("v1", "ServiceAccount", Some(SYSTEM_NAMESPACE), AGENT_NAME);
    let Some(since) = plane.get(&account).await.map_err(failed_to)?.as_ref().and_then(created) else { return Ok(replaced) };
    let label = format!("{AGENT_LABEL}={AGENT_NAME}");
    let pods = plane.list("v1", "Pod", Some(SYSTEM_NAMESPACE), Some(&label)).await.map_err(failed_to)?;
    for pod in pods.iter().filter(|pod| created(pod).is_some_and(|created| created < since)) {
        work.patience.go_on()?;
        let Some(reference) = ObjectRef::of(pod).filter(|_| !is_going(pod)) else { continue };
        let reason = format!("its pod {} is replaced, since its ServiceAccount was made anew", reference.name);
        work.patience.progress.waiting(&called(plane), &reason);
        plane.delete(&reference, Only { uid: crate::planes::uid(pod) }).await.map_err(failed_to)?;
        replaced.insert(reference.name);
    }
    Ok(replaced)
}

fn called(plane: &Plane) -> String {
    format!("the agent on {}", plane.address)
}

/// The age of the heartbeat if one of these pods sent it; else why it does not count.
fn heard(lease: Option<&Json>, running: &BTreeSet<&str>, now: Timestamp) -> Result<u64, String> {
    let age = beats(lease, now)?;
    let sender = lease.and_then(|lease| lease.pointer("/spec/holderIdentity")).and_then(Json::as_str).unwrap_or_default();
    match running.contains(sender) {
        true => Ok(age),
        // A dead agent's last heartbeat stays fresh for a while.
        false => Err(format!("its last heartbeat is of a pod that does not run any more: {sender}")),
    }
}

/// The age of a heartbeat that is fresh; else why it is not, in words.
pub fn beats(lease: Option<&Json>, now: Timestamp) -> Result<u64, String> {
    match lease.and_then(|lease| age(lease, now)) {
        Some(seconds) if seconds < AGENT_STALE_SECONDS => Ok(seconds),
        Some(seconds) => Err(format!("its last heartbeat is {seconds} s old")),
        None => Err("it has not sent a heartbeat yet".to_owned()),
    }
}

/// Seconds since a Lease was renewed.
pub fn age(lease: &Json, now: Timestamp) -> Option<u64> {
    let renewed: Timestamp = lease.pointer("/spec/renewTime")?.as_str()?.parse().ok()?;
    Some(u64::try_from(now.as_second() - renewed.as_second()).unwrap_or(0))
}

fn created(live: &Json) -> Option<Timestamp> {
    live.pointer("/metadata/creationTimestamp")?.as_str()?.parse().ok()
}

fn is_agent(pod: &Json) -> bool {
    let labels = pod.pointer("/metadata/labels");
    labels.and_then(|labels| labels.get(AGENT_LABEL)).and_then(Json::as_str) == Some(AGENT_NAME)
}

fn is_going(live: &Json) -> bool {
    live.pointer("/metadata/deletionTimestamp").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_counts_only_if_it_is_fresh_and_of_a_pod_that_runs() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let lease = |holder: &str, renewed: &str| json!({"spec": {"holderIdentity": holder, "renewTime": renewed}});
        let fresh = "2026-01-02T03:03:58.000000Z";
        for (lease, running, expected) in [
            (Some(lease("a-1", fresh)), vec!["a-1"], Ok(7)),
            (Some(lease("a-1", fresh)), vec!["a-0", "a-1"], Ok(7)),
            (Some(lease("a-0", fresh)), vec!["a-1"], Err("its last heartbeat is of a pod that does not run any more: a-0")),
            (Some(lease("a-1", fresh)), vec![], Err("its last heartbeat is of a pod that does not run any more: a-1")),
            (Some(lease("a-1", "2026-01-02T03:02:35.000000Z")), vec!["a-1"], Err("its last heartbeat is 90 s old")),
            (None, vec!["a-1"], Err("it has not sent a heartbeat yet")),
        ] {
            let running: BTreeSet<&str> = running.into_iter().collect();
            assert_eq!(heard(lease.as_ref(), &running, now), expected.map_err(str::to_owned));
        }
    }
}
