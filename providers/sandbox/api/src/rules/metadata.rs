//! `metadata`: what the server sets, keeps and refuses. Knows no kind's spec.

use serde_json::{Map, Value};

use super::names;
use crate::kinds::Resource;
use crate::status::{Cause, Failure};

/// Fields that only the server writes.
const SERVER_OWNED: &[&str] = &["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"];

/// `metadata` of an object, made if it is not there.
pub(super) fn of(object: &mut Value) -> Result<&mut Map<String, Value>, Failure> {
    let map = object.as_object_mut().ok_or_else(|| Failure::bad_request("the object provided is not an object"))?;
    map.entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
        .ok_or_else(|| Failure::bad_request("metadata is not an object"))
}

/// Marks a new object.
pub(super) fn begin(object: &mut Value, uid: &str, now: &str, generation: bool) -> Result<(), Failure> {
    let meta = of(object)?;
    for field in SERVER_OWNED {
        meta.remove(*field);
    }
    meta.remove("resourceVersion");
    meta.insert("uid".into(), uid.into());
    meta.insert("creationTimestamp".into(), now.into());
    if generation {
        meta.insert("generation".into(), 1.into());
    }
    remove_empty(meta);
    Ok(())
}

/// Gives a changed object the fields that no client may change.
pub(super) fn carry_over(old: &Value, new: &mut Value) -> Result<(), Failure> {
    let meta = of(new)?;
    let old = old.get("metadata");
    for field in SERVER_OWNED.iter().chain(&["name", "namespace", "generateName", "resourceVersion"]) {
        match old.and_then(|old| old.get(*field)) {
            Some(value) => meta.insert((*field).to_owned(), value.clone()),
            None => meta.remove(*field),
        };
    }
    remove_empty(meta);
    Ok(())
}

/// The real server's Go structs drop empty maps and lists of metadata.
fn remove_empty(meta: &mut Map<String, Value>) {
    for field in ["labels", "annotations", "finalizers", "ownerReferences", "managedFields", "generateName"] {
        let empty = match meta.get(field) {
            Some(Value::Object(map)) => map.is_empty(),
            Some(Value::Array(list)) => list.is_empty(),
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::Null) => true,
            _ => false,
        };
        if empty {
            meta.remove(field);
        }
    }
}

/// Everything that is wrong with `metadata` itself.
pub(super) fn causes(resource: &Resource, old: Option<&Value>, new: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let empty = Value::Null;
    let meta = new.get("metadata").unwrap_or(&empty);
    let name = text(meta, "name");
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else if old.is_none()
        && let Some(why) = names::why_not(resource, name)
    {
        causes.push(Cause::invalid("metadata.name", format_args!("{name:?}"), &why));
    }
    for (field, values) in [("labels", true), ("annotations", false)] {
        for (key, value) in meta.get(field).and_then(Value::as_object).into_iter().flatten() {
            let path = format!("metadata.{field}");
            causes.extend(names::label_key(key).iter().map(|why| Cause::invalid(&path, format_args!("{key:?}"), why)));
            let value = value.as_str().unwrap_or("");
            if let Some(why) = names::label_value(value).filter(|_| values) {
                causes.push(Cause::invalid(&path, format_args!("{value:?}"), why));
            }
        }
    }
    annotation_size(meta, &mut causes);
    owner_causes(meta, &mut causes);
    finalizer_causes(resource, meta, &mut causes);
    if let Some(old) = old {
        causes.extend(new_finalizers(old, meta));
    }
    causes
}

/// Most bytes of all annotations of an object, keys and values (`TotalAnnotationSizeLimitB`).
const MAX_ANNOTATION_BYTES: usize = 256 * 1024;

fn annotation_size(meta: &Value, causes: &mut Vec<Cause>) {
    let annotations = meta.get("annotations").and_then(Value::as_object);
    let bytes: usize = annotations.into_iter().flatten().map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
    if bytes > MAX_ANNOTATION_BYTES {
        causes.push(Cause::too_long("metadata.annotations", MAX_ANNOTATION_BYTES));
    }
}

/// Finalizers without a domain that every kind may have.
const STANDARD_FINALIZERS: &[&str] = &["kubernetes", "orphan", "foregroundDeletion"];

fn finalizer_causes(resource: &Resource, meta: &Value, causes: &mut Vec<Cause>) {
    let finalizers: Vec<&str> = list(meta, "finalizers").iter().filter_map(Value::as_str).collect();
    for finalizer in &finalizers {
        let wrong = names::label_key(finalizer);
        causes.extend(wrong.iter().map(|why| Cause::invalid("metadata.finalizers", format_args!("{finalizer:?}"), why)));
    }
    if ["orphan", "foregroundDeletion"].iter().all(|finalizer| finalizers.contains(finalizer)) {
        let shown = serde_json::to_string(&finalizers).unwrap_or_default();
        causes.push(Cause::invalid("metadata.finalizers", shown, "finalizer orphan and foregroundDeletion cannot be both set"));
    }
    if resource.custom || GENERIC_META.contains(&resource.group()) {
        return;
    }
    for (index, finalizer) in finalizers.iter().enumerate() {
        if !finalizer.contains('/') && !STANDARD_FINALIZERS.contains(finalizer) {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            causes.push(Cause::invalid(&format!("metadata.finalizers[{index}]"), format_args!("{finalizer:?}"), why));
        }
    }
}

/// Groups of built-in kinds whose metadata is checked as that of custom ones: without `core/validation`.
const GENERIC_META: &[&str] =
    &["admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "coordination.k8s.io", "node.k8s.io", "policy"];

fn owner_causes(meta: &Value, causes: &mut Vec<Cause>) {
    let mut controllers = 0;
    for (index, owner) in list(meta, "ownerReferences").iter().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if text(owner, field).is_empty() {
                let path = format!("metadata.ownerReferences.{field}");
                causes.push(Cause::invalid(&path, "\"\"", "must not be empty"));
            }
        }
        controllers += usize::from(owner.get("controller") == Some(&Value::Bool(true)));
        if controllers == 2 {
            causes.push(Cause::invalid("metadata.ownerReferences", index, "Only one reference can have Controller set to true."));
        }
    }
}

/// An object that is being deleted gets no further finalizer.
fn new_finalizers(old: &Value, meta: &Value) -> Option<Cause> {
    let old = old.get("metadata")?;
    old.get("deletionTimestamp")?;
    let before = list(old, "finalizers");
    let added: Vec<String> = list(meta, "finalizers")
        .iter()
        .filter(|finalizer| !before.contains(finalizer))
        .filter_map(|finalizer| finalizer.as_str().map(|text| format!("{text:?}")))
        .collect();
    (!added.is_empty()).then(|| {
        Cause::forbidden(
            "metadata.finalizers",
            &format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                added.join(", ")
            ),
        )
    })
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
