//! How a pod's containers behave, from its spec and annotations: ready when, never, or failing. Pure.

use std::time::Duration;

use serde_json::{Value, json};

use crate::object::{Fields, Meta, Object};

/// Annotation of a pod: `never`, or a time like `30s`, after which its containers are ready.
pub const READY_AFTER: &str = "sandbox.windlass.dev/ready-after";

/// How long containers take from start to ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as any.
    Usual,
    /// This long.
    After(Duration),
    /// They run, and are never ready.
    Never,
    /// They exit with an error at once.
    Fails,
}

/// The pace of a pod: by annotation, or by an image tag `never-ready` or `fails`.
pub fn pace(pod: &Object) -> Pace {
    let tagged = |tag: &str| {
        let images = pod.items("/spec/containers").iter().map(|container| container.text("/image"));
        images.filter_map(|image| image.rsplit_once(':')).any(|(_, found)| found == tag)
    };
    match pod.annotation(READY_AFTER) {
        Some("never") => Pace::Never,
        Some(text) => duration(text).map_or(Pace::Usual, Pace::After),
        None if tagged("never-ready") => Pace::Never,
        None if tagged("fails") => Pace::Fails,
        None => Pace::Usual,
    }
}

fn duration(text: &str) -> Option<Duration> {
    let number = |unit: &str| text.strip_suffix(unit).and_then(|number| number.parse::<u64>().ok());
    number("ms")
        .map(Duration::from_millis)
        .or_else(|| number("s").map(Duration::from_secs))
        .or_else(|| number("m").map(|minutes| Duration::from_secs(minutes * 60)))
}

/// State of all containers of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not started: reason and message.
    Waiting(&'static str, String),
    /// Started at this time, ready or not.
    Running {
        /// RFC 3339.
        since: String,
        /// Whether its readiness was reached.
        ready: bool,
    },
    /// Ended at this time, with this exit code.
    Ended {
        /// RFC 3339.
        at: String,
        /// 0 is success.
        code: i64,
    },
}

/// `status.containerStatuses` for a state.
pub fn statuses(pod: &Object, state: &State, restarts: i64) -> Value {
    let one = |container: &Value| {
        let (ready, started, word) = match state {
            State::Waiting(reason, message) => {
                let mut waiting = json!({"reason": reason});
                if !message.is_empty() {
                    waiting["message"] = json!(message);
                }
                (false, false, json!({"waiting": waiting}))
            }
            State::Running { since, ready } => (*ready, true, json!({"running": {"startedAt": since}})),
            State::Ended { at, code } => {
                let reason = if *code == 0 { "Completed" } else { "Error" };
                (false, false, json!({"terminated": {"exitCode": code, "reason": reason, "finishedAt": at, "startedAt": at}}))
            }
        };
        json!({
            "name": container.text("/name"), "image": container.text("/image"), "imageID": "", "restartCount": restarts,
            "ready": ready, "started": started, "state": word,
        })
    };
    Value::Array(pod.items("/spec/containers").iter().map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paces() {
        let pod = |annotations: Value, image: &str| -> Object {
            serde_json::from_value(
                json!({"metadata": {"name": "p", "annotations": annotations}, "spec": {"containers": [{"name": "c", "image": image}]}}),
            )
            .expect("pod")
        };
        for (annotations, image, expected) in [
            (json!({}), "nginx:1", Pace::Usual),
            (json!({}), "registry:5000/nginx", Pace::Usual),
            (json!({}), "nginx:never-ready", Pace::Never),
            (json!({}), "nginx:fails", Pace::Fails),
            (json!({READY_AFTER: "never"}), "nginx:1", Pace::Never),
            (json!({READY_AFTER: "30s"}), "nginx:1", Pace::After(Duration::from_secs(30))),
            (json!({READY_AFTER: "200ms"}), "nginx:1", Pace::After(Duration::from_millis(200))),
            (json!({READY_AFTER: "soon"}), "nginx:1", Pace::Usual),
        ] {
            assert_eq!(pace(&pod(annotations, image)), expected);
        }
    }
}
