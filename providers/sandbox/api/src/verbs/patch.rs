//! PATCH: the four document types, on objects and on their status.

use bytes::Bytes;
use serde_json::Value;

use super::Call;
use super::create::create_object;
use super::update::{Mode, update_object};
use crate::document::{Document, warnings};
use crate::http::{Answer, decode_patch_document};
use crate::managed;
use crate::rules::Validation;
use crate::status::Failure;
use crate::view;

/// The document types, in the words of a 415.
const TYPES: &[&str] = &[
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

/// Patches the object of the call.
pub(crate) async fn patch(call: &mut Call, subresource: Option<&'static str>, content_type: &str, body: &Bytes) -> Result<Answer, Failure> {
    let accepted = if call.resource().custom {
        &["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"][..]
    } else {
        TYPES
    };
    if !accepted.contains(&content_type) {
        return Err(Failure::unsupported_media_type(accepted));
    }
    let Document { value: document, repeated } = decode_patch_document(content_type, body)?;
    call.patch = Some(String::from_utf8_lossy(body).into_owned());
    if content_type == "application/apply-patch+yaml" {
        return apply_once(call, subresource, document, &repeated).await;
    }
    let whose = if content_type == "application/json-patch+json" { "json patch " } else { "" };
    call.repeated = repeated.into_iter().map(|sentence| format!("{whose}{sentence}")).collect();
    if call.query.get("force").is_some() {
        return Err(Failure::new(
            422,
            "Invalid",
            "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch",
        ));
    }
    let served = call.served.clone();
    let mode = Mode { subresource, track: true };
    let shown = CallView::of(call);
    let updated = update_object(call, mode, |old| {
        let live = shown.show(&old.value);
        let patched = match content_type {
            "application/json-patch+json" => managed::json_patch(&live, &document)?,
            "application/merge-patch+json" => managed::merge_patch(&live, &document)?,
            _ => managed::strategic_merge_patch(&live, &document, &served)?,
        };
        shown.check(&patched)?;
        Ok(patched)
    })
    .await?;
    Ok(Answer::Json { code: 200, value: view::single(call, &updated.object)? })
}

/// Server-side apply of a document that should name no field twice.
async fn apply_once(call: &mut Call, subresource: Option<&'static str>, document: Value, repeated: &[String]) -> Result<Answer, Failure> {
    if let (Validation::Strict, Some(sentence)) = (call.writer.validation, repeated.first()) {
        return Err(Failure::bad_request(format!("error strict decoding YAML: error converting YAML to JSON: {sentence}")));
    }
    let answer = apply(call, subresource, document).await?;
    if call.writer.validation == Validation::Warn {
        call.warnings.extend(warnings(repeated));
    }
    Ok(answer)
}

/// Server-side apply: creates the object if it is not there.
async fn apply(call: &mut Call, subresource: Option<&'static str>, mut document: Value) -> Result<Answer, Failure> {
    if !call.writer.manager_given {
        return Err(Failure::new(
            422,
            "Invalid",
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        ));
    }
    let identified = |field: &str| document.get(field).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    if !identified("apiVersion") || !identified("kind") {
        return Err(Failure::bad_request("invalid object type: /, Kind="));
    }
    call.claim(&mut document)?;
    let served = call.served.clone();
    strip(&mut document, subresource, served.version().status && !call.resource().is("", "nodes"));
    let tracking = call.tracking(subresource);
    let shown = CallView::of(call);
    // An object that appears between the look and the create is met by the next turn.
    loop {
        if call.stored().is_none() && subresource.is_none() {
            call.authorize("create")?;
            let created = managed::apply(None, &document, &tracking, &served)?;
            match create_object(call, created, false).await {
                Err(failure) if failure.reason == "AlreadyExists" && !call.writer.dry_run => continue,
                Err(failure) => return Err(failure),
                Ok(stored) => return Ok(Answer::Json { code: 201, value: view::single(call, &stored)? }),
            }
        }
        let mode = Mode { subresource, track: false };
        let updated = update_object(call, mode, |old| {
            let live = shown.show(&old.value);
            let next = managed::apply(Some(&live), &document, &tracking, &served)?;
            shown.check(&next)?;
            Ok(next)
        })
        .await;
        return match updated {
            Err(failure) if failure.code == 404 && subresource.is_none() && call.stored().is_none() => continue,
            Err(failure) => Err(failure),
            Ok(updated) => Ok(Answer::Json { code: 200, value: view::single(call, &updated.object)? }),
        };
    }
}

/// Takes out of an applied document what the endpoint ignores, so that nobody becomes its owner.
fn strip(document: &mut Value, subresource: Option<&str>, status_apart: bool) {
    let Some(map) = document.as_object_mut() else { return };
    match subresource {
        None if status_apart => {
            map.remove("status");
        }
        None => {}
        Some(field) => {
            map.retain(|key, _| matches!(key.as_str(), "apiVersion" | "kind" | "metadata") || key == field);
            if let Some(meta) = map.get_mut("metadata").and_then(Value::as_object_mut) {
                meta.retain(|key, _| matches!(key.as_str(), "name" | "namespace" | "uid" | "resourceVersion"));
            }
        }
    }
}

/// What the closures above need of the call while it is borrowed.
struct CallView {
    api_version: String,
    kind: String,
    name: String,
    namespace: String,
}

impl CallView {
    fn of(call: &Call) -> CallView {
        CallView {
            api_version: call.served.api_version(),
            kind: call.resource().kind.clone(),
            name: call.name.clone(),
            namespace: call.namespace.clone(),
        }
    }

    fn show(&self, value: &Value) -> Value {
        let mut shown = value.clone();
        if let Some(map) = shown.as_object_mut() {
            map.insert("apiVersion".into(), self.api_version.clone().into());
            map.insert("kind".into(), self.kind.clone().into());
        }
        shown
    }

    /// A patch may not make another object of it.
    fn check(&self, patched: &Value) -> Result<(), Failure> {
        let text = |field: &str| patched.pointer(field).and_then(Value::as_str).unwrap_or("");
        if text("/kind") != self.kind || text("/apiVersion") != self.api_version {
            return Err(Failure::bad_request(format!(
                "the kind in the data ({} {}) does not match the expected kind ({} {})",
                text("/apiVersion"),
                text("/kind"),
                self.api_version,
                self.kind
            )));
        }
        if text("/metadata/name") != self.name {
            return Err(Failure::bad_request(format!(
                "the name of the object ({}) does not match the name on the URL ({})",
                text("/metadata/name"),
                self.name
            )));
        }
        if text("/metadata/namespace") != self.namespace {
            return Err(Failure::bad_request("the namespace of the object does not match the namespace on the URL".to_owned()));
        }
        Ok(())
    }
}
