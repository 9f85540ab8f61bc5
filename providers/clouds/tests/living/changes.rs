//! What a plan announces of a living cluster, and what Cluster API makes of it by its own rules; the latter knows no plan.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Part};
use windlass_core::desired::Desired;
use windlass_core::marks::address_of;
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Change, ChangeAction, Plan};

/// What a plan says that it changes.
#[derive(Debug)]
pub struct Changes {
    /// Resources that are updated, in order.
    pub updated: Vec<String>,
    /// Resources whose machines are replaced, with how many.
    pub repaved: BTreeMap<String, u32>,
    /// Those of the updated ones of which nothing changes on any plane.
    recorded: BTreeSet<String>,
    /// Anything else.
    other: Vec<String>,
}

impl Changes {
    /// Resources that come or go, each with what happens to it.
    pub fn others(&self) -> &[String] {
        &self.other
    }

    pub fn of(plan: &Plan) -> Changes {
        let mut changes = Changes { updated: Vec::new(), repaved: BTreeMap::new(), recorded: BTreeSet::new(), other: Vec::new() };
        for Change { address, action, machines, objects, .. } in &plan.changes {
            let address = address.to_string();
            match action {
                ChangeAction::NoOp => {}
                ChangeAction::Repave => drop(changes.repaved.insert(address, *machines)),
                ChangeAction::Update if objects.is_empty() => {
                    changes.updated.push(address.clone());
                    changes.recorded.insert(address);
                }
                ChangeAction::Update => changes.updated.push(address),
                other => changes.other.push(format!("{address} {other:?}")),
            }
        }
        changes
    }

    pub fn are_none(&self) -> bool {
        self.updated.is_empty() && self.repaved.is_empty() && self.other.is_empty()
    }

    /// These are repaved (those with 0 machines: updated), and nothing else changes but what the state keeps of their cluster.
    pub fn only_repaves(&self, machines: &[(&str, u32)]) -> bool {
        let (rolled, beside): (Vec<_>, Vec<_>) = machines.iter().partition(|(_, count)| *count > 0);
        let wanted: BTreeMap<String, u32> = rolled.into_iter().map(|(address, count)| ((*address).to_owned(), count)).collect();
        let is_root = |address: &str| address.parse::<Address>().is_ok_and(|address| address.is_cluster() && address.part.is_none());
        let expected = |address: &String| match self.recorded.contains(address) {
            true => is_root(address),
            false => beside.iter().any(|(named, _)| named == address),
        };
        let all_there = beside.iter().all(|(named, _)| self.updated.iter().any(|address| address == named));
        self.repaved == wanted && self.other.is_empty() && all_there && self.updated.iter().all(expected)
    }

    /// Each of the repaved ones is repaved as a whole: as many machines as the configuration gave it.
    pub fn are_whole(&self, before: &Desired) -> bool {
        self.repaved.iter().all(|(address, machines)| {
            let address: Address = address.parse().expect("an address");
            let cluster = &before.clusters[&address.root()];
            let size = match &address.part {
                Some(Part::ControlPlane) => Some(&cluster.control_plane_replicas),
                Some(Part::WorkerPool(pool)) => cluster.pools.get(pool),
                _ => None,
            };
            size == Some(machines)
        })
    }
}

/// Addresses of the control planes and pools whose machines Cluster API replaces between the two: those that were there before and are of
/// another version, bootstrap, infrastructure template or failure domain (`controlplane/kubeadm/pkg/filters.go`, `MachineTemplateUpToDate`).
pub fn rolled(before: &BTreeMap<ObjectKey, Json>, after: &BTreeMap<ObjectKey, Json>) -> BTreeSet<String> {
    let rolls = |(key, old): (&ObjectKey, &Json)| {
        let new = after.get(key)?;
        let differs = match key.kind.as_str() {
            "KubeadmControlPlane" => made_from_control_plane(old) != made_from_control_plane(new),
            "MachineDeployment" => made_from_pool(old) != made_from_pool(new),
            _ => false,
        };
        differs.then(|| address_of(new).expect("our mark").to_string())
    };
    before.iter().filter_map(rolls).collect()
}

/// What the machines of a control plane are compared by: of the kubeadm configuration all but what Cluster API brings to machines without
/// replacing them.
fn made_from_control_plane(object: &Json) -> Json {
    let spec = &object["spec"];
    let mut config = spec["kubeadmConfigSpec"].clone();
    if let Some(cluster) = config.get_mut("clusterConfiguration").and_then(Json::as_object_mut) {
        ["dns", "controlPlaneEndpoint"].iter().for_each(|field| drop(cluster.remove(*field)));
    }
    for phase in ["initConfiguration", "joinConfiguration"] {
        let Some(phase) = config.get_mut(phase).and_then(Json::as_object_mut) else { continue };
        phase.remove("discovery");
        let timeouts = phase.get_mut("timeouts").and_then(Json::as_object_mut);
        timeouts.and_then(|timeouts| timeouts.remove("controlPlaneComponentHealthCheckSeconds"));
        phase.retain(|_, value| value.as_object().is_none_or(|fields| !fields.is_empty()));
    }
    let reference = &spec["machineTemplate"]["spec"]["infrastructureRef"];
    json!([spec["version"], config, reference["name"], reference["kind"], reference["apiGroup"]])
}

fn made_from_pool(object: &Json) -> Json {
    let spec = &object["spec"]["template"]["spec"];
    json!([spec["version"], spec["bootstrap"], spec["infrastructureRef"], spec["failureDomain"]])
}

/// Machine and bootstrap templates that no control plane and no pool of their plane refers to.
pub fn unused_templates(objects: &BTreeMap<ObjectKey, Json>) -> Vec<String> {
    let references = |(key, object): (&ObjectKey, &Json)| {
        let found = [
            "/spec/machineTemplate/spec/infrastructureRef",
            "/spec/template/spec/infrastructureRef",
            "/spec/template/spec/bootstrap/configRef",
        ];
        let named = |pointer: &&str| {
            let reference = object.pointer(pointer)?;
            Some((key.plane.clone(), reference["kind"].as_str()?.to_owned(), reference["name"].as_str()?.to_owned()))
        };
        found.iter().filter_map(named).collect::<Vec<_>>()
    };
    let used: BTreeSet<_> = objects.iter().flat_map(references).collect();
    let templates = objects.keys().filter(|key| key.kind.ends_with("Template"));
    templates.filter(|key| !used.contains(&(key.plane.clone(), key.kind.clone(), key.name.clone()))).map(ObjectKey::to_string).collect()
}
