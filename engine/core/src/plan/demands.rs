//! What the planner must know of living planes before it can plan. Asks only; what the answers mean is decided in `make`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::access::recorded_access;
use super::inventoried::inventories;
use super::kept_facts::{Kept, KeptCluster, KeptLayer, KeptProvider, kept};
use super::published::content_secrets;
use super::wish::providers_of;
use super::{Mode, ProviderSpec, reach};
use crate::addr::{Address, Part};
use crate::agent_objects::LAYER_KIND;
use crate::definitions::defined;
use crate::desired::{Desired, DesiredCluster, Home};
use crate::facts::{ClusterAccess, Demand, Facts};
use crate::marks;
use crate::object::{ObjectKey, split_api_version};
use crate::recorded::{Recorded, RecordedObject, RecordedResource, ResourceStatus};

/// `apiVersion` of CAPI's core kinds.
pub(super) const CAPI_CORE: &str = "cluster.x-k8s.io/v1beta2";

/// The first round of questions, sorted: each plane, one LIST for each kind and plane by label, one GET for each name that we may make
/// on a plane that may have it, and whole LISTs of what a destroyed cluster must give back to its cloud.
pub fn demands(desired: &Desired, recorded: &Recorded, mode: Mode) -> Vec<Demand> {
    let mut asked = BTreeSet::new();
    for (plane, access) in planes(desired, recorded) {
        asked.insert(Demand::Plane { plane, access });
    }
    for (key, object) in &recorded.objects {
        asked.insert(Demand::List { plane: key.plane.clone(), api_version: object.api_version.clone(), kind: key.kind.clone() });
    }
    for (key, api_version) in wanted(desired, recorded) {
        asked.insert(Demand::List { plane: key.plane.clone(), api_version: api_version.clone(), kind: key.kind.clone() });
        if recorded.made(&key).is_none() {
            asked.insert(Demand::Get { key, api_version });
        }
    }
    for (plane, provider) in providers(desired, recorded) {
        asked.insert(Demand::Get { key: manager(&plane, &provider), api_version: "apps/v1".to_owned() });
    }
    let wished = desired.clusters.values().filter(|cluster| cluster.agent && recorded.planes.contains_key(&cluster.address));
    let with_agent = wished.map(|cluster| cluster.address.clone());
    for plane in with_agent.chain(recorded_layer_objects(recorded).into_iter().map(|(_, key)| key.plane)) {
        asked.extend(of_agent(plane));
    }
    asked.extend(recorded_access(recorded).into_iter().map(|(_, secret)| secrets_on(secret.plane)));
    for cluster in doomed(desired, recorded, mode) {
        let kept = recorded.resources.get(&cluster).and_then(kept::<KeptCluster>).map(|kept| kept.kind);
        asked.extend(kept.iter().map(|kept| Demand::Get { key: access_secret(&kept.access()), api_version: "v1".to_owned() }));
        if kept.is_some_and(|kept| kept.without_api) {
            continue;
        }
        for (api_version, kind) in [
            ("v1", "Service"),
            ("v1", "PersistentVolumeClaim"),
            ("v1", "PersistentVolume"),
            ("apps/v1", "StatefulSet"),
            (CAPI_CORE, "Cluster"),
        ] {
            asked.insert(Demand::ListAll { plane: cluster.clone(), api_version: api_version.to_owned(), kind: kind.to_owned() });
        }
    }
    for plane in given_up(desired, recorded, mode) {
        asked.insert(Demand::InNamespace { plane: plane.clone(), namespace: marks::SYSTEM_NAMESPACE.to_owned() });
        asked.insert(Demand::ListAll { plane, api_version: CAPI_CORE.to_owned(), kind: "Cluster".to_owned() });
    }
    asked.extend(inventories(recorded));
    asked.extend(doomed_content(desired, recorded, mode));
    asked.into_iter().collect()
}

/// Management planes on which this plan gives providers up, whose Secrets clusters of others may need.
fn given_up(desired: &Desired, recorded: &Recorded, mode: Mode) -> BTreeSet<Address> {
    let providers = recorded.resources.keys().filter(|address| matches!(address.part, Some(Part::Provider(_))));
    let goes = |address: &&Address| mode == Mode::Destroy || !desired.resources.contains_key(*address);
    providers.filter(goes).map(Address::root).filter(Address::is_management).collect()
}

