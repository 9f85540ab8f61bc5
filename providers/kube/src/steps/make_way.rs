//! `MakeWay`: objects go so that a later step can make them anew. They stay in the state, so that a run that ends in between is mended.

use serde_json::json;
use windlass_core::addr::Address;
use windlass_core::plan::action::DoomedObject;
use windlass_run::ports::{Ensured, Outcome, StepError};

use crate::kinds::ObjectRef;
use crate::remove::{Doomed, remove};
use crate::work::{Work, deleted, more};

pub async fn run(work: &Work<'_>, plane: &Address, objects: &[DoomedObject]) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    let mut ensured = Ensured::NotNeeded;
    for object in objects {
        work.patience.go_on()?;
        let reference = ObjectRef::of_key(&object.key, &object.api_version);
        let doomed = Doomed { reference: reference.clone(), uid: object.uid.clone() };
        ensured = more(ensured, remove(&plane, &doomed, work.ours()).await?);
        // An agent that heals may make it again at once.
        deleted(&plane, work.watches, &work.patience, &reference).await?;
    }
    Ok(Outcome { evidence: json!({"deleted": objects.len()}), effects: Vec::new(), ensured })
}
