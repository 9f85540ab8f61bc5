//! The way of a write from what the client sent to what is stored, in one place and in the real server's order:
//! read → defaults → reset what this endpoint may not touch → attribute fields → server-set fields → validate → compare.
//! Pure but for the clock reading and uid that it is given.

use serde_json::{Map, Value};

use super::fields::{self, Validation};
use super::services::ClusterIps;
use super::{immutable, initial, metadata, required, webhooks};
use crate::kinds::{Resource, Served, accepted};
use crate::managed::{Tracking, track};
use crate::status::{Cause, Failure};

/// One write on its way.
pub(crate) struct Admission<'a> {
    pub served: &'a Served,
    /// Status, scale, … or none.
    pub subresource: Option<&'a str>,
    pub now: &'a str,
    pub tracking: &'a Tracking,
    /// False for server-side apply, which attributes the fields itself.
    pub track: bool,
    pub validation: Validation,
    /// The text of a patch: it answers strict validation with 422 instead of 400.
    pub patch: Option<&'a str>,
    /// What the document names twice, in sentences.
    pub repeated: &'a [String],
    pub warnings: &'a mut Vec<String>,
}

/// What is to be done with an updated object.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Nothing: the update changes nothing.
    Same,
    Put(Value),
    /// The last finalizer went from an object that was being deleted.
    Remove(Value),
}

/// Makes a new object of what the client sent. `addresses` is given for Services.
pub(crate) fn admit_new(admission: &mut Admission<'_>, mut new: Value, uid: &str, addresses: Option<ClusterIps>) -> Result<Value, Failure> {
    let served = admission.served;
    let resource = &served.resource;
    fields::normalize(admission, &mut new)?;
    if !admission.track {
        // Apply has attributed what it was given; a status that this endpoint ignores was taken out before.
    } else if served.version().status && !resource.is("", "nodes") {
        remove(&mut new, "status");
    }
    initial::before_tracking(resource, &mut new)?;
    if admission.track {
        track(None, &mut new, admission.tracking, served);
    }
    metadata::begin(&mut new, uid, admission.now, resource.generation)?;
    initial::after_tracking(resource, &mut new, admission.now);
    let mut causes = Vec::new();
    if let Some(mut addresses) = addresses {
        causes.extend(addresses.assign(None, &mut new).err());
    }
    causes.extend(metadata::causes(resource, None, &new));
    validate(admission, None, &new, causes)?;
    Ok(new)
}

/// Makes the next version of an object. `addresses` is given for Services.
pub(crate) fn admit_update(
    admission: &mut Admission<'_>,
    old: &Value,
    mut new: Value,
    addresses: Option<ClusterIps>,
) -> Result<Outcome, Failure> {
    let served = admission.served;
    let resource = &served.resource;
    // An empty list of owners resets them, though it is nothing once it is decoded.
    let reset_owners = new.pointer("/metadata/managedFields").and_then(Value::as_array).is_some_and(Vec::is_empty);
    fields::normalize(admission, &mut new)?;
    metadata::carry_over(old, &mut new)?;
    let mut new = reset(admission, old, new)?;
    let mut causes = Vec::new();
    if let Some(mut addresses) = addresses {
        causes.extend(addresses.assign(Some(old), &mut new).err());
    }
    if admission.track {
        if reset_owners {
            metadata::of(&mut new)?.insert("managedFields".into(), Value::Array(Vec::new()));
        }
        track(Some(old), &mut new, admission.tracking, served);
    }
    if resource.is("apiextensions.k8s.io", "customresourcedefinitions") && admission.subresource.is_none() {
        accepted(&mut new, admission.now);
    }
    bump_generation(resource, old, &mut new)?;
    causes.extend(metadata::causes(resource, Some(old), &new));
    if !resource.custom && !matches!(admission.subresource, Some("status" | "binding")) {
        causes.extend(immutable::causes(resource, old, &new));
    }
    validate(admission, Some(old), &new, causes)?;
    if resource.custom && admission.subresource.is_none() {
        webhooks::review(resource, old, &new)?;
    }
    if done(resource, &new) {
        return Ok(Outcome::Remove(new));
    }
    Ok(if same(old, &new) { Outcome::Same } else { Outcome::Put(new) })
}

