//! The managers of one object while a write is worked out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use windlass_kubeschema::fieldpath::{ManagedEntry, Operation, Shape, emit_managed_fields, parse_managed_fields};

use super::compare::Comparison;
use super::conflict::Conflict;
use super::context::PatchContext;
use super::schema_change::reconcile;

/// Most Update entries that an object keeps; the oldest are merged beyond it.
const MOST_UPDATERS: usize = 10;

/// Name of the entry that old Update entries are merged into.
const MERGED_UPDATERS: &str = "ancient-changes";

/// The managers recorded in an object.
pub(super) fn recorded(object: &Value) -> Result<Vec<ManagedEntry>, String> {
    let list = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let mut entries: Vec<ManagedEntry> = Vec::new();
    for entry in parse_managed_fields(list.map_or(&[], |list| list))? {
        // Of two entries of one manager the last one counts, as in the server's map.
        entries.retain(|earlier| !earlier.is_same_manager(&entry));
        entries.push(entry);
    }
    Ok(entries)
}

/// Writes the managers into an object; none: the field goes.
pub(super) fn record(object: &mut Value, entries: &[ManagedEntry]) {
    let list = emit_managed_fields(entries);
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
        if let (false, Some(map)) = (list.is_empty(), object.as_object_mut()) {
            map.insert("metadata".into(), serde_json::json!({"managedFields": list}));
        }
        return;
    };
    if list.is_empty() {
        metadata.remove("managedFields");
    } else {
        metadata.insert("managedFields".into(), Value::Array(list));
    }
}

/// The object without its managedFields.
pub(super) fn bare(object: &Value) -> Value {
    let Value::Object(map) = object else {
        return object.clone();
    };
    let without = map.iter().map(|(name, value)| match value {
        // Copied field by field: managedFields is often the largest part of an object.
        Value::Object(metadata) if name == "metadata" => {
            let kept = metadata.iter().filter(|(name, _)| *name != "managedFields");
            (name.clone(), Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect()))
        }
        _ => (name.clone(), value.clone()),
    });
    Value::Object(without.collect())
}

/// The entry that a write by `ctx` has.
pub(super) fn new_entry(ctx: &PatchContext<'_>, operation: Operation) -> ManagedEntry {
    ManagedEntry {
        manager: if ctx.manager.is_empty() { "unknown".into() } else { ctx.manager.into() },
        operation,
        api_version: ctx.api_version.into(),
        time: None,
        subresource: ctx.subresource.into(),
        fields: Default::default(),
    }
}

/// Folds sets that were recorded under another schema; true if there were any.
pub(super) fn reconcile_all(entries: &mut [ManagedEntry], shape: Shape<'_>) -> bool {
    let mut any = false;
    for entry in entries {
        if let Cow::Owned(folded) = reconcile(&entry.fields, shape) {
            entry.fields = folded;
            any = true;
        }
    }
    any
}

/// The fields that these managers own and the write gives another value.
pub(super) fn conflicts(entries: &[ManagedEntry], comparison: &Comparison) -> Vec<Conflict> {
    let written = comparison.written();
    let mut found = Vec::new();
    if written.is_empty() {
        return found;
    }
    for entry in entries {
        for path in entry.fields.intersection(&written).paths() {
            found.push(Conflict {
                manager: entry.manager.clone(),
                operation: entry.operation,
                api_version: entry.api_version.clone(),
                subresource: entry.subresource.clone(),
                path,
            });
        }
    }
    // Managers sorted; the paths of each stay in the server's order.
    found.sort_by(|a, b| a.owner_key().cmp(&b.owner_key()));
    found
}

/// Takes from these managers what the write changes or removes; who has nothing left goes.
pub(super) fn take_over(entries: &mut Vec<ManagedEntry>, comparison: &Comparison) {
    let lost = comparison.written().union(&comparison.removed);
    for entry in entries.iter_mut() {
        entry.fields.subtract(&lost);
    }
    entries.retain(|entry| !entry.fields.is_empty());
}

/// Merges the oldest Update entries of a version until there are few enough.
pub(super) fn cap_updaters(entries: &mut Vec<ManagedEntry>) {
    let mut updaters: Vec<usize> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        if entry.operation == Operation::Update {
            updaters.push(index);
        }
    }
    let mut remaining = updaters.len();
    if remaining <= MOST_UPDATERS {
        return;
    }
    updaters.sort_by_key(|index| entries.get(*index).map(|entry| (entry.time.clone(), entry.manager.clone(), entry.api_version.clone())));
    let mut first_of: BTreeMap<String, usize> = BTreeMap::new();
    let mut gone = Vec::new();
    for index in updaters {
        if remaining <= MOST_UPDATERS {
            break;
        }
        let Some(old) = entries.get(index).cloned() else {
            continue;
        };
        let Some(first) = first_of.get(&old.api_version).copied() else {
            first_of.insert(old.api_version, index);
            continue;
        };
        let existing = entries.iter().position(|entry| {
            entry.operation == Operation::Update
                && entry.manager == MERGED_UPDATERS
                && entry.api_version == old.api_version
                && entry.subresource.is_empty()
        });
        let bucket = existing.unwrap_or(first);
        if bucket == index {
            continue;
        }
        if let Some(entry) = entries.get_mut(bucket) {
            entry.manager = MERGED_UPDATERS.into();
            entry.subresource = String::new();
            entry.fields.extend(&old.fields);
            entry.time = old.time;
        }
        gone.push(index);
        remaining -= 1;
    }
    let mut index = 0;
    entries.retain(|_| {
        index += 1;
        !gone.contains(&(index - 1))
    });
}
