//! An embedded Kubernetes API server: several planes in one process, kept in one folder, held to the real server's behaviour.
//!
//! It serves objects and their rules. It knows no engine crate, starts no pod and simulates no controller beyond those without
//! which the API itself would behave differently (garbage collection, deletion of namespaces and definitions).
//!
//! What it does not do, on purpose: admission and conversion webhooks (stored, never called), validation rules in CEL other than
//! `self == oldSelf`, and the check that nobody grants more in a role than he has himself.

mod access;
mod activity;
mod clock;
mod document;
mod error;
mod faults;
mod http;
mod keeper;
mod kinds;
mod label_selector;
mod managed;
pub mod patch;
mod plane;
mod rbac;
mod rules;
mod sandbox;
mod selector;
mod status;
mod store;
mod verbs;
mod view;
mod world;

pub use clock::{Clock, FrozenClock, SystemClock};
pub use error::Error;
pub use faults::{FAULT_NAMES, Faults, Turn};
pub use plane::Plane;
pub use sandbox::{Boot, Options, Sandbox};
