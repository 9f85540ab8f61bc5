//! What moves with a cluster: what we rendered for it, what hangs on that by owners, its Secrets, and the identities it uses.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use serde_json::Value as Json;
use windlass_core::addr::{Address, Part};
use windlass_core::plan::PivotSpec;
use windlass_run::ports::StepError;

use super::journal::Moving;
use super::ownership::{descendants, owners, uid};
use super::{ANNOTATION_BLOCK_MOVE, LABEL_MOVE, MACHINE_API_VERSION, strip};
use crate::apply::marks;
use crate::error::ApiError;
use crate::kinds::{Kind, ObjectRef};
use crate::plane::Plane;
use crate::ready::machines::{name, stays};
use crate::steps::wait_nodes::belongs_to;
use crate::work::Work;

/// Purposes of the Secrets that Cluster API names `<cluster>-<purpose>`.
const SECRET_PURPOSES: &[&str] = &["apiserver-etcd-client", "ca", "etcd", "proxy", "sa", "kubeconfig", "user-kubeconfig"];

/// The Cluster object.
pub fn cluster_reference(pivot: &PivotSpec) -> ObjectRef {
    ObjectRef::new(MACHINE_API_VERSION, "Cluster", Some(&pivot.access.namespace), &pivot.access.name)
}

/// Everything that could move.
struct Found {
    /// uid → live object, of the cluster's namespace.
    inside: BTreeMap<String, Json>,
    /// The same of cluster-scoped kinds and of the providers' namespaces.
    outside: BTreeMap<String, Json>,
    /// Kinds whose CRD has the move label.
    moves_alone: BTreeSet<String>,
}

/// What moves, and what providers say of it.
pub struct Closure {
    /// In the order of plane, kind, namespace and name.
    pub moving: Vec<Moving>,
    /// The same as they were listed, by uid.
    pub sources: BTreeMap<String, Json>,
    /// The first object that its provider does not let go at the moment.
    pub blocked: Option<String>,
    /// The first object that is being deleted, in words. It cannot move, and while its cluster is paused nobody finishes its deletion.
    pub going: Option<String>,
}

/// Finds what moves.
pub async fn discover(work: &Work<'_>, pivot: &PivotSpec, from: &Plane, kinds: &Kinds) -> Result<Closure, StepError> {
    let failed_to = |error: ApiError| error.during(&from.address, &format!("list what belongs to {}", pivot.cluster));
    let mut found = find(pivot, from, kinds).await.map_err(failed_to)?;
    let moving = select(&found, pivot, &work.context.lineage);
    let (mut list, mut blocked, mut going) = (Vec::new(), None, None);
    for (object, shared) in moving.own.iter().map(|uid| (uid, false)).chain(moving.shared.iter().map(|uid| (uid, true))) {
        let Some(live) = found.inside.get(object).or_else(|| found.outside.get(object)) else { continue };
        going = going.or_else(|| stays(live).err());
        list.extend(moving_of(work, live, shared, &moving));
        if blocks(live) {
            blocked = blocked.or_else(|| ObjectRef::of(live).map(|object| object.short()));
        }
    }
    list.sort_by_key(Moving::reference);
    let taken = list.iter().filter_map(|object| found.inside.remove(&object.uid).or_else(|| found.outside.remove(&object.uid)));
    let sources = taken.map(|live| (uid(&live).to_owned(), live)).collect();
    Ok(Closure { moving: list, sources, blocked, going })
}

fn moving_of(work: &Work<'_>, live: &Json, shared: bool, all: &Selected) -> Option<Moving> {
    let reference = ObjectRef::of(live)?;
    let within = |owner: &&str| all.own.contains(*owner) || all.shared.contains(*owner);
    Some(Moving {
        uid: uid(live).to_owned(),
        owners: owners(live).filter(within).map(str::to_owned).collect(),
        shared,
        digest: work.digests.digest(&strip::for_target(live, &BTreeMap::new())),
        api_version: reference.api_version,
        kind: reference.kind,
        namespace: reference.namespace,
        name: reference.name,
    })
}

