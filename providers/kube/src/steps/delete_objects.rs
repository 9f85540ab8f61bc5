//! `Delete`: objects are deleted in order, each waited for.

use serde_json::json;
use windlass_core::addr::Address;
use windlass_core::plan::action::DoomedObject;
use windlass_core::recorded::Effect;
use windlass_run::ports::{Ensured, Outcome, StepError};

use crate::work::{Work, more};

pub async fn run(work: &Work<'_>, plane: &Address, objects: &[DoomedObject]) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    let mut ensured = Ensured::NotNeeded;
    let mut effects = Vec::with_capacity(objects.len());
    for object in objects {
        work.patience.go_on()?;
        ensured = more(ensured, work.remove_and_wait(&plane, object, work.ours()).await?);
        effects.push(Effect::ObjectGone { key: object.key.clone() });
    }
    Ok(Outcome { evidence: json!({"deleted": objects.len()}), effects, ensured })
}
