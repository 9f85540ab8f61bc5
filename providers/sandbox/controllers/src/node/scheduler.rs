//! Where a pod may run, and the scheduler's own words when it may run nowhere. Pure: pods and nodes in, verdict out.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::object::{Fields, Meta, Object};

/// Where a pod goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// To this node.
    Node(String),
    /// Nowhere, for this reason.
    Nowhere(String),
}

/// Chooses the node with the fewest pods among those that fit; the first by name wins a tie.
pub fn place(pod: &Object, nodes: &[Arc<Object>], pods_on: impl Fn(&str) -> usize) -> Verdict {
    if nodes.is_empty() {
        return Verdict::Nowhere("no nodes available to schedule pods".to_owned());
    }
    let mut best: Option<(usize, &str)> = None;
    let mut refusals: BTreeMap<String, usize> = BTreeMap::new();
    for node in nodes {
        match refusal(pod, node) {
            Some(reason) => *refusals.entry(reason).or_default() += 1,
            None => {
                let load = pods_on(node.name());
                if best.is_none_or(|(least, _)| load < least) {
                    best = Some((load, node.name()));
                }
            }
        }
    }
    match best {
        Some((_, name)) => Verdict::Node(name.to_owned()),
        None => Verdict::Nowhere(words(nodes.len(), &refusals)),
    }
}

/// `0/2 nodes are available: 1 node(s) had untolerated taint {…}, 1 node(s) …. preemption: …`, reasons in order of their text.
fn words(total: usize, refusals: &BTreeMap<String, usize>) -> String {
    let mut reasons: Vec<String> = refusals.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    reasons.sort();
    let preemption = format!("0/{total} nodes are available: {total} Preemption is not helpful for scheduling.");
    format!("0/{total} nodes are available: {}. preemption: {preemption}", reasons.join(", "))
}

/// Why this node is not for this pod, in the words of the scheduler's filters and in their order.
fn refusal(pod: &Object, node: &Object) -> Option<String> {
    let tolerations = pod.items("/spec/tolerations");
    if node.flag("/spec/unschedulable") && !tolerated(tolerations, "node.kubernetes.io/unschedulable", "", "NoSchedule") {
        return Some("node(s) were unschedulable".to_owned());
    }
    if let Some(taint) = untolerated(tolerations, node.items("/spec/taints")) {
        return Some(format!("node(s) had untolerated taint {{{}: {}}}", taint.text("/key"), taint.text("/value")));
    }
    if !matches_node(&pod.data["spec"], node) {
        return Some("node(s) didn't match Pod's node affinity/selector".to_owned());
    }
    None
}

/// Whether these tolerations bear a node's NoSchedule and NoExecute taints.
pub fn tolerates(tolerations: &[Value], taints: &[Value]) -> bool {
    untolerated(tolerations, taints).is_none()
}

/// Whether a pod of this spec may be on this node at all (as the DaemonSet controller asks).
pub fn allows(spec: &Value, node: &Object) -> bool {
    tolerates(spec.items("/tolerations"), node.items("/spec/taints")) && matches_node(spec, node)
}

fn untolerated<'a>(tolerations: &[Value], taints: &'a [Value]) -> Option<&'a Value> {
    let hard = |taint: &&Value| matches!(taint.text("/effect"), "NoSchedule" | "NoExecute");
    taints.iter().filter(hard).find(|taint| !tolerated(tolerations, taint.text("/key"), taint.text("/value"), taint.text("/effect")))
}

fn tolerated(tolerations: &[Value], key: &str, value: &str, effect: &str) -> bool {
    tolerations.iter().any(|toleration| {
        let same_effect = matches!(toleration.text("/effect"), "") || toleration.text("/effect") == effect;
        let exists = toleration.text("/operator") == "Exists";
        let same_key = toleration.text("/key") == key || toleration.text("/key").is_empty() && exists;
        same_effect && same_key && (exists || toleration.text("/value") == value)
    })
}

