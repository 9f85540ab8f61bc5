//! The plan file: canonical JSON text with a digest over itself. Every changed byte is found; nothing panics.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::{PLAN_FORMAT, Plan};
use crate::encode::{canonical_text, sha256_digest};

/// Most bytes that a compressed plan may unpack to.
const MAX_PLAN_BYTES: u64 = 1 << 30;
/// First bytes of a zstd stream.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Begin of the seal: a frame of 32 bytes that zstd skips (RFC 8878, 3.1.2).
const SEAL_HEAD: [u8; 8] = [0x50, 0x2a, 0x4d, 0x18, 32, 0, 0, 0];
/// Length of a seal: its begin and a SHA-256.
const SEAL_BYTES: usize = 40;

/// Why a file is no plan that can be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanFileError {
    /// It is not a plan at all.
    #[error("this is not a plan file: {0}")]
    NotAPlan(String),
    /// Its digest is not the one of its content.
    #[error("the plan file is damaged: its content is not what its digest says")]
    Damaged,
    /// It was made by a newer release.
    #[error("the plan has format {found}, this release reads formats up to {PLAN_FORMAT}")]
    Newer {
        /// Its format.
        found: u64,
    },
}

/// The bytes of a plan; the same plan gives the same bytes.
pub fn to_bytes(plan: &Plan) -> Vec<u8> {
    let (mut body, digest) = body(plan);
    if let Some(map) = body.as_object_mut() {
        map.insert("digest".to_owned(), Json::String(digest));
    }
    let mut text = canonical_text(&body);
    text.push('\n');
    text.into_bytes()
}

/// The same, compressed with zstd, and a seal after it; `zstd -d` reads it.
///
/// # Errors
/// What the compressor says.
pub fn to_compressed_bytes(plan: &Plan) -> std::io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(3)?;
    compressor.include_checksum(true)?;
    let mut bytes = compressor.compress(&to_bytes(plan))?;
    let seal = seal(&bytes);
    bytes.extend_from_slice(&seal);
    Ok(bytes)
}

/// `sha256:…` of a plan, as it stands in its file.
pub fn plan_digest(plan: &Plan) -> String {
    body(plan).1
}

/// Reads what [`to_bytes`] or [`to_compressed_bytes`] wrote.
///
/// # Errors
/// The file is no plan, is damaged, or is newer than this release.
pub fn from_bytes(bytes: &[u8]) -> Result<Plan, PlanFileError> {
    let unpacked;
    let bytes = if bytes.starts_with(&ZSTD_MAGIC) {
        unpacked = unpack(bytes)?;
        unpacked.as_slice()
    } else {
        bytes
    };
    let text = std::str::from_utf8(bytes).map_err(|error| PlanFileError::NotAPlan(error.to_string()))?;
    let body: Json = serde_json::from_str(text).map_err(|error| PlanFileError::NotAPlan(error.to_string()))?;
    let format = body.get("windlass_plan").and_then(Json::as_u64);
    let Some(found) = format else { return Err(PlanFileError::NotAPlan("it has no `windlass_plan`".to_owned())) };
    if found > u64::from(PLAN_FORMAT) {
        return Err(PlanFileError::Newer { found });
    }
    if !is_whole(text) {
        return Err(PlanFileError::Damaged);
    }
    serde_json::from_value(body).map_err(|error| PlanFileError::NotAPlan(error.to_string()))
}

/// Whether the digest in the text is the one of the text around it: of its very bytes, so that another spelling of the same JSON counts as
/// damage, too.
fn is_whole(text: &str) -> bool {
    let Some((head, digest, tail)) = text.strip_suffix('\n').and_then(around_digest) else { return false };
    digest == sha256_digest(&format!("{head}{tail}"))
}

/// The text before the entry `"digest":"…",` of the outermost object, the digest, and the text after the entry.
fn around_digest(text: &str) -> Option<(&str, &str, &str)> {
    let (mut depth, mut in_string, mut escaped) = (0u32, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => {
                if !in_string
                    && depth == 1
                    && let Some(rest) = text.get(at..).and_then(|rest| rest.strip_prefix("\"digest\":\""))
                {
                    let (digest, tail) = rest.split_once("\",")?;
                    return Some((text.get(..at)?, digest, tail));
                }
                in_string = !in_string;
            }
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

fn body(plan: &Plan) -> (Json, String) {
    // Every type of a plan has string keys only, so this never fails.
    let body = serde_json::to_value(plan).unwrap_or(Json::Null);
    let digest = sha256_digest(&canonical_text(&body));
    (body, digest)
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, PlanFileError> {
    use std::io::Read;
    // The text's own digest is not enough: a frame's header holds bits whose change gives the same text.
    let parts = bytes.len().checked_sub(SEAL_BYTES).and_then(|at| bytes.split_at_checked(at));
    let Some((frame, _)) = parts.filter(|(frame, end)| seal(frame) == *end) else { return Err(PlanFileError::Damaged) };
    let unreadable = |error: std::io::Error| PlanFileError::NotAPlan(error.to_string());
    let mut text = Vec::new();
    let decoder = zstd::stream::read::Decoder::new(frame).map_err(unreadable)?;
    decoder.take(MAX_PLAN_BYTES).read_to_end(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// What stands after a compressed plan: a digest of its very bytes.
fn seal(frame: &[u8]) -> Vec<u8> {
    let digest = Sha256::digest(frame);
    let mut seal = SEAL_HEAD.to_vec();
    seal.extend_from_slice(&digest);
    seal
}
