//! Changes of living clusters that this release recognises and does not make: refused by name, never applied wrongly.

use serde_json::Value as Json;

use super::kept_facts::kept_input;
use super::wish::Wish;
use crate::addr::{Address, Part};
use crate::diag::{Code, Diagnostic, Span};
use crate::encode::canonical_text;
use crate::recorded::RecordedResource;

/// The refusal of one named change; `old` and `new` are shown where they are known.
pub(super) fn refusal(address: &Address, what: &str, field: &str, old: &Json, new: &Json, span: Option<Span>) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(Code::DAY_TWO, format!("{address}: {what} is not possible yet"))
        .detail(went(field, old, new))
        .hint("this release creates, repairs and destroys clusters; put the old value back, or destroy and create the cluster");
    diagnostic.primary = span;
    diagnostic
}

/// What happened to a field, in a sentence.
fn went(field: &str, old: &Json, new: &Json) -> String {
    match (old.is_null(), new.is_null()) {
        (true, true) => format!("`{field}` has changed."),
        (true, false) if new == "new" => format!("`{field}` is new."),
        (true, false) => format!("`{field}` was not set and is {} now.", shown(new)),
        (false, true) if old == "applied" || old == "recorded" => format!("`{field}` is gone."),
        (false, true) => format!("`{field}` was {} and is gone.", shown(old)),
        (false, false) => format!("`{field}` was {}, is now {}.", shown(old), shown(new)),
    }
}

/// What differs between the input that a ready resource was applied with and the one it has now, each by name.
pub(super) fn input_changes(wish: &Wish<'_>, recorded: &RecordedResource) -> Vec<Diagnostic> {
    if recorded.input_digest == wish.input_digest {
        return Vec::new();
    }
    let mut changes = Vec::new();
    attributes(kept_input(recorded), &wish.input, "", &mut changes);
    let address = &wish.resource.address;
    if matches!(address.part, Some(Part::Agent)) && !changes.is_empty() {
        // Its image may follow the release, and is updated in place.
        changes.retain(|(field, _, _)| field != "image");
    } else if changes.is_empty() {
        // The digest covers more than the two can show (another way to write the same); it is still another wish.
        changes.push(("(input)".to_owned(), Json::Null, Json::Null));
    }
    let refused = |(field, old, new): &(String, Json, Json)| {
        refusal(address, name_of(address, field), field, old, new, wish.resource.place_of(field))
    };
    changes.iter().map(refused).collect()
}

/// Whether nothing of a ready control plane or pool is new, unless it is its size: what Cluster API changes in place. That the size is the
/// old one says nothing: it may be taken back in the middle of scaling.
pub(super) fn may_be_scaled(wish: &Wish<'_>, recorded: &RecordedResource) -> bool {
    let is_group = matches!(wish.resource.address.part, Some(Part::ControlPlane | Part::WorkerPool(_)));
    if !is_group || recorded.input_digest == wish.input_digest {
        return is_group;
    }
    let mut changes = Vec::new();
    attributes(kept_input(recorded), &wish.input, "", &mut changes);
    !changes.is_empty() && changes.iter().all(|(field, _, _)| field == "replicas")
}

/// The name of a change, in the words of the documentation.
fn name_of(address: &Address, field: &str) -> &'static str {
    let under = |name: &str| field == name || field.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', '[']));
    match &address.part {
        _ if under("capi_override") => "a change of capi_override",
        None if under("kubernetes_version") => "a change of the Kubernetes version",
        None if under("os_version") => "a change of the operating system",
        None if under("pivot") => "switching the pivot",
        None if under("credentials") => "a change of cloud credentials",
        None if address.is_cluster() => "a change of the cluster",
        None => "a change of the cloud",
        // Together with another change only: alone it is made.
        Some(Part::ControlPlane | Part::WorkerPool(_)) if under("replicas") => "scaling together with another change",
        Some(Part::ControlPlane | Part::WorkerPool(_)) if under("machine") => "a change of machines",
        // Not even Cluster API does it.
        Some(Part::ControlPlane) if field == "etcd" => "a switch between etcd of its own and external etcd",
        Some(Part::ControlPlane) if under("etcd") => "a change of external etcd",
        Some(Part::ControlPlane | Part::WorkerPool(_)) => "a change of the pool",
        Some(Part::Layer(_)) if under("depends_on") => "a change of a layer's order",
        Some(Part::Layer(_)) => "a change of a layer's content",
        Some(Part::Provider(_)) if under("version") => "an upgrade of a provider",
        Some(Part::Provider(_)) => "a change of a provider",
        Some(Part::Pivot) => "switching the pivot",
        Some(Part::Agent) => "a change of the agent",
    }
}

/// The attributes that differ, as dotted paths.
fn attributes(old: &Json, new: &Json, path: &str, out: &mut Vec<(String, Json, Json)>) {
    if old == new {
        return;
    }
    match (old, new) {
        (Json::Object(before), Json::Object(after)) if !before.contains_key("$wl") && !after.contains_key("$wl") => {
            let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                attributes(before.get(name).unwrap_or(&Json::Null), after.get(name).unwrap_or(&Json::Null), &path, out);
            }
        }
        _ => out.push((if path.is_empty() { "(input)".to_owned() } else { path.to_owned() }, old.clone(), new.clone())),
    }
}

fn shown(value: &Json) -> String {
    if crate::encode::Placeholder::of(value).is_some() {
        return "(sensitive)".to_owned();
    }
    let text = canonical_text(value);
    if text.chars().count() > 200 { text.chars().take(200).chain("…".chars()).collect() } else { text }
}
