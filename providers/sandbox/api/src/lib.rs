//! Placeholder.

pub mod patch;