/// Of which kinds objects may move with a cluster.
pub struct Kinds {
    /// Version, kind, and the namespace to look into.
    questions: Vec<(String, String, Option<String>)>,
    /// Kinds whose CRD has the move label.
    alone: BTreeSet<String>,
}

/// Asks a plane for the kinds that its providers have defined.
pub async fn kinds(pivot: &PivotSpec, from: &Plane) -> Result<Kinds, StepError> {
    let failed_to = |error: ApiError| error.during(&from.address, &format!("list the kinds that may belong to {}", pivot.cluster));
    let label = windlass_core::marks::LABEL_CLUSTERCTL;
    let crds = from.list("apiextensions.k8s.io/v1", "CustomResourceDefinition", None, Some(label)).await.map_err(failed_to)?;
    let mut kinds = Kinds { questions: Vec::new(), alone: BTreeSet::new() };
    for crd in &crds {
        let text = |pointer: &str| crd.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
        let (group, kind) = (text("/spec/group"), text("/spec/names/kind"));
        let versions = crd.pointer("/spec/versions").and_then(Json::as_array);
        let stored = versions.into_iter().flatten().find(|v| v.get("storage").and_then(Json::as_bool) == Some(true));
        let Some(version) = stored.and_then(|v| v.get("name")).and_then(Json::as_str) else { continue };
        // clusterctl's own inventory stays where it is.
        if group == "clusterctl.cluster.x-k8s.io" {
            continue;
        }
        if crd.pointer("/metadata/labels").and_then(|labels| labels.get(LABEL_MOVE)).is_some() {
            kinds.alone.insert(kind.to_owned());
        }
        let (api_version, namespaced) = (format!("{group}/{version}"), text("/spec/scope") != "Cluster");
        let (kind, plural) = (kind.to_owned(), text("/spec/names/plural").to_owned());
        from.know(&[Kind { api_version: api_version.clone(), kind: kind.clone(), plural, namespaced, listable: true }]);
        kinds.questions.push((api_version, kind, namespaced.then(|| pivot.access.namespace.clone())));
    }
    let namespaces: BTreeSet<&str> =
        pivot.providers.iter().map(|provider| provider.namespace.as_str()).chain([pivot.access.namespace.as_str()]).collect();
    kinds.questions.extend(namespaces.iter().map(|namespace| ("v1".to_owned(), "Secret".to_owned(), Some((*namespace).to_owned()))));
    kinds.questions.push(("v1".to_owned(), "ConfigMap".to_owned(), Some(pivot.access.namespace.clone())));
    Ok(kinds)
}

async fn find(pivot: &PivotSpec, from: &Plane, kinds: &Kinds) -> Result<Found, ApiError> {
    let mut found = Found { inside: BTreeMap::new(), outside: BTreeMap::new(), moves_alone: kinds.alone.clone() };
    let answers = kinds.questions.iter().map(|(api_version, kind, namespace)| from.list(api_version, kind, namespace.as_deref(), None));
    for (question, answer) in kinds.questions.iter().zip(try_join_all(answers).await?) {
        let inside = question.2.as_deref() == Some(pivot.access.namespace.as_str());
        let into = if inside { &mut found.inside } else { &mut found.outside };
        into.extend(answer.into_iter().map(|object| (uid(&object).to_owned(), object)));
    }
    Ok(found)
}

/// uids of what moves.
#[derive(Debug, Default)]
struct Selected {
    /// Only this cluster's.
    own: BTreeSet<String>,
    /// Used by others too.
    shared: BTreeSet<String>,
}

