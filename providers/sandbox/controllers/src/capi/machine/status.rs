//! What a Machine's status says about its bootstrap data, instance and node. Pure.

use std::time::Duration;

use serde_json::{Value, json};

use crate::capi::scope::{paused_condition, status_of};
use crate::conditions::{Say, find, holds, merge, say, stamp, unknown};
use crate::object::{Fields, Meta, Object};

/// A Machine and what was found of it.
pub(super) struct Parts<'a> {
    pub(super) machine: &'a Object,
    pub(super) bootstrap: Option<&'a Object>,
    pub(super) instance: Option<&'a Object>,
    pub(super) node: Option<&'a Object>,
    pub(super) initialized: bool,
}

/// The status that the Machine shall have.
pub(super) fn status(parts: &Parts<'_>, now: jiff::Timestamp) -> Value {
    let machine = parts.machine;
    let mut status = status_of(machine);
    let data = !machine.text("/spec/bootstrap/dataSecretName").is_empty();
    let provisioned = machine.flag("/status/initialization/infrastructureProvisioned")
        || parts.instance.is_some_and(|one| one.flag("/status/ready")) && !machine.text("/spec/providerID").is_empty();
    for (flag, set) in [("bootstrapDataSecretCreated", data), ("infrastructureProvisioned", provisioned)] {
        if set {
            status["initialization"][flag] = json!(true);
        }
    }
    if let Some(instance) = parts.instance {
        if let Some(addresses) = instance.at("/status/addresses").as_array() {
            status["addresses"] = json!(addresses);
        }
        let zone = machine.text("/spec/failureDomain");
        if !zone.is_empty() {
            status["failureDomain"] = json!(zone);
        }
    }
    if let Some(node) = parts.node {
        status["nodeRef"] = json!({"name": node.name()});
        status["nodeInfo"] = node.at("/status/nodeInfo").clone();
    }
    let has_node = !status.text("/nodeRef/name").is_empty();
    let phase = match (has_node, provisioned, data) {
        (true, true, _) => "Running",
        (false, true, _) => "Provisioned",
        (_, false, true) => "Provisioning",
        _ => "Pending",
    };
    if status.text("/phase") != phase {
        status["phase"] = json!(phase);
        status["lastUpdated"] = json!(stamp(now));
    }
    status["observedGeneration"] = json!(machine.generation());
    let mut says = conditions(parts, data, provisioned);
    let ready = ready(machine, &says);
    let is_ready = ready.status == "True";
    says.push(ready);
    let min_ready = machine.int("/spec/minReadySeconds").unwrap_or(0);
    let since = find(machine, "Ready")
        .filter(|one| one.text("/status") == "True")
        .and_then(|one| one.text("/lastTransitionTime").parse::<jiff::Timestamp>().ok());
    let waited = min_ready == 0 || since.is_some_and(|since| now.as_second() - since.as_second() >= min_ready);
    says.push(match (is_ready, waited) {
        (true, true) => say("Available", true, "Available", ""),
        (true, false) => say("Available", false, "WaitingForMinReadySeconds", ""),
        _ => say("Available", false, "NotReady", ""),
    });
    status["conditions"] = merge(machine.items("/status/conditions"), &says, machine.generation(), now);
    status
}

fn conditions(parts: &Parts<'_>, data: bool, provisioned: bool) -> Vec<Say> {
    let kind = |pointer: &str| parts.machine.text(pointer).to_owned();
    let words = |object: &Object, fallback: String| {
        let said = find(object, "Ready").map_or("", |one| one.text("/message"));
        if said.is_empty() { fallback } else { said.to_owned() }
    };
    let bootstrap = match parts.bootstrap {
        _ if data => say("BootstrapConfigReady", true, "Ready", ""),
        None => say("BootstrapConfigReady", false, "DoesNotExist", format!("{} does not exist", kind("/spec/bootstrap/configRef/kind"))),
        Some(one) => {
            let fallback = format!("{} status.initialization.dataSecretCreated is false", kind("/spec/bootstrap/configRef/kind"));
            let said = find(one, "DataSecretAvailable").map_or("", |one| one.text("/message"));
            say("BootstrapConfigReady", false, "NotReady", if said.is_empty() { fallback } else { said.to_owned() })
        }
    };
    let infrastructure = match parts.instance {
        None => say("InfrastructureReady", false, "DoesNotExist", format!("{} does not exist", kind("/spec/infrastructureRef/kind"))),
        Some(_) if provisioned => say("InfrastructureReady", true, "Ready", ""),
        Some(one) => say(
            "InfrastructureReady",
            false,
            "NotReady",
            words(one, format!("{} status.ready is false", kind("/spec/infrastructureRef/kind"))),
        ),
    };
    let mut says = vec![
        paused_condition(false),
        say("Deleting", false, "NotDeleting", ""),
        say("Updating", false, "NotUpdating", ""),
        bootstrap,
        infrastructure,
    ];
    says.extend(node_conditions(parts, provisioned));
    says
}

