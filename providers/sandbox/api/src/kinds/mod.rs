//! Which resources a plane serves, and what it knows about each.

mod builtin;
mod custom;
mod registry;
mod resource;

pub(crate) use builtin::Builtins;
pub(crate) use custom::{CLEANUP_FINALIZER, accepted, custom_resource};
pub(crate) use registry::{Kinds, Served};
pub(crate) use resource::{Resource, TypeSchema, Version};