/// Parts of clusters that stay and are whole which the configuration has no more, and which may go by themselves.
pub(super) fn removed<'r>(desired: &'r Desired, recorded: &'r Recorded) -> impl Iterator<Item = (&'r Address, &'r RecordedResource)> {
    let whole = |root: &Address| recorded.resources.get(root).is_some_and(|resource| resource.status == ResourceStatus::Ready);
    recorded.resources.iter().filter(move |(address, record)| {
        let by_itself = match &address.part {
            Some(Part::WorkerPool(_)) => true,
            Some(Part::Layer(_)) => goes_alone(record),
            _ => false,
        };
        by_itself && desired.clusters.contains_key(&address.root()) && !desired.resources.contains_key(*address) && whole(&address.root())
    })
}

/// What stands in Namespaces, and is of kinds, that go with layers that this plan takes down.
fn doomed_content(desired: &Desired, recorded: &Recorded, mode: Mode) -> BTreeSet<Demand> {
    let clusters: BTreeSet<Address> = doomed(desired, recorded, mode).into_iter().collect();
    let removed: BTreeSet<&Address> = removed(desired, recorded).filter(|_| mode == Mode::Apply).map(|(address, _)| address).collect();
    let goes = |owner: &Address| {
        (clusters.contains(&owner.root()) || removed.contains(owner)) && recorded.resources.get(owner).is_some_and(goes_alone)
    };
    let containers = recorded.objects.iter().filter(|(_, object)| goes(&object.resource));
    containers.filter_map(|(key, object)| content_of(key, object)).collect()
}

/// Whether a resource is a layer that is deleted by itself, and not with the machines of its cluster.
pub(super) fn goes_alone(resource: &RecordedResource) -> bool {
    kept::<KeptLayer>(resource).is_some_and(|kept| kept.kind.layer.deleted_alone())
}

/// The question for what a Namespace or CustomResourceDefinition holds.
fn content_of(key: &ObjectKey, object: &RecordedObject) -> Option<Demand> {
    match (key.group.as_str(), key.kind.as_str()) {
        ("", "Namespace") => Some(Demand::InNamespace { plane: key.plane.clone(), namespace: key.name.clone() }),
        ("apiextensions.k8s.io", _) => {
            let (group, kind) = defined(&object.applied)?;
            let versions = object.applied.pointer("/spec/versions").and_then(Json::as_array);
            let mut served = versions.into_iter().flatten().filter(|version| version.get("served").and_then(Json::as_bool) == Some(true));
            let version = served.next()?.get("name")?.as_str()?;
            Some(Demand::ListAll { plane: key.plane.clone(), api_version: format!("{group}/{version}"), kind: kind.to_owned() })
        }
        _ => None,
    }
}

/// What drift asks: each plane that the state knows, and one LIST for each kind on it.
pub fn drift_demands(recorded: &Recorded) -> Vec<Demand> {
    let planes = planes(&Desired::default(), recorded).into_iter().map(|(plane, access)| Demand::Plane { plane, access });
    let lists = recorded.objects.iter().map(|(key, object)| Demand::List {
        plane: key.plane.clone(),
        api_version: object.api_version.clone(),
        kind: key.kind.clone(),
    });
    let managers = recorded_providers(recorded).into_iter().map(|(_, plane, provider)| manager(&plane, &provider));
    let managers = managers.map(|key| Demand::Get { key, api_version: "apps/v1".to_owned() });
    let layers = recorded_layer_objects(recorded).into_iter().flat_map(|(_, key)| of_agent(key.plane));
    let access = recorded_access(recorded).into_iter().map(|(_, secret)| secrets_on(secret.plane));
    let unique: BTreeSet<Demand> = planes.chain(lists).chain(managers).chain(layers).chain(access).collect();
    unique.into_iter().collect()
}

/// What giving clusters up asks beside: which machines their management planes know, whether they have an endpoint, and whether the last
/// key to each is there.
pub fn abandon_demands(recorded: &Recorded, abandon: &[Address]) -> Vec<Demand> {
    let kept: Vec<KeptCluster> =
        abandon.iter().filter_map(|address| kept::<KeptCluster>(recorded.resources.get(address)?)).map(|kept| kept.kind).collect();
    let planes: BTreeSet<&Address> = kept.iter().map(|kept| &kept.management).collect();
    let demand = |(plane, kind): (&Address, &str)| Demand::ListAll {
        plane: plane.clone(),
        api_version: CAPI_CORE.to_owned(),
        kind: kind.to_owned(),
    };
    let keys = kept.iter().map(|kept| Demand::Get { key: access_secret(&kept.access()), api_version: "v1".to_owned() });
    planes.into_iter().flat_map(|plane| [(plane, "Machine"), (plane, "Cluster")]).map(demand).chain(keys).collect()
}

/// What agents have of layers beside the layers' objects.
fn of_agent(plane: Address) -> [Demand; 2] {
    let (api_version, kind) = (marks::AGENT_API_VERSION.to_owned(), LAYER_KIND.to_owned());
    [secrets_on(plane.clone()), Demand::List { plane, api_version, kind }]
}

