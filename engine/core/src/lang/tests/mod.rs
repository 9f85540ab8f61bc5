//! Tests of the language.

mod syntax;
