//! `Apply`: objects are applied in order, then those go that are no longer rendered.

use serde_json::json;
use windlass_core::addr::Address;
use windlass_core::plan::PlannedObject;
use windlass_core::plan::action::{DoomedObject, Takeover};
use windlass_core::recorded::Effect;
use windlass_run::ports::{Ensured, Outcome, StepError};

use crate::work::{Work, more};

pub async fn run(
    work: &Work<'_>,
    plane: &Address,
    objects: &[PlannedObject],
    takeovers: &[Takeover],
    prune: &[DoomedObject],
) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    let (mut effects, mut ensured) = work.apply_all(&plane, objects, takeovers).await?;
    for object in prune {
        if work.remove_and_wait(&plane, object, work.ours()).await? != Ensured::NotNeeded {
            ensured = more(ensured, Ensured::Updated);
        }
        effects.push(Effect::ObjectGone { key: object.key.clone() });
    }
    Ok(Outcome { evidence: json!({"applied": objects.len(), "pruned": prune.len()}), effects, ensured })
}
