//! Every refusal of the API server: a `metav1.Status` with the code, reason and words of the real one.
//! Knows no object, no plane and no HTTP library.

use serde_json::{Map, Value, json};

/// A request that was refused, as the `Status` object that the client gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// HTTP code.
    pub code: u16,
    /// Machine readable reason; empty when the real server sends none.
    pub reason: &'static str,
    /// Sentence for people.
    pub message: String,
    /// `details` of the Status.
    pub details: Option<Value>,
}

/// One entry of `details.causes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// `FieldValueInvalid`, `FieldValueRequired`, …
    pub reason: &'static str,
    /// What is wrong, without the field.
    pub message: String,
    /// Path of the field.
    pub field: String,
}

impl Cause {
    /// `FIELD: Invalid value: …`
    pub fn invalid(field: &str, value: impl std::fmt::Display, why: &str) -> Cause {
        Cause { reason: "FieldValueInvalid", message: format!("Invalid value: {value}: {why}"), field: field.to_owned() }
    }

    /// `FIELD: Required value: …`
    pub fn required(field: &str, why: &str) -> Cause {
        let message = if why.is_empty() { "Required value".to_owned() } else { format!("Required value: {why}") };
        Cause { reason: "FieldValueRequired", message, field: field.to_owned() }
    }

    /// `FIELD: Unsupported value: …`
    pub fn not_supported(field: &str, value: &str, supported: &[&str]) -> Cause {
        let listed: Vec<String> = supported.iter().map(|one| format!("{one:?}")).collect();
        let message = format!("Unsupported value: {value:?}: supported values: {}", listed.join(", "));
        Cause { reason: "FieldValueNotSupported", message, field: field.to_owned() }
    }

    /// `FIELD: Forbidden: …`
    pub fn forbidden(field: &str, why: &str) -> Cause {
        Cause { reason: "FieldValueForbidden", message: format!("Forbidden: {why}"), field: field.to_owned() }
    }

    /// `FIELD: Too long: …`
    pub fn too_long(field: &str, limit: usize) -> Cause {
        Cause { reason: "FieldValueTooLong", message: format!("Too long: may not be more than {limit} bytes"), field: field.to_owned() }
    }

    /// `FIELD: Duplicate value: …`
    pub fn duplicate(field: &str, value: &str) -> Cause {
        Cause { reason: "FieldValueDuplicate", message: format!("Duplicate value: {value:?}"), field: field.to_owned() }
    }

    fn sentence(&self) -> String {
        if self.field.is_empty() { self.message.clone() } else { format!("{}: {}", self.field, self.message) }
    }
}

/// `deployments.apps`, or `pods` for the core group.
pub fn qualified(group: &str, plural: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}

fn object_details(group: &str, kind: &str, name: &str) -> Value {
    let mut details = Map::new();
    if !name.is_empty() {
        details.insert("name".into(), name.into());
    }
    if !group.is_empty() {
        details.insert("group".into(), group.into());
    }
    if !kind.is_empty() {
        details.insert("kind".into(), kind.into());
    }
    Value::Object(details)
}

