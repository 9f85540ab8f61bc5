//! HTTP of one plane: connections, paths, bodies in and out. What the verbs mean is in `verbs`.

mod answer;
mod body;
mod listener;
mod path;
mod protobuf;
mod query;
mod serve;
mod wire;

pub(crate) use answer::Answer;
pub(crate) use body::decode_patch_document;
pub(crate) use listener::{Listener, hold};
pub(crate) use path::ResourcePath;
#[cfg(test)]
pub(crate) use path::{Route, route};
pub(crate) use query::{Query, percent_decode};
pub(crate) use serve::serve;
