//! Giving a cluster up whose API does not answer: the state forgets it, nothing is deleted anywhere, and a person reads what stays behind.
//!
//! Works from the state and from what the management plane says; must not need the cluster.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::destroy::protected;
use super::steps::Draft;
use crate::addr::Address;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::encode::{Placeholder, contains_placeholder};
use crate::facts::{Facts, PlaneFact};
use crate::marks::LABEL_CLUSTER_NAME;
use crate::plan::demands::access_secret;
use crate::plan::index::{on_plane, recorded_on};
use crate::plan::kept_facts::{KeptCluster, kept};
use crate::plan::verdict::View;
use crate::plan::{ChangeAction, Plan};
use crate::recorded::{Effect, Recorded};

/// A cluster that is forgotten.
pub(in crate::plan) struct Abandoned {
    /// It and everything below it.
    pub(in crate::plan) resources: Vec<Address>,
    /// Why it can be given up.
    pub(in crate::plan) reason: String,
    /// What stays behind.
    pub(in crate::plan) notes: Vec<String>,
}

/// Outputs that change, as before and after.
type Outputs = BTreeMap<String, (Option<Json>, Option<Json>)>;

/// Forgets the clusters of `-abandon`, by address, with the outputs that tell of them; those that cannot be forgotten are errors.
pub(in crate::plan) fn abandon(
    view: &View<'_>,
    draft: &mut Draft,
    diagnostics: &mut Diagnostics,
) -> (BTreeMap<Address, Abandoned>, Outputs) {
    let wanted: BTreeSet<&Address> = view.options.abandon.iter().collect();
    let mut abandoned = BTreeMap::new();
    for address in wanted {
        let Some(kept) = view.kept_cluster(address) else {
            let known: Vec<String> = view.index.clusters().keys().map(|known| known.to_string()).collect();
            let error = Diagnostic::error(Code::NOT_ABANDONED, format!("-abandon={address}: the state holds no such cluster"));
            diagnostics.push(error.did_you_mean(&address.to_string(), known.iter().map(String::as_str)));
            continue;
        };
        if protected(view, address, diagnostics) {
            continue;
        }
        match silence(view.recorded, view.facts, address, &kept.management) {
            Ok(reason) => {
                let resources = view.index.below(address).iter().map(|(resource, _)| (*resource).clone()).collect();
                abandoned.insert(address.clone(), Abandoned { resources, reason, notes: left_behind(view, address, kept) });
            }
            Err(answer) => {
                let error = Diagnostic::error(Code::NOT_ABANDONED, format!("{address} can be destroyed and is not abandoned"));
                diagnostics.push(
                    error.detail(answer).hint("`windlass destroy` takes it down; -abandon is for clusters that nobody can reach any more"),
                );
            }
        }
    }
    let outputs = lost_outputs(view, &abandoned);
    let mut told: Vec<Effect> = outputs.keys().map(|name| Effect::Output { name: name.clone(), value: None }).collect();
    for (address, Abandoned { resources, .. }) in &abandoned {
        let inside = recorded_on(view.recorded, address).map(|(key, _)| Effect::ObjectGone { key: key.clone() });
        let parts = resources.iter().map(|resource| Effect::ResourceGone { address: resource.clone() });
        let plane = Effect::PlaneGone { address: address.clone() };
        draft.record(address, inside.chain(parts).chain([plane]).chain(std::mem::take(&mut told)).collect(), []);
    }
    (abandoned, outputs.into_iter().map(|(name, before)| (name, (Some(before), None))).collect())
}

/// Clusters that a plan forgets because nobody reached them.
pub fn abandoned(plan: &Plan) -> impl Iterator<Item = &Address> {
    let whole = plan.changes.iter().filter(|change| change.action == ChangeAction::Forget && change.address.part.is_none());
    whole.map(|change| &change.address)
}

/// The first of a plan's abandoned clusters that could be destroyed by now, with what answers; `facts` tell of its planes.
pub fn answers_again(plan: &Plan, recorded: &Recorded, facts: &Facts) -> Option<(Address, &'static str)> {
    abandoned(plan).find_map(|address| {
        let cluster = kept::<KeptCluster>(recorded.resources.get(address)?)?;
        let answer = silence(recorded, facts, address, &cluster.kind.management).err()?;
        Some((address.clone(), answer))
    })
}

/// Why the cluster cannot be destroyed; what answers, if it can.
fn silence(recorded: &Recorded, facts: &Facts, address: &Address, management: &Address) -> Result<String, &'static str> {
    let reason = |plane: &Address| match facts.planes.get(plane) {
        Some(PlaneFact::Reachable(_)) => None,
        Some(PlaneFact::Unreachable { reason }) => Some(reason.clone()),
        Some(PlaneFact::Absent) | None => Some("there is no kubeconfig for it".to_owned()),
    };
    let Some(own) = reason(address) else { return Err("Its API answers.") };
    match reason(management) {
        Some(management) => Ok(format!("its management plane does not answer: {management}")),
        None if recorded.planes.contains_key(address) => Ok(format!("its API does not answer: {own}")),
        None => Err("Windlass has never spoken to its API, and its objects on the management plane can be deleted."),
    }
}

