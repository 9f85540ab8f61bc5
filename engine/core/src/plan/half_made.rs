//! What others have done to the objects that a half-made resource has applied already, so that a plan that finishes it says what it takes
//! back. Judges what lives; makes no step.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::demands::layer_object;
use super::verdict::{Repair, View};
use super::wish::{Placed, Wish};
use crate::addr::{Address, Part};
use crate::desired::{DesiredCluster, Home};
use crate::diff::LeafDiff;
use crate::drift::{ObjectDrift, resolved};
use crate::marks::FIELD_MANAGER;
use crate::object::ObjectKey;
use crate::recorded::{RecordedObject, ResourceStatus};

/// What is known of how far a half-made resource has been applied.
struct Begun<'v> {
    address: &'v Address,
    /// Being made, and not half destroyed: then windlass itself takes objects and fields away.
    making: bool,
    /// The agent says that it has applied the very content that is wished.
    whole: bool,
    /// Objects that have been applied by the layer's inventory.
    listed: BTreeSet<ObjectKey>,
}

impl View<'_> {
    /// Objects that have been applied for a half-made resource and that others have changed or deleted since.
    ///
    /// An object counts as applied by the record, by the inventory of its layer, or by our marks on it: a step that has not ended has told
    /// the state nothing.
    pub(super) fn meddled(&self, address: &Address, wish: &Wish<'_>, status: ResourceStatus) -> Vec<Repair> {
        let listed = self.listed(address).into_iter().filter(|object| object.uid.is_some()).map(|object| object.key).collect();
        let (making, whole) = (status == ResourceStatus::Creating, self.is_applied_whole(address, wish));
        let begun = Begun { address, making, whole, listed };
        let components: Vec<Cow<'_, Placed>> = self.components(address).collect();
        let own = wish.objects.iter().flat_map(|object| self.places(address, object).into_iter().map(move |key| (key, object)));
        let all = own.chain(components.iter().map(|object| (object.key.clone(), &**object)));
        let judged = |(key, object): (ObjectKey, &Placed)| {
            let drift = self.meddling(&begun, &key, object)?;
            Some(Repair { key, wish: Some(object.clone()), drift })
        };
        all.filter(|(key, _)| self.facts.reachable(&key.plane).is_some()).filter_map(judged).collect()
    }

    /// Where an object of a half-made resource may have been applied; nowhere while its cluster is on the move.
    fn places(&self, address: &Address, object: &Placed) -> Vec<ObjectKey> {
        let here = object.key.clone();
        let Some(cluster) = self.desired.clusters.get(&address.root()).filter(|_| object.home == Home::Capi) else { return vec![here] };
        let home = here.on(&self.final_home(cluster));
        match (self.is_half_moved(cluster), self.is_pivoted(cluster)) {
            (true, _) => Vec::new(),
            (false, true) => vec![home],
            (false, false) => vec![here, home],
        }
    }

    fn meddling(&self, begun: &Begun<'_>, key: &ObjectKey, object: &Placed) -> Option<ObjectDrift> {
        let known = self.recorded.made(key);
        let applied = match self.facts.object(key) {
            _ if known.is_some() => true,
            Some(live) => self.is_ours(live, begun.address),
            None => begun.listed.contains(key),
        };
        if !applied {
            return None;
        }
        let wished = RecordedObject {
            resource: begun.address.clone(),
            uid: known.map(|known| known.uid.clone()).unwrap_or_default(),
            api_version: object.api_version.clone(),
            applied: object.content.clone(),
        };
        let mut drift = self.drift_of(key, &wished)?;
        if drift.is_lost() {
            return begun.making.then_some(drift);
        }
        let before = match known {
            Some(known) => Some(resolved(&known.applied, &self.wishes.known)),
            None if begun.whole => Some(Cow::Borrowed(&object.content)),
            None => None,
        };
        let before = before.filter(|_| begun.making);
        drift.leaves.retain(|leaf| is_of_others(leaf) || before.as_deref().is_some_and(|before| is_undone(leaf, before)));
        (drift.replaced.is_some() || !drift.leaves.is_empty()).then_some(drift)
    }

    /// Whether the agent says that it has applied all that a layer is wished to hold.
    fn is_applied_whole(&self, address: &Address, wish: &Wish<'_>) -> bool {
        let Some(Part::Layer(name)) = &address.part else { return false };
        let said = self.facts.object(&layer_object(&address.root(), name)).and_then(|live| live.pointer("/status/digest"));
        said.and_then(Json::as_str).is_some_and(|said| said == wish.content_digest())
    }

    /// Whether the objects of a cluster are at home; without a pivot they always are.
    pub(super) fn is_pivoted(&self, cluster: &DesiredCluster) -> bool {
        !cluster.pivot || self.is_ready(&cluster.address.with(Part::Pivot))
    }

    /// Whether a pivot has begun to move objects and has not ended.
    pub(super) fn is_half_moved(&self, cluster: &DesiredCluster) -> bool {
        let moved = |key: &ObjectKey| key.plane == cluster.address && key.group.ends_with("cluster.x-k8s.io") && key.kind != "Provider";
        let owned = |address: &Address| matches!(&address.part, None | Some(Part::ControlPlane | Part::WorkerPool(_)));
        let mut objects = self.index.owned_below(&cluster.address);
        !self.is_pivoted(cluster) && objects.any(|(key, object)| moved(key) && owned(&object.resource))
    }
}

/// Whether somebody else has a leaf that is not as it is wished. What we have written by another verb is our own.
fn is_of_others(leaf: &LeafDiff) -> bool {
    leaf.others.iter().any(|manager| manager != FIELD_MANAGER)
}

/// Whether a leaf was applied as it is wished and is not so any more. One that was applied in another way is the user's own change.
fn is_undone(leaf: &LeafDiff, before: &Json) -> bool {
    let by_us = leaf.actor.as_ref().is_some_and(|actor| actor.manager == FIELD_MANAGER);
    !by_us && leaf.path.get(before) == leaf.applied.as_ref()
}