impl Failure {
    /// A refusal without details.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Failure {
        Failure { code, reason, message: message.into(), details: None }
    }

    /// 404 for an object that is not there.
    pub fn not_found(group: &str, plural: &str, name: &str) -> Failure {
        Failure {
            code: 404,
            reason: "NotFound",
            message: format!("{} {name:?} not found", qualified(group, plural)),
            details: Some(object_details(group, plural, name)),
        }
    }

    /// 404 for a path that means nothing.
    pub fn no_such_path() -> Failure {
        Failure { details: Some(json!({})), ..Failure::new(404, "NotFound", "the server could not find the requested resource") }
    }

    /// 409 for a name that is taken.
    pub fn already_exists(group: &str, plural: &str, name: &str) -> Failure {
        Failure {
            code: 409,
            reason: "AlreadyExists",
            message: format!("{} {name:?} already exists", qualified(group, plural)),
            details: Some(object_details(group, plural, name)),
        }
    }

    /// 409 for an object that is not as the client believes.
    pub fn conflict(group: &str, plural: &str, name: &str, why: &str) -> Failure {
        Failure {
            code: 409,
            reason: "Conflict",
            message: format!("Operation cannot be fulfilled on {} {name:?}: {why}", qualified(group, plural)),
            details: Some(object_details(group, plural, name)),
        }
    }

    /// 409 for a stale resourceVersion.
    pub fn modified(group: &str, plural: &str, name: &str) -> Failure {
        Failure::conflict(
            group,
            plural,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 403 with the real server's frame; an empty name is none, an empty plural no resource at all.
    pub fn forbidden(group: &str, plural: &str, name: &str, why: &str) -> Failure {
        let subject = match (plural, name) {
            ("", _) => "forbidden".to_owned(),
            (_, "") => format!("{} is forbidden", qualified(group, plural)),
            _ => format!("{} {name:?} is forbidden", qualified(group, plural)),
        };
        Failure { code: 403, reason: "Forbidden", message: format!("{subject}: {why}"), details: Some(object_details(group, plural, name)) }
    }

    /// 422 with its causes.
    pub fn invalid(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Failure {
        let sentences: Vec<String> = causes.iter().map(Cause::sentence).collect();
        let all = match sentences.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let mut details = object_details(group, kind, name);
        let listed: Vec<Value> =
            causes.into_iter().map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field})).collect();
        if let Value::Object(map) = &mut details {
            map.insert("causes".into(), Value::Array(listed));
        }
        let subject = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        Failure { code: 422, reason: "Invalid", message: format!("{subject} {name:?} is invalid: {all}"), details: Some(details) }
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Failure {
        Failure::new(400, "BadRequest", message)
    }

    /// 401.
    pub fn unauthorized() -> Failure {
        Failure::new(401, "Unauthorized", "Unauthorized")
    }

    /// 405.
    pub fn method_not_allowed() -> Failure {
        Failure {
            details: Some(json!({})),
            ..Failure::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        }
    }

    /// 415.
    pub fn unsupported_media_type(accepted: &[&str]) -> Failure {
        Failure::new(
            415,
            "UnsupportedMediaType",
            format!("the body of the request was in an unknown format - accepted media types include: {}", accepted.join(", ")),
        )
    }

    /// 406.
    pub fn not_acceptable(accepted: &[&str]) -> Failure {
        Failure::new(406, "NotAcceptable", format!("only the following media types are accepted: {}", accepted.join(", ")))
    }

    /// 410 for a resourceVersion that has left the watch history.
    pub fn expired(message: impl Into<String>) -> Failure {
        Failure::new(410, "Expired", message)
    }

    /// 500 in the real server's frame.
    pub fn internal(message: impl std::fmt::Display) -> Failure {
        let message = message.to_string();
        Failure {
            details: Some(json!({"causes": [{"message": message.clone()}]})),
            ..Failure::new(500, "InternalError", format!("Internal error occurred: {message}"))
        }
    }

    /// 500 without a reason, as the real server answers errors that it does not classify.
    pub fn plain_internal(message: impl Into<String>) -> Failure {
        Failure::new(500, "", message)
    }

    /// The `Status` object.
    pub fn to_status(&self) -> Value {
        let mut status = Map::new();
        status.insert("kind".into(), "Status".into());
        status.insert("apiVersion".into(), "v1".into());
        status.insert("metadata".into(), json!({}));
        status.insert("status".into(), "Failure".into());
        status.insert("message".into(), self.message.clone().into());
        if !self.reason.is_empty() {
            status.insert("reason".into(), self.reason.into());
        }
        if let Some(details) = &self.details {
            status.insert("details".into(), details.clone());
        }
        status.insert("code".into(), self.code.into());
        Value::Object(status)
    }
}
