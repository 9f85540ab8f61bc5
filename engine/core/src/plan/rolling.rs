//! Whether putting an object right replaces machines, how many, and in which order: Cluster API's rules, of control planes and pools. Knows no
//! steps.

use serde_json::Value as Json;

use super::verdict::{Repair, View};
use super::wish::Wish;
use crate::diff::LeafDiff;
use crate::object::ObjectKey;

/// What stands in a control plane's kubeadm configuration and replaces no machine (`PrepareKubeadmConfigsForDiff` in
/// controlplane/kubeadm/pkg/filters.go, Cluster API v1.14).
const WITHOUT_ROLL: &[&str] = &[
    "spec.kubeadmConfigSpec.clusterConfiguration.controlPlaneEndpoint",
    "spec.kubeadmConfigSpec.clusterConfiguration.dns",
    "spec.kubeadmConfigSpec.initConfiguration.timeouts.controlPlaneComponentHealthCheckSeconds",
    "spec.kubeadmConfigSpec.joinConfiguration.discovery",
    "spec.kubeadmConfigSpec.joinConfiguration.timeouts.controlPlaneComponentHealthCheckSeconds",
];

/// Whether putting this right rolls machines (reference/cluster-api.md 3.1 and 3.2).
pub(super) fn rolls_machines(repair: &Repair) -> bool {
    let rolling: &[&str] = match repair.key.kind.as_str() {
        "KubeadmControlPlane" => &["spec.version", "spec.kubeadmConfigSpec", "spec.machineTemplate.spec.infrastructureRef"],
        "MachineDeployment" => &[
            "spec.template.spec.version",
            "spec.template.spec.bootstrap",
            "spec.template.spec.infrastructureRef",
            "spec.template.spec.failureDomain",
        ],
        _ => return false,
    };
    if repair.drift.deleting.is_some() {
        return repair.key.kind == "MachineDeployment";
    }
    let under = |leaf: &LeafDiff, paths: &[&str]| paths.iter().any(|path| leaf.path_text().starts_with(path));
    !repair.drift.deleted && repair.drift.leaves.iter().any(|leaf| under(leaf, rolling) && !under(leaf, WITHOUT_ROLL))
}

/// Machines that are replaced: all that there are. Where what was applied last is wished again, a change is taken back half-way, or somebody
/// else's is: then those that were made for it, as far as Cluster API has counted them.
pub(super) fn machines(view: &View<'_>, wish: &Wish<'_>, rolled: &Repair) -> u32 {
    let asked = || wish.objects.iter().find_map(|object| number(&object.content, "/spec/replicas"));
    let Some(live) = view.facts.object(&rolled.key) else { return asked().unwrap_or(0) };
    let all = number(live, "/spec/replicas").or_else(asked).unwrap_or(0);
    let counted = number(live, "/status/observedGeneration").is_some_and(|seen| Some(seen) == number(live, "/metadata/generation"));
    let made = number(live, "/status/upToDateReplicas").filter(|_| counted && rolled.drift.deleting.is_none() && view.is_as_recorded(wish));
    made.map_or(all, |made| made.min(all))
}

/// Machines that a living control plane or pool has.
pub(super) fn machines_at(view: &View<'_>, key: &ObjectKey) -> Option<u32> {
    let of_machines = matches!(key.kind.as_str(), "KubeadmControlPlane" | "MachineDeployment");
    number(view.facts.object(key).filter(|_| of_machines)?, "/spec/replicas")
}

/// In which order the machines go and come, for a reviewer.
pub(super) fn order(rolled: &Repair) -> Option<String> {
    let object = rolled.wish.as_ref().filter(|_| rolled.drift.deleting.is_none())?;
    let limit = |name: &str, default: &str| match object.content.pointer(&format!("/spec/rollout/strategy/rollingUpdate/{name}")) {
        None | Some(Json::Null) => default.to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let surge = limit("maxSurge", "1");
    if object.key.kind == "KubeadmControlPlane" {
        let order = if surge == "0" { "an old one goes before a new one comes" } else { "a new one comes before an old one goes" };
        return Some(format!("one machine after the other: {order} (maxSurge {surge})"));
    }
    if object.content.pointer("/spec/rollout/strategy/type").and_then(Json::as_str) == Some("OnDelete") {
        return Some("a machine is replaced when somebody deletes it, and not before (strategy OnDelete)".to_owned());
    }
    let unavailable = limit("maxUnavailable", "0");
    let fewer = if unavailable == "0" { "never fewer".to_owned() } else { format!("up to {unavailable} fewer") };
    Some(format!("meanwhile up to {surge} more, and {fewer} (maxSurge {surge}, maxUnavailable {unavailable})"))
}

fn number(object: &Json, pointer: &str) -> Option<u32> {
    object.pointer(pointer)?.as_u64().and_then(|number| u32::try_from(number).ok())
}

impl View<'_> {
    /// Whether a resource is wished as it was recorded last, and so is the cluster that it is a part of.
    fn is_as_recorded(&self, wish: &Wish<'_>) -> bool {
        let address = &wish.resource.address;
        [address.clone(), address.root()].iter().all(|address| {
            let (wish, record) = (self.wishes.resources.get(address), self.recorded.resources.get(address));
            wish.zip(record).is_some_and(|(wish, record)| wish.input_digest == record.input_digest)
        })
    }
}
