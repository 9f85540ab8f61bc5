//! `Wait`: objects become ready, each told by its own pure function.

use serde_json::json;
use windlass_core::addr::Address;
use windlass_core::plan::WaitFor;
use windlass_run::ports::{Outcome, StepError};

use crate::kinds::ObjectRef;
use crate::work::Work;

pub async fn run(work: &Work<'_>, plane: &Address, conditions: &[WaitFor]) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    for condition in conditions {
        work.ready(&plane, &ObjectRef::of_key(&condition.key, &condition.api_version), &condition.ready).await?;
    }
    Ok(Outcome { evidence: json!({"ready": conditions.len()}), ..Outcome::default() })
}
