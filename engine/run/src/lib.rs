//! Execution of a plan: what runs when, what is journalled, what is said. Knows neither SQLite nor Kubernetes clients; ports are in [`ports`].
//!
//! [`resume::decide`] says what becomes of an unfinished run, [`execute::execute`] carries out a plan, [`event`] and [`summary`] are what
//! people get to see of it. One task owns a run; [`machine`] is its pure transition function.

pub mod clock;
pub mod event;
pub mod execute;
pub mod graph;
pub mod machine;
pub mod ports;
pub mod resume;
pub mod summary;

mod attempt;
mod journal;
mod preflight;
mod turns;

pub use event::RunEvent;
