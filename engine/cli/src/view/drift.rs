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
            DriftFinding::Replaced { .. } => writeln!(
                text,
                "    {} {object} {}",
                paint(REMOVE, "-/+"),
                paint(DIM, "# deleted and made again by somebody, actor unknown")
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
    })
}
