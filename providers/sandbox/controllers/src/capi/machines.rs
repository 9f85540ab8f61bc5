//! What owners read of their Machines, and what they say about them. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::scope::CONTROL_PLANE;
use crate::conditions::{Say, find, holds, say, status_of};
use crate::object::{Fields, Meta, Object};

/// Whether it is a control plane machine.
pub fn is_control_plane(machine: &Object) -> bool {
    machine.label(CONTROL_PLANE).is_some()
}

/// Numbers of machines, as statuses of owners give them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// All.
    pub replicas: i64,
    /// With condition Ready.
    pub ready: i64,
    /// With condition Available.
    pub available: i64,
    /// With condition UpToDate.
    pub up_to_date: i64,
}

/// Counts machines.
pub fn tally(machines: &[Arc<Object>]) -> Tally {
    let count = |kind: &str| i64::try_from(machines.iter().filter(|machine| holds(&***machine, kind)).count()).unwrap_or(0);
    Tally {
        replicas: i64::try_from(machines.len()).unwrap_or(0),
        ready: count("Ready"),
        available: count("Available"),
        up_to_date: count("UpToDate"),
    }
}

/// Writes a tally into a status; `available` fields of v1beta2.
pub fn write_tally(status: &mut Value, tally: Tally) {
    status["replicas"] = json!(tally.replicas);
    status["readyReplicas"] = json!(tally.ready);
    status["availableReplicas"] = json!(tally.available);
    status["upToDateReplicas"] = json!(tally.up_to_date);
}

/// `status.versions`: how many machines run which version; null when there is none.
pub fn versions(machines: &[Arc<Object>]) -> Value {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for machine in machines {
        let version = machine.text("/spec/version");
        if !version.is_empty() {
            *counts.entry(version).or_default() += 1;
        }
    }
    let list: Vec<Value> = counts.into_iter().map(|(version, replicas)| json!({"version": version, "replicas": replicas})).collect();
    if list.is_empty() { Value::Null } else { Value::Array(list) }
}

/// `MachinesReady`, in the type that the owner uses.
pub fn all_ready(kind: &'static str, machines: &[Arc<Object>]) -> Say {
    aggregate(kind, "Ready", ("Ready", "NotReady"), machines)
}

/// `MachinesUpToDate`, in the type that the owner uses.
pub fn all_up_to_date(kind: &'static str, machines: &[Arc<Object>]) -> Say {
    aggregate(kind, "UpToDate", ("UpToDate", "NotUpToDate"), machines)
}

fn aggregate(kind: &'static str, of: &str, reasons: (&str, &str), machines: &[Arc<Object>]) -> Say {
    if machines.is_empty() {
        return say(kind, true, "NoReplicas", "");
    }
    let lacking: Vec<String> = machines
        .iter()
        .filter(|machine| !holds(&***machine, of))
        .map(|machine| {
            let words = find(&**machine, of).map_or("Condition not yet reported", |condition| condition.text("/message"));
            format!("* Machine {}: {}", machine.name(), words.trim_start_matches("* "))
        })
        .collect();
    if lacking.is_empty() { say(kind, true, reasons.0, "") } else { say(kind, false, reasons.1, lacking.join("\n")) }
}

/// Whether a machine is known to be outdated.
pub fn outdated(machine: &Object) -> bool {
    status_of(machine, "UpToDate") == "False"
}

/// `ScalingUp` and `ScalingDown` from what is wanted and what is there.
pub fn scaling(wanted: i64, there: i64, deleting: bool, why: &str) -> [Say; 2] {
    let up = if wanted > there && !deleting {
        say(
            "ScalingUp",
            true,
            "ScalingUp",
            format!(
                "Scaling up from {there} to {wanted} replicas{}",
                if why.is_empty() { String::new() } else { format!(" is blocked because:\n* {why}") }
            ),
        )
    } else {
        say("ScalingUp", false, "NotScalingUp", "")
    };
    let target = if deleting { 0 } else { wanted };
    let down = if target < there {
        say("ScalingDown", true, "ScalingDown", format!("Scaling down from {there} to {target} replicas"))
    } else {
        say("ScalingDown", false, "NotScalingDown", "")
    };
    [up, down]
}

/// Minor number of `vX.Y.Z`.
pub fn minor(version: &str) -> Option<u64> {
    version.trim_start_matches('v').split('.').nth(1)?.parse().ok()
}
