//! Everything on a plane that a move could concern, and the same in words that do not depend on chance: so two clusters of one
//! description can be compared.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use windlass_kube::kinds::ObjectRef;
use windlass_kube::plane::Plane;

use super::inventory::IDENTITIES;
use super::objects::NAMESPACE;

/// Live objects by `Kind namespace/name`.
pub type Dump = BTreeMap<String, Json>;

/// All objects of kinds that clusterctl knows, and Secrets and ConfigMaps, of the cluster's namespace and that of identities.
pub async fn dump(plane: &Plane) -> Dump {
    let mut found = Dump::new();
    for (api_version, kind, namespace) in kinds(plane).await {
        let listed = plane.list(&api_version, &kind, namespace, None).await.unwrap_or_else(|error| panic!("{error}"));
        for object in listed {
            let reference = ObjectRef::of(&object).expect("an object");
            // Each plane has its own.
            if reference.name != "kube-root-ca.crt" {
                found.insert(reference.short(), object);
            }
        }
    }
    found
}

async fn kinds(plane: &Plane) -> Vec<(String, String, Option<&'static str>)> {
    let label = Some("clusterctl.cluster.x-k8s.io");
    let definitions = plane.list("apiextensions.k8s.io/v1", "CustomResourceDefinition", None, label).await;
    let definitions = definitions.unwrap_or_else(|error| panic!("{error}"));
    let mut kinds: Vec<_> = definitions
        .iter()
        .map(|definition| {
            let spec = &definition["spec"];
            let stored = spec["versions"].as_array().expect("versions").iter().find(|version| version["storage"] == true);
            let version = stored.and_then(|version| version["name"].as_str()).expect("a stored version");
            let namespace = (spec["scope"] != "Cluster").then_some(NAMESPACE);
            let kind = spec["names"]["kind"].as_str().expect("a kind").to_owned();
            (format!("{}/{version}", spec["group"].as_str().expect("a group")), kind, namespace)
        })
        .collect();
    for namespace in [NAMESPACE, IDENTITIES] {
        kinds.extend(["Secret", "ConfigMap"].map(|kind| ("v1".to_owned(), kind.to_owned(), Some(namespace))));
    }
    kinds
}

/// The values of `spec.providerID` of all Machines.
pub fn provider_ids(dump: &Dump) -> BTreeMap<String, String> {
    let machines = dump.iter().filter(|(name, _)| name.starts_with("Machine "));
    machines.map(|(name, machine)| (name.clone(), machine["spec"]["providerID"].as_str().unwrap_or_default().to_owned())).collect()
}

/// Whether times count that say when a manager wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    Count,
    AreChance,
}

/// A dump in words without chance: names that controllers made, ids, ports, keys and times are replaced by what they stand for, and
/// the data of a Secret by whether they are those of `truth`. Status is left out: no move carries it.
pub fn plain(dump: &Dump, truth: &Dump, times: Times) -> Dump {
    let words = words(dump);
    let mut plain = Dump::new();
    for (name, object) in dump {
        let mut object = object.clone();
        compare_data(&mut object, truth.get(name));
        let mut text = serde_json::to_string(&object).expect("JSON");
        let mut name = name.clone();
        for (chance, word) in &words {
            text = text.replace(chance, word);
            name = name.replace(chance, word);
        }
        let mut object: Json = serde_json::from_str(&text).expect("JSON");
        strip(&mut object, times);
        plain.insert(name, object);
    }
    plain
}

