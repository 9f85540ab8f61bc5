//! When a MachineDeployment rolls, and how far each MachineSet may go next. Pure.

use serde_json::Value;

use crate::object::{Fields, Object, int_or_percent, without_empty};

/// What makes Machines of `old` outdated against `new`, in words; empty when nothing rolls. Only version, bootstrap, infrastructure and failure domain count.
pub fn differences(old: &Value, new: &Value) -> Vec<String> {
    let mut words = Vec::new();
    for (pointer, name) in [("/spec/version", "Version"), ("/spec/failureDomain", "Failure domain")] {
        if old.text(pointer) != new.text(pointer) {
            words.push(format!("{name} {}, {} required", shown(old.text(pointer)), shown(new.text(pointer))));
        }
    }
    for pointer in ["/spec/bootstrap/configRef", "/spec/bootstrap/dataSecretName", "/spec/infrastructureRef"] {
        let (before, after) = (without_empty(old.at(pointer)), without_empty(new.at(pointer)));
        let written_by_the_controller = pointer.ends_with("dataSecretName") && !new.at("/spec/bootstrap/configRef").is_null();
        if before != after && !written_by_the_controller {
            words.push(match after.as_str() {
                Some(text) => format!("{}, {text} required", shown(before.as_str().unwrap_or_default())),
                None => format!("{} is not up-to-date", after.text("/kind")),
            });
        }
    }
    words
}

fn shown(text: &str) -> &str {
    if text.is_empty() { "not set" } else { text }
}

/// The numbers of one MachineSet that a rollout looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Set {
    /// Whether it has the current template.
    pub new: bool,
    /// `spec.replicas`.
    pub wanted: i64,
    /// `status.replicas`.
    pub there: i64,
    /// `status.availableReplicas`.
    pub available: i64,
}

/// The sizes that the sets shall have next, in their order (oldest first).
pub fn next(deployment: &Object, sets: &[Set]) -> Vec<i64> {
    let replicas = deployment.int("/spec/replicas").unwrap_or(1);
    let mut next: Vec<i64> = sets.iter().map(|set| set.wanted).collect();
    let Some(new) = sets.iter().position(|set| set.new) else {
        return next;
    };
    if deployment.text("/spec/rollout/strategy/type") == "OnDelete" {
        return on_delete(replicas, sets, next);
    }
    let rolling = "/spec/rollout/strategy/rollingUpdate";
    let surge = int_or_percent(deployment.at(&format!("{rolling}/maxSurge")), replicas, true, 1);
    let unavailable = int_or_percent(deployment.at(&format!("{rolling}/maxUnavailable")), replicas, false, 0);
    let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
    let current = sets.get(new).copied().unwrap_or_default();
    let machines: i64 = sets.iter().map(|set| set.wanted.max(set.there)).sum();
    let grown = if current.wanted >= replicas { replicas } else { (current.wanted + (replicas + surge - machines).max(0)).min(replicas) };
    if let Some(slot) = next.get_mut(new) {
        *slot = grown;
    }
    shrink_old(replicas - unavailable, sets, &mut next, current);
    next
}

/// Old sets give way: first Machines that do not serve, then serving ones as far as `least` available Machines remain.
fn shrink_old(least: i64, sets: &[Set], next: &mut [i64], current: Set) {
    let least = least.max(0);
    let total: i64 = sets.iter().map(|set| set.wanted).sum();
    let pending: i64 = sets.iter().zip(next.iter()).map(|(set, next)| (set.there - set.wanted.min(*next)).max(0)).sum();
    let mut budget = (total - pending - least - (current.wanted - current.available).max(0)).max(0);
    let mut available: i64 = sets.iter().map(|set| set.available).sum();
    for only_unavailable in [true, false] {
        for (set, slot) in sets.iter().zip(next.iter_mut()).filter(|(set, _)| !set.new) {
            let candidates = if only_unavailable { (*slot - set.available).max(0) } else { *slot };
            let mut down = candidates.min(budget);
            if down > 0 && set.available > 0 {
                // Whoever removes Machines may take a serving one first: the worst case must still leave enough.
                let spare = (available - least).max(0);
                let existing = (set.there - (*slot - down)).max(0);
                if spare < existing {
                    down = (*slot - (set.there - spare).min(*slot)).max(0);
                }
                let existing = (set.there - (*slot - down)).max(0);
                available -= set.available.min(existing).min(down);
            }
            *slot -= down;
            budget -= down;
        }
    }
}

