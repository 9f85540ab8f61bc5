//! From a request to the pure functions of `patch`: contexts in, refusals out.

use serde_json::{Value, json};
use windlass_kubeschema::SchemaRef;

use crate::kinds::Served;
use crate::patch::{self, ApplyError, PatchContext};
use crate::status::{Failure, qualified};

/// Who writes, when and where.
#[derive(Debug, Clone)]
pub(crate) struct Tracking {
    pub manager: String,
    /// Empty for the object itself.
    pub subresource: String,
    pub now: String,
    pub force: bool,
}

fn with_context<T>(tracking: &Tracking, served: &Served, run: impl FnOnce(&PatchContext<'_>) -> T) -> T {
    let version = served.version();
    let api_version = served.api_version();
    let reset = patch::reset_fields(&tracking.subresource, version.status, served.resource.custom);
    let schema = version.schema.as_ref().map_or_else(|| SchemaRef::untyped().as_resource(), |schema| schema.view());
    run(&PatchContext {
        schema,
        api_version: &api_version,
        kind: &served.resource.kind,
        subresource: &tracking.subresource,
        manager: &tracking.manager,
        now: &tracking.now,
        force: tracking.force,
        reset: &reset,
    })
}

/// Attributes the fields that a create (`live` none), PUT or PATCH changed to its manager.
pub(crate) fn track(live: Option<&Value>, new: &mut Value, tracking: &Tracking, served: &Served) {
    with_context(tracking, served, |context| patch::track_update(live, new, context));
}

/// Server-side apply; nothing means that the live object is already so.
pub(crate) fn apply(live: Option<&Value>, document: &Value, tracking: &Tracking, served: &Served) -> Result<Value, Failure> {
    let applied = with_context(tracking, served, |context| patch::server_side_apply(live, document, context));
    match applied {
        Ok(applied) => Ok(applied.object),
        Err(ApplyError::Conflict(conflicts)) => {
            let causes: Vec<Value> = patch::conflict_causes(&conflicts)
                .into_iter()
                .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}))
                .collect();
            Err(Failure { details: Some(json!({"causes": causes})), ..Failure::new(409, "Conflict", patch::conflict_message(&conflicts)) })
        }
        Err(error) => {
            let reason = match error.code() {
                400 => "BadRequest",
                422 => "Invalid",
                _ => "",
            };
            Err(Failure::new(error.code(), reason, error.to_string()))
        }
    }
}

/// RFC 7396.
pub(crate) fn merge_patch(live: &Value, document: &Value) -> Result<Value, Failure> {
    if !document.is_object() {
        return Err(Failure::bad_request("json: cannot unmarshal the merge patch into an object"));
    }
    Ok(patch::json_merge_patch(live, document))
}

/// RFC 6902.
pub(crate) fn json_patch(live: &Value, document: &Value) -> Result<Value, Failure> {
    patch::json_patch(live, document).map_err(|error| Failure::new(error.code(), "Invalid", error.to_string()))
}

/// Kubernetes' own merge patch, for built-in kinds.
pub(crate) fn strategic_merge_patch(live: &Value, document: &Value, served: &Served) -> Result<Value, Failure> {
    if !document.is_object() {
        return Err(Failure::bad_request("json: cannot unmarshal the strategic merge patch into an object"));
    }
    let schema = match &served.version().schema {
        Some(schema) => schema.view(),
        None => SchemaRef::untyped(),
    };
    patch::strategic_merge_patch(live, document, schema).map_err(|error| {
        let reason = if error.code() == 400 { "BadRequest" } else { "" };
        let subject = qualified(served.resource.group(), served.resource.plural());
        Failure::new(error.code(), reason, format!("{subject}: {error}"))
    })
}