fn node_conditions(parts: &Parts<'_>, provisioned: bool) -> Vec<Say> {
    let Some(node) = parts.node else {
        let words = match (provisioned, parts.initialized) {
            (false, _) => format!("Waiting for {} to report spec.providerID", parts.machine.text("/spec/infrastructureRef/kind")),
            (true, false) => "Waiting for Cluster control plane to be initialized".to_owned(),
            (true, true) => format!("Waiting for a Node with spec.providerID {} to exist", parts.machine.text("/spec/providerID")),
        };
        return vec![unknown("NodeReady", "NodeInspectionPending", words.clone()), unknown("NodeHealthy", "NodeInspectionPending", words)];
    };
    let ready = if holds(node, "Ready") {
        say("NodeReady", true, "NodeReady", "")
    } else {
        say(
            "NodeReady",
            false,
            "NodeNotReady",
            format!("* Node.Ready: {}", find(node, "Ready").map_or("Condition not yet reported", |one| one.text("/message"))),
        )
    };
    let healthy = if ready.status == "True" {
        say("NodeHealthy", true, "NodeHealthy", "")
    } else {
        say("NodeHealthy", false, "NodeNotHealthy", ready.message.clone())
    };
    vec![ready, healthy]
}

/// The summary: infrastructure, bootstrap, node, and the readiness gates that the owner asks for.
fn ready(machine: &Object, says: &[Say]) -> Say {
    let mut lacking: Vec<String> = ["BootstrapConfigReady", "InfrastructureReady", "NodeHealthy"]
        .iter()
        .filter_map(|kind| says.iter().find(|say| say.kind == *kind && say.status != "True"))
        .map(|say| format!("* {}: {}", say.kind, say.message))
        .collect();
    for gate in machine.items("/spec/readinessGates") {
        let kind = gate.text("/conditionType");
        let negative = gate.text("/polarity") == "Negative";
        let wanted = if negative { "False" } else { "True" };
        match find(machine, kind) {
            Some(one) if one.text("/status") == wanted => {}
            Some(one) => lacking.push(format!("* {kind}: {}", one.text("/message"))),
            None => lacking.push(format!("* {kind}: Condition {kind} not yet reported")),
        }
    }
    if lacking.is_empty() { say("Ready", true, "Ready", "") } else { say("Ready", false, "NotReady", lacking.join("\n")) }
}

/// How long until `minReadySeconds` have passed.
pub(super) fn available_in(machine: &Object, status: &Value, now: jiff::Timestamp) -> Option<Duration> {
    let list = status.items("/conditions");
    let waiting = list.iter().any(|one| one.text("/type") == "Available" && one.text("/reason") == "WaitingForMinReadySeconds");
    let since: jiff::Timestamp = list.iter().find(|one| one.text("/type") == "Ready")?.text("/lastTransitionTime").parse().ok()?;
    let left = since.as_second() + machine.int("/spec/minReadySeconds").unwrap_or(0) - now.as_second();
    waiting.then(|| Duration::from_secs(left.max(1).unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{machine, object};
    use super::*;

    fn words(status: &Value, kind: &str) -> String {
        let condition = status.items("/conditions").iter().find(|one| one.text("/type") == kind).cloned().unwrap_or_default();
        format!("{} {}", condition.text("/status"), condition.text("/message"))
    }

    #[test]
    fn readiness_says_what_is_lacking() {
        let machine = machine();
        let instance = object(json!({"metadata": {"name": "m"}, "status": {"ready": true}}));
        let parts = Parts { machine: &machine, bootstrap: None, instance: Some(&instance), node: None, initialized: true };
        let status = super::status(&parts, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(status.text("/phase"), "Provisioned");
        assert_eq!(
            words(&status, "Ready"),
            "False * NodeHealthy: Waiting for a Node with spec.providerID aws:///a/i-1 to exist\n* APIServerPodHealthy: Condition APIServerPodHealthy not yet reported"
        );

        let node = object(
            json!({"metadata": {"name": "node"}, "status": {"conditions": [{"type": "Ready", "status": "False", "message": "cni plugin not initialized"}]}}),
        );
        let parts = Parts { node: Some(&node), ..parts };
        let status = super::status(&parts, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(status.text("/phase"), "Running");
        assert_eq!(words(&status, "NodeHealthy"), "False * Node.Ready: cni plugin not initialized");
    }
}
