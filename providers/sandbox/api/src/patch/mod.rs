//! What a PATCH makes of an object, and who owns its fields after any write.
//!
//! Pure functions on `serde_json::Value`: no clock, no store, no HTTP. The models are
//! sigs.k8s.io/structured-merge-diff v6.3 with apimachinery's `managedfields` (v0.36), RFC 7396,
//! RFC 6902 and apimachinery's `strategicpatch`.

mod apply;
mod check;
mod compare;
mod conflict;
mod context;
mod decoded;
mod json_patch;
mod last_applied;
mod managers;
mod merge;
mod merge_patch;
mod remove;
mod reset;
mod schema_change;
mod strategic;
mod track;

pub use apply::server_side_apply;
pub use conflict::{Conflict, ConflictCause, conflict_causes, conflict_message};
pub use context::{Applied, ApplyError, PatchContext};
pub use decoded::as_decoded;
pub use json_patch::{JsonPatchError, json_patch};
pub use merge_patch::json_merge_patch;
pub use reset::{reset_fields, restore};
pub use strategic::{StrategicError, strategic_merge_patch};
pub use track::{same_but_for_times, track_update};