fn secrets_on(plane: Address) -> Demand {
    Demand::List { plane, api_version: "v1".to_owned(), kind: "Secret".to_owned() }
}

/// The rounds after the first: objects that must be there and that no LIST by label has brought. Their label may have been taken away, which
/// is not the same as their being gone. Empty for a healthy world; whoever asks leaves out what has been asked before, since an answer may
/// name more (a `Layer` its Secrets).
pub fn follow_up(recorded: &Recorded, facts: &Facts) -> Vec<Demand> {
    let missing = |key: &ObjectKey| facts.reachable(&key.plane).is_some() && facts.object(key).is_none();
    let objects = recorded.objects.iter().filter(|(key, _)| missing(key));
    let objects = objects.map(|(key, object)| Demand::Get { key: key.clone(), api_version: object.api_version.clone() });
    let layers: Vec<ObjectKey> = recorded_layer_objects(recorded).into_iter().map(|(_, layer)| layer).collect();
    let contents: Vec<ObjectKey> = layers.iter().flat_map(|layer| content_secrets(layer, facts)).collect();
    let secrets = contents.into_iter().chain(recorded_access(recorded).into_iter().map(|(_, secret)| secret)).filter(missing);
    let secrets = secrets.map(|key| Demand::Get { key, api_version: "v1".to_owned() });
    let layers = layers.into_iter().filter(missing).map(|key| Demand::Get { key, api_version: marks::AGENT_API_VERSION.to_owned() });
    objects.chain(secrets).chain(layers).collect()
}

/// The Deployment of a provider's manager.
pub(crate) fn manager(plane: &Address, provider: &ProviderSpec) -> ObjectKey {
    ObjectKey {
        plane: plane.clone(),
        group: "apps".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some(provider.namespace.clone()),
        name: provider.deployment.clone(),
    }
}

/// clusterctl's entry of a provider.
pub(super) fn inventory(plane: &Address, provider: &ProviderSpec) -> ObjectKey {
    ObjectKey {
        plane: plane.clone(),
        group: split_api_version(marks::INVENTORY_API_VERSION).0.to_owned(),
        kind: "Provider".to_owned(),
        namespace: Some(provider.namespace.clone()),
        name: provider.label.clone(),
    }
}

/// The object by which the agent knows of a layer.
pub(super) fn layer_object(plane: &Address, layer: &str) -> ObjectKey {
    ObjectKey {
        plane: plane.clone(),
        group: marks::AGENT_GROUP.to_owned(),
        kind: LAYER_KIND.to_owned(),
        namespace: Some(marks::SYSTEM_NAMESPACE.to_owned()),
        name: layer.to_owned(),
    }
}

/// Clusters that this plan takes down.
pub(super) fn doomed(desired: &Desired, recorded: &Recorded, mode: Mode) -> Vec<Address> {
    let clusters = recorded.resources.keys().filter(|address| address.is_cluster()).map(Address::root);
    let unique: BTreeSet<Address> = clusters.collect();
    unique.into_iter().filter(|cluster| mode == Mode::Destroy || !desired.clusters.contains_key(cluster)).collect()
}

/// All planes that are spoken to, with the way into each.
pub(super) fn planes(desired: &Desired, recorded: &Recorded) -> BTreeMap<Address, Option<ClusterAccess>> {
    let mut planes = BTreeMap::new();
    for address in recorded.resources.keys().filter(|address| address.is_management()) {
        planes.insert(address.root(), None);
    }
    for (address, resource) in recorded.resources.iter().filter(|(address, _)| address.is_cluster() && address.part.is_none()) {
        if let Some(Kept { kind: cluster, .. }) = kept::<KeptCluster>(resource) {
            if !cluster.without_api {
                planes.insert(address.clone(), Some(cluster.access()));
            }
            planes.insert(cluster.management, None);
        }
    }
    if let Some(management) = &desired.management {
        planes.insert(management.address.clone(), None);
        for (address, cluster) in desired.clusters.iter().filter(|(_, cluster)| !cluster.without_api) {
            let access =
                ClusterAccess { name: cluster.name.clone(), namespace: cluster.namespace.clone(), management: management.address.clone() };
            planes.entry(address.clone()).or_insert(Some(access));
        }
    }
    planes
}

