//! Why a new cluster has no API yet, in the words of whoever stands nearest to the root: a pause, the cloud, then Cluster API. Pure.

use serde_json::Value as Json;
use windlass_core::paused::paused_by_others;

use super::condition::{condition, first_false};
use super::machines::{has_node, name};

/// What is seen of a new cluster.
#[derive(Debug, Clone, Default)]
pub struct Seen<'a> {
    /// The Cluster.
    pub cluster: Option<&'a Json>,
    /// What its `infrastructureRef` names.
    pub infrastructure: Option<&'a Json>,
    /// What its `controlPlaneRef` names.
    pub control_plane: Option<&'a Json>,
    /// Its Machines, each with what its `infrastructureRef` names.
    pub machines: Vec<(&'a Json, Option<&'a Json>)>,
}

/// The causes, root first; none if nothing is seen that stands in the way.
pub fn causes(seen: &Seen<'_>) -> Vec<String> {
    let above = [seen.cluster, seen.infrastructure, seen.control_plane];
    let mut causes: Vec<String> = above.into_iter().flatten().find_map(paused_by_others).into_iter().collect();
    causes.extend(seen.infrastructure.and_then(cloud_says));
    let waiting: Vec<_> = seen.machines.iter().filter_map(|(machine, cloud)| Some((has_node(machine).err()?, *machine, *cloud))).collect();
    let refused = waiting.iter().find(|(_, _, cloud)| cloud.and_then(cloud_says).is_some());
    match (refused.or(waiting.first()), seen.control_plane) {
        (Some((why, machine, cloud)), _) => {
            let said = cloud.and_then(cloud_says);
            let repeated = cloud.and_then(message).is_some_and(|message| why.contains(&message));
            causes.extend(said);
            causes.push(if repeated { format!("Machine {} has no node yet", name(machine)) } else { why.clone() });
        }
        (None, Some(control_plane)) if seen.machines.is_empty() => causes.extend(has_no_machine(control_plane)),
        _ => {}
    }
    causes
}

/// What a cloud's object says while it is not ready: `status.initialization.provisioned` of contract v1beta2, `status.ready` of v1beta1, and
/// the condition Ready, or the first that is False where that one has nothing to say.
fn cloud_says(live: &Json) -> Option<String> {
    let flag = |pointer: &str| live.pointer(pointer).and_then(Json::as_bool) == Some(true);
    let provisioned = flag("/status/initialization/provisioned") || flag("/status/ready");
    let ready = condition(live, "Ready").filter(|ready| ready.status != "True");
    let words = match (provisioned, ready) {
        (_, Some(ready)) if !ready.message.is_empty() => ready.words(),
        (true, _) => return None,
        (false, ready) => first_false(live).or(ready).map_or_else(|| "it is not ready yet".to_owned(), |told| told.words()),
    };
    let kind = live.get("kind").and_then(Json::as_str).unwrap_or_default();
    Some(format!("{kind} {}: {words}", name(live)))
}

/// The sentence behind [`cloud_says`].
fn message(live: &Json) -> Option<String> {
    let ready = condition(live, "Ready").filter(|ready| !ready.message.is_empty());
    Some(ready.or_else(|| first_false(live))?.words_of_message()).filter(|message| !message.is_empty())
}

