//! The state by owner: what a planner asks for again and again, found without walking over the whole state each time.

use std::collections::BTreeMap;

use super::ProviderSpec;
use super::demands::recorded_providers;
use super::kept_facts::{KeptCluster, kept};
use crate::addr::Address;
use crate::facts::Facts;
use crate::object::ObjectKey;
use crate::recorded::{Recorded, RecordedObject, RecordedResource};

type Objects<'a> = Vec<(&'a ObjectKey, &'a RecordedObject)>;
type Resources<'a> = Vec<(&'a Address, &'a RecordedResource)>;

/// Objects by resource, resources by root, kept facts of clusters.
#[derive(Debug, Default)]
pub(super) struct Index<'a> {
    owned: BTreeMap<&'a Address, Objects<'a>>,
    below: BTreeMap<Address, Resources<'a>>,
    clusters: BTreeMap<&'a Address, KeptCluster>,
    providers: BTreeMap<Address, Vec<(Address, ProviderSpec)>>,
}

impl<'a> Index<'a> {
    /// Walks over the state once.
    pub(super) fn of(recorded: &'a Recorded) -> Self {
        let mut index = Self::default();
        for (key, object) in &recorded.objects {
            index.owned.entry(&object.resource).or_default().push((key, object));
        }
        for (address, resource) in &recorded.resources {
            index.below.entry(address.root()).or_default().push((address, resource));
            if let (true, None, Some(kept)) = (address.is_cluster(), &address.part, kept::<KeptCluster>(resource)) {
                index.clusters.insert(address, kept.kind);
            }
        }
        for (owner, plane, provider) in recorded_providers(recorded) {
            index.providers.entry(owner).or_default().push((plane, provider));
        }
        index
    }

    /// The providers that a resource has put on planes, by plane.
    pub(super) fn providers(&self, owner: &Address) -> &[(Address, ProviderSpec)] {
        self.providers.get(owner).map_or(&[], Vec::as_slice)
    }

    /// Recorded objects of one resource, sorted.
    pub(super) fn owned(&self, resource: &Address) -> &[(&'a ObjectKey, &'a RecordedObject)] {
        self.owned.get(resource).map_or(&[], Vec::as_slice)
    }

    /// Recorded resources with this root, itself included, sorted.
    pub(super) fn below(&self, root: &Address) -> &[(&'a Address, &'a RecordedResource)] {
        self.below.get(root).map_or(&[], Vec::as_slice)
    }

    /// Recorded objects of all resources with this root.
    pub(super) fn owned_below(&self, root: &Address) -> impl Iterator<Item = (&'a ObjectKey, &'a RecordedObject)> + '_ {
        self.below(root).iter().flat_map(|(address, _)| self.owned(address).iter().copied())
    }

    /// What is kept of recorded clusters.
    pub(super) fn clusters(&self) -> &BTreeMap<&'a Address, KeptCluster> {
        &self.clusters
    }
}

/// Live objects of one plane, sorted.
pub(super) fn on_plane<'f>(facts: &'f Facts, plane: &'f Address) -> impl Iterator<Item = (&'f ObjectKey, &'f serde_json::Value)> {
    facts.objects.range(first_on(plane)..).take_while(move |(key, _)| &key.plane == plane).map(|(key, live)| (key, live.as_ref()))
}

/// Recorded objects on one plane, whoever owns them, sorted.
pub(super) fn recorded_on<'r>(recorded: &'r Recorded, plane: &'r Address) -> impl Iterator<Item = (&'r ObjectKey, &'r RecordedObject)> {
    recorded.objects.range(first_on(plane)..).take_while(move |(key, _)| &key.plane == plane)
}

/// Keys are ordered by plane first.
fn first_on(plane: &Address) -> ObjectKey {
    ObjectKey { plane: plane.clone(), group: String::new(), kind: String::new(), namespace: None, name: String::new() }
}
