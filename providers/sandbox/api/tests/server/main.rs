//! The API server as clients see it: the `kube` client, and raw HTTP where a client library would hide something.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod access;
mod apply;
mod collect;
mod crowd;
mod custom;
mod definitions;
mod nonsense;
mod objects;
mod persist;
mod plain;
mod replay;
mod selfmade;
mod watch;

#[path = "../../../../../tests/apply-table/table.rs"]
mod table;
