//! One plane's objects in memory: values, indices, watch history, resourceVersions.

mod history;
mod key;
mod objects;

pub(crate) use history::{Event, EventKind, Since};
pub(crate) use key::{GroupResource, ObjectKey, Place};
pub(crate) use objects::{Expect, Refused, Stored, World, Write};
