//! Every way in which a command can fail, and the one translation of other crates' errors into words and exit codes.

use std::process::ExitCode;

use windlass_core::diag::{Code, Diagnostic, Diagnostics, SourceMap};
use windlass_run::ports::{StepError, StoreError};

use crate::exit::Exit;

/// Why a command did not succeed.
pub struct Failure {
    /// What is told.
    pub diagnostics: Diagnostics,
    /// Texts that the diagnostics point into.
    pub sources: SourceMap,
    exit: Exit,
}

impl Failure {
    /// Findings in a configuration.
    pub fn in_configuration(diagnostics: Diagnostics, sources: SourceMap) -> Self {
        Self { diagnostics, sources, exit: Exit::Error }
    }

    /// One error without a place.
    pub fn new(code: Code, summary: impl Into<String>) -> Self {
        Diagnostic::error(code, summary).into()
    }

    /// With advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(last) = self.diagnostics.0.last_mut() {
            last.hint = Some(hint.into());
        }
        self
    }

    /// With whole sentences.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        if let Some(last) = self.diagnostics.0.last_mut() {
            last.detail = detail.into();
        }
        self
    }

    /// As the cause of another finding, which is told first.
    pub fn because(mut self, finding: Diagnostic) -> Self {
        self.diagnostics.0.insert(0, finding);
        self
    }

    /// With an exit code other than 1.
    pub fn exits(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// With the step during which it happened.
    pub fn during(mut self, step: &str) -> Self {
        for diagnostic in &mut self.diagnostics.0 {
            diagnostic.summary = format!("{step}: {}", diagnostic.summary);
        }
        self
    }

    /// The exit code.
    pub fn exit(&self) -> ExitCode {
        self.exit.into()
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { diagnostics: diagnostic.into(), sources: SourceMap::default(), exit: Exit::Error }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

impl From<&StoreError> for Failure {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Unusable { reason, hint } => Failure::new(Code::STATE_UNUSABLE, reason).hint(hint),
            StoreError::Locked { .. } => Failure::new(Code::STATE_LOCKED, error.to_string())
                .hint("wait for it, or pass -lock-timeout=5m; a lock whose process is gone is free by itself")
                .exits(Exit::Locked),
            StoreError::Io(_) => Failure::new(Code::STATE_NOT_WRITTEN, error.to_string())
                .hint("make room or fix the folder, then apply again: nothing that was done is forgotten"),
        }
    }
}

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        let text = error.to_string();
        match error {
            StepError::Failed { summary, hint } | StepError::Refused { summary, hint } => {
                let failure = Failure::new(Code::STEP_FAILED, summary);
                match hint {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                }
            }
            StepError::Diagnosed(diagnostic) => Failure::from(*diagnostic),
            StepError::TimedOut { .. } => {
                Failure::new(Code::TIMED_OUT, text).hint("nothing is lost: run it again to go on").exits(Exit::TimedOut)
            }
            StepError::Stale { .. } => Failure::new(Code::PLAN_STALE, text).hint("make a new plan and review it").exits(Exit::Stale),
            StepError::Unreachable { .. } => Failure::new(Code::PLANE_UNREACHABLE, text).exits(Exit::Partial),
            StepError::Stopped => Failure::new(Code::STOPPED, text).hint("run it again to go on").exits(Exit::Interrupted),
            StepError::Store(error) => Failure::from(&*error),
        }
    }
}

/// An operating system error at a path.
pub fn io(path: &std::path::Path, what: &str, error: &std::io::Error) -> Failure {
    Failure::new(Code::FILE_SYSTEM, format!("{} {what}: {error}", path.display()))
}
