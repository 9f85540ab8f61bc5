//! Drift as text and as JSON. Pure.

use std::fmt::Write;

use serde_json::{Value as Json, json};
use windlass_core::drift::{DriftFinding, DriftReport};

use super::colour::{ADD, BOLD, CHANGE, DIM, REMOVE, paint};
use super::plan::{actor_text, lines_text};
use super::tree::value_text;

/// For people.
pub fn drift_text(report: &DriftReport) -> String {
    let mut text = String::new();
    for plane in &report.unreachable {
        let _ = writeln!(text, "{} {}: not compared (unreachable: {})", paint(CHANGE, "!"), plane.address, plane.reason);
    }
    for failure in &report.failed {
        let _ = writeln!(text, "{} not compared: {failure}", paint(CHANGE, "!"));
    }
    for note in &report.notes {
        let _ = writeln!(text, "{} {note}", paint(CHANGE, "!"));
    }
    let mut heading = None;
    for entry in &report.entries {
        if heading != Some(&entry.resource) {
            let _ = writeln!(text, "\n  {} {}", paint(BOLD, "#"), paint(BOLD, &entry.resource));
            heading = Some(&entry.resource);
        }
        let object = entry.object.short();
        let _ = match &entry.finding {
            DriftFinding::Deleted => writeln!(
                text,
                "    {} {object} {}",
                paint(REMOVE, "-"),
                paint(DIM, format_args!("# deleted, actor unknown, on {}", entry.object.plane))
            ),
            DriftFinding::Deleting(deletion) => writeln!(
                text,
                "    {} {object} {}",
                paint(REMOVE, "-"),
                paint(DIM, format_args!("# {}, actor unknown, on {}", deletion.words(), entry.object.plane))
            ),
            DriftFinding::Replaced(other) => writeln!(
                text,
                "    {} {object} {}",
                paint(REMOVE, "-/+"),
                paint(DIM, format_args!("# deleted, and made again {}", other.words()))
            ),
            DriftFinding::Leaf { leaf, applied, live, actor } => {
                let actor = actor.as_ref().map_or_else(|| "actor unknown".to_owned(), actor_text);
                let head = format!("    {} {object} {leaf}", paint(CHANGE, "~"));
                match (applied, live) {
                    (Some(applied), Some(live)) => match lines_text(applied, live) {
                        Some(lines) => write!(text, "{head}  {}\n{lines}", paint(DIM, format_args!("# {actor}"))),
                        None => writeln!(
                            text,
                            "{head}: {} -> {}  {}",
                            value_text(applied, 8),
                            value_text(live, 8),
                            paint(DIM, format_args!("# {actor}"))
                        ),
                    },
                    (Some(applied), None) => writeln!(
                        text,
                        "{head}: {} -> {}  {}",
                        value_text(applied, 8),
                        paint(REMOVE, "removed"),
                        paint(DIM, format_args!("# {actor}"))
                    ),
                    (None, live) => {
                        let live = live.as_ref().map(|live| value_text(live, 8)).unwrap_or_default();
                        writeln!(
                            text,
                            "{head}: {} {live}  {}",
                            paint(ADD, "still owned by windlass, not applied any more:"),
                            paint(DIM, format_args!("# {actor}"))
                        )
                    }
                }
            }
        };
    }
    let objects: std::collections::BTreeSet<_> = report.entries.iter().map(|entry| &entry.object).collect();
    let _ = if report.entries.is_empty() && report.failed.is_empty() {
        writeln!(text, "{} {} objects compared.", paint(ADD.bold(), "No drift."), report.compared)
    } else {
        writeln!(
            text,
            "\n{} {} {} in {} of {} objects.",
            paint(BOLD, "Drift:"),
            report.entries.len(),
            if report.entries.len() == 1 { "difference" } else { "differences" },
            objects.len(),
            report.compared
        )
    };
    text
}

/// For programs.
pub fn drift_json(report: &DriftReport, sandbox: bool) -> Json {
    json!({
        "format_version": "1.0",
        "sandbox": sandbox,
        "drift": serde_json::to_value(&report.entries).unwrap_or(Json::Null),
        "unreachable": report.unreachable.iter().map(|plane| json!({"address": plane.address, "reason": plane.reason})).collect::<Vec<_>>(),
        "failed": report.failed,
        "compared": report.compared,
        "notes": report.notes,
    })
}

#[cfg(test)]
mod tests {
    use windlass_core::addr::Address;
    use windlass_core::drift::{DriftEntry, Replacement};
    use windlass_core::object::ObjectKey;
    use windlass_core::plan::Actor;

    use super::*;

    #[test]
    fn who_made_an_object_again_is_named() {
        let plane: Address = "cluster.shop".parse().expect("an address");
        let actor = Actor {
            manager: "kubectl-create".to_owned(),
            operation: "Update".to_owned(),
            time: Some("2026-02-02T00:00:00Z".to_owned()),
            subresource: None,
        };
        let known = "# deleted, and made again by kubectl-create at 2026-02-02T00:00:00Z; who deleted it is not known";
        for (actor, words) in [(Some(actor), known), (None, "# deleted, and made again by somebody, actor unknown")] {
            let object = ObjectKey {
                plane: plane.clone(),
                group: String::new(),
                kind: "Secret".to_owned(),
                namespace: Some("storefront".to_owned()),
                name: "database".to_owned(),
            };
            let finding = DriftFinding::Replaced(Replacement { recorded: "1".to_owned(), live: "2".to_owned(), actor });
            let entries = vec![DriftEntry { resource: plane.clone(), object, finding }];
            let text = drift_text(&DriftReport { entries, ..DriftReport::default() });
            assert!(text.contains("Secret storefront/database") && text.contains(words), "{text}");
        }
    }
}