/// What a person has to see to, as far as it is known.
fn left_behind(view: &View<'_>, address: &Address, kept: &KeptCluster) -> Vec<String> {
    let mut notes = machines(view, address, kept);
    for (key, object) in recorded_on(view.recorded, address) {
        let text = |pointer: &str| object.applied.pointer(pointer).and_then(Json::as_str);
        match (key.group.as_str(), key.kind.as_str()) {
            ("", "Service") if text("/spec/type") == Some("LoadBalancer") => {
                notes.push(format!("leaves the load balancer of {}", key.short()))
            }
            ("", "PersistentVolumeClaim") => notes.push(format!("leaves the volume of {}", key.short())),
            ("apps", "StatefulSet") if object.applied.pointer("/spec/volumeClaimTemplates").is_some() => {
                notes.push(format!("leaves the volumes of {}", key.short()));
            }
            _ => {}
        }
    }
    notes.push("what others made in it (load balancers, volumes) is not known".to_owned());
    notes.extend(on_management(view, address, kept));
    if view.desired.clusters.contains_key(address) {
        notes.push("its block is still in the configuration: remove it, or the next apply makes a new cluster of this name".to_owned());
    }
    notes
}

/// What stays on the management plane, if that could be looked at.
fn on_management(view: &View<'_>, address: &Address, kept: &KeptCluster) -> Option<String> {
    let plane = &kept.management;
    let answers = view.facts.reachable(plane).is_some();
    let secret = access_secret(&kept.access());
    let cluster = view.index.owned_below(address).map(|(key, _)| key);
    let mut cluster = cluster.filter(|key| &key.plane != address && key.group == "cluster.x-k8s.io" && key.kind == "Cluster");
    match (cluster.next(), answers) {
        (Some(key), true) if view.facts.object(key).is_some() => Some(format!(
            "{} stays on {plane}, and Cluster API goes on with its machines; delete it there to have them taken down",
            key.short()
        )),
        (Some(key), true) => Some(format!("{} is no longer on {plane}", key.short())),
        (Some(key), false) => Some(format!(
            "whether {} is still on {plane} was not looked at, since that does not answer; Cluster API goes on with its machines there",
            key.short()
        )),
        (None, true) => {
            view.facts.object(&secret).map(|_| format!("{} stays on {plane}: it is the last key to the cluster", secret.short()))
        }
        (None, false) => Some(format!(
            "whether {}, the last key to the cluster, is still on {plane} was not looked at, since that does not answer",
            secret.short()
        )),
    }
}

/// Recorded outputs that tell of clusters that are forgotten, and those that the configuration has no more. Without a configuration
/// nobody knows which are which, and they go with the last cluster.
fn lost_outputs(view: &View<'_>, abandoned: &BTreeMap<Address, Abandoned>) -> BTreeMap<String, Json> {
    let tells = |value: &Json| {
        let of = |reference: &str| reference.rsplit_once('.').and_then(|(cluster, _)| cluster.parse::<Address>().ok());
        contains_placeholder(
            value,
            &|p| matches!(p, Placeholder::Unknown { reference } if of(reference).is_some_and(|cluster| abandoned.contains_key(&cluster))),
        )
    };
    let last = view.index.clusters().keys().all(|cluster| abandoned.contains_key(*cluster));
    let configured = !view.desired.resources.is_empty();
    let goes = |name: &str| view.wishes.outputs.get(name).map_or(configured || last, tells);
    let lost = view.recorded.outputs.iter().filter(|(name, _)| !abandoned.is_empty() && goes(name));
    lost.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Machines by providerID: those that the management plane knows now, else those that were seen last.
fn machines(view: &View<'_>, address: &Address, kept: &KeptCluster) -> Vec<String> {
    let mut ids: BTreeSet<&str> = BTreeSet::new();
    let mut endpoint = None;
    for (key, live) in on_plane(view.facts, &kept.management).filter(|(key, _)| key.group == "cluster.x-k8s.io") {
        let label = live.pointer("/metadata/labels").and_then(|labels| labels.get(LABEL_CLUSTER_NAME)?.as_str());
        match key.kind.as_str() {
            "Machine" if label == Some(kept.name.as_str()) && key.namespace.as_ref() == Some(&kept.namespace) => {
                ids.extend(live.pointer("/spec/providerID").and_then(Json::as_str));
            }
            "Cluster" if key.name == kept.name && key.namespace.as_ref() == Some(&kept.namespace) => {
                endpoint = live.pointer("/spec/controlPlaneEndpoint/host").and_then(Json::as_str);
            }
            _ => {}
        }
    }
    let mut notes: Vec<String> = ids.iter().map(|id| format!("leaves machine {id}")).collect();
    let seen = view.recorded.machines.get(address).filter(|_| ids.is_empty());
    if let Some(seen) = seen {
        let told = "these machines may still run (as a run of windlass saw them last; Cluster API may have replaced some since):";
        notes.push(told.to_owned());
        notes.extend(seen.iter().map(|id| format!("  {id}")));
    } else if ids.is_empty() {
        notes.push(format!("leaves its machines, which are not known here: ask the cloud for those of cluster {}", kept.name));
    }
    notes.push(match endpoint {
        Some(host) => format!("leaves the load balancer of its API, {host}"),
        None => "leaves the load balancer of its API".to_owned(),
    });
    notes
}
