//! Helpers of the saga for objects of one resource: applying them, putting them right, recording how far the resource is.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::steps::Draft;
use crate::addr::Address;
use crate::agent_objects::LAYER_KIND;
use crate::drift::uid_of_ours;
use crate::encode::{canonical_text, is_secret_object, sha256_digest};
use crate::marks::{AGENT_API_VERSION, lineage_of};
use crate::object::ObjectKey;
use crate::plan::action::DoomedObject;
use crate::plan::demands::layer_object;
use crate::plan::published::content_secrets;
use crate::plan::verdict::{Repair, Verdict, View, is_shared};
use crate::plan::wish::Placed;
use crate::plan::{Action, PlannedObject, Readiness, WaitFor};
use crate::recorded::{Effect, RecordedObject, ResourceStatus};

/// A recorded object on its way down: the one that lives now, where that is of our making, and no other of its name.
pub(super) fn doomed(view: &View<'_>, key: &ObjectKey, object: &RecordedObject) -> DoomedObject {
    let uid = uid_of_ours(object, view.facts.object(key));
    DoomedObject { key: key.clone(), api_version: object.api_version.clone(), uid }
}

/// Whether an object may be deleted because it is recorded: one that was only intended may be somebody else's by now.
pub(super) fn may_go(view: &View<'_>, key: &ObjectKey, object: &RecordedObject) -> bool {
    !object.uid.is_empty() || is_not_anothers(view, key)
}

/// Whether an object carries our mark, as far as anybody knows.
pub(super) fn is_not_anothers(view: &View<'_>, key: &ObjectKey) -> bool {
    view.facts.object(key).is_none_or(|live| lineage_of(live) == Some(view.recorded.lineage.as_str()))
}

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
    let rendered = view.wishes.resources.get(address).map(|wish| wish.objects.as_slice()).unwrap_or_default();
    let place: BTreeMap<ObjectKey, usize> = rendered.iter().zip(0..).map(|(object, at)| (object.key.on(address), at)).collect();
    let mut last = None;
    for (plane, mut repairs) in planes {
        // What refers to another comes after it, as it is rendered.
        repairs.sort_by_key(|repair| place.get(&repair.key.on(address)).copied());
        let objects: Vec<PlannedObject> =
            repairs.iter().filter_map(|repair| repair.wish.as_ref().map(|wish| planned(view, wish, plane))).collect();
        if objects.is_empty() {
            continue;
        }
        let takeovers = repairs.iter().flat_map(|repair| repair.takeovers()).collect();
        let action = Action::Apply { plane: plane.clone(), objects, takeovers, prune: Vec::new() };
        let needs = once_clear(view, address, &action, repairs.iter().copied(), needs.clone(), timeout, draft);
        last = Some(draft.add(address, action, needs, timeout));
    }
    if let Some(step) = last {
        draft.ready.insert(address.clone(), step);
    }
    last
}

/// What an action needs so that nothing stands in its way: what somebody has deleted is gone, and what no update puts right goes in a step of
/// its own, since the action makes it again.
pub(super) fn once_clear<'r>(
    view: &View<'_>,
    address: &Address,
    action: &Action,
    repairs: impl IntoIterator<Item = &'r Repair>,
    needs: impl IntoIterator<Item = u32>,
    timeout: u64,
    draft: &mut Draft,
) -> Vec<u32> {
    let needs = once_gone(view, address, action, needs, timeout, draft);
    let Some(plane) = action.planes().first().copied().cloned() else { return needs };
    let here = repairs.into_iter().filter(|repair| repair.key.plane == plane);
    let objects: Vec<DoomedObject> = here.filter_map(|repair| view.in_the_way(repair)).collect();
    if objects.is_empty() {
        return needs;
    }
    vec![draft.add(address, Action::MakeWay { plane, objects }, needs, timeout)]
}

/// What an action writes and somebody has deleted is waited for until it is gone, in a step of its own: what is applied to an object that
/// goes would go with it. Gives what the action needs then.
pub(super) fn once_gone(
    view: &View<'_>,
    address: &Address,
    action: &Action,
    needs: impl IntoIterator<Item = u32>,
    timeout: u64,
    draft: &mut Draft,
) -> Vec<u32> {
    let mut written = action.writes();
    if let Action::PublishLayer { plane, layer, .. } = action {
        let object = layer_object(plane, &layer.name);
        written.extend(content_secrets(&object, view.facts));
        written.push(object);
    }
    let mut going: BTreeMap<(u8, ObjectKey), String> = BTreeMap::new();
    for key in written {
        let Some(deletion) = view.going(&key) else { continue };
        let key = if deletion.with.is_some() { key.in_namespace().unwrap_or(key) } else { key };
        // What holds others is gone last, and no watch tells of a kind that is gone.
        let rank = match key.kind.as_str() {
            "Namespace" => 2,
            "CustomResourceDefinition" => 1,
            _ => 0,
        };
        let api_version = api_version_of(view, action, &key);
        going.insert((rank, key), api_version);
    }
    let gone = |((_, key), api_version)| WaitFor { key, api_version, ready: Readiness::Gone };
    let conditions: Vec<WaitFor> = going.into_iter().map(gone).collect();
    match conditions.first().map(|first| first.key.plane.clone()) {
        Some(plane) => vec![draft.add(address, Action::Wait { plane, conditions }, needs, timeout)],
        None => needs.into_iter().collect(),
    }
}

fn api_version_of(view: &View<'_>, action: &Action, key: &ObjectKey) -> String {
    let planned = match action {
        Action::EnsureProvider { objects, .. } | Action::Apply { objects, .. } => objects.as_slice(),
        Action::ApplyLayer { layer, .. } | Action::PublishLayer { layer, .. } => layer.objects.as_slice(),
        _ => &[],
    };
    let planned = planned.iter().find(|object| &object.key == key).map(|object| object.api_version.clone());
    let recorded = || view.recorded.objects.get(key).map(|object| object.api_version.clone());
    // Of bookkeeping only Layers are of a kind of ours.
    let other = || if key.kind == LAYER_KIND { AGENT_API_VERSION } else { "v1" }.to_owned();
    planned.or_else(recorded).unwrap_or_else(other)
}

/// The object for a plane; `create` where neither the state nor the plane has it.
pub(super) fn planned(view: &View<'_>, object: &Placed, plane: &Address) -> PlannedObject {
    let key = object.key.on(plane);
    let create = !is_shared(&key) && view.recorded.made(&key).is_none() && view.facts.object(&key).is_none();
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

/// Digest of what a repair is about, so that the agent does it once for each plan that finds something. The serial is part of it: the same
/// finding, made again after it was repaired, is a new one.
pub(super) fn repair_digest(view: &View<'_>, repairs: &[Repair]) -> Option<String> {
    if repairs.is_empty() {
        return None;
    }
    let leaves = |repair: &Repair| -> Vec<Json> {
        repair.drift.leaves.iter().map(|leaf| json!([leaf.path_text(), leaf.applied, leaf.live])).collect()
    };
    let all: Vec<Json> = repairs.iter().map(|repair| json!([repair.key, repair.drift.is_lost(), leaves(repair)])).collect();
    Some(sha256_digest(&canonical_text(&json!([view.recorded.serial, all]))))
}
