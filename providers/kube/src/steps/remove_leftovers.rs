//! `RemoveLeftovers`: what only this cluster used goes, unless something else uses it now.

use serde_json::json;
use windlass_core::addr::Address;
use windlass_core::plan::action::DoomedObject;
use windlass_core::recorded::Effect;
use windlass_run::ports::{Ensured, Outcome, StepError};

use crate::kinds::ObjectRef;
use crate::remove::lasting_content;
use crate::work::{Work, more};

pub async fn run(work: &Work<'_>, plane: &Address, objects: &[DoomedObject]) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    let mut ensured = Ensured::NotNeeded;
    let mut effects = Vec::new();
    let mut kept = Vec::new();
    for object in objects {
        work.patience.go_on()?;
        let reference = ObjectRef::of_key(&object.key, &object.api_version);
        let live = plane.get(&reference).await.map_err(|e| e.during(&plane.address, &format!("read {}", reference.short())))?;
        if let Some(live) = live.filter(|live| live.pointer("/metadata/deletionTimestamp").is_none()) {
            let users = match reference.kind.as_str() {
                "Namespace" | "CustomResourceDefinition" => lasting_content(&plane, &live).await?,
                _ => Vec::new(),
            };
            if !users.is_empty() {
                work.context.progress.note(&format!("{} stays on {}: it holds {}", reference.short(), plane.address, users.join(", ")));
                kept.push(reference.short());
                effects.push(Effect::ObjectGone { key: object.key.clone() });
                continue;
            }
        }
        ensured = more(ensured, work.remove_and_wait(&plane, object, work.ours()).await?);
        effects.push(Effect::ObjectGone { key: object.key.clone() });
    }
    Ok(Outcome { evidence: json!({"kept": kept}), effects, ensured })
}