fn select(found: &Found, pivot: &PivotSpec, lineage: &str) -> Selected {
    let roots = found.inside.iter().filter(|(_, object)| is_root(object, pivot, lineage)).map(|(uid, _)| uid.clone()).collect();
    let own = descendants(&found.inside, roots);
    let mut shared = BTreeSet::new();
    let users: Vec<&Json> = own.iter().filter_map(|uid| found.inside.get(uid)).collect();
    let mut identities: Vec<&Json> = users.iter().filter_map(|object| identity_of(object, found)).collect();
    while let Some(identity) = identities.pop() {
        if own.contains(uid(identity)) || !shared.insert(uid(identity).to_owned()) {
            continue;
        }
        identities.extend(identity_of(identity, found));
        shared.extend(secrets_of(identity, found, lineage).into_iter().filter(|uid| !own.contains(*uid)).map(str::to_owned));
    }
    let alone = found.inside.iter().filter(|(uid, object)| !own.contains(*uid) && moves_alone(object, found));
    shared.extend(alone.map(|(uid, _)| uid.clone()));
    Selected { own, shared }
}

/// The Cluster itself, what we rendered for it, and the Secrets that Cluster API finds by label or name.
fn is_root(object: &Json, pivot: &PivotSpec, lineage: &str) -> bool {
    let text = |key: &str| object.get(key).and_then(Json::as_str).unwrap_or_default();
    let object_name = name(object);
    match (text("apiVersion"), text("kind")) {
        (MACHINE_API_VERSION, "Cluster") => object_name == pivot.access.name,
        ("v1", "Secret") => {
            let purpose = object_name.strip_prefix(&pivot.access.name).and_then(|rest| rest.strip_prefix('-'));
            belongs_to(object, &pivot.access.name)
                || purpose.is_some_and(|purpose| SECRET_PURPOSES.contains(&purpose))
                || is_rendered(object, pivot, lineage)
        }
        _ => is_rendered(object, pivot, lineage),
    }
}

fn is_rendered(object: &Json, pivot: &PivotSpec, lineage: &str) -> bool {
    let (label, address) = marks(object);
    let Some(address) = address.filter(|_| label == Some(lineage)).and_then(|text| text.parse::<Address>().ok()) else { return false };
    // Layers and the agent stay where they are.
    address.root() == pivot.cluster && !matches!(address.part, Some(Part::Layer(_) | Part::Agent))
}

/// The identity that an object names in `spec.identityRef` (of another identity: `spec.sourceIdentityRef`).
fn identity_of<'a>(object: &Json, found: &'a Found) -> Option<&'a Json> {
    let reference = object.pointer("/spec/identityRef").or_else(|| object.pointer("/spec/sourceIdentityRef"))?;
    let (kind, wanted) = (reference.get("kind")?.as_str()?, reference.get("name")?.as_str()?);
    let fits = |candidate: &&Json| candidate.get("kind").and_then(Json::as_str) == Some(kind) && name(candidate) == wanted;
    found.outside.values().chain(found.inside.values()).find(fits)
}

/// Secrets of an identity: named by `secretRef` or `clientSecret`, or carrying the marks of the same resource.
fn secrets_of<'a>(identity: &Json, found: &'a Found, lineage: &str) -> Vec<&'a str> {
    let named: Vec<&str> = ["/spec/secretRef", "/spec/clientSecret", "/spec/secretName"]
        .iter()
        .filter_map(|pointer| identity.pointer(pointer))
        .filter_map(|reference| reference.as_str().or_else(|| reference.get("name")?.as_str()))
        .collect();
    let (_, address) = marks(identity);
    let all = found.outside.iter().chain(found.inside.iter());
    all.filter(|(_, object)| object.get("kind").and_then(Json::as_str) == Some("Secret"))
        .filter(|(_, secret)| {
            let (label, whose) = marks(secret);
            named.contains(&name(secret)) || (address.is_some() && whose == address && label == Some(lineage))
        })
        .map(|(uid, _)| uid.as_str())
        .collect()
}

