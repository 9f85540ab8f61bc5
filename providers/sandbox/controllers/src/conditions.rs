//! Conditions of both shapes: metav1 (`reason` and `message` always, `observedGeneration`) and the older CAPI one (`severity`). Knows no kind.

use serde_json::{Value, json};

use crate::object::Fields;

/// What a condition says, without its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Say {
    /// Type of the condition.
    pub kind: &'static str,
    /// `True`, `False` or `Unknown`.
    pub status: &'static str,
    /// CamelCase reason.
    pub reason: String,
    /// Words for people.
    pub message: String,
}

/// A condition that holds, or does not: the status is `True` or `False`.
pub fn say(kind: &'static str, holds: bool, reason: &str, message: impl Into<String>) -> Say {
    Say { kind, status: if holds { "True" } else { "False" }, reason: reason.to_owned(), message: message.into() }
}

/// A condition of which nothing is known yet.
pub fn unknown(kind: &'static str, reason: &str, message: impl Into<String>) -> Say {
    Say { kind, status: "Unknown", reason: reason.to_owned(), message: message.into() }
}

/// Time as Kubernetes writes it: seconds, `Z`.
pub fn stamp(now: jiff::Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The list that a status shall have: `says` with the transition time of `before` where the status is the same; others of `before` are kept.
pub fn merge(before: &[Value], says: &[Say], generation: i64, now: jiff::Timestamp) -> Value {
    build(
        before,
        says,
        now,
        |say| json!({"type": say.kind, "status": say.status, "reason": say.reason, "message": say.message, "observedGeneration": generation}),
    )
}

/// The same without `observedGeneration` and, unless there is something to say, without `message`: the shape of built-in kinds.
pub fn merge_builtin(before: &[Value], says: &[Say], now: jiff::Timestamp) -> Value {
    build(before, says, now, |say| {
        let mut condition = json!({"type": say.kind, "status": say.status});
        if !say.reason.is_empty() {
            condition["reason"] = json!(say.reason);
        }
        if !say.message.is_empty() {
            condition["message"] = json!(say.message);
        }
        condition
    })
}

/// The same in CAPI's v1beta1 shape: `severity` on what is false, no reason on what holds.
pub fn merge_v1beta1(before: &[Value], says: &[Say], now: jiff::Timestamp) -> Value {
    build(before, says, now, |say| {
        let mut condition = json!({"type": say.kind, "status": say.status});
        if say.status != "True" {
            condition["severity"] = json!("Info");
            condition["reason"] = json!(say.reason);
            if !say.message.is_empty() {
                condition["message"] = json!(say.message);
            }
        }
        condition
    })
}

fn build(before: &[Value], says: &[Say], now: jiff::Timestamp, shape: impl Fn(&Say) -> Value) -> Value {
    let find = |kind: &str| before.iter().find(|condition| condition.text("/type") == kind);
    let mut all: Vec<Value> = says
        .iter()
        .map(|say| {
            let mut condition = shape(say);
            let since = find(say.kind).filter(|old| old.text("/status") == say.status).map(|old| old.text("/lastTransitionTime"));
            condition["lastTransitionTime"] = json!(since.filter(|time| !time.is_empty()).map_or_else(|| stamp(now), str::to_owned));
            condition
        })
        .collect();
    let said = |condition: &&Value| !says.iter().any(|say| say.kind == condition.text("/type"));
    all.extend(before.iter().filter(said).cloned());
    all.sort_by(|a, b| a.text("/type").cmp(b.text("/type")));
    Value::Array(all)
}

/// Whether a condition of this type has status `True`.
pub fn holds(object: &impl Fields, kind: &str) -> bool {
    status_of(object, kind) == "True"
}

/// Status of a condition; empty when there is none.
pub fn status_of<'a>(object: &'a impl Fields, kind: &str) -> &'a str {
    find(object, kind).map_or("", |condition| condition.text("/status"))
}

/// A condition of `status.conditions`.
pub fn find<'a>(object: &'a impl Fields, kind: &str) -> Option<&'a Value> {
    object.items("/status/conditions").iter().find(|condition| condition.text("/type") == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let early = jiff::Timestamp::from_second(1_000).expect("time");
        let late = jiff::Timestamp::from_second(2_000).expect("time");
        let first = merge(&[], &[say("Ready", false, "Waiting", "no node")], 1, early);
        let same = merge(first.as_array().expect("list"), &[say("Ready", false, "Waiting", "still none")], 2, late);
        assert_eq!(same[0]["lastTransitionTime"], "1970-01-01T00:16:40Z");
        assert_eq!(same[0]["message"], "still none");
        let turned = merge(same.as_array().expect("list"), &[say("Ready", true, "Ready", "")], 2, late);
        assert_eq!(turned[0]["lastTransitionTime"], "1970-01-01T00:33:20Z");
    }
}
