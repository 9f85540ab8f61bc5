//! The order of all work: the ONE place that says what comes before what (design section 5). Decides nothing about single resources.

mod create;
mod destroy;
mod foreign;
mod steps;

pub(super) use create::{clouds, create_or_repair, providers};
pub(super) use destroy::{destroy_cluster, destroy_shared};
pub(super) use steps::{Draft, written};
