//! Changes of the user's input: which of them are made in a cluster that lives, and which are refused, by name. What is rendered decides
//! what they do to machines.

use serde_json::Value as Json;

use super::kept_facts::kept_input;
use super::wish::Wish;
use crate::addr::{Address, Part};
use crate::diag::{Code, Diagnostic, Span};
use crate::encode::canonical_text;
use crate::recorded::RecordedResource;
use crate::schema::Fixed;

/// The refusal of one named change; `old` and `new` are shown where they are known.
pub(super) fn refusal(address: &Address, what: &str, field: &str, old: &Json, new: &Json, span: Option<Span>) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(Code::DAY_TWO, format!("{address}: {what} is not possible yet"))
        .detail(went(field, old, new))
        .hint("this release does not make that change in a living cluster; put the old value back, or destroy and create the cluster");
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

/// An attribute that has another value than a resource was applied with.
pub(super) struct Changed {
    /// Dotted path of the attribute.
    pub(super) field: String,
    /// Its value before.
    pub(super) old: Json,
    /// Its value now.
    pub(super) new: Json,
}

/// The attributes of a resource that are not as it was applied with.
pub(super) fn changed(wish: &Wish<'_>, recorded: &RecordedResource) -> Vec<Changed> {
    if recorded.input_digest == wish.input_digest {
        return Vec::new();
    }
    let mut found = Vec::new();
    attributes(kept_input(recorded), &wish.input, "", &mut found);
    let mut changes = Vec::new();
    for change in found {
        let fixed = fixed_within(wish, &change);
        if fixed.is_empty() { changes.push(change) } else { changes.extend(fixed) }
    }
    if changes.is_empty() {
        // The digest covers more than the two can show (another way to write the same); it is still another wish.
        changes.push(Changed { field: "(input)".to_owned(), old: Json::Null, new: Json::Null });
    }
    changes
}

/// What changes of the attributes that stay with a block that was not there or is not any more: without the block they have their defaults.
fn fixed_within(wish: &Wish<'_>, change: &Changed) -> Vec<Changed> {
    if change.old.is_null() == change.new.is_null() {
        return Vec::new();
    }
    let below = format!("{}.", change.field);
    let fixed = wish.resource.fixed.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below));
    let differs = |(path, fixed): (&String, &Fixed)| {
        let pointer = format!("/{}", path.strip_prefix(&below)?.replace('.', "/"));
        let at = |block: &Json| block.pointer(&pointer).cloned().unwrap_or(Json::Null);
        let (old, new) = (at(&change.old), at(&change.new));
        let value = |value: &Json| match value {
            Json::Null => fixed.default.unwrap_or_default().to_owned(),
            Json::String(text) => text.clone(),
            other => canonical_text(other),
        };
        (value(&old) != value(&new)).then(|| Changed { field: path.clone(), old, new })
    };
    fixed.filter_map(differs).collect()
}

/// Changes of a ready resource that are not made, each by name.
pub(super) fn refused(wish: &Wish<'_>, changes: &[Changed]) -> Vec<Diagnostic> {
    changes.iter().filter(|change| !is_made(wish, &change.field)).map(|change| refusal_of(wish, change)).collect()
}

/// Changes of a resource that lives and is not whole: what Cluster API has begun to make of the old wish would be thrown away without a word.
pub(super) fn all_refused(wish: &Wish<'_>, changes: &[Changed]) -> Vec<Diagnostic> {
    changes.iter().map(|change| refusal_of(wish, change)).collect()
}

fn refusal_of(wish: &Wish<'_>, Changed { field, old, new }: &Changed) -> Diagnostic {
    let address = &wish.resource.address;
    let span = wish.resource.place_of(field);
    if wish.resource.fixed_at(field).is_none() {
        return refusal(address, name_of(address, field), field, old, new, span);
    }
    let mut diagnostic = Diagnostic::error(Code::FIXED, format!("{address}: `{field}` stays as it is while {} lives", address.root()))
        .detail(went(field, old, new))
        .hint("put the old value back; another value needs another cluster: destroy this one first, or make one of another name beside it");
    diagnostic.primary = span;
    diagnostic
}

/// Whether this release makes a change in a cluster that lives. What it does to machines is told by what is rendered.
fn is_made(wish: &Wish<'_>, field: &str) -> bool {
    let address = &wish.resource.address;
    let under = |name: &str| is_under(field, name);
    if wish.resource.fixed_at(field).is_some() {
        return false;
    }
    match &address.part {
        None if address.is_cluster() => !under("pivot"),
        Some(Part::ControlPlane) => !under("etcd"),
        Some(Part::WorkerPool(_) | Part::Layer(_)) => true,
        None => under("credentials"),
        // Its image may follow the release, and its mode goes to it with its layers.
        Some(Part::Agent) => matches!(field, "image" | "mode"),
        _ => false,
    }
}

fn is_under(field: &str, name: &str) -> bool {
    field == name || field.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', '[']))
}

/// The name of a change, in the words of the documentation.
fn name_of(address: &Address, field: &str) -> &'static str {
    let under = |name: &str| is_under(field, name);
    match &address.part {
        _ if under("capi_override") => "a change of capi_override",
        // Of a cluster that is not whole yet.
        None if under("kubernetes_version") => "a change of the Kubernetes version",
        None if under("os") => "a change of the operating system",
        None if under("pivot") => "switching the pivot",
        None if under("credentials") => "a change of cloud credentials",
        None if address.is_cluster() => "a change of the cluster",
        None => "a change of the cloud",
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
fn attributes(old: &Json, new: &Json, path: &str, out: &mut Vec<Changed>) {
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
        _ => {
            let field = if path.is_empty() { "(input)" } else { path }.to_owned();
            out.push(Changed { field, old: old.clone(), new: new.clone() });
        }
    }
}

fn shown(value: &Json) -> String {
    if crate::encode::Placeholder::of(value).is_some() {
        return "(sensitive)".to_owned();
    }
    let text = canonical_text(value);
    if text.chars().count() > 200 { text.chars().take(200).chain("…".chars()).collect() } else { text }
}
