//! What an API answered when it did not do it, and the one place where that becomes a step's error.

use std::fmt;

use serde_json::Value as Json;
use windlass_core::addr::Address;
use windlass_run::ports::StepError;

/// One of `details.causes` of a Status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// `FieldManagerConflict`, `FieldValueInvalid`, …
    pub reason: String,
    /// Path of the field with its leading dot.
    pub field: String,
    /// The server's words.
    pub message: String,
}

/// Why a request did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// The server answered with an error.
    Status {
        /// HTTP code.
        code: u16,
        /// `Conflict`, `NotFound`, …; may be empty.
        reason: String,
        /// The server's words.
        message: String,
        /// Its details.
        causes: Vec<Cause>,
        /// Seconds after which it wants to be asked again.
        retry_after: Option<u64>,
    },
    /// No answer came.
    Connection {
        /// In words.
        reason: String,
    },
    /// The user stopped everything while the request was to be repeated.
    Stopped,
    /// An answer came that cannot be read.
    Unreadable(String),
    /// There is no way in: no kubeconfig, or one that is refused.
    NoAccess(String),
    /// The server does not know the kind.
    NoKind {
        /// `apiVersion`.
        api_version: String,
        /// Kind.
        kind: String,
    },
}

impl ApiError {
    /// Reads a Status object, or makes one of whatever text the server sent.
    pub fn from_answer(code: u16, retry_after: Option<u64>, body: &[u8]) -> Self {
        let status: Json = serde_json::from_slice(body).unwrap_or(Json::Null);
        let text = |value: &Json, key: &str| value.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let message = match text(&status, "message") {
            m if m.is_empty() => format!("HTTP {code}: {}", String::from_utf8_lossy(body.get(..200).unwrap_or(body)).trim()),
            m => m,
        };
        let causes = status.pointer("/details/causes").and_then(Json::as_array);
        let causes = causes
            .into_iter()
            .flatten()
            .map(|cause| Cause { reason: text(cause, "reason"), field: text(cause, "field"), message: text(cause, "message") })
            .collect();
        let asked = status.pointer("/details/retryAfterSeconds").and_then(Json::as_u64);
        ApiError::Status { code, reason: text(&status, "reason"), message, causes, retry_after: retry_after.or(asked) }
    }

