//! What a write needs to know besides the objects, and what it answers.

use serde_json::Value;
use windlass_kubeschema::SchemaRef;
use windlass_kubeschema::fieldpath::FieldSet;

use super::conflict::Conflict;

/// Who writes what, where and when.
#[derive(Debug, Clone, Copy)]
pub struct PatchContext<'a> {
    /// Schema of the kind, as the root of a resource ([`SchemaRef::as_resource`]).
    pub schema: SchemaRef<'a>,
    /// `group/version` of the request's path, or the version alone.
    pub api_version: &'a str,
    /// Kind of the object.
    pub kind: &'a str,
    /// `status`, `scale`, or empty for the object itself.
    pub subresource: &'a str,
    /// Field manager; empty if the client named none.
    pub manager: &'a str,
    /// Now: RFC 3339 in UTC with whole seconds.
    pub now: &'a str,
    /// Take over fields in conflict.
    pub force: bool,
    /// Fields that this endpoint cannot write ([`super::reset_fields`]); nobody owns them by it.
    pub reset: &'a FieldSet,
}

/// What server-side apply made.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The object with its managedFields, before defaulting and admission.
    pub object: Value,
    /// Something differs from the live object; if not, the server writes nothing.
    pub changed: bool,
}

/// Why server-side apply refuses.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ApplyError {
    /// 422 Invalid, before the object is looked at.
    #[error("PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch")]
    MissingManager,
    /// 400 BadRequest.
    #[error("{0}")]
    BadRequest(String),
    /// 409 Conflict.
    #[error("{}", super::conflict::conflict_message(.0))]
    Conflict(Vec<Conflict>),
    /// 500 without a reason: the object is not of its schema's form.
    #[error("{0}")]
    Internal(String),
}

impl ApplyError {
    /// HTTP status code.
    pub fn code(&self) -> u16 {
        match self {
            ApplyError::MissingManager => 422,
            ApplyError::BadRequest(_) => 400,
            ApplyError::Conflict(_) => 409,
            ApplyError::Internal(_) => 500,
        }
    }
}
