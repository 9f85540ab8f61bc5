//! `kubectl apply --server-side` on an object of client-side `kubectl apply`.
//!
//! Only the manager named `kubectl` is treated so: what the annotation says was applied, and is
//! still so in the live object, is no conflict.

use serde_json::Value;
use windlass_kubeschema::fieldpath::{FieldSet, Shape};

use super::compare::compare;
use super::conflict::Conflict;
use super::context::PatchContext;

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Most bytes that all annotations of an object may have.
const MOST_ANNOTATION_BYTES: usize = 256 * 1024;

/// The writer is kubectl's server-side apply.
pub(super) fn upgrades(ctx: &PatchContext<'_>) -> bool {
    ctx.manager == "kubectl"
}

/// The conflicts that are not explained by client-side apply.
pub(super) fn remaining(old: &Value, conflicts: Vec<Conflict>, ctx: &PatchContext<'_>) -> Vec<Conflict> {
    let Some(allowed) = allowed(old, ctx) else {
        return conflicts;
    };
    conflicts.into_iter().filter(|conflict| !allowed.contains(&conflict.path)).collect()
}

/// Writes what was applied into the annotation, where there is one.
pub(super) fn refresh(object: &mut Value, applied: &Value) {
    let mut applied = applied.clone();
    if let Some(metadata) = applied.get_mut("metadata").and_then(Value::as_object_mut)
        && let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
    {
        annotations.remove(ANNOTATION);
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) else {
        return;
    };
    if annotations.get(ANNOTATION).and_then(Value::as_str).is_none_or(str::is_empty) {
        return;
    }
    annotations.insert(ANNOTATION.into(), format!("{applied}\n").into());
    let bytes = |(name, value): (&String, &Value)| name.len() + value.as_str().map_or(0, str::len);
    if annotations.iter().map(bytes).sum::<usize>() > MOST_ANNOTATION_BYTES {
        annotations.remove(ANNOTATION);
    }
}

fn allowed(old: &Value, ctx: &PatchContext<'_>) -> Option<FieldSet> {
    let text = old.get("metadata")?.get("annotations")?.get(ANNOTATION)?.as_str()?;
    let last: Value = serde_json::from_str(text).ok()?;
    if last.get("apiVersion")?.as_str()? != ctx.api_version {
        return None;
    }
    let shape = Shape::of(ctx.schema);
    let differing = compare(&last, old, shape);
    let unchanged = FieldSet::of_shape(&last, shape).difference(&differing.written());
    Some(unchanged.difference(&differing.removed))
}
