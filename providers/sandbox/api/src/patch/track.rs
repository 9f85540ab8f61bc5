//! Who owns what after a create, update or patch that is no apply.

use serde_json::{Map, Value};
use windlass_kubeschema::fieldpath::{ManagedEntry, Operation, Shape};

use super::compare::{compare, same};
use super::context::PatchContext;
use super::decoded::{as_decoded, empty_object};
use super::managers::{bare, cap_updaters, new_entry, reconcile_all, record, recorded, take_over};
use super::reset::restore;

/// Brings `new`'s managedFields up to date; `live` is `None` on create.
///
/// The writer owns what it changed and takes it from others. A list of managedFields in `new` is
/// honoured (not through a subresource): it replaces the live one; `[]` and `[{}]` reset, and an
/// object without managers is not tracked again before its first apply. Fields that the endpoint
/// cannot write get their live value back.
pub fn track_update(live: Option<&Value>, new: &mut Value, ctx: &PatchContext<'_>) {
    let mut entries = given_or_live(live, new, ctx);
    *new = bare(new);
    restore(live, new, ctx.reset);
    as_decoded(new, ctx.schema);
    if !entries.is_empty() || live.is_none() {
        let old = match live {
            Some(live) => bare(live),
            None => empty_object(ctx.schema, ctx.api_version, ctx.kind),
        };
        write(&mut entries, &old, new, ctx);
        cap_updaters(&mut entries);
    }
    record(new, &entries);
}

/// Nothing differs but times in managedFields: the server writes nothing then.
pub fn same_but_for_times(old: &Value, new: &Value) -> bool {
    same(&bare(old), &bare(new)) && timeless(old) == timeless(new)
}

/// Makes the writer's entry of what differs between `old` and `new`.
pub(super) fn write(entries: &mut Vec<ManagedEntry>, old: &Value, new: &Value, ctx: &PatchContext<'_>) {
    let shape = Shape::of(ctx.schema);
    reconcile_all(entries, shape);
    let comparison = compare(old, new, shape).without(ctx.reset);
    take_over(entries, None, &comparison);
    let mut writer = new_entry(ctx, Operation::Update);
    writer.fields = comparison.written().without_identity();
    if writer.fields.is_empty() {
        return;
    }
    writer.time = Some(ctx.now.into());
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

fn timeless(object: &Value) -> Vec<Value> {
    let list = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let mut entries: Vec<Value> = list.cloned().unwrap_or_default();
    for entry in &mut entries {
        if let Some(map) = entry.as_object_mut() {
            map.remove("time");
        }
    }
    // Their order follows from times, too.
    entries.sort_by_cached_key(Value::to_string);
    entries
}
