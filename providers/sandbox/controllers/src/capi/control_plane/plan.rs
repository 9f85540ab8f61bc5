//! The next move of a control plane: add, remove or replace one Machine, or say what it waits for. Pure.

use serde_json::{Value, json};

use crate::capi::certificate_secrets::is_etcd_external;
use crate::capi::scope::{CLONED_FROM, CLONED_FROM_KIND};
use crate::conditions::status_of;
use crate::object::{Fields, Meta, Object, int_or_percent, without_empty};

/// One control plane Machine, as far as the next move depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Member {
    /// Name.
    pub name: String,
    /// Seconds since the epoch.
    pub created: i64,
    /// Why it is outdated; empty when it is not.
    pub outdated: Vec<String>,
    /// Whether it is on its way out.
    pub deleting: bool,
    /// Whether its node is known.
    pub has_node: bool,
    /// Conditions of its control plane pods that are not True.
    pub unhealthy: Vec<String>,
    /// Whether removal was asked for by annotation.
    pub marked: bool,
}

impl Member {
    /// Reads a Machine with its instance and bootstrap configuration.
    pub fn of(control_plane: &Object, machine: &Object, instance: Option<&Object>, config: Option<&Object>) -> Self {
        let etcd = !is_etcd_external(control_plane.at("/spec/kubeadmConfigSpec"));
        let pods = ["APIServerPodHealthy", "ControllerManagerPodHealthy", "SchedulerPodHealthy"];
        let members = ["EtcdPodHealthy", "EtcdMemberHealthy"];
        let checked = pods.iter().chain(if etcd { members.iter() } else { [].iter() });
        Self {
            name: machine.name().to_owned(),
            created: machine.created(),
            outdated: outdated(control_plane, machine, instance, config),
            deleting: machine.deleting(),
            has_node: !machine.text("/status/nodeRef/name").is_empty(),
            unhealthy: checked.filter(|kind| status_of(machine, kind) != "True").map(|kind| (*kind).to_owned()).collect(),
            marked: machine.annotation("cluster.x-k8s.io/delete-machine").is_some(),
        }
    }
}

/// Why a Machine no longer matches its control plane's spec; empty when it does.
pub fn outdated(control_plane: &Object, machine: &Object, instance: Option<&Object>, config: Option<&Object>) -> Vec<String> {
    let mut words = Vec::new();
    let (wanted, there) = (control_plane.text("/spec/version"), machine.text("/spec/version"));
    if wanted != there {
        words.push(format!("Version {there}, {wanted} required"));
    }
    let reference = control_plane.at("/spec/machineTemplate/spec/infrastructureRef");
    if let Some(instance) = instance {
        let group_kind = format!("{}.{}", reference.text("/kind"), reference.text("/apiGroup"));
        // A Machine without the annotations was not cloned: nothing can be said of it.
        let name = instance.annotation(CLONED_FROM);
        let kind = instance.annotation(CLONED_FROM_KIND);
        if name.is_some_and(|name| name != reference.text("/name")) || kind.is_some_and(|kind| kind != group_kind) {
            words.push(format!("{} is not up-to-date", instance_kind(reference)));
        }
    }
    if let Some(config) = config
        && differs(control_plane.at("/spec/kubeadmConfigSpec"), config.at("/spec"))
    {
        words.push("KubeadmConfig is not up-to-date".to_owned());
    }
    words
}

fn instance_kind(reference: &Value) -> &str {
    reference.text("/kind").trim_end_matches("Template")
}

/// Whether a Machine's KubeadmConfig differs from what the control plane would give it now, in a field that counts.
fn differs(wanted: &Value, there: &Value) -> bool {
    let first = there.at("/initConfiguration").is_object();
    let mut wanted = wanted.clone();
    if let Some(fields) = wanted.as_object_mut() {
        fields.remove(if first { "joinConfiguration" } else { "initConfiguration" });
    }
    comparable(&wanted, there) != comparable(there, there)
}

