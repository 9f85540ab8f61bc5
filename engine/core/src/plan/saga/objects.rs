//! Helpers of the saga for objects of one resource: applying them, putting them right, recording how far the resource is.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::steps::Draft;
use crate::addr::Address;
use crate::encode::{canonical_text, is_secret_object, sha256_digest};
use crate::plan::verdict::{Repair, Verdict, View, is_shared};
use crate::plan::wish::Placed;
use crate::plan::{Action, PlannedObject};
use crate::recorded::{Effect, ResourceStatus};

/// Applies objects that are not as we applied them, one step for each plane; the last step.
pub(super) fn repair_objects(
    view: &View<'_>,
    address: &Address,
    repairs: &[Repair],
    needs: Vec<u32>,
    timeout: u64,
    draft: &mut Draft,
) -> Option<u32> {
    let mut planes: BTreeMap<&Address, Vec<&Repair>> = BTreeMap::new();
    for repair in repairs {
        planes.entry(&repair.key.plane).or_default().push(repair);
    }
    let mut last = None;
    for (plane, repairs) in planes {
        let objects: Vec<PlannedObject> = repairs
            .iter()
            .filter_map(|repair| repair.wish.as_ref().map(|wish| PlannedObject { create: false, ..planned(view, wish, plane) }))
            .collect();
        if objects.is_empty() {
            continue;
        }
        let takeovers = repairs.iter().flat_map(|repair| repair.takeovers()).collect();
        let action = Action::Apply { plane: plane.clone(), objects, takeovers, prune: Vec::new() };
        last = Some(draft.add(address, action, needs.clone(), timeout));
    }
    if let Some(step) = last {
        draft.ready.insert(address.clone(), step);
    }
    last
}

/// The object for a plane; `create` where neither the state nor the plane has it.
pub(super) fn planned(view: &View<'_>, object: &Placed, plane: &Address) -> PlannedObject {
    let key = object.key.on(plane);
    let create = !is_shared(&key) && !view.recorded.objects.contains_key(&key) && view.facts.object(&key).is_none();
    object.planned(plane, create)
}

/// An object of a provider: one that lies there and that nobody of another state owns is taken, but for Secrets.
pub(super) fn component(view: &View<'_>, object: &Placed, plane: &Address) -> PlannedObject {
    let planned = planned(view, object, plane);
    PlannedObject { create: planned.create && is_secret_object(&planned.key), ..planned }
}

/// Marks a resource as begun and as ready in the effects of its first and last step.
pub(super) fn begin_and_end(view: &View<'_>, verdict: &Verdict, address: &Address, first: u32, last: u32, draft: &mut Draft) {
    draft.ready.insert(address.clone(), last);
    let Some(wish) = view.wishes.resources.get(address).filter(|_| verdict.makes()) else { return };
    draft.on_start(first, Effect::Resource { address: address.clone(), resource: wish.record(ResourceStatus::Creating) });
    draft.on_done(last, Effect::Resource { address: address.clone(), resource: wish.record(ResourceStatus::Ready) });
}

/// Digest of the leaves that a repair is about, so that the agent does it once for each finding.
pub(super) fn repair_digest(repairs: &[Repair]) -> Option<String> {
    if repairs.is_empty() {
        return None;
    }
    let leaves = |repair: &Repair| -> Vec<Json> {
        repair.drift.leaves.iter().map(|leaf| json!([leaf.path_text(), leaf.applied, leaf.live])).collect()
    };
    let all: Vec<Json> = repairs.iter().map(|repair| json!([repair.key, repair.drift.deleted, leaves(repair)])).collect();
    Some(sha256_digest(&canonical_text(&Json::Array(all))))
}
