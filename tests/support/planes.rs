//! The planes behind a sandbox as they are, read with the rights that their own Secrets give. What the engine believes of them is not asked.

use std::collections::{BTreeMap, BTreeSet};

use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::config::Kubeconfig;
use kube::discovery::{Discovery, verbs};
use serde_json::Value as Json;

/// Kinds that come and go by themselves.
const FLEETING: [&str; 2] = ["Pod", "Event"];
/// Kinds whose names end in random characters; they are counted.
const NAMED_BY_CHANCE: [&str; 6] = ["Machine", "AWSMachine", "MachineSet", "KubeadmConfig", "ReplicaSet", "Node"];
/// The label on what windlass applied.
const LINEAGE: &str = "windlass.dev/lineage";

/// All planes that the management plane knows a way into, itself included.
pub struct Planes {
    runtime: tokio::runtime::Runtime,
    clients: BTreeMap<String, Client>,
}

/// The machines that Cluster API tells of.
#[derive(Debug, Default)]
pub struct Machines {
    /// Instance ids of Machines, each with the planes that hold one.
    pub of_machines: BTreeMap<String, Vec<String>>,
    /// Instance ids that a machine of the cloud's provider names, be it ready or not.
    pub of_provider: BTreeSet<String>,
    /// `namespace/name` of every Cluster.
    pub clusters: BTreeSet<String>,
}

impl Planes {
    /// Opens the management plane with a kubeconfig, and all others with the Secrets in it.
    pub fn open(management: &str) -> Result<Planes, String> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(|error| error.to_string())?;
        let clients = runtime.block_on(async {
            let management = client(management).await?;
            let mut clients = BTreeMap::new();
            for secret in list(&management, &ApiResource::erase::<k8s_openapi::api::core::v1::Secret>(&())).await? {
                let name = text(&secret, "/metadata/name");
                // Before the pivot Cluster API's own, after it the one that the pivot leaves.
                let Some(cluster) = name.strip_prefix("windlass-access-").or_else(|| name.strip_suffix("-kubeconfig")) else { continue };
                if let Some(kubeconfig) = windlass_kube::kubeconfig::secret_text(&secret, "value") {
                    clients.insert(cluster.to_owned(), client(&kubeconfig).await?);
                }
            }
            clients.insert(String::new(), management);
            Ok::<_, String>(clients)
        })?;
        Ok(Planes { runtime, clients })
    }

    /// Every object of every plane in a line of its own: where, what, whose, held by what; names by chance and by lineage are made even.
    pub fn objects(&self) -> Result<Vec<String>, String> {
        self.runtime.block_on(async {
            let mut lines = Vec::new();
            for (plane, client) in &self.clients {
                for kind in kinds(client).await? {
                    for object in list(client, &kind).await? {
                        lines.push(format!("{plane}: {}", line(&kind.kind, &object)));
                    }
                }
            }
            lines.sort();
            Ok(lines)
        })
    }

    /// What Cluster API tells of machines.
    pub fn machines(&self) -> Result<Machines, String> {
        self.runtime.block_on(async {
            let mut machines = Machines::default();
            for (plane, client) in &self.clients {
                // A plane that does not answer tells of nothing. If it holds machines, the ledger has more than its share.
                let kinds = match kinds(client).await {
                    Ok(kinds) => kinds,
                    Err(_) if !plane.is_empty() => continue,
                    Err(error) => return Err(error),
                };
                for kind in kinds {
                    if !["Machine", "AWSMachine", "Cluster"].contains(&kind.kind.as_str()) {
                        continue;
                    }
                    for object in list(client, &kind).await? {
                        let instance = text(&object, "/spec/providerID").rsplit('/').next().unwrap_or_default().to_owned();
                        match kind.kind.as_str() {
                            "Cluster" => {
                                machines.clusters.insert(place(&object));
                            }
                            _ if instance.is_empty() => {}
                            "Machine" => machines.of_machines.entry(instance).or_default().push(plane.clone()),
                            _ => {
                                machines.of_provider.insert(instance);
                            }
                        }
                    }
                }
            }
            Ok(machines)
        })
    }
}

