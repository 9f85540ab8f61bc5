//! `DeleteLayer`: a layer's `Layer` object goes first, so that no agent applies again what is being deleted; then its objects in reverse
//! order, then its content and inventory.

use std::cmp::Reverse;

use serde_json::json;
use windlass_core::addr::Address;
use windlass_core::object::ObjectKey;
use windlass_core::plan::Readiness;
use windlass_core::plan::action::DoomedObject;
use windlass_core::recorded::Effect;
use windlass_run::ports::{Ensured, Outcome, StepError};

use super::publish_layer::remove_content;
use crate::error::ApiError;
use crate::kinds::ObjectRef;
use crate::layers::content::layer_reference;
use crate::layers::inventory;
use crate::layers::order::rank;
use crate::remove::{Doomed, remove};
use crate::work::{Work, more};

pub async fn run(
    work: &Work<'_>,
    plane: &Address,
    layer: &str,
    objects: &[DoomedObject],
    later: &[ObjectKey],
) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    let failed_to = |error: ApiError| error.during(&plane.address, &format!("delete layer {layer}"));
    let handed_over = Doomed { reference: layer_reference(layer), uid: None };
    let mut ensured = remove(&plane, &handed_over, work.ours()).await?;
    work.ready(&plane, &handed_over.reference, &Readiness::Gone).await?;

    let mut doomed: Vec<&DoomedObject> = objects.iter().collect();
    // A stable sort keeps the reverse of the order of application within a rank.
    doomed.reverse();
    doomed.sort_by_key(|object| Reverse(rank(&object.api_version, &object.key.kind)));
    for object in &doomed {
        work.patience.go_on()?;
        ensured = more(ensured, work.remove_and_wait(&plane, object, work.ours()).await?);
    }
    // What a run that was killed had applied and not yet recorded stands in the inventory alone.
    let rest = inventory::read(&plane, layer).await.map_err(failed_to)?;
    let waits = |reference: &ObjectRef| later.contains(&reference.key(&plane.address));
    let mut rest: Vec<_> = rest.into_iter().filter(|(reference, _)| !waits(reference)).collect();
    rest.sort_by_key(|(reference, _)| Reverse(rank(&reference.api_version, &reference.kind)));
    for (reference, uid) in rest {
        let left = Doomed { reference, uid: (!uid.is_empty()).then_some(uid) };
        if remove(&plane, &left, work.ours()).await? != Ensured::NotNeeded {
            work.ready(&plane, &left.reference, &Readiness::Gone).await?;
        }
    }
    remove_content(&plane, layer, &[]).await.map_err(failed_to)?;
    remove(&plane, &Doomed { reference: inventory::reference(layer), uid: None }, work.ours()).await?;
    let effects = objects.iter().map(|object| Effect::ObjectGone { key: object.key.clone() }).collect();
    Ok(Outcome { evidence: json!({"layer": layer, "deleted": objects.len()}), effects, ensured })
}
