//! The one comparison of what we applied with what lives: no-op detection, drift, staleness, the agent's health and the check after a
//! pivot all use it (design section 6, One comparison). Must not know plans or planes.

mod compare;
mod equality;
mod owners;
mod path;
pub mod text;

#[cfg(test)]
mod tests;

pub use compare::{Comparison, LeafDiff, compare};
pub use equality::{same_duration, same_quantity};
pub use owners::Owners;
pub use path::{PathTextError, path_from_text, path_to_text};
pub use text::{DiffLine, LineKind, line_diff};
