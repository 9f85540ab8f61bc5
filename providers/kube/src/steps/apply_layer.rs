//! `ApplyLayer`: the engine applies a layer itself (before there is an agent, or where there is none).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use windlass_core::addr::Address;
use windlass_core::plan::action::{LayerContent, Takeover};
use windlass_core::recorded::Effect;
use windlass_run::ports::{Outcome, StepError};

use crate::apply::MayTake;
use crate::kinds::ObjectRef;
use crate::layers::ensure::{Layer, Site, ensure_layer, wait_healthy};
use crate::layers::inventory::Inventory;
use crate::request::fill;
use crate::work::Work;

pub async fn run(work: &Work<'_>, plane: &Address, layer: &LayerContent) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    let unknown = work.unknown_of(&layer.objects).await?;
    let mut bodies = Vec::with_capacity(layer.objects.len());
    let mut secrets = Vec::new();
    for object in &layer.objects {
        let filled = fill(&object.content, &work.context.secrets, &unknown)?;
        bodies.push(filled.body);
        secrets.extend(filled.secrets);
    }
    let ours: BTreeSet<ObjectRef> =
        layer.objects.iter().filter(|object| !object.create).map(|object| ObjectRef::of_key(&object.key, &object.api_version)).collect();
    let site = Site { plane: &plane, watches: work.watches, patience: &work.patience };
    let address = layer.address.to_string();
    let done = ensure_layer(
        &site,
        Layer {
            name: &layer.name,
            lineage: &work.context.lineage,
            address: &address,
            objects: bodies,
            known: &|reference| ours.contains(reference),
            takeovers: takeovers_by_object(layer),
            heal: false,
            secrets: &secrets,
        },
    )
    .await?;
    for object in &layer.prune {
        work.remove_and_wait(&plane, object, work.ours()).await?;
    }
    wait_healthy(&site, &done.inventory).await?;
    Ok(Outcome {
        evidence: json!({"layer": layer.name, "objects": layer.objects.len()}),
        effects: effects(work, layer, &done.inventory),
        ensured: done.ensured,
    })
}

/// The plan's takeovers, by object.
pub fn takeovers_by_object(layer: &LayerContent) -> BTreeMap<ObjectRef, Vec<MayTake>> {
    let version_of = |take: &Takeover| layer.objects.iter().find(|object| object.key == take.key).map(|object| object.api_version.as_str());
    let mut by_object: BTreeMap<ObjectRef, Vec<MayTake>> = BTreeMap::new();
    for take in &layer.takeovers {
        if let Some(api_version) = version_of(take) {
            let listed = by_object.entry(ObjectRef::of_key(&take.key, api_version)).or_default();
            listed.push(MayTake { path: take.path.clone(), manager: take.manager.clone() });
        }
    }
    by_object
}

/// What the state learns from an inventory: the layer's objects, and that the pruned ones are gone.
pub fn effects(work: &Work<'_>, layer: &LayerContent, inventory: &Inventory) -> Vec<Effect> {
    let applied = layer.objects.iter().map(|object| {
        let reference = ObjectRef::of_key(&object.key, &object.api_version);
        work.recorded(object, inventory.get(&reference).cloned().unwrap_or_default())
    });
    let gone = layer.prune.iter().map(|object| Effect::ObjectGone { key: object.key.clone() });
    applied.chain(gone).collect()
}
