//! POST to a collection.

use std::sync::Arc;

use serde_json::Value;

use super::{Call, escalation, size};
use crate::document::Document;
use crate::http::Answer;
use crate::rules::{Admission, admit_new};
use crate::status::Failure;
use crate::view;
use crate::world::{Expect, Place, Refused, Stored, Write};

/// Creates the object in the body.
pub(crate) async fn create(call: &mut Call, document: Document) -> Result<Answer, Failure> {
    call.repeated = document.repeated;
    let mut object = document.value;
    if !call.resource().namespaced || !call.namespace.is_empty() {
        call.claim(&mut object)?;
    } else {
        return Err(Failure::bad_request("an empty namespace may not be set during creation"));
    }
    if object.pointer("/metadata/resourceVersion").and_then(Value::as_str).is_some_and(|version| !version.is_empty()) {
        return Err(Failure::plain_internal("resourceVersion should not be set on objects to be created"));
    }
    let stored = create_object(call, object, true).await?;
    Ok(Answer::Json { code: 201, value: view::single(call, &stored)? })
}

/// Tries for a free generated name.
const ATTEMPTS: usize = 8;

/// Creates an object that was already claimed; `track` is false if its managedFields are complete.
pub(crate) async fn create_object(call: &mut Call, object: Value, track: bool) -> Result<Arc<Stored>, Failure> {
    if call.resource().terminating {
        return Err(Failure::new(405, "MethodNotAllowed", "create not allowed while custom resource definition is terminating"));
    }
    escalation::check(call, None, &object)?;
    let prefix = generated_prefix(&object);
    for _ in 0..ATTEMPTS {
        let mut named = object.clone();
        if let (Some(prefix), Some(meta)) = (&prefix, named.get_mut("metadata").and_then(Value::as_object_mut)) {
            meta.insert("name".into(), format!("{prefix}{}", call.plane.name_suffix()).into());
        }
        match try_create(call, named, track).await {
            Err(failure) if prefix.is_some() && failure.reason == "AlreadyExists" => {}
            other => return other,
        }
    }
    Err(Failure::new(500, "ServerTimeout", "no generated name is free, try again"))
}

/// The prefix to make a name of, if the object has no name; a name leaves room for five characters in 63.
fn generated_prefix(object: &Value) -> Option<String> {
    let text = |field: &str| object.pointer(field).and_then(Value::as_str).unwrap_or("");
    let prefix = text("/metadata/generateName");
    (text("/metadata/name").is_empty() && !prefix.is_empty()).then(|| prefix.chars().take(58).collect())
}

async fn try_create(call: &mut Call, object: Value, track: bool) -> Result<Arc<Stored>, Failure> {
    let plane = call.plane.clone();
    let service = call.resource().is("", "services");
    let _allocating = if service { Some(plane.allocation().await) } else { None };
    let addresses = service.then(|| plane.cluster_ips());
    let now = plane.now();
    let tracking = call.tracking(None);
    let served = call.served.clone();
    let (patch, repeated) = (call.patch.clone(), call.repeated.clone());
    let mut admission = Admission {
        served: &served,
        subresource: None,
        now: &now,
        tracking: &tracking,
        track,
        validation: call.writer.validation,
        patch: patch.as_deref(),
        repeated: &repeated,
        warnings: &mut call.warnings,
    };
    let mut value = admit_new(&mut admission, object, &plane.new_uid(), addresses)?;
    view::to_storage(&served.resource, &mut value);
    let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("").to_owned();
    let mut place = call.place();
    place.key.name = name;
    commit_new(call, &place, value).await
}

async fn commit_new(call: &Call, place: &Place, mut value: Value) -> Result<Arc<Stored>, Failure> {
    let world = call.plane.world();
    let resource = call.resource();
    let taken = || Failure::already_exists(resource.group(), resource.plural(), &place.key.name);
    if call.writer.dry_run {
        if world.get(&place.resource, &place.key).is_some() {
            return Err(taken());
        }
        call.plane.require_namespace(resource, &place.key)?;
        return Ok(Arc::new(Stored { key: place.key.clone(), version: 0, value }));
    }
    size::fit(resource, &mut value)?;
    match world.write(place, Expect::Absent, Write::Put(value), resource.namespaced) {
        Ok((stored, acknowledgement)) => {
            call.plane.after_write(resource);
            acknowledgement.committed().await.map_err(Failure::internal)?;
            Ok(stored)
        }
        Err(Refused::Raced) => Err(taken()),
        Err(Refused::NoNamespace) => Err(Failure::not_found("", "namespaces", &place.key.namespace)),
        Err(Refused::Terminating) => Err(call.plane.terminating(resource, &place.key)),
    }
}
