//! Readiness of kinds that nobody knows: the conventions of conditions (as kstatus reads them).

use serde_json::Value as Json;

use super::Verdict;
use super::condition::{must_be_true, must_not_be_true, observed};

/// Observed if it says so, not Reconciling or Stalled, Ready and Available if it has these conditions.
pub fn conditions(live: &Json) -> Verdict {
    if live.pointer("/status/observedGeneration").is_some() {
        observed(live)?;
    }
    for bad in ["Stalled", "Reconciling"] {
        must_not_be_true(live, bad)?;
    }
    for good in ["Ready", "Available"] {
        if super::condition::condition(live, good).is_some() {
            must_be_true(live, good)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_unknown_kinds() {
        let with = |kind: &str, status: &str| json!({"status": {"conditions": [{"type": kind, "status": status, "reason": "R"}]}});
        for (live, expected) in [
            (json!({}), "ready"),
            (with("Ready", "True"), "ready"),
            (with("Ready", "Unknown"), "Ready is Unknown: R"),
            (with("Available", "False"), "Available is False: R"),
            (with("Stalled", "True"), "Stalled: R"),
            (with("Reconciling", "False"), "ready"),
            (with("Whatever", "False"), "ready"),
            (
                json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 1}}),
                "its controller has not seen the latest change yet",
            ),
        ] {
            assert_eq!(conditions(&live).err().as_deref().unwrap_or("ready"), expected, "{live}");
        }
    }
}
