//! Who owns what after a create, update or patch that is no apply.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use windlass_kubeschema::fieldpath::{ManagedEntry, Operation, Shape};

use super::compare::{compare, same_object};
use super::context::PatchContext;
use super::decoded::{as_decoded, empty_object};
use super::managers::{cap_updaters, new_entry, reconcile_all, record, recorded, take_over};
use super::reset::restore;

/// Brings `new`'s managedFields up to date; `live` is `None` on create.
///
/// The writer owns what it changed and takes it from others. A list of managedFields in `new` is
/// honoured (not through a subresource): it replaces the live one; `[]` and `[{}]` reset, and an
/// object without managers is not tracked again before its first apply. Fields that the endpoint
/// cannot write get their live value back.
pub fn track_update(live: Option<&Value>, new: &mut Value, ctx: &PatchContext<'_>) {
    let mut entries = given_or_live(live, new, ctx);
    restore(live, new, ctx.reset);
    as_decoded(new, ctx.schema);
    match live {
        Some(live) if !entries.is_empty() => write(&mut entries, live, new, ctx),
        Some(_) => {}
        None => write(&mut entries, &empty_object(ctx.schema, ctx.api_version, ctx.kind), new, ctx),
    }
    cap_updaters(&mut entries);
    record(new, &entries);
}

/// Nothing differs but times in managedFields: the server writes nothing then.
pub fn same_but_for_times(old: &Value, new: &Value) -> bool {
    same_object(old, new) && same_managers(old, new)
}

/// Makes the writer's entry of what differs between `old` and `new`.
pub(super) fn write(entries: &mut Vec<ManagedEntry>, old: &Value, new: &Value, ctx: &PatchContext<'_>) {
    let shape = Shape::of(ctx.schema);
    reconcile_all(entries, shape);
    let comparison = compare(old, new, shape).without(ctx.reset);
    take_over(entries, &comparison);
    let mut writer = new_entry(ctx, Operation::Update);
    writer.fields = comparison.written().without_identity();
    if writer.fields.is_empty() {
        return;
    }
    // Entries of Scale are carried over from an object that has no times.
    writer.time = (ctx.subresource != "scale").then(|| ctx.now.into());
    match entries.iter_mut().find(|entry| entry.is_same_manager(&writer)) {
        Some(earlier) => {
            earlier.fields.extend(&writer.fields);
            earlier.time = writer.time;
        }
        None => entries.push(writer),
    }
}

fn given_or_live(live: Option<&Value>, new: &Value, ctx: &PatchContext<'_>) -> Vec<ManagedEntry> {
    let of_live = || live.and_then(|live| recorded(live).ok()).unwrap_or_default();
    if !ctx.subresource.is_empty() {
        return of_live();
    }
    match new.pointer("/metadata/managedFields") {
        Some(Value::Array(list)) if is_reset(list) => Vec::new(),
        _ => match recorded(new) {
            Ok(given) if !given.is_empty() => given,
            _ => of_live(),
        },
    }
}

fn is_reset(list: &[Value]) -> bool {
    match list {
        [] => true,
        [only] => only.as_object().is_some_and(Map::is_empty),
        _ => false,
    }
}

/// The entries are the same but for their times, and for their order, which follows from times.
fn same_managers(old: &Value, new: &Value) -> bool {
    let (old, new) = (timeless(old), timeless(new));
    old.len() == new.len() && old.iter().all(|(identity, fields)| new.get(identity) == Some(fields))
}

fn timeless(object: &Value) -> BTreeMap<[&str; 4], Option<&Value>> {
    const IDENTITY: [&str; 4] = ["manager", "operation", "apiVersion", "subresource"];
    let list = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let timeless = |entry| {
        let text = |name| Value::get(entry, name).and_then(Value::as_str).unwrap_or("");
        (IDENTITY.map(text), entry.get("fieldsV1"))
    };
    list.into_iter().flatten().map(timeless).collect()
}