/// Whether `nodeSelector` and the required node affinity of a pod spec select a node.
pub fn matches_node(spec: &Value, node: &Object) -> bool {
    let empty = BTreeMap::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&empty);
    let selector = crate::object::string_map(spec.at("/nodeSelector"));
    if !selector.iter().all(|(key, value)| labels.get(key) == Some(value)) {
        return false;
    }
    let required = spec.at("/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution");
    if required.is_null() {
        return true;
    }
    let fields = BTreeMap::from([("metadata.name".to_owned(), node.name().to_owned())]);
    required.items("/nodeSelectorTerms").iter().any(|term| {
        let (labelled, by_field) = (term.items("/matchExpressions"), term.items("/matchFields"));
        let some = !labelled.is_empty() || !by_field.is_empty();
        some && labelled.iter().all(|one| requirement(one, labels)) && by_field.iter().all(|one| requirement(one, &fields))
    })
}

/// Whether labels meet one requirement of a selector (`key`, `operator`, `values`).
pub fn requirement(requirement: &Value, labels: &BTreeMap<String, String>) -> bool {
    let found = labels.get(requirement.text("/key"));
    let values = requirement.items("/values");
    let listed = found.is_some_and(|found| values.iter().any(|value| value.as_str() == Some(found)));
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let bound = number(values.first().and_then(Value::as_str));
    let mine = number(found.map(String::as_str));
    match requirement.text("/operator") {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        "Gt" => mine.zip(bound).is_some_and(|(mine, bound)| mine > bound),
        "Lt" => mine.zip(bound).is_some_and(|(mine, bound)| mine < bound),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, taints: Value, labels: Value) -> Arc<Object> {
        Arc::new(serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}, "spec": {"taints": taints}})).expect("node"))
    }

    fn pod(spec: Value) -> Object {
        serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": spec})).expect("pod")
    }

    fn control_plane(name: &str) -> Arc<Object> {
        node(name, json!([{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]), json!({"role": "cp"}))
    }

    #[track_caller]
    fn check(spec: Value, nodes: &[Arc<Object>], expected: Verdict) {
        assert_eq!(place(&pod(spec), nodes, |_| 0), expected);
    }

    fn nowhere(words: &str) -> Verdict {
        Verdict::Nowhere(words.to_owned())
    }

    #[test]
    fn the_words_of_the_scheduler() {
        check(json!({}), &[], nowhere("no nodes available to schedule pods"));
        check(
            json!({}),
            &[control_plane("a")],
            nowhere(
                "0/1 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
            ),
        );
        let uninitialized = node(
            "b",
            json!([{"key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true", "effect": "NoSchedule"}]),
            json!({}),
        );
        check(
            json!({}),
            &[control_plane("a"), control_plane("c"), uninitialized],
            nowhere(
                "0/3 nodes are available: 1 node(s) had untolerated taint {node.cloudprovider.kubernetes.io/uninitialized: true}, 2 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
            ),
        );
        check(
            json!({"nodeSelector": {"disk": "fast"}}),
            &[node("a", json!([]), json!({}))],
            nowhere(
                "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
            ),
        );
    }

    #[test]
    fn tolerations() {
        let here = || Verdict::Node("a".to_owned());
        let nodes = [control_plane("a")];
        check(json!({"tolerations": [{"operator": "Exists"}]}), &nodes, here());
        check(
            json!({"tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}]}),
            &nodes,
            here(),
        );
        check(json!({"tolerations": [{"key": "node-role.kubernetes.io/control-plane"}]}), &nodes, here());
        let other = json!({"tolerations": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoExecute"}]});
        assert!(matches!(place(&pod(other), &nodes, |_| 0), Verdict::Nowhere(_)));
    }

    #[test]
    fn affinity_and_load() {
        let nodes = [node("a", json!([]), json!({"zone": "1"})), node("b", json!([]), json!({"zone": "2"}))];
        let affinity = |term: Value| json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}});
        let there = || Verdict::Node("b".to_owned());
        check(affinity(json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]})), &nodes, there());
        check(affinity(json!({"matchExpressions": [{"key": "zone", "operator": "Gt", "values": ["1"]}]})), &nodes, there());
        assert_eq!(place(&pod(json!({})), &nodes, |name| usize::from(name == "a")), there());
    }
}
