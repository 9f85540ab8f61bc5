//! `cargo xtask docs`: reference pages from the tables that the program itself uses; it must not hold a fact about windlass of its own.

mod blocks;
mod cli;
mod codes;
mod exit_codes;
mod functions;
mod pages;

pub use pages::run;
