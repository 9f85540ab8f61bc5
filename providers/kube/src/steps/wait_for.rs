//! `Wait`: objects become ready, each told by its own pure function, or are gone that somebody has deleted.

use serde_json::json;
use windlass_core::addr::Address;
use windlass_core::plan::{Readiness, WaitFor};
use windlass_run::ports::{Outcome, StepError};

use crate::kinds::ObjectRef;
use crate::work::{Work, deleted};

pub async fn run(work: &Work<'_>, plane: &Address, conditions: &[WaitFor]) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    for condition in conditions {
        let reference = ObjectRef::of_key(&condition.key, &condition.api_version);
        match &condition.ready {
            Readiness::Gone => deleted(&plane, work.watches, &work.patience, &reference).await?,
            ready => drop(work.ready(&plane, &reference, ready).await?),
        }
    }
    Ok(Outcome { evidence: json!({"ready": conditions.len()}), ..Outcome::default() })
}
