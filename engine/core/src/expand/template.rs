//! Names of immutable templates: a hash of what they hold, so that a change of content is a change of name (design section 4).

use sha2::{Digest, Sha256};

use crate::diag::{Code, Diagnostic};
use crate::value::Value;

/// `<stem>-<10 base32 characters of SHA-256(kind, spec)>`. The spec must be plain data: known and not secret.
pub fn name(stem: &str, kind: &str, spec: &Value) -> Result<String, Box<Diagnostic>> {
    let json = spec.to_json().map_err(|error| {
        Box::new(
            Diagnostic::error(Code::UNKNOWN_NOT_ALLOWED, format!("{kind} {stem} would hold a value that is secret or not yet known"))
                .detail(error.to_string())
                .hint("what enters a machine template must be known at plan time and may not be sensitive; secret files go into a Secret"),
        )
    })?;
    let mut hash = Sha256::new();
    hash.update(kind.as_bytes());
    hash.update([0]);
    // serde_json without `preserve_order` prints maps in key order: this text is canonical.
    hash.update(json.to_string().as_bytes());
    let text = data_encoding::BASE32_NOPAD.encode(&hash.finalize()).to_ascii_lowercase();
    Ok(format!("{stem}-{}", text.get(..10).unwrap_or(&text)))
}
