//! Conditions as contract v1beta1 has them: a list with type, status, severity, reason, message and the time of the last change.
//! Pure: the time is an argument.

use kube::api::DynamicObject;
use serde_json::{Map, Value as Json, json};

/// What a condition says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Says {
    /// It is so.
    Yes,
    /// Not yet, and why; that is no fault.
    NotYet(&'static str),
    /// It is not so, why, and in more words.
    No(&'static str, String),
}

/// The list of conditions: what each type says, and `Ready`, which says what the first one says that is not [`Says::Yes`].
/// A condition whose status is as it was keeps its time.
pub(super) fn conditions(object: &DynamicObject, types: &[(&str, Says)], now: &str) -> Json {
    let worst = types.iter().map(|(_, says)| says).find(|says| **says != Says::Yes).unwrap_or(&Says::Yes);
    let all = [("Ready", worst)].into_iter().chain(types.iter().map(|(kind, says)| (*kind, says)));
    let before = object.data.pointer("/status/conditions").and_then(Json::as_array);
    let one = |(kind, says): (&str, &Says)| {
        let before = before.into_iter().flatten().find(|one| one["type"] == kind);
        condition(kind, says, before, now)
    };
    all.map(one).collect()
}

fn condition(kind: &str, says: &Says, before: Option<&Json>, now: &str) -> Json {
    let status = if *says == Says::Yes { "True" } else { "False" };
    let since = before.filter(|before| before["status"] == status).and_then(|before| before["lastTransitionTime"].as_str());
    let mut condition: Map<String, Json> = Map::new();
    let mut set = |name: &str, value: Json| condition.insert(name.to_owned(), value);
    set("type", kind.into());
    set("status", status.into());
    set("lastTransitionTime", json!(since.unwrap_or(now)));
    match says {
        Says::Yes => {}
        Says::NotYet(reason) => {
            set("severity", "Info".into());
            set("reason", (*reason).into());
        }
        Says::No(reason, message) => {
            set("severity", "Error".into());
            set("reason", (*reason).into());
            set("message", message.clone().into());
        }
    }
    Json::Object(condition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_says_what_is_wrong_and_a_time_stays_while_the_status_does() {
        let object: DynamicObject = serde_json::from_value(json!({"metadata": {"name": "a"}, "status": {"conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "then"},
            {"type": "InstanceReady", "status": "False", "reason": "Old", "lastTransitionTime": "then"},
        ]}}))
        .expect("an object");
        assert_eq!(
            conditions(&object, &[("InstanceReady", Says::NotYet("InstanceNotReady"))], "now"),
            json!([
                {"type": "Ready", "status": "False", "severity": "Info", "reason": "InstanceNotReady", "lastTransitionTime": "now"},
                {"type": "InstanceReady", "status": "False", "severity": "Info", "reason": "InstanceNotReady", "lastTransitionTime": "then"},
            ]),
        );
        assert_eq!(
            conditions(&object, &[("InstanceReady", Says::Yes)], "now"),
            json!([
                {"type": "Ready", "status": "True", "lastTransitionTime": "then"},
                {"type": "InstanceReady", "status": "True", "lastTransitionTime": "now"},
            ]),
        );
    }
}
