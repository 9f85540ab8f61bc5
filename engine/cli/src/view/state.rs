//! The state as text. Pure.

use std::fmt::Write;

use windlass_core::addr::Address;
use windlass_core::recorded::{Recorded, RecordedResource, ResourceStatus};

use super::colour::{BOLD, CHANGE, DIM, paint};
use super::tree::value_text;

/// What `show` prints of a state.
pub fn state_text(recorded: &Recorded) -> String {
    let mut text = String::new();
    for (address, resource) in &recorded.resources {
        let _ = writeln!(text, "{}{}", paint(BOLD, address), status(resource));
        for (key, object) in recorded.objects.iter().filter(|(_, object)| &object.resource == address) {
            let _ = writeln!(text, "    {} {}", key.short(), paint(DIM, format_args!("on {}, {}", key.plane, object.api_version)));
        }
    }
    if !recorded.outputs.is_empty() {
        let _ = writeln!(text, "\nOutputs:\n");
        for (name, value) in &recorded.outputs {
            let _ = writeln!(text, "{name} = {}", value_text(value, 0));
        }
    }
    if let Some(run) = &recorded.unfinished {
        let _ = writeln!(
            text,
            "\n{} run {} is not finished ({} journal records): apply goes on with it.",
            paint(CHANGE.bold(), "Note:"),
            run.id,
            run.journal.len()
        );
    }
    if text.is_empty() { "The state is empty. Nothing has been applied yet.\n".to_owned() } else { text }
}

fn status(resource: &RecordedResource) -> String {
    let word = match resource.status {
        ResourceStatus::Ready => return String::new(),
        ResourceStatus::Absent => "planned",
        ResourceStatus::Creating => "half made",
        ResourceStatus::Deleting => "being destroyed",
    };
    format!(" {}", paint(CHANGE, format_args!("({word})")))
}

/// What `state show` prints of a resource.
pub fn resource_text(recorded: &Recorded, address: &Address) -> Option<String> {
    let resource = recorded.resources.get(address)?;
    let mut text = format!("{} {}{}\n", paint(BOLD, "#"), paint(BOLD, address), status(resource));
    let _ = writeln!(text, "protected from destroy = {}\nrenderer revision      = {}", resource.protect, resource.render_revision);
    for need in &resource.needs {
        let _ = writeln!(text, "needs                  = {need}");
    }
    for (key, object) in recorded.objects.iter().filter(|(_, object)| &object.resource == address) {
        let _ = writeln!(
            text,
            "\n{} {} {}\nuid     = {}\napplied = {}",
            paint(BOLD, "-"),
            key.short(),
            paint(DIM, format_args!("on {}", key.plane)),
            object.uid,
            value_text(&object.applied, 0)
        );
    }
    Some(text)
}
