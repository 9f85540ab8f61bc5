//! The configuration language: from the bytes of a file to values. Knows HCL and nothing of clusters, blocks or schemas.
//!
//! ```text
//! parse(&mut SourceMap, name, bytes) -> (Body, Diagnostics)          one syntax error per top-level block, the rest is there
//! references(&Expr) -> Vec<Reference>                                static, for the dependency graph
//! Evaluator::new(&scope, &files).evaluate(&Expr) -> (Value, Diagnostics)
//! Evaluator::new(&scope, &files).evaluate_as(&Expr, &Type) -> (Value, Diagnostics)
//! type_constraint(&Expr) -> (Type, Diagnostics)                      the `type` of a `variable` block
//! ```
//!
//! Names come from a [`Scope`]; [`Names`] is the one to build. Where an error was reported, the value is an unknown of any
//! type, so that evaluation goes on and finds further errors without telling one twice: look at the diagnostics before
//! taking an unknown for "known after apply".
//!
//! Recursion is bounded (64 levels of syntax, limits for values), but a debug build wants a stack of 16 MiB: the roof runs
//! the language on a thread of its own.

mod eval;
mod functions;
pub mod ir;
mod lower;
mod lower_template;
mod parse;
mod reference;
mod scope;
mod split;
mod syntax_error;
#[cfg(test)]
mod tests;
mod type_constraint;
mod yaml_text;

use crate::diag::{FileId, Span};

pub(crate) use eval::how_to_write;
pub use eval::{Evaluator, Limits};
pub use functions::{Function, Kind, Param, Policy, all as all_functions, find as find_function};
pub use ir::{Attribute, Block, Body, Expr, ExprKind};
pub use parse::{MAX_FILE_BYTES, parse, parse_expression, parse_template};
pub use reference::{Reference, ReferenceStep, as_reference, first_call, references};
pub use scope::{Group, Names, Root, Scope};
pub use type_constraint::type_constraint;
pub(crate) use yaml_text::{as_written, known_fault};

/// The span of `len` bytes from byte `start` on.
fn span_of(file: FileId, start: usize, len: usize) -> Span {
    let number = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    Span { file, start: number(start), len: number(len) }
}