/// Old sets lose what their users deleted; the new one fills up.
fn on_delete(replicas: i64, sets: &[Set], mut next: Vec<i64>) -> Vec<i64> {
    for (set, slot) in sets.iter().zip(next.iter_mut()).filter(|(set, _)| !set.new) {
        *slot = set.wanted.min(set.there);
    }
    let old: i64 = sets.iter().zip(&next).filter(|(set, _)| !set.new).map(|(_, next)| *next).sum();
    for (_, slot) in sets.iter().zip(next.iter_mut()).filter(|(set, _)| set.new) {
        *slot = (replicas - old).max(0);
    }
    next
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(version: &str, bootstrap: &str, infrastructure: &str) -> Value {
        json!({"metadata": {"labels": {"a": "b"}}, "spec": {
            "clusterName": "c", "version": version, "minReadySeconds": 3,
            "bootstrap": {"configRef": {"apiGroup": "bootstrap.cluster.x-k8s.io", "kind": "KubeadmConfigTemplate", "name": bootstrap}},
            "infrastructureRef": {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "AWSMachineTemplate", "name": infrastructure},
        }})
    }

    #[test]
    fn only_four_fields_roll() {
        let old = template("v1.34.0", "b1", "i1");
        assert_eq!(differences(&old, &old), Vec::<String>::new());
        let mut in_place = old.clone();
        in_place["metadata"]["labels"]["a"] = json!("c");
        in_place["spec"]["minReadySeconds"] = json!(9);
        in_place["spec"]["taints"] = json!([{"key": "k", "effect": "NoSchedule", "propagation": "Always"}]);
        in_place["spec"]["deletion"] = json!({"nodeDrainTimeoutSeconds": 4});
        assert_eq!(differences(&old, &in_place), Vec::<String>::new());
        for (new, expected) in [
            (template("v1.34.1", "b1", "i1"), "Version v1.34.0, v1.34.1 required"),
            (template("v1.34.0", "b2", "i1"), "KubeadmConfigTemplate is not up-to-date"),
            (template("v1.34.0", "b1", "i2"), "AWSMachineTemplate is not up-to-date"),
        ] {
            assert_eq!(differences(&old, &new), [expected]);
        }
        let mut moved = old.clone();
        moved["spec"]["failureDomain"] = json!("eu-west-1b");
        assert_eq!(differences(&old, &moved), ["Failure domain not set, eu-west-1b required"]);
    }

    fn set(new: bool, wanted: i64, there: i64, available: i64) -> Set {
        Set { new, wanted, there, available }
    }

    #[track_caller]
    fn check(replicas: i64, strategy: Value, sets: &[Set], expected: &[i64]) {
        let deployment: Object =
            serde_json::from_value(json!({"metadata": {"name": "d"}, "spec": {"replicas": replicas, "rollout": {"strategy": strategy}}}))
                .expect("deployment");
        assert_eq!(next(&deployment, sets), expected, "{sets:?}");
    }

    #[test]
    fn scale_without_a_roll() {
        check(3, json!({}), &[set(true, 0, 0, 0)], &[3]);
        check(5, json!({}), &[set(true, 3, 3, 3)], &[5]);
        check(1, json!({}), &[set(true, 3, 3, 3)], &[1]);
    }

    #[test]
    fn one_more_and_none_less_is_the_default() {
        check(3, json!({}), &[set(false, 3, 3, 3), set(true, 0, 0, 0)], &[3, 1]);
        check(3, json!({}), &[set(false, 3, 3, 3), set(true, 1, 1, 0)], &[3, 1]);
        check(3, json!({}), &[set(false, 3, 3, 3), set(true, 1, 1, 1)], &[2, 1]);
        check(3, json!({}), &[set(false, 2, 3, 3), set(true, 1, 1, 1)], &[2, 1]);
        check(3, json!({}), &[set(false, 2, 2, 2), set(true, 1, 1, 1)], &[2, 2]);
        check(3, json!({}), &[set(false, 1, 1, 1), set(true, 3, 3, 3)], &[0, 3]);
    }

    #[test]
    fn less_and_no_more() {
        let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}});
        check(3, strategy.clone(), &[set(false, 3, 3, 3), set(true, 0, 0, 0)], &[2, 0]);
        check(3, strategy.clone(), &[set(false, 2, 3, 3), set(true, 0, 0, 0)], &[2, 0]);
        check(3, strategy.clone(), &[set(false, 2, 2, 2), set(true, 0, 0, 0)], &[2, 1]);
        check(3, strategy, &[set(false, 2, 2, 2), set(true, 1, 1, 1)], &[1, 1]);
    }

    #[test]
    fn several_at_once_by_percentage() {
        let strategy = json!({"rollingUpdate": {"maxSurge": "50%", "maxUnavailable": "25%"}});
        check(4, strategy, &[set(false, 4, 4, 4), set(true, 0, 0, 0)], &[3, 2]);
    }

    #[test]
    fn on_delete_replaces_what_the_user_deleted() {
        check(3, json!({"type": "OnDelete"}), &[set(false, 3, 3, 3), set(true, 0, 0, 0)], &[3, 0]);
        check(3, json!({"type": "OnDelete"}), &[set(false, 3, 2, 2), set(true, 0, 0, 0)], &[2, 1]);
    }
}
