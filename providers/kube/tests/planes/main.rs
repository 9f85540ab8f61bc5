//! Steps against real API servers: planes of the sandbox API, no controllers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod agent;
mod cluster;
mod layers;
mod leases;
mod left_alone;
mod objects;
mod observe;
#[path = "../../../../tests/apply-table/only_new.rs"]
mod only_new;
mod opening;
mod passing;
mod pivot;
mod stage;
mod watches;
