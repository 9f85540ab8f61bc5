//! `ReleaseCloudResources`: Services and claims go, so that the cloud's load balancers and volumes go with them.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::plan::action::DoomedObject;
use windlass_core::recorded::Effect;
use windlass_run::ports::{Ensured, Outcome, StepError};

use crate::remove::{Whose, remove};
use crate::work::{Work, doomed, more};

pub async fn run(work: &Work<'_>, plane: &Address, objects: &[DoomedObject]) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    let mut ensured = Ensured::NotNeeded;
    // All are asked first: clouds release slowly, and at the same time.
    for object in objects {
        ensured = more(ensured, remove(&plane, &doomed(object), Whose::Anyones).await?);
    }
    let mut effects = Vec::with_capacity(objects.len());
    for object in objects {
        work.remove_and_wait(&plane, object, Whose::Anyones).await?;
        effects.push(Effect::ObjectGone { key: object.key.clone() });
    }
    let claims: BTreeSet<(Option<&str>, &str)> = objects
        .iter()
        .filter(|object| object.key.kind == "PersistentVolumeClaim")
        .map(|object| (object.key.namespace.as_deref(), object.key.name.as_str()))
        .collect();
    if !claims.is_empty() {
        let watch = work.watch(&plane, "v1", "PersistentVolume", None).await?;
        work.patience
            .until(&watch, &format!("the volumes of {}", plane.address), |view| {
                let held: Vec<&str> =
                    view.all().filter(|volume| is_released_with(volume, &claims)).map(crate::ready::machines::name).collect();
                match held.as_slice() {
                    [] => Ok(()),
                    held => Err(format!("the cloud has not released {} yet", held.join(", "))),
                }
            })
            .await?;
    }
    Ok(Outcome { evidence: json!({"released": objects.len()}), effects, ensured })
}

/// A volume that belonged to one of the claims and goes with it.
fn is_released_with(volume: &Json, claims: &BTreeSet<(Option<&str>, &str)>) -> bool {
    let text = |pointer: &str| volume.pointer(pointer).and_then(Json::as_str);
    text("/spec/persistentVolumeReclaimPolicy") == Some("Delete")
        && text("/spec/claimRef/name").is_some_and(|name| claims.contains(&(text("/spec/claimRef/namespace"), name)))
}
