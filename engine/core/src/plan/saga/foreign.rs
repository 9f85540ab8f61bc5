//! What a cluster holds that its destruction must not take unseen: in its cloud, load balancers of Services and disks of claims; in
//! Namespaces and kinds of its layers, others' objects. Found before anything is destroyed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::addr::Address;
use crate::belonging::is_foreign;
use crate::definitions::defined;
use crate::diff::Owners;
use crate::drift::{replacement, uid_of_ours};
use crate::facts::Facts;
use crate::marks::lineage_of;
use crate::object::ObjectKey;
use crate::plan::action::DoomedObject;
use crate::plan::demands::goes_alone;
use crate::plan::index::{Index, on_plane as live_on_plane};
use crate::plan::others_clusters::first_of;
use crate::recorded::{Recorded, RecordedObject};

/// Most objects that a message names.
const NAMED: usize = 10;

/// A Service or claim that must go before its cluster, so that the cloud gets back what it holds for it.
#[derive(Debug)]
pub(super) struct CloudHolding {
    pub(super) object: DoomedObject,
    /// As the plan lists it: namespace, name, size, field manager.
    pub(super) line: String,
    /// Comes from one of our layers.
    pub(super) ours: bool,
}

/// A Namespace or CustomResourceDefinition that goes with a layer.
pub(super) struct Container<'r> {
    key: &'r ObjectKey,
    object: &'r RecordedObject,
}

/// Those of the layers of a cluster that are deleted by themselves; one that somebody has put in the place of ours stays.
pub(super) fn containers<'r>(cluster: &Address, index: &Index<'r>, facts: &Facts) -> Vec<Container<'r>> {
    let layers = index.below(cluster).iter().filter(|(_, record)| goes_alone(record));
    let objects = layers.flat_map(|(address, _)| index.owned(address).iter());
    objects
        .filter(|(key, _)| matches!((key.group.as_str(), key.kind.as_str()), ("", "Namespace") | ("apiextensions.k8s.io", _)))
        .filter(|(key, object)| facts.object(key).is_none_or(|live| replacement(object, live).is_none()))
        .map(|(key, object)| Container { key, object })
        .collect()
}

impl Container<'_> {
    /// The layer that it is of.
    pub(super) fn owner(&self) -> &Address {
        &self.object.resource
    }

    /// The Namespace's name, if it is one.
    fn namespace(&self) -> Option<&str> {
        self.key.group.is_empty().then_some(self.key.name.as_str())
    }
}

/// What containers hold that is not ours and that the plan does not release: each with the words for it.
pub(super) fn others<'c>(
    containers: &'c [Container<'_>],
    recorded: &Recorded,
    facts: &Facts,
    released: &BTreeSet<&ObjectKey>,
) -> Vec<(&'c ObjectKey, String)> {
    let Some(plane) = containers.first().map(|container| &container.key.plane) else { return Vec::new() };
    let namespaces: BTreeMap<&str, usize> =
        containers.iter().enumerate().filter_map(|(at, container)| Some((container.namespace()?, at))).collect();
    let kinds: BTreeMap<(&str, &str), usize> =
        containers.iter().enumerate().filter_map(|(at, container)| Some((defined(&container.object.applied)?, at))).collect();
    let mut found: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let foreign = |key: &ObjectKey, live: &Json| {
        !goes_by_record(key, live, recorded) && !released.contains(key) && is_foreign(live, &recorded.lineage)
    };
    for (key, live) in live_on_plane(facts, plane).filter(|(key, live)| foreign(key, live)) {
        let inside = key.namespace.as_deref().and_then(|namespace| namespaces.get(namespace));
        for at in inside.into_iter().chain(kinds.get(&(key.group.as_str(), key.kind.as_str()))) {
            found.entry(*at).or_default().push(named(key, live, recorded));
        }
    }
    found.into_iter().filter_map(|(at, names)| Some((containers.get(at)?.key, first_of(&names, NAMED)))).collect()
}

