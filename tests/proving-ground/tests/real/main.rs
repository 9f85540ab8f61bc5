//! The tests of the proving ground, one program, so that those that wait leave the machine to the others. Those that need real servers run by
//! `cargo xtask proving-ground test`.

mod apply_table;
mod aws;
mod cluster_api;
mod components;
mod in_memory;
mod only_new;
mod pivot;
mod planes;
mod process_cloud;
mod program;
mod saga;
mod support;
