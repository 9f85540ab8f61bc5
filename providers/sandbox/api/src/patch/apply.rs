//! Server-side apply.

use serde_json::Value;
use windlass_kubeschema::fieldpath::{FieldSet, ManagedEntry, Operation, Shape};

use super::check::form_errors;
use super::compare::{compare, same_object};
use super::conflict::Conflict;
use super::context::{Applied, ApplyError, PatchContext};
use super::decoded::{as_decoded, empty_object};
use super::last_applied;
use super::managers::{bare, conflicts, new_entry, reconcile_all, record, recorded, take_over};
use super::merge::merge;
use super::remove::remove_fields;
use super::reset::restore;
use super::track::{same_but_for_times, write};

/// Manager that owns what was there before the first apply to an untracked object.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Applies `applied` on behalf of `ctx.manager`; `live` is `None` if there is no object yet.
///
/// What the manager applied before and leaves out now is removed unless another manager owns it.
/// A value that differs from another owner's is a conflict, or taken over with `ctx.force`.
pub fn server_side_apply(live: Option<&Value>, applied: &Value, ctx: &PatchContext<'_>) -> Result<Applied, ApplyError> {
    check_request(applied, ctx)?;
    let shape = Shape::of(ctx.schema);
    if let Some(errors) = form_errors(applied, shape) {
        let who = described(applied);
        return Err(ApplyError::Internal(format!("failed to create typed patch object ({who}): {errors}")));
    }
    let Some(live) = live else {
        return Ok(created(applied, ctx));
    };
    let mut entries = recorded(live).map_err(|error| ApplyError::Internal(format!("failed to decode managed fields: {error}")))?;
    let was_untracked = entries.is_empty();
    if was_untracked {
        let before = PatchContext { manager: BEFORE_FIRST_APPLY, ..*ctx };
        write(&mut entries, &empty_object(ctx.schema, ctx.api_version, ctx.kind), live, &before);
    }
    let is_current = !reconcile_all(&mut entries, shape) && !was_untracked;
    let retry = last_applied::upgrades(ctx).then(|| entries.clone());
    let outcome = match (merged(live, applied, entries, ctx, ctx.force), retry) {
        (Err(found), Some(entries)) => match last_applied::remaining(live, found, ctx) {
            left if left.is_empty() => merged(live, applied, entries, ctx, true),
            left => Err(left),
        },
        (outcome, _) => outcome,
    };
    let Merged { mut object, entries, same_owners } = outcome.map_err(ApplyError::Conflict)?;
    if last_applied::upgrades(ctx) {
        last_applied::refresh(&mut object, applied);
    }
    restore(Some(live), &mut object, ctx.reset);
    as_decoded(&mut object, ctx.schema);
    // The same owners of the same values are the usual case, and need no managedFields to be written to know it.
    let is_same = is_current && same_owners && same_object(live, &object);
    if !is_same {
        record(&mut object, &entries);
    }
    if is_same || same_but_for_times(live, &object) {
        return Ok(Applied { object: live.clone(), changed: false });
    }
    Ok(Applied { object, changed: true })
}

fn check_request(applied: &Value, ctx: &PatchContext<'_>) -> Result<(), ApplyError> {
    if ctx.manager.is_empty() {
        return Err(ApplyError::MissingManager);
    }
    let text = |name: &str| applied.get(name).and_then(Value::as_str).unwrap_or("");
    if text("apiVersion") != ctx.api_version || text("kind") != ctx.kind {
        let found = group_version_kind(applied);
        return Err(ApplyError::BadRequest(format!("invalid object type: {found}")));
    }
    if applied.pointer("/metadata/managedFields").is_some_and(|fields| !fields.is_null()) {
        return Err(ApplyError::BadRequest("metadata.managedFields must be nil".into()));
    }
    Ok(())
}

