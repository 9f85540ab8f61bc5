//! The engine's pure core: language → graph → desired → diff → plan → recipe. A one-way street.
//!
//! Sync, deterministic, no I/O, no clock, no randomness, no Kubernetes client: files are read through [`files::Files`], everything else is an
//! argument. The same input gives the same bytes.

pub mod addr;
pub mod agent_objects;
pub mod belonging;
pub mod config;
mod definitions;
pub mod deletion;
pub mod desired;
pub mod diag;
pub mod diff;
pub mod drift;
pub mod duration;
pub mod encode;
pub mod expand;
pub mod facts;
pub mod files;
pub mod graph;
pub mod ignored;
pub mod immutable;
pub mod inventory;
pub mod kinds;
mod kube_names;
pub mod lang;
pub mod layer;
pub mod marks;
pub mod object;
pub mod paused;
pub mod plan;
pub mod provider;
pub mod recorded;
pub mod repository;
pub mod schema;
pub mod value;