/// Clusters whose own API is never spoken to, wished or recorded.
pub(super) fn without_api(desired: &Desired, recorded: &Recorded) -> BTreeSet<Address> {
    let wished = desired.clusters.values().filter(|cluster| cluster.without_api).map(|cluster| cluster.address.clone());
    let roots = recorded.resources.iter().filter(|(address, _)| address.is_cluster() && address.part.is_none());
    let silent = roots.filter(|(_, resource)| kept::<KeptCluster>(resource).is_some_and(|kept| kept.kind.without_api));
    wished.chain(silent.map(|(address, _)| address.clone())).collect()
}

/// Every object that HCL asks for, at each place where it is or will be, if that plane is there already.
fn wanted(desired: &Desired, recorded: &Recorded) -> BTreeMap<ObjectKey, String> {
    let mut wanted = BTreeMap::new();
    // What is installed beside clusters needs its namespace, whoever makes that.
    let with_namespace = |wanted: &mut BTreeMap<ObjectKey, String>, key: ObjectKey, api_version: &str| {
        wanted.extend(key.in_namespace().map(|namespace| (namespace, "v1".to_owned())));
        wanted.insert(key, api_version.to_owned());
    };
    let objects = desired.resources.values().flat_map(|resource| resource.objects.iter().map(move |object| (&resource.address, object)));
    let components = desired.providers.iter().flat_map(|provider| provider.objects.iter().map(move |object| (&provider.address, object)));
    for (owner, object) in objects.chain(components) {
        if !owner.is_cluster() {
            with_namespace(&mut wanted, object.key.clone(), &object.api_version);
            for (address, cluster) in &desired.clusters {
                let copied = cluster.pivot && (&cluster.cloud == owner || is_provider_of(desired, owner, cluster));
                if copied && recorded.planes.contains_key(address) {
                    with_namespace(&mut wanted, object.key.on(address), &object.api_version);
                }
            }
            continue;
        }
        let pivoted = desired.clusters.get(&owner.root()).is_some_and(|cluster| cluster.pivot);
        let there = recorded.planes.contains_key(&owner.root());
        if object.home != Home::Workload {
            wanted.insert(object.key.clone(), object.api_version.clone());
        }
        if there && (object.home == Home::Workload || (object.home == Home::Capi && pivoted)) {
            wanted.insert(object.key.on(&owner.root()), object.api_version.clone());
        }
    }
    wanted
}

fn is_provider_of(desired: &Desired, address: &Address, cluster: &DesiredCluster) -> bool {
    matches!(address.part, Some(Part::Provider(_))) && providers_of(desired, cluster).any(|provider| &provider.address == address)
}

/// Providers on management planes, as wished, and on all planes, as recorded.
fn providers(desired: &Desired, recorded: &Recorded) -> Vec<(Address, ProviderSpec)> {
    let wished = desired.providers.iter().map(|provider| (provider.address.root(), provider.spec.clone()));
    let known = recorded_providers(recorded).into_iter().map(|(_, plane, provider)| (plane, provider));
    wished.chain(known).collect()
}

/// Providers that stand where the state says: the resource that they belong to, the plane, the provider. A pivoted cluster has its own.
pub(crate) fn recorded_providers(recorded: &Recorded) -> Vec<(Address, Address, ProviderSpec)> {
    let ready = |address: &Address| recorded.resources.get(address).is_some_and(|resource| resource.status == ResourceStatus::Ready);
    let mut found = Vec::new();
    for (address, resource) in &recorded.resources {
        if let (Some(Part::Provider(_)), Some(provider)) = (&address.part, kept::<KeptProvider>(resource)) {
            if ready(address) {
                found.push((address.clone(), address.root(), provider.kind.provider));
            }
        } else if address.is_cluster() && address.part.is_none() && ready(&address.with(Part::Pivot)) {
            let providers = kept::<KeptCluster>(resource).map(|cluster| cluster.kind.providers).unwrap_or_default();
            found.extend(providers.into_iter().map(|provider| (address.with(Part::Pivot), address.clone(), provider)));
        }
    }
    found
}

/// The objects by which agents know of their layers, with the resource that each belongs to, as far as the state says that they stand.
pub(crate) fn recorded_layer_objects(recorded: &Recorded) -> Vec<(Address, ObjectKey)> {
    let ready = |address: &Address| recorded.resources.get(address).is_some_and(|resource| resource.status == ResourceStatus::Ready);
    let layers = recorded.resources.keys().filter_map(|address| match &address.part {
        Some(Part::Layer(name)) if ready(address) && ready(&address.root().with(Part::Agent)) => {
            Some((address.clone(), layer_object(&address.root(), name)))
        }
        _ => None,
    });
    layers.collect()
}

/// The Secret on the management plane that opens a pivoted cluster.
pub(super) fn access_secret(access: &ClusterAccess) -> ObjectKey {
    reach::access_secret(&access.management, &access.name)
}