    /// HTTP code, if there was an answer.
    pub fn code(&self) -> Option<u16> {
        match self {
            ApiError::Status { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// 409 because the name is taken.
    pub fn already_exists(&self) -> bool {
        matches!(self, ApiError::Status { code: 409, reason, .. } if reason == "AlreadyExists")
    }

    /// 409 because of a precondition or a resourceVersion.
    pub fn is_conflict(&self) -> bool {
        matches!(self, ApiError::Status { code: 409, reason, .. } if reason != "AlreadyExists")
    }

    /// The server did not do it now and may do it later: load (429), faults of its own or of what stands before it (500, 502, 503, 504). A
    /// webhook's no is no fault, whatever its code, and neither is a value of the wrong type.
    pub fn passes(&self) -> bool {
        matches!(self, ApiError::Status { code: 429 | 500 | 502 | 503 | 504, .. }) && !self.is_a_webhooks_no() && !self.is_mistyped()
    }

    /// 409 because somebody else wrote at the same moment: neither a name that is taken nor a field that others own.
    pub fn is_passing_conflict(&self) -> bool {
        let owned = |causes: &[Cause]| causes.iter().any(|cause| cause.reason == "FieldManagerConflict");
        let passing = matches!(self, ApiError::Status { causes, .. } if !owned(causes));
        self.is_conflict() && passing && !self.is_a_webhooks_no()
    }

    /// A value of a server-side apply is not of the type that the schema says. The server answers 500 with these words
    /// (k8s.io/apimachinery, pkg/util/managedfields/internal/structuredmerge.go, `Apply`).
    fn is_mistyped(&self) -> bool {
        matches!(self, ApiError::Status { code: 500, message, .. } if message.starts_with("failed to create typed patch object"))
    }

    fn is_a_webhooks_no(&self) -> bool {
        matches!(self, ApiError::Status { message, .. } if message.starts_with("admission webhook") && message.contains("denied the request"))
    }

    /// Seconds after which the server wants to be asked again.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            ApiError::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The object or the kind is not there.
    pub fn not_found(&self) -> bool {
        matches!(self, ApiError::Status { code: 404, .. } | ApiError::NoKind { .. })
    }

    /// No answer came.
    pub fn unreachable(&self) -> bool {
        matches!(self, ApiError::Connection { .. })
    }

    /// The server has looked at the request and will say no to it as long as nobody changes the request or what is there: 400, 403, 422 and
    /// the like, and a value of the wrong type. Not what may pass by itself: who we are (401), what is not there yet (404), conflicts (409),
    /// load (429), faults (5xx), and a namespace that is being deleted (a 403).
    pub fn is_final(&self) -> bool {
        match self {
            ApiError::Status { code: 400 | 402 | 403 | 405 | 406 | 413 | 414 | 415 | 422, causes, .. } => {
                !causes.iter().any(|cause| cause.reason == "NamespaceTerminating")
            }
            other => other.is_mistyped(),
        }
    }

    /// The same error with these texts replaced, so that no secret that a server echoes is ever shown.
    #[must_use]
    pub fn without(self, secrets: &[String]) -> Self {
        // Longest first: a secret that is part of another one would leave the rest of that one to be read.
        let mut secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let clean = |text: String| secrets.iter().fold(text, |text, secret| text.replace(secret, "(sensitive)"));
        match self {
            ApiError::Status { code, reason, message, causes, retry_after } => ApiError::Status {
                code,
                reason,
                message: clean(message),
                causes: causes
                    .into_iter()
                    .map(|cause| Cause { message: clean(cause.message), field: clean(cause.field), ..cause })
                    .collect(),
                retry_after,
            },
            ApiError::Unreadable(text) => ApiError::Unreadable(clean(text)),
            other => other,
        }
    }

    /// The same error by code and reason alone, where the server's words could quote what must not be shown.
    #[must_use]
    pub fn without_words(self) -> Self {
        match self {
            ApiError::Status { code, reason, retry_after, .. } => {
                let message = format!("{code} {reason}").trim_end().to_owned();
                ApiError::Status { code, reason, message, causes: Vec::new(), retry_after }
            }
            ApiError::Unreadable(_) => ApiError::Unreadable("(sensitive)".to_owned()),
            other => other,
        }
    }

    /// As a step's error: `doing` is what was tried (`apply Secret shop/x`).
    pub fn during(self, plane: &Address, doing: &str) -> StepError {
        match self {
            ApiError::Connection { reason } => StepError::Unreachable { plane: plane.clone(), reason },
            ApiError::Stopped => StepError::Stopped,
            // It was asked for until the time was over.
            passing if passing.passes() => StepError::TimedOut { what: format!("{plane} to {doing}"), reason: passing.to_string() },
            other => {
                let (hint, summary) = (other.hint(), format!("{plane}: could not {doing}: {other}"));
                if other.is_final() { StepError::Refused { summary, hint } } else { StepError::Failed { summary, hint } }
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            ApiError::Status { code: 401 | 403, .. } => {
                Some("the kubeconfig's user lacks this permission; grant it or name another kubeconfig".to_owned())
            }
            ApiError::NoKind { .. } => Some("the provider or CRD that brings this kind is not installed on the plane".to_owned()),
            _ => None,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApiError::Status { message, .. } => f.write_str(message),
            ApiError::Connection { reason } | ApiError::NoAccess(reason) => f.write_str(reason),
            ApiError::Stopped => f.write_str("stopped"),
            ApiError::Unreadable(reason) => write!(f, "the answer cannot be read: {reason}"),
            ApiError::NoKind { api_version, kind } => write!(f, "the server has no kind {kind} in {api_version}"),
        }
    }
}

impl std::error::Error for ApiError {}

/// A step's failure with a hint.
pub fn failed(summary: impl Into<String>, hint: impl Into<String>) -> StepError {
    StepError::Failed { summary: summary.into(), hint: Some(hint.into()) }
}

/// A step's failure that trying again does not mend.
pub fn refused(summary: impl Into<String>, hint: impl Into<String>) -> StepError {
    StepError::Refused { summary: summary.into(), hint: Some(hint.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_may_pass_by_itself_is_not_final() {
        let answer = |code: u16, cause: &str| {
            let body = json!({"reason": "R", "message": "m", "details": {"causes": [{"reason": cause, "field": "f", "message": "m"}]}});
            ApiError::from_answer(code, None, body.to_string().as_bytes())
        };
        let mistyped = "failed to create typed patch object (ns/m; /v1, Kind=ConfigMap): .data.k: expected string";
        for (error, expected) in [
            (ApiError::from_answer(500, None, json!({"message": mistyped}).to_string().as_bytes()), true),
            (answer(400, ""), true),
            (answer(403, ""), true),
            (answer(422, "FieldValueInvalid"), true),
            (answer(403, "NamespaceTerminating"), false),
            (answer(401, ""), false),
            (answer(404, ""), false),
            (answer(409, ""), false),
            (answer(429, ""), false),
            (answer(500, ""), false),
            (answer(503, ""), false),
            (ApiError::NoKind { api_version: "a/v1".into(), kind: "A".into() }, false),
            (ApiError::Connection { reason: "r".into() }, false),
        ] {
            assert_eq!(error.is_final(), expected, "{error:?}");
            let passes = error.passes();
            let step = error.during(&"cluster.shop".parse().expect("an address"), "apply A b");
            assert_eq!(matches!(step, StepError::Refused { .. }), expected, "{step:?}");
            assert_eq!(matches!(step, StepError::TimedOut { .. }), passes, "{step:?}");
        }
    }
}
