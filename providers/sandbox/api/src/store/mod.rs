//! The sandbox on disk: one SQLite file for all planes, one thread that writes it.

mod file;
mod planes;
mod writer;

pub(crate) use file::{Row, open};
pub(crate) use planes::PlaneRecord;
pub(crate) use writer::{Acknowledgement, Store, encode};
