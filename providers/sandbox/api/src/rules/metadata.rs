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
            if let Some(why) = names::qualified_key(key) {
                causes.push(Cause::invalid(&path, format_args!("{key:?}"), why));
            }
            let value = value.as_str().unwrap_or("");
            if let Some(why) = names::label_value(value).filter(|_| values) {
                causes.push(Cause::invalid(&path, format_args!("{value:?}"), why));
            }
        }
    }
    owner_causes(meta, &mut causes);
    for finalizer in list(meta, "finalizers").iter().filter_map(Value::as_str) {
        if names::qualified_key(finalizer).is_some() {
            causes.push(Cause::invalid(
                "metadata.finalizers",
                format_args!("{finalizer:?}"),
                "name is neither a standard finalizer name nor is it fully qualified",
            ));
        }
    }
    if let Some(old) = old {
        causes.extend(new_finalizers(old, meta));
    }
    causes
}

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
