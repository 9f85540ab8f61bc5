//! The key of all secret digests of a state. Never printed.

use std::fmt;

/// 32 random bytes, made by the roof when the state is created and kept in it ever after (design section 7, Secret leaves).
#[derive(Clone, PartialEq, Eq)]
pub struct DigestKey([u8; 32]);

impl DigestKey {
    /// Wraps the bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a keyed digest and nothing else.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(sensitive)")
    }
}
