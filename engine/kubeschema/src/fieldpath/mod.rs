//! Paths into objects, sets of them, and `metadata.managedFields`.
//!
//! The model is sigs.k8s.io/structured-merge-diff: what is one field, and what identifies a list
//! item, is said by a schema; without one it is deduced from the value.

mod element;
mod fields_v1;
mod managed;
mod owned;
mod path;
mod set;
mod shape;

pub use element::{KeyValue, PathElement};
pub use managed::{ManagedEntry, Operation, emit_managed_fields, parse_managed_fields};
pub use path::{FieldPath, PathError};
pub use set::{FieldNode, FieldSet};
pub use shape::{Form, Shape};
