//! Placeholder form: how wishes, plans and states are written without secrets and without what is not known yet (design section 7).
//!
//! Must not know planning. JSON with real values of secrets is made in one other place only, the request encoder of `providers/kube`.

mod canonical;
mod content;
mod digest;
mod live;
mod merge_patch;
mod object;
mod placeholder;
mod plain_json;
mod secrets;

#[cfg(test)]
mod tests;

pub use canonical::{canonical_text, sha256_digest};
pub(crate) use content::cut_like;
pub use content::{content_digest, cut_schemas, restore_content, schemas_by_digest, take_schemas};
pub use digest::DigestKey;
pub use live::hide_secret_data;
pub use merge_patch::merge_patch;
pub use object::{Encoder, is_secret_object};
pub use placeholder::{MARK, Placeholder, contains_placeholder, resolve_unknowns};
pub use plain_json::{json_lines, json_text, json_type, number_text};
pub use secrets::collect_secrets;