/// What a list has that another lacks, and the other way round; equal lines are counted.
pub fn difference(expected: &[String], found: &[String]) -> Vec<String> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    found.iter().for_each(|line| *counts.entry(line).or_default() += 1);
    expected.iter().for_each(|line| *counts.entry(line).or_default() -= 1);
    let unequal = counts.into_iter().filter(|(_, count)| *count != 0);
    unequal
        .map(|(line, count)| if count < 0 { format!("missing {}: {line}", -count) } else { format!("too many {count}: {line}") })
        .collect()
}

async fn client(kubeconfig: &str) -> Result<Client, String> {
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig).map_err(|error| error.to_string())?;
    windlass_kube::kubeconfig::client(kubeconfig, None).await.map_err(|error| error.to_string())
}

async fn kinds(client: &Client) -> Result<Vec<ApiResource>, String> {
    let discovery = Discovery::new(client.clone()).run().await.map_err(|error| error.to_string())?;
    let mut kinds = Vec::new();
    for group in discovery.groups() {
        let listed = group.recommended_resources().into_iter().filter(|(_, capabilities)| capabilities.supports_operation(verbs::LIST));
        kinds.extend(listed.map(|(kind, _)| kind).filter(|kind| !FLEETING.contains(&kind.kind.as_str())));
    }
    Ok(kinds)
}

async fn list(client: &Client, kind: &ApiResource) -> Result<Vec<Json>, String> {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), kind);
    let list = api.list(&ListParams::default()).await.map_err(|error| format!("{}: {error}", kind.plural))?;
    list.items.into_iter().map(|object| serde_json::to_value(object).map_err(|error| error.to_string())).collect()
}

fn line(kind: &str, object: &Json) -> String {
    let kinds_of_owners: BTreeSet<&str> = objects(object, "/metadata/ownerReferences").map(|owner| text(owner, "/kind")).collect();
    let by_chance = NAMED_BY_CHANCE.contains(&kind) || kinds_of_owners.contains("KubeadmConfig");
    let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    let name =
        if by_chance { "*".to_owned() } else { even(name, text(object, &format!("/metadata/labels/{}", LINEAGE.replace('/', "~1")))) };
    let mut line = format!("{kind} {namespace}/{name}");
    let strings = |pointer: &str| -> BTreeSet<String> {
        let list = object.pointer(pointer).and_then(Json::as_array).into_iter().flatten();
        list.filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    if object.pointer("/metadata/labels").and_then(|labels| labels.get(LINEAGE)).is_some() {
        line.push_str(", ours");
    }
    if !kinds_of_owners.is_empty() {
        line.push_str(&format!(", owned by {kinds_of_owners:?}"));
    }
    let finalizers = strings("/metadata/finalizers");
    if !finalizers.is_empty() {
        line.push_str(&format!(", held by {finalizers:?}"));
    }
    if object.pointer("/spec/paused").and_then(Json::as_bool) == Some(true) {
        line.push_str(", paused");
    }
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        line.push_str(", being deleted");
    }
    let ours: BTreeSet<&str> = objects(object, "/metadata/managedFields")
        .map(|entry| text(entry, "/manager"))
        .filter(|name| name.starts_with("windlass"))
        .collect();
    if !ours.is_empty() {
        line.push_str(&format!(", managed by {ours:?}"));
    }
    line
}

/// A name without what differs from one state to the next: the lineage, and digests under the state's key.
fn even(name: &str, lineage: &str) -> String {
    let name = if lineage.is_empty() { name.to_owned() } else { name.replace(lineage, "LINEAGE") };
    if is_uuid(name.strip_prefix("windlass-").unwrap_or_default()) {
        return "windlass-LINEAGE".to_owned();
    }
    let is_digest = |word: &str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.split('-').map(|word| if is_digest(word) { "*" } else { word }).collect::<Vec<_>>().join("-")
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn place(object: &Json) -> String {
    format!("{}/{}", text(object, "/metadata/namespace"), text(object, "/metadata/name"))
}

fn objects<'a>(object: &'a Json, pointer: &str) -> impl Iterator<Item = &'a Json> {
    object.pointer(pointer).and_then(Json::as_array).into_iter().flatten()
}

fn text<'a>(object: &'a Json, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}
