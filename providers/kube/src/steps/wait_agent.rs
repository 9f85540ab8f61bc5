//! `WaitAgent`: the agent's heartbeat is fresh.

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::marks::{AGENT_NAME, AGENT_STALE_SECONDS, SYSTEM_NAMESPACE};
use windlass_run::ports::{Outcome, StepError};

use crate::kinds::ObjectRef;
use crate::work::Work;

/// Carries out the step.
pub async fn run(work: &Work<'_>, plane: &Address) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    let deployment = ObjectRef::new("apps/v1", "Deployment", Some(SYSTEM_NAMESPACE), AGENT_NAME);
    work.ready(&plane, &deployment, &windlass_core::plan::Readiness::Healthy).await?;
    let watch = work.watch(&plane, "coordination.k8s.io/v1", "Lease", Some(SYSTEM_NAMESPACE)).await?;
    let what = format!("the agent on {}", plane.address);
    let age = work
        .patience
        .until(&watch, &what, |view| match view.get(Some(SYSTEM_NAMESPACE), AGENT_NAME).and_then(|lease| age(lease, Timestamp::now())) {
            Some(seconds) if seconds < AGENT_STALE_SECONDS => Ok(seconds),
            Some(seconds) => Err(format!("its last heartbeat is {seconds} s old")),
            None => Err("it has not sent a heartbeat yet".to_owned()),
        })
        .await?;
    Ok(Outcome { evidence: json!({"heartbeat_age_seconds": age}), ..Outcome::default() })
}

/// Seconds since a Lease was renewed.
pub fn age(lease: &Json, now: Timestamp) -> Option<u64> {
    let renewed: Timestamp = lease.pointer("/spec/renewTime")?.as_str()?.parse().ok()?;
    Some(u64::try_from(now.as_second() - renewed.as_second()).unwrap_or(0))
}
