//! What the agent says of a layer, and whether that is news. Pure.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use windlass_core::agent_objects::LAYER_STALLED;

use crate::drift::Drifted;

/// Status of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerStatus {
    /// Generation that was looked at.
    pub generation: i64,
    /// Digest of the content that is applied whole.
    pub digest: Option<String>,
    /// Repair that was done last.
    pub repaired: Option<String>,
    /// How it is.
    pub health: Health,
    /// One word.
    pub reason: &'static str,
    /// A sentence, or empty.
    pub message: String,
    /// What is not as applied.
    pub drift: Vec<Drifted>,
}

/// How a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Everything is applied and healthy.
    Ready,
    /// Something is still to come.
    NotYet,
    /// It cannot be applied until somebody changes something.
    Stalled,
}

/// The merge patch that makes the old status the new one; `None` if it says the same already.
pub fn patch(old: &Json, new: &LayerStatus, now: Timestamp) -> Option<Json> {
    let condition = |kind: &str, holds: bool| {
        let word = if holds { "True" } else { "False" };
        let before = condition(old, kind).filter(|condition| condition.get("status").and_then(Json::as_str) == Some(word));
        let since = before.and_then(|condition| condition.get("lastTransitionTime")).cloned();
        json!({
            "type": kind, "status": word, "reason": new.reason, "message": new.message,
            "lastTransitionTime": since.unwrap_or_else(|| json!(now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())),
            "observedGeneration": new.generation,
        })
    };
    let mut conditions = vec![condition("Ready", new.health == Health::Ready)];
    if new.health == Health::Stalled {
        // Only there while it holds, as kstatus has it.
        conditions.push(condition(LAYER_STALLED, true));
    }
    let status = json!({
        "observedGeneration": new.generation,
        "digest": new.digest,
        "repaired": new.repaired,
        "ready": new.health == Health::Ready,
        "conditions": conditions,
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

/// Since when a layer of this generation has been stalled, by its own status.
pub fn stalled_since(status: &Json, generation: i64) -> Option<Timestamp> {
    let stalled = condition(status, LAYER_STALLED)?;
    let seen = stalled.get("observedGeneration").and_then(Json::as_i64);
    let time = stalled.get("lastTransitionTime").and_then(Json::as_str)?;
    (seen == Some(generation)).then(|| time.parse().ok()).flatten()
}

/// When a stalled layer is tried again: after as long again as it has been stalled, within bounds.
pub fn retry_after(since: Option<Timestamp>, now: Timestamp, (least, most): (Duration, Duration)) -> Duration {
    let so_far = since.map(|since| now.duration_since(since)).and_then(|so_far| Duration::try_from(so_far).ok());
    so_far.unwrap_or_default().clamp(least, most.max(least))
}

fn condition<'a>(status: &'a Json, kind: &str) -> Option<&'a Json> {
    let conditions = status.get("conditions")?.as_array()?;
    conditions.iter().find(|condition| condition.get("type").and_then(Json::as_str) == Some(kind))
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
            health: Health::NotYet,
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
        status.health = Health::Ready;
        let third = patch(&stored, &status, later).expect("news");
        assert_eq!(third["status"]["conditions"][0]["lastTransitionTime"], "2026-11-22T13:00:00Z");
    }

    #[test]
    fn a_stall_is_dated_and_tried_again_less_and_less_often() {
        let at = |text: &str| text.parse::<Timestamp>().expect("time");
        let bounds = (Duration::from_secs(2), Duration::from_secs(60));
        let status = LayerStatus {
            generation: 3,
            digest: None,
            repaired: None,
            health: Health::Stalled,
            reason: "ApplyRefused",
            message: "m".into(),
            drift: vec![],
        };
        let mut stored = patch(&Json::Null, &status, at("2026-11-22T12:00:00Z")).expect("news")["status"].clone();
        assert_eq!(stored["conditions"][0]["status"], "False");
        assert_eq!((&stored["conditions"][1]["type"], &stored["conditions"][1]["status"]), (&json!("Stalled"), &json!("True")));
        let since = stalled_since(&stored, 3);
        assert_eq!(since, Some(at("2026-11-22T12:00:00Z")));
        assert_eq!(stalled_since(&stored, 4), None, "of an older spec");
        for (now, seconds) in
            [("2026-11-22T12:00:00Z", 2), ("2026-11-22T12:00:10Z", 10), ("2026-11-22T13:00:00Z", 60), ("2026-11-22T11:00:00Z", 2)]
        {
            assert_eq!(retry_after(since, at(now), bounds), Duration::from_secs(seconds), "{now}");
        }
        assert_eq!(retry_after(None, at("2026-11-22T12:00:00Z"), bounds), Duration::from_secs(2));
        for absent in ["digest", "repaired"] {
            stored.as_object_mut().expect("object").remove(absent);
        }
        assert_eq!(patch(&stored, &status, at("2026-11-22T12:05:00Z")), None);
        let well = LayerStatus { health: Health::Ready, ..status };
        let healed = patch(&stored, &well, at("2026-11-22T12:05:00Z")).expect("news");
        assert_eq!(healed["status"]["conditions"].as_array().map(Vec::len), Some(1), "it is not stalled any more");
    }
}
