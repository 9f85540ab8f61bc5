//! OpenAPI v3 (of CRDs and of the API server) to and from [`Schema`](crate::Schema).

mod read;
mod write;

pub use read::{Dialect, definition_name};
