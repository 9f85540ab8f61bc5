//! The order of all work: the ONE place that says what comes before what (design section 5). Decides nothing about single resources.

mod abandon;
mod create;
mod destroy;
mod foreign;
mod given_secrets;
mod objects;
mod removed;
mod shared;
mod steps;

pub(super) use abandon::{Abandoned, abandon};
pub use abandon::{abandoned, answers_again};
pub(super) use create::create_or_repair;
pub(super) use destroy::{destroy_cluster, destroy_shared, is_half_made_provider};
pub(super) use removed::remove_parts;
pub(super) use shared::{clouds, providers};
pub(super) use steps::Draft;
