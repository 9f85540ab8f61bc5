//! Values against schemas: validation, unknown fields, pruning, defaults.

mod defaults;
mod format;
mod logic;
mod place;
mod unknown;
mod validate;

pub use defaults::apply_defaults;
pub use place::Place;
pub use unknown::{prune, unknown_fields};
pub use validate::{Violation, is_never, validate};