/// An object whose deletion nothing holds up any more.
pub(crate) fn done(resource: &Resource, object: &Value) -> bool {
    let meta = object.get("metadata");
    let deleting = meta.and_then(|meta| meta.get("deletionTimestamp")).is_some();
    let waits = meta.and_then(|meta| meta.get("deletionGracePeriodSeconds")).and_then(Value::as_i64).unwrap_or(0) > 0;
    let held = |list: Option<&Value>| list.and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    deleting
        && !waits
        && !held(meta.and_then(|meta| meta.get("finalizers")))
        && (!resource.is("", "namespaces") || !held(object.pointer("/spec/finalizers")))
}

/// Takes back what the endpoint may not change.
fn reset(admission: &Admission<'_>, old: &Value, mut new: Value) -> Result<Value, Failure> {
    match admission.subresource {
        None => {
            if admission.served.version().status {
                put(&mut new, "status", old.get("status"));
            }
            // A namespace's own finalizers go only through its `finalize` subresource.
            if admission.served.resource.is("", "namespaces") {
                put(&mut new, "spec", old.get("spec"));
            }
            Ok(new)
        }
        Some("status") => only(old, &new, "status"),
        Some("finalize") => only(old, &new, "spec"),
        Some(_) => Ok(new),
    }
}

/// The old object with one field of the new one, and its managedFields.
fn only(old: &Value, new: &Value, field: &str) -> Result<Value, Failure> {
    let mut result = old.clone();
    put(&mut result, field, new.get(field));
    put(&mut result, "apiVersion", new.get("apiVersion"));
    let managed = new.pointer("/metadata/managedFields").cloned();
    let meta = metadata::of(&mut result)?;
    match managed {
        Some(managed) => meta.insert("managedFields".into(), managed),
        None => meta.remove("managedFields"),
    };
    Ok(result)
}

fn put(object: &mut Value, field: &str, value: Option<&Value>) {
    if let Some(map) = object.as_object_mut() {
        match value {
            Some(value) => map.insert(field.to_owned(), value.clone()),
            None => map.remove(field),
        };
    }
}

fn remove(object: &mut Value, field: &str) {
    put(object, field, None);
}

fn bump_generation(resource: &Resource, old: &Value, new: &mut Value) -> Result<(), Failure> {
    if !resource.generation {
        return Ok(());
    }
    let status_apart = resource.versions.iter().any(|version| version.status);
    if content(old, status_apart) != content(new, status_apart) {
        let generation = old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
        metadata::of(new)?.insert("generation".into(), (generation + 1).into());
    }
    Ok(())
}

/// The fields whose change is a new generation.
fn content(object: &Value, status_apart: bool) -> Vec<(&String, &Value)> {
    let empty = |value: &Value| value.is_null() || value.as_object().is_some_and(Map::is_empty);
    object
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(field, value)| {
            let kept = match field.as_str() {
                "metadata" | "apiVersion" | "kind" => false,
                "status" => !status_apart,
                _ => true,
            };
            kept && !empty(value)
        })
        .collect()
}

/// Equal but for the times of managedFields, which alone are no change.
fn same(old: &Value, new: &Value) -> bool {
    let parts = |value: &Value| -> Option<(Map<String, Value>, Vec<Value>)> {
        let mut meta = value.get("metadata")?.as_object()?.clone();
        let managed = match meta.remove("managedFields") {
            Some(Value::Array(entries)) => entries,
            _ => Vec::new(),
        };
        let timeless = managed.into_iter().map(|mut entry| {
            remove(&mut entry, "time");
            entry
        });
        Some((meta, timeless.collect()))
    };
    let body = |value: &Value| -> Vec<(String, Value)> {
        value
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(field, _)| !matches!(field.as_str(), "metadata" | "apiVersion"))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect()
    };
    old == new || (parts(old) == parts(new) && body(old) == body(new))
}

fn validate(admission: &Admission<'_>, old: Option<&Value>, new: &Value, mut causes: Vec<Cause>) -> Result<(), Failure> {
    let served = admission.served;
    let resource = &served.resource;
    causes.extend(fields::causes(served, old, new));
    if !resource.custom {
        causes.extend(required::causes(resource, new));
    }
    if causes.is_empty() {
        return Ok(());
    }
    let name = new.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("");
    Err(Failure::invalid(resource.group(), &resource.kind, name, causes))
}
