//! One Kubernetes API as the controllers see it: a client, one watch per kind, a cache that reads its own writes, work queues.

mod access;
mod cache;
mod queue;
mod watch;
mod worker;

pub use access::{Error, Plane, Result, client_of, server_of};
pub use queue::Queue;
pub use watch::{watch_built_in, watch_custom};
pub use worker::{Controller, Event, Gate, Next, Provider, Registered, drive, run};