/// What chance made → what it stands for, longest first.
fn words(dump: &Dump) -> Vec<(String, String)> {
    let mut words = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let named = |prefix: &'static str| dump.iter().filter(move |(name, _)| name.starts_with(prefix)).map(|(_, object)| object);
    let text = |object: &Json, pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
    // The one that made the control plane is another than those that joined it.
    let joined = |machine: &&Json| {
        let config = format!("KubeadmConfig {NAMESPACE}/{}", text(machine, "/metadata/name"));
        dump.get(&config).is_none_or(|config| config["spec"].get("initConfiguration").is_none())
    };
    let mut machines: Vec<&Json> = named("Machine ").collect();
    machines.sort_by_key(joined);
    for machine in machines {
        let pool = if machine["metadata"]["labels"].get("cluster.x-k8s.io/control-plane").is_some() { "control-plane" } else { "worker" };
        let count = counts.entry(pool.to_owned()).or_default();
        *count += 1;
        let word = format!("{pool}-{count}");
        words.push((text(machine, "/spec/providerID"), format!("id-of-{word}")));
        words.push((text(machine, "/spec/failureDomain"), "ZONE".to_owned()));
        let instance = text(machine, "/spec/providerID").rsplit('/').next().unwrap_or_default().to_owned();
        words.push((instance, format!("instance-{word}")));
        words.push((text(machine, "/metadata/name"), word));
    }
    for (name, object) in dump {
        // Owners of the entries of a list are told by their keys: uids.
        words.push((text(object, "/metadata/uid"), format!("uid of {name}")));
    }
    for set in named("MachineSet ") {
        words.push((text(set, "/metadata/name"), "SET".to_owned()));
        let hash = set["metadata"]["labels"]["machine-template-hash"].as_str().unwrap_or_default();
        words.push((format!("\"{hash}\""), "\"HASH\"".to_owned()));
    }
    for cluster in named("Cluster ") {
        let port = cluster["spec"]["controlPlaneEndpoint"]["port"].to_string();
        words.push((format!("127.0.0.1:{port}"), "127.0.0.1:PORT".to_owned()));
        words.push((format!("\"port\":{port}"), "\"port\":\"PORT\"".to_owned()));
    }
    words.retain(|(chance, _)| !chance.is_empty() && chance != "\"\"");
    words.sort_by(|a, b| (b.0.len(), &a.0).cmp(&(a.0.len(), &b.0)));
    words
}

/// Secrets: which of their values are those of the source.
fn compare_data(object: &mut Json, truth: Option<&Json>) {
    if object["kind"] != "Secret" {
        return;
    }
    let truth = truth.map(|truth| truth["data"].clone()).unwrap_or_default();
    for (key, value) in object.get_mut("data").and_then(Json::as_object_mut).into_iter().flatten() {
        *value = if truth.get(key) == Some(value) { "as on the source" } else { "not as on the source" }.into();
    }
}

fn strip(object: &mut Json, times: Times) {
    let Some(fields) = object.as_object_mut() else { return };
    fields.remove("status");
    if let Some(metadata) = fields.get_mut("metadata").and_then(Json::as_object_mut) {
        for field in ["uid", "resourceVersion", "generation", "creationTimestamp", "selfLink"] {
            metadata.remove(field);
        }
        for owner in metadata.get_mut("ownerReferences").and_then(Json::as_array_mut).into_iter().flatten() {
            owner.as_object_mut().map(|owner| owner.remove("uid"));
        }
        if let Some(owners) = metadata.get_mut("ownerReferences").and_then(Json::as_array_mut) {
            owners.sort_by_key(Json::to_string);
        }
        if let Some(Json::Array(entries)) = metadata.remove("managedFields") {
            // Status has owners too, and no move carries it.
            let entries = entries.into_iter().filter(|entry| entry.get("subresource").is_none()).map(|entry| owner_of_fields(entry, times));
            metadata.insert("managedFields".to_owned(), Json::Object(entries.collect()));
        }
    }
    if let Some(discovery) = object.pointer_mut("/spec/joinConfiguration/discovery/bootstrapToken").and_then(Json::as_object_mut) {
        for (field, value) in discovery.iter_mut() {
            if matches!(field.as_str(), "token" | "caCertHashes") {
                *value = json!("made by chance");
            }
        }
    }
}

/// An entry of `managedFields`, by what tells it from others of its object.
fn owner_of_fields(mut entry: Json, times: Times) -> (String, Json) {
    let key = ["manager", "operation", "apiVersion"].map(|field| entry[field].as_str().unwrap_or_default().to_owned()).join(" ");
    if let Some(owners) = entry.pointer_mut("/fieldsV1/f:metadata/f:ownerReferences").and_then(Json::as_object_mut) {
        let known = |key: &str| !key.starts_with("k:") || key.contains("uid of ");
        *owners = std::mem::take(owners)
            .into_iter()
            .map(|(key, fields)| if known(&key) { (key, fields) } else { ("k:uid of nobody".to_owned(), fields) })
            .collect();
    }
    if times == Times::AreChance {
        entry.as_object_mut().map(|entry| entry.remove("time"));
    }
    (key, entry)
}

/// Every owner is alive on the same plane, under the uid that it is called by.
pub fn dead_owners(dump: &Dump) -> Vec<String> {
    let living: std::collections::BTreeSet<&str> = dump.values().filter_map(|object| object["metadata"]["uid"].as_str()).collect();
    let mut dead = Vec::new();
    for (name, object) in dump {
        for owner in object["metadata"]["ownerReferences"].as_array().into_iter().flatten() {
            if !owner["uid"].as_str().is_some_and(|uid| living.contains(uid)) {
                dead.push(format!("{name}: {} {}", owner["kind"], owner["name"]));
            }
        }
    }
    dead
}