fn has_no_machine(control_plane: &Json) -> Option<String> {
    let told = ["CertificatesAvailable", "MachinesReady", "Initialized", "Available"];
    let told = told.iter().filter_map(|kind| condition(control_plane, kind)).find(|told| told.status != "True");
    let kind = control_plane.get("kind").and_then(Json::as_str).unwrap_or_default();
    let why = told.map_or_else(|| "it says nothing yet".to_owned(), |told| told.words());
    Some(format!("{kind} {} has no machine yet: {why}", name(control_plane)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(kind: &str, ready: Option<bool>, conditions: Json) -> Json {
        json!({"kind": kind, "metadata": {"name": "x", "namespace": "n"}, "status": {"ready": ready, "conditions": conditions}})
    }

    fn said(kind: &str, status: &str, reason: &str, message: &str) -> Json {
        json!({"type": kind, "status": status, "reason": reason, "message": message})
    }

    #[test]
    fn the_cloud_speaks_before_cluster_api() {
        let full = "there is no m6i.large left";
        let cloud = object("AWSMachine", Some(false), json!([said("Ready", "False", "InstanceProvisionFailed", full)]));
        let mirrored = object("Machine", None, json!([said("InfrastructureReady", "False", "NotReady", full)]));
        let other = object("Machine", None, json!([said("BootstrapConfigReady", "False", "NotReady", "no data")]));
        let with_node = json!({"kind": "Machine", "metadata": {"name": "y"}, "status": {"nodeRef": {"name": "y"}}});
        let balancer = [
            said("VpcReady", "True", "", ""),
            said("LoadBalancerReady", "False", "LoadBalancerFailed", "quota of load balancers"),
            said("Ready", "False", "LoadBalancerFailed", ""),
        ];
        let infrastructure = object("AWSCluster", Some(false), json!(balancer));
        let provisioned = object("AWSCluster", Some(true), json!([said("Ready", "True", "", "")]));
        let control_plane = object(
            "KubeadmControlPlane",
            None,
            json!([said("CertificatesAvailable", "False", "NotAvailable", "Waiting for infrastructure")]),
        );
        let etcd = object(
            "KubeadmControlPlane",
            None,
            json!([
                said("EtcdClusterHealthy", "Unknown", "InspectionFailed", "etcd is external"),
                said("CertificatesAvailable", "Unknown", "InternalError", "Please check controller logs"),
            ]),
        );
        let lacking = "KubeadmControlPlane x has no machine yet: InternalError: Please check controller logs".to_owned();
        let paused = json!({"kind": "Cluster", "metadata": {"name": "x", "namespace": "n"}, "spec": {"paused": true}});
        let told = format!("AWSMachine x: InstanceProvisionFailed: {full}");
        let no_balancer = "AWSCluster x: LoadBalancerFailed: quota of load balancers".to_owned();
        let no_machine = "KubeadmControlPlane x has no machine yet: NotAvailable: Waiting for infrastructure".to_owned();
        for (seen, expected) in [
            (Seen::default(), vec![]),
            (
                Seen { machines: vec![(&mirrored, Some(&cloud))], ..Seen::default() },
                vec![told.clone(), "Machine x has no node yet".to_owned()],
            ),
            (Seen { machines: vec![(&mirrored, None)], ..Seen::default() }, vec![format!("Machine x has no node yet (NotReady: {full})")]),
            (
                Seen { machines: vec![(&with_node, None), (&other, None), (&other, Some(&cloud))], ..Seen::default() },
                vec![told.clone(), "Machine x has no node yet (NotReady: no data)".to_owned()],
            ),
            (Seen { machines: vec![(&with_node, None)], control_plane: Some(&control_plane), ..Seen::default() }, vec![]),
            (
                Seen { infrastructure: Some(&infrastructure), control_plane: Some(&control_plane), ..Seen::default() },
                vec![no_balancer, no_machine.clone()],
            ),
            (Seen { infrastructure: Some(&provisioned), control_plane: Some(&control_plane), ..Seen::default() }, vec![no_machine]),
            (Seen { control_plane: Some(&etcd), ..Seen::default() }, vec![lacking]),
            (Seen { cluster: Some(&paused), ..Seen::default() }, vec!["Cluster n/x is paused (spec.paused)".to_owned()]),
        ] {
            assert_eq!(causes(&seen), expected, "{seen:?}");
        }
        let silent = object("AWSCluster", None, json!([]));
        assert_eq!(cloud_says(&silent).as_deref(), Some("AWSCluster x: it is not ready yet"));
        let contract = json!({"kind": "C", "metadata": {"name": "x"}, "status": {"initialization": {"provisioned": true}}});
        assert_eq!(cloud_says(&contract), None);
    }
}