/// Without the fields that never roll, and without defaults that one side spells out.
fn comparable(spec: &Value, there: &Value) -> Value {
    let mut spec = spec.clone();
    let mut remove = |parent: &str, field: &str| {
        if let Some(fields) = spec.pointer_mut(parent).and_then(Value::as_object_mut) {
            fields.remove(field);
        }
    };
    remove("/clusterConfiguration", "controlPlaneEndpoint");
    remove("/clusterConfiguration", "dns");
    remove("/joinConfiguration", "discovery");
    remove("/joinConfiguration/controlPlane/localAPIEndpoint", "advertiseAddress");
    for section in ["/initConfiguration", "/joinConfiguration"] {
        remove(&format!("{section}/timeouts"), "controlPlaneComponentHealthCheckSeconds");
    }
    remove("/joinConfiguration", "caCertPath");
    let mut spec = without_empty(&without_empty(&spec));
    if let Some(fields) = spec.as_object_mut() {
        let format = fields.entry("format").or_insert_with(|| json!("cloud-config"));
        if format.as_str() == Some("") {
            *format = json!("cloud-config");
        }
        // An empty section says nothing, whichever side has it.
        let first = there.at("/initConfiguration").is_object();
        for (section, relevant) in [("initConfiguration", first), ("joinConfiguration", !first)] {
            if relevant {
                fields.entry(section).or_insert_with(|| json!({}));
            } else {
                fields.remove(section);
            }
        }
    }
    spec
}

/// What a control plane does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// Make a Machine.
    Add,
    /// Remove this Machine.
    Remove(String),
    /// Nothing yet, for this reason.
    Blocked(String),
    /// All is as it should be.
    Rest,
}

/// The next move: the first Machine at once, everything later only while the present ones are well.
pub fn next_move(control_plane: &Object, members: &[Member]) -> Move {
    let wanted = usize::try_from(control_plane.int("/spec/replicas").unwrap_or(1)).unwrap_or(0);
    let there = members.len();
    if there == 0 && wanted > 0 {
        return Move::Add;
    }
    let outdated = members.iter().filter(|member| !member.outdated.is_empty() && !member.deleting).count();
    let surge = int_or_percent(control_plane.at("/spec/rollout/strategy/rollingUpdate/maxSurge"), 1, true, 1);
    let limit = if outdated > 0 { wanted + usize::from(surge > 0) } else { wanted };
    let action = if outdated > 0 {
        if there < limit && (surge > 0 || there < wanted) { Some(true) } else { Some(false) }
    } else if there < wanted {
        Some(true)
    } else if there > wanted {
        Some(false)
    } else {
        None
    };
    match (action, preflight(members)) {
        (None, _) => Move::Rest,
        (Some(_), Some(why)) => Move::Blocked(why),
        (Some(true), None) => Move::Add,
        (Some(false), None) => victim(members).map_or(Move::Rest, Move::Remove),
    }
}