/// Whether a live object goes because it is recorded: what somebody else has made under that name does not.
pub(super) fn goes_by_record(key: &ObjectKey, live: &Json, recorded: &Recorded) -> bool {
    let meant = recorded.objects.get(key).and_then(|object| uid_of_ours(object, Some(live)));
    meant.is_some_and(|uid| uid == text(live, "/metadata/uid"))
}

/// An object that is not ours; with its maker, where a reader would take it for the one that we made.
fn named(key: &ObjectKey, live: &Json, recorded: &Recorded) -> String {
    match recorded.objects.get(key).and_then(|object| replacement(object, live)) {
        Some(other) => format!("{} (made again outside of windlass {})", key.short(), other.words()),
        None => key.short(),
    }
}

/// Services of type LoadBalancer, then claims whose volume is deleted with them, on a cluster's plane. Claims in Namespaces that go
/// are there whatever becomes of their volume: they stand in the way.
pub(super) fn cloud_holdings(cluster: &Address, recorded: &Recorded, facts: &Facts, containers: &[Container<'_>]) -> Vec<CloudHolding> {
    let doomed: BTreeSet<&str> = containers.iter().filter_map(Container::namespace).collect();
    let of_kind = |kind: &'static str| live_on_plane(facts, cluster).filter(move |(key, _)| key.kind == kind);
    let mut holdings = Vec::new();
    for (key, live) in of_kind("Service").filter(|(key, _)| key.group.is_empty()) {
        if text(live, "/spec/type") == "LoadBalancer" {
            holdings.push(holding(key, live, "load balancer", is_ours(key, live, recorded)));
        }
    }
    let volumes: BTreeMap<&str, &Json> = of_kind("PersistentVolume").map(|(key, live)| (key.name.as_str(), live)).collect();
    let deleted_with_claim =
        |name: &str| volumes.get(name).is_none_or(|volume| text(volume, "/spec/persistentVolumeReclaimPolicy") == "Delete");
    let sets: Vec<String> = of_kind("StatefulSet")
        .filter(|(key, live)| is_ours(key, live, recorded))
        .flat_map(|(key, live)| {
            let templates = live.pointer("/spec/volumeClaimTemplates").and_then(Json::as_array).cloned().unwrap_or_default();
            let namespace = key.namespace.clone().unwrap_or_default();
            let name = key.name.clone();
            templates.into_iter().map(move |template| format!("{namespace}/{}-{name}-", text(&template, "/metadata/name")))
        })
        .collect();
    for (key, live) in of_kind("PersistentVolumeClaim") {
        let released = deleted_with_claim(text(live, "/spec/volumeName"));
        if released || key.namespace.as_deref().is_some_and(|namespace| doomed.contains(namespace)) {
            let full = format!("{}/{}", key.namespace.as_deref().unwrap_or(""), key.name);
            let of_set = sets.iter().any(|stem| full.strip_prefix(stem.as_str()).is_some_and(|ordinal| ordinal.parse::<u32>().is_ok()));
            let size = text(live, "/spec/resources/requests/storage");
            let size = if released { size.to_owned() } else { format!("{size}, its volume stays") };
            holdings.push(holding(key, live, &size, of_set || is_ours(key, live, recorded)));
        }
    }
    holdings
}

fn is_ours(key: &ObjectKey, live: &Json, recorded: &Recorded) -> bool {
    goes_by_record(key, live, recorded) || lineage_of(live) == Some(recorded.lineage.as_str())
}

fn holding(key: &ObjectKey, live: &Json, size: &str, ours: bool) -> CloudHolding {
    let owner = Owners::of(live).actor(&windlass_kubeschema::fieldpath::FieldPath::of_fields(["spec"]));
    let manager = owner.map_or_else(|| "unknown".to_owned(), |actor| actor.manager);
    let uid = Some(text(live, "/metadata/uid").to_owned()).filter(|uid| !uid.is_empty());
    let object = DoomedObject { key: key.clone(), api_version: "v1".to_owned(), uid };
    CloudHolding { object, line: format!("{} ({size}), field manager {manager}", key.short()), ours }
}

fn text<'l>(live: &'l Json, pointer: &str) -> &'l str {
    live.pointer(pointer).and_then(Json::as_str).unwrap_or("")
}
