//! Exit codes, in the one place where they are numbers (design section 8).

use std::process::ExitCode;

/// Everything is as wished.
pub const OK: ExitCode = ExitCode::SUCCESS;
/// Something is wrong.
pub const ERROR: ExitCode = ExitCode::FAILURE;

/// Codes with a meaning of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Something is wrong.
    Error = 1,
    /// There are changes (`plan -detailed-exitcode`) or drift (`drift`).
    Changes = 2,
    /// Part of the work was left out because planes do not answer.
    Partial = 3,
    /// The world or the input is not as the plan saw it.
    Stale = 5,
    /// Somebody else holds the lock.
    Locked = 6,
    /// What was waited for has not come; applying again goes on.
    TimedOut = 7,
    /// Stopped by the user (SIGINT).
    Interrupted = 130,
    /// Stopped by the system (SIGTERM).
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
