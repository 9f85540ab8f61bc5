//! What a half-made layer has on its cluster by its inventory though the state has not heard of it: the step that applies a layer may have
//! failed, taken too long or been killed before it said what it did. Whoever applies the layer next takes away what its inventory lists and
//! it has no more, so the plan must name it. Judges what lives; makes no step.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::action::DoomedObject;
use super::verdict::{View, is_bookkeeping};
use crate::addr::{Address, Part};
use crate::facts::Demand;
use crate::inventory::Entry;
use crate::marks;
use crate::object::ObjectKey;
use crate::recorded::{Recorded, ResourceStatus};

/// The question for the inventories of half-made layers: one LIST for each plane.
pub(super) fn inventories(recorded: &Recorded) -> BTreeSet<Demand> {
    let half_made = |(address, resource): (&Address, &crate::recorded::RecordedResource)| {
        (matches!(address.part, Some(Part::Layer(_))) && resource.status != ResourceStatus::Ready).then(|| address.root())
    };
    let list = |plane| Demand::List { plane, api_version: "v1".to_owned(), kind: "ConfigMap".to_owned() };
    recorded.resources.iter().filter_map(half_made).map(list).collect()
}

impl View<'_> {
    /// What a layer's inventory lists; without a uid what was only intended.
    pub(super) fn listed(&self, layer: &Address) -> Vec<DoomedObject> {
        let Some(Part::Layer(name)) = &layer.part else { return Vec::new() };
        let plane = layer.root();
        let inventory = ObjectKey {
            plane: plane.clone(),
            group: String::new(),
            kind: "ConfigMap".to_owned(),
            namespace: Some(marks::SYSTEM_NAMESPACE.to_owned()),
            name: marks::layer_inventory(name),
        };
        let Some(listed) = self.facts.object(&inventory).and_then(|live| live.get("data")).and_then(Json::as_object) else {
            return Vec::new();
        };
        let entries = listed.iter().filter_map(|(key, value)| Entry::read(key, value.as_str()?));
        let object = |entry: Entry| {
            let api_version = entry.api_version();
            let key =
                ObjectKey { plane: plane.clone(), group: entry.group, kind: entry.kind, namespace: entry.namespace, name: entry.name };
            DoomedObject { key, api_version, uid: (!entry.uid.is_empty()).then_some(entry.uid) }
        };
        entries.map(object).collect()
    }

    /// Objects that any resource has on a plane.
    pub(super) fn wished_on(&self, plane: &Address) -> BTreeSet<&ObjectKey> {
        let objects = self.wishes.resources.values().flat_map(|wish| &wish.objects);
        objects.map(|object| &object.key).filter(|key| &key.plane == plane).collect()
    }

    /// Objects that a layer's inventory lists, that are not recorded, and that no resource of the cluster has any more.
    pub(super) fn inventoried(&self, layer: &Address) -> Vec<DoomedObject> {
        let mut gone = self.listed(layer);
        if gone.is_empty() {
            return gone;
        }
        let wished = self.wished_on(&layer.root());
        let goes = |object: &DoomedObject| {
            !is_bookkeeping(&object.key) && !wished.contains(&object.key) && !self.recorded.objects.contains_key(&object.key)
        };
        gone.retain(goes);
        gone.sort_by(|one, other| one.key.cmp(&other.key));
        gone
    }
}
