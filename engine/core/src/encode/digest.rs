//! The key under which secrets are digested. Made with the state file and kept in it; this module only uses it.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value as Json;
use sha2::Sha256;

use super::canonical::canonical_text;

/// 32 random bytes of one state file.
#[derive(Clone, PartialEq, Eq)]
pub struct DigestKey(pub [u8; 32]);

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(sensitive)")
    }
}

impl DigestKey {
    /// Wraps the bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the state file that keeps them and nothing else.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `hmac-sha256:…` of a value's canonical text.
    pub fn digest(&self, value: &Json) -> String {
        self.digest_text(&canonical_text(value))
    }

    /// `hmac-sha256:…` of a leaf of a v1 Secret's `data`: base64 text in any spelling gives one digest.
    pub fn digest_secret_data(&self, value: &Json) -> String {
        match value.as_str().and_then(canonical_base64) {
            Some(text) => self.digest(&Json::String(text)),
            None => self.digest(value),
        }
    }

    fn digest_text(&self, text: &str) -> String {
        // HMAC takes keys of any length; 32 bytes are never refused.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(text.as_bytes());
        format!("hmac-sha256:{}", data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()))
    }
}

/// The spelling that an API server answers with: standard alphabet, padded, no white space.
pub(super) fn canonical_base64(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = data_encoding::BASE64.decode(compact.as_bytes()).ok()?;
    Some(data_encoding::BASE64.encode(&bytes))
}