/// Why no Machine may come or go now.
fn preflight(members: &[Member]) -> Option<String> {
    let words: Vec<String> = members
        .iter()
        .filter_map(|member| match () {
            () if member.deleting => Some(format!("Machine {} is being deleted", member.name)),
            () if !member.has_node => {
                Some(format!("Machine {} does not have a corresponding Node yet (Machine.status.nodeRef not set)", member.name))
            }
            () if !member.unhealthy.is_empty() => {
                Some(format!("Control plane components of Machine {} are not healthy: {}", member.name, member.unhealthy.join(", ")))
            }
            () => None,
        })
        .collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// Marked ones first, then outdated ones, then the oldest.
fn victim(members: &[Member]) -> Option<String> {
    let order = |member: &&Member| (!member.marked, member.outdated.is_empty(), member.created, member.name.clone());
    members.iter().filter(|member| !member.deleting).min_by_key(order).map(|member| member.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Object {
        serde_json::from_value(value).expect("object")
    }

    fn control_plane(replicas: i64, surge: i64) -> Object {
        object(
            json!({"metadata": {"name": "cp"}, "spec": {"replicas": replicas, "rollout": {"strategy": {"rollingUpdate": {"maxSurge": surge}}}}}),
        )
    }

    fn well(name: &str) -> Member {
        Member { name: name.to_owned(), has_node: true, ..Member::default() }
    }

    fn old(name: &str) -> Member {
        Member { outdated: vec!["Version".to_owned()], ..well(name) }
    }

    #[track_caller]
    fn check(replicas: i64, surge: i64, members: &[Member], expected: Move) {
        assert_eq!(next_move(&control_plane(replicas, surge), members), expected);
    }

    #[test]
    fn one_machine_at_a_time() {
        check(3, 1, &[], Move::Add);
        let young = Member { has_node: false, ..well("a") };
        check(
            3,
            1,
            &[young],
            Move::Blocked("Machine a does not have a corresponding Node yet (Machine.status.nodeRef not set)".to_owned()),
        );
        check(3, 1, &[well("a")], Move::Add);
        check(3, 1, &[well("a"), well("b"), well("c")], Move::Rest);
        let sick = Member { unhealthy: vec!["EtcdPodHealthy".to_owned()], ..well("b") };
        assert!(matches!(next_move(&control_plane(3, 1), &[well("a"), sick]), Move::Blocked(_)));
        let going = Member { deleting: true, ..well("d") };
        assert!(matches!(next_move(&control_plane(3, 1), &[well("a"), well("b"), well("c"), going]), Move::Blocked(_)));
        check(1, 1, &[well("a"), well("b"), well("c")], Move::Remove("a".to_owned()));
    }

    #[test]
    fn a_roll_adds_one_then_removes_the_oldest_outdated() {
        check(1, 1, &[old("a")], Move::Add);
        check(1, 1, &[old("a"), well("b")], Move::Remove("a".to_owned()));
        check(1, 1, &[well("b")], Move::Rest);
        check(3, 1, &[old("a"), old("b"), old("c")], Move::Add);
        check(3, 1, &[old("a"), old("b"), old("c"), well("d")], Move::Remove("a".to_owned()));
        check(3, 1, &[old("b"), old("c"), well("d")], Move::Add);
        check(3, 0, &[old("a"), old("b"), old("c")], Move::Remove("a".to_owned()));
        check(3, 0, &[old("b"), old("c")], Move::Add);
    }

    fn spec() -> Value {
        json!({
            "clusterConfiguration": {"apiServer": {"extraArgs": [{"name": "cloud-provider", "value": "external"}]}},
            "initConfiguration": {"nodeRegistration": {"name": "x"}}, "joinConfiguration": {"nodeRegistration": {"name": "x"}}, "files": [{"path": "/a"}],
        })
    }

    #[test]
    fn what_makes_a_machine_outdated() {
        let reference = |name: &str| json!({"kind": "AWSMachineTemplate", "apiGroup": "infrastructure.cluster.x-k8s.io", "name": name});
        let plane = |version: &str, template: &str, spec: Value| {
            object(
                json!({"metadata": {"name": "cp"}, "spec": {"version": version, "kubeadmConfigSpec": spec, "machineTemplate": {"spec": {"infrastructureRef": reference(template)}, "metadata": {"labels": {"x": "y"}}}}}),
            )
        };
        let machine = object(json!({"metadata": {"name": "m"}, "spec": {"version": "v1.34.0"}}));
        let instance = object(
            json!({"metadata": {"name": "m", "annotations": {CLONED_FROM: "t1", CLONED_FROM_KIND: "AWSMachineTemplate.infrastructure.cluster.x-k8s.io"}}}),
        );
        let mut first = spec();
        first.as_object_mut().expect("map").remove("joinConfiguration");
        let config = object(json!({"metadata": {"name": "m"}, "spec": first}));
        let check = |plane: Object| outdated(&plane, &machine, Some(&instance), Some(&config));
        assert_eq!(check(plane("v1.34.0", "t1", spec())), Vec::<String>::new());
        assert_eq!(check(plane("v1.35.0", "t1", spec())), ["Version v1.34.0, v1.35.0 required"]);
        assert_eq!(check(plane("v1.34.0", "t2", spec())), ["AWSMachine is not up-to-date"]);

        let mut ignored = spec();
        ignored["clusterConfiguration"]["dns"] = json!({"imageTag": "1"});
        ignored["clusterConfiguration"]["controlPlaneEndpoint"] = json!("host:1");
        ignored["joinConfiguration"]["nodeRegistration"]["name"] = json!("only joining machines see this");
        assert_eq!(check(plane("v1.34.0", "t1", ignored)), Vec::<String>::new());
        let mut counted = spec();
        counted["files"][0]["path"] = json!("/b");
        assert_eq!(check(plane("v1.34.0", "t1", counted)), ["KubeadmConfig is not up-to-date"]);
    }
}
