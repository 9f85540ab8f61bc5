//! Tests of the language.

mod expressions;
mod laws;
mod limits;
mod messages;
mod syntax;
mod types;
