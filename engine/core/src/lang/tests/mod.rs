//! Tests of the language.

mod expressions;
mod syntax;
mod types;
