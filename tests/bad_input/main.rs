//! Bad input: what is wrong, where, what to do, with which exit code; and that neither the state nor the simulated cloud was touched.
//!
//! Rows that need nothing alive stand in `configuration`, `words`, `files` and `planes`; those that need a living cluster share one, in `living`.
//! `mutations` breaks the quickstart at random: nothing may panic or hang.

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/repository.rs"]
mod repository;

mod configuration;
mod files;
mod living;
mod mutations;
mod planes;
mod refusal;
mod words;
