//! Kubernetes structural schemas, facts about kinds, and field sets, over `serde_json::Value`.
//!
//! Pure: no I/O, no clock, no engine crate. Shared by the planner (plan-time validation), the
//! kube provider, the agent and the sandbox's API server, so that all of them mean the same by
//! "field", "list key" and "owner".

pub mod check;
pub mod crd;
pub mod facts;
pub mod facts_table;
pub mod fieldpath;
pub mod openapi;
pub mod schema;

mod facts_files;
mod object_meta;
mod view;

pub use facts::{Bundle, KindFact};
pub use object_meta::object_meta;
pub use schema::{Definitions, Schema, SchemaError};
pub use view::SchemaRef;