fn created(applied: &Value, ctx: &PatchContext<'_>) -> Applied {
    let mut entry = owner(applied, ctx);
    entry.fields = entry.fields.without_identity();
    entry.time = Some(ctx.now.into());
    let mut object = applied.clone();
    restore(None, &mut object, ctx.reset);
    as_decoded(&mut object, ctx.schema);
    let entries = if entry.fields.is_empty() { Vec::new() } else { vec![entry] };
    record(&mut object, &entries);
    Applied { object, changed: true }
}

/// The object and its managers after the apply.
struct Merged {
    object: Value,
    entries: Vec<ManagedEntry>,
    /// Every manager owns what it owned before.
    same_owners: bool,
}

/// Lays `applied` over `old`, or says which conflicts forbid it.
fn merged(
    old: &Value,
    applied: &Value,
    mut entries: Vec<ManagedEntry>,
    ctx: &PatchContext<'_>,
    force: bool,
) -> Result<Merged, Vec<Conflict>> {
    let shape = Shape::of(ctx.schema);
    let mut new = bare(old);
    merge(&mut new, applied, shape);
    let mut own = owner(applied, ctx);
    let mut last = FieldSet::new();
    let mut same_version = false;
    entries.retain_mut(|entry| {
        let is_own = entry.is_same_manager(&own);
        if is_own {
            same_version = entry.api_version == own.api_version;
            own.time = entry.time.take();
            last = std::mem::take(&mut entry.fields);
        }
        !is_own
    });
    // What is still applied needs no pruning; mostly that is all.
    if !own.fields.contains_all(&last) {
        new = pruned(new, &last, entries.iter().chain([&own]), shape);
    }
    let comparison = compare(old, &new, shape).without(ctx.reset);
    if !force {
        let found = conflicts(&entries, &comparison);
        if !found.is_empty() {
            return Err(found);
        }
    }
    take_over(&mut entries, &comparison);
    own.fields = own.fields.without_identity();
    let same_owners = same_version && comparison.is_empty() && own.fields == last;
    if !same_object(old, &new) {
        own.time = Some(ctx.now.into());
    }
    if !own.fields.is_empty() {
        entries.push(own);
    }
    Ok(Merged { object: new, entries, same_owners })
}

/// Takes out what the manager owned before and nobody owns now.
///
/// A container goes with its last owner even if fields without an owner are left in it; other
/// fields without an owner stay.
fn pruned<'e>(merged: Value, last: &FieldSet, entries: impl Iterator<Item = &'e ManagedEntry>, shape: Shape<'_>) -> Value {
    let last = last.with_named_fields(shape);
    let all = FieldSet::of_shape(&merged, shape).with_named_fields(shape);
    let mut owned = FieldSet::new();
    for entry in entries {
        owned.extend(&entry.fields);
    }
    let owned = owned.with_named_fields(shape);

    let mut without_last = merged.clone();
    remove_fields(&mut without_last, &last, shape);
    let kept = FieldSet::of_shape(&without_last, shape).with_named_fields(shape);

    let mut with_owned = merged.clone();
    remove_fields(&mut with_owned, &all.difference(&kept.union(&owned)), shape);
    let kept = FieldSet::of_shape(&with_owned, shape).with_named_fields(shape);

    let mut out = merged;
    remove_fields(&mut out, &all.difference(&kept).intersection(&last), shape);
    out
}

fn owner(applied: &Value, ctx: &PatchContext<'_>) -> ManagedEntry {
    let mut entry = new_entry(ctx, Operation::Apply);
    entry.fields = FieldSet::of(applied, ctx.schema).recursive_difference(ctx.reset);
    entry
}

/// `namespace/name; group/version, Kind=Kind`.
fn described(object: &Value) -> String {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or("");
    format!("{}/{}; {}", text("/metadata/namespace"), text("/metadata/name"), group_version_kind(object))
}

fn group_version_kind(object: &Value) -> String {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or("");
    let version = text("apiVersion");
    let slash = if version.contains('/') { "" } else { "/" };
    format!("{slash}{version}, Kind={}", text("kind"))
}
