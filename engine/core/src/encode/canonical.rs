//! Canonical JSON text: keys sorted, no white space, so that the same value gives the same bytes. Knows no placeholders.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// The canonical text of a value.
pub fn canonical_text(value: &Json) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// `sha256:` and the hex digest of a text. Never of one that a secret went into.
pub fn sha256_digest(text: &str) -> String {
    format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes())))
}

fn write(value: &Json, out: &mut String) {
    match value {
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (position, (key, value)) in entries.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                scalar(&Json::String(key.clone()), out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Json::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        other => scalar(other, out),
    }
}

fn scalar(value: &Json, out: &mut String) {
    // Display of a JSON value is its compact text.
    out.push_str(&value.to_string());
}