fn moves_alone(object: &Json, found: &Found) -> bool {
    let labelled = object.pointer("/metadata/labels").and_then(|labels| labels.get(LABEL_MOVE)).is_some();
    let by_kind = object.get("kind").and_then(Json::as_str).is_some_and(|kind| found.moves_alone.contains(kind));
    (labelled || by_kind) && owners(object).next().is_none()
}

/// Whether a provider does not let an object go at the moment.
fn blocks(object: &Json) -> bool {
    object.pointer("/metadata/annotations").and_then(|map| map.get(ANNOTATION_BLOCK_MOVE)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use windlass_core::facts::ClusterAccess;

    fn pivot() -> PivotSpec {
        let cluster: Address = "cluster.shop".parse().expect("address");
        let management = Address::management("m");
        PivotSpec {
            cluster: cluster.clone(),
            access: ClusterAccess { name: "shop".into(), namespace: "shop".into(), management: management.clone() },
            from: management,
            to: cluster,
            providers: vec![],
        }
    }

    fn object(uid: &str, kind: &str, name: &str, extra: Json) -> (String, Json) {
        let api_version = if matches!(kind, "Secret" | "ConfigMap") { "v1" } else { MACHINE_API_VERSION };
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"uid": uid, "name": name, "namespace": "shop"}});
        windlass_core::encode::merge_patch(&mut object, &extra);
        (uid.to_owned(), object)
    }

    fn marked(address: &str) -> Json {
        json!({"metadata": {"labels": {"windlass.dev/lineage": "l"}, "annotations": {"windlass.dev/address": address}}})
    }

    fn owned(by: &str) -> Json {
        json!({"metadata": {"ownerReferences": [{"uid": by}]}})
    }

    #[test]
    fn the_closure_is_one_clusters() {
        let found = Found {
            inside: BTreeMap::from([
                object("1", "Cluster", "shop", json!({})),
                object("2", "Cluster", "other", json!({})),
                object(
                    "3",
                    "AWSCluster",
                    "shop",
                    json!({"metadata": {"ownerReferences": [{"uid": "1"}]}, "spec": {"identityRef": {"kind": "Static", "name": "main"}}}),
                ),
                object("4", "Machine", "m", owned("5")),
                object("5", "MachineSet", "s", owned("1")),
                object("6", "Machine", "other", owned("2")),
                object("7", "Template", "t", marked("cluster.shop.worker_pool[\"a\"]")),
                object("8", "Secret", "shop-ca", json!({})),
                object("9", "Secret", "shop-words", json!({})),
                object("14", "Secret", "shop-apiserver-etcd-client", json!({})),
                object("10", "Secret", "x", json!({"metadata": {"labels": {"cluster.x-k8s.io/cluster-name": "shop"}}})),
                object("11", "ConfigMap", "layer", marked("cluster.shop.layer[\"a\"]")),
                object("12", "Secret", "moves", json!({"metadata": {"labels": {LABEL_MOVE: "true"}}})),
                object("13", "ConfigMap", "kube-root-ca.crt", json!({})),
            ]),
            outside: BTreeMap::from([
                object(
                    "20",
                    "Static",
                    "main",
                    json!({"spec": {"secretRef": "creds"}, "metadata": {"annotations": {"windlass.dev/address": "cloud.aws.main"}}}),
                ),
                object("21", "Secret", "creds", json!({})),
                object("22", "Static", "unused", json!({})),
                object("23", "Secret", "more", marked("cloud.aws.main")),
                object("24", "Secret", "foreign", json!({})),
            ]),
            moves_alone: BTreeSet::new(),
        };
        let selected = select(&found, &pivot(), "l");
        let texts = |set: &BTreeSet<String>| set.iter().map(|uid| uid.parse::<u32>().expect("number")).collect::<BTreeSet<_>>();
        assert_eq!(texts(&selected.own), BTreeSet::from([1, 3, 4, 5, 7, 8, 10, 14]));
        assert_eq!(texts(&selected.shared), BTreeSet::from([12, 20, 21, 23]));
    }
}
