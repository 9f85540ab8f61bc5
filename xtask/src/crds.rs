//! `cargo xtask crds`: facts files from pinned Go modules; it must not know how anybody uses the facts.

mod files;
mod go_module;
mod kubernetes;
mod kustomize;
mod provider;
mod short_names;
mod sources;

pub use files::{Mode, run};
pub use go_module::{GoModule, read};
