//! Everything that a person sees: text is made by pure functions in the submodules and printed here, and nowhere else.

mod colour;
mod diagnostic;
mod drift;
mod plan;
mod progress;
mod state;
mod tree;

use std::io::Write;
use std::sync::OnceLock;

use windlass_core::diag::{Code, Diagnostics, SourceMap};

use crate::arguments::Arguments;
use crate::failure::Failure;

pub use drift::{drift_json, drift_text};
pub use plan::plan_text;
pub use progress::{ProgressPrinter, end_text, title as step_title};
pub use state::{resource_text, state_text};
pub use tree::value_text;

/// How things are printed.
#[derive(Debug, Clone, Copy)]
pub struct View {
    plain: bool,
}

impl View {
    /// By the flags; NO_COLOR and whether a terminal listens are looked at when something is printed.
    pub fn new(arguments: &Arguments) -> Self {
        Self { plain: arguments.no_color }
    }

    /// Result of a command, to stdout.
    pub fn out(&self, text: &str) {
        print(text, self.plain, false);
    }

    /// A question, to stdout. No line break ends it, so it would be held back until the answer.
    pub fn question(&self, text: &str) {
        self.out(text);
        keep(std::io::stdout().lock().flush());
    }

    /// What goes beside a result, to stderr.
    pub fn note(&self, text: &str) {
        print(text, self.plain, true);
    }

    /// Data that another program reads, to stdout, byte for byte.
    pub fn data(&self, text: &str) {
        raw(text, false);
    }

    /// Why a command did not succeed.
    pub fn failure(&self, failure: &Failure) {
        self.note(&diagnostic::diagnostics_text(&failure.diagnostics, &failure.sources, false));
    }

    /// Warnings of a command that goes on.
    pub fn warnings(&self, diagnostics: &Diagnostics, sources: &SourceMap, compact: bool) {
        if !diagnostics.is_empty() {
            self.note(&diagnostic::diagnostics_text(diagnostics, sources, compact));
        }
    }
}

/// What stdout could not take, once it is known: whoever reads a cut result must not be told that all is well.
static LOST: OnceLock<String> = OnceLock::new();

/// Writes out what is still held back; what of all output could not be written, as a failure. A reader that has gone away (`| head`) has
/// what it wanted.
pub fn flushed() -> Result<(), Failure> {
    keep(std::io::stdout().lock().flush());
    match LOST.get() {
        None => Ok(()),
        Some(error) => Err(Failure::new(Code::FILE_SYSTEM, format!("the output cannot be written: {error}"))
            .detail("What was asked for has been done; what was said about it is not complete.")
            .hint("make room where the output goes")),
    }
}

fn keep(written: std::io::Result<()>) {
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| error.to_string());
    }
}

/// Prints as it is.
pub fn raw(text: &str, error: bool) {
    if error {
        // There is no other place to say that stderr is full.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    } else {
        keep(std::io::stdout().lock().write_all(text.as_bytes()));
    }
}

fn print(text: &str, plain: bool, error: bool) {
    if plain {
        return raw(&anstream::adapter::strip_str(text).to_string(), error);
    }
    if error {
        let _ = anstream::stderr().lock().write_all(text.as_bytes());
    } else {
        keep(anstream::stdout().lock().write_all(text.as_bytes()));
    }
}
