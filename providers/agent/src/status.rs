//! What the agent says of a layer, and whether that is news. Pure.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::drift::Drifted;

/// Status of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerStatus {
    /// Generation that was looked at.
    pub generation: i64,
    /// Digest of the content that was applied last.
    pub digest: Option<String>,
    /// Repair that was done last.
    pub repaired: Option<String>,
    /// Everything is healthy.
    pub ready: bool,
    /// One word.
    pub reason: &'static str,
    /// A sentence, or empty.
    pub message: String,
    /// What is not as applied.
    pub drift: Vec<Drifted>,
}

/// The merge patch that makes the old status the new one; `None` if it says the same already.
pub fn patch(old: &Json, new: &LayerStatus, now: Timestamp) -> Option<Json> {
    let condition = old
        .get("conditions")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .find(|condition| condition.get("type").and_then(Json::as_str) == Some("Ready"));
    let word = if new.ready { "True" } else { "False" };
    let turned = condition.and_then(|c| c.get("status")).and_then(Json::as_str) != Some(word);
    let since = condition.and_then(|c| c.get("lastTransitionTime")).filter(|_| !turned).cloned();
    let since = since.unwrap_or_else(|| json!(now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
    let status = json!({
        "observedGeneration": new.generation,
        "digest": new.digest,
        "repaired": new.repaired,
        "ready": new.ready,
        "conditions": [{
            "type": "Ready", "status": word, "reason": new.reason, "message": new.message,
            "lastTransitionTime": since, "observedGeneration": new.generation,
        }],
        "drift": new.drift.iter().map(Drifted::to_json).collect::<Vec<_>>(),
    });
    let same = status.as_object().is_some_and(|fields| {
        fields.iter().all(|(key, value)| {
            let nothing = value.is_null() || value == &json!([]);
            old.get(key).map_or(nothing, |old| old == value)
        })
    });
    (!same).then(|| json!({"status": status}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_news_is_written() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("time");
        let later: Timestamp = "2026-11-22T13:00:00Z".parse().expect("time");
        let mut status = LayerStatus {
            generation: 1,
            digest: Some("d".into()),
            repaired: None,
            ready: false,
            reason: "Progressing",
            message: "x".into(),
            drift: vec![],
        };
        let first = patch(&Json::Null, &status, now).expect("news");
        let mut stored = first["status"].clone();
        // The API drops nulls.
        stored.as_object_mut().expect("object").remove("repaired");
        assert_eq!(patch(&stored, &status, later), None);
        status.message = "y".into();
        let second = patch(&stored, &status, later).expect("news");
        assert_eq!(second["status"]["conditions"][0]["lastTransitionTime"], "2026-11-22T12:00:00Z");
        status.ready = true;
        let third = patch(&stored, &status, later).expect("news");
        assert_eq!(third["status"]["conditions"][0]["lastTransitionTime"], "2026-11-22T13:00:00Z");
    }
}
