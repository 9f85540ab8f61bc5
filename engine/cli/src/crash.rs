//! Crash tests, in debug builds only: the process kills itself right after a journal record was committed.

use std::sync::Arc;

use windlass_run::execute::AfterRecord;

/// Number of the record after which the process dies.
const AFTER: &str = "WL_CRASH_AFTER";

/// Kills this process at the record that the environment names.
pub fn hook() -> Option<AfterRecord> {
    let fatal: u64 = std::env::var(AFTER).ok()?.parse().ok()?;
    Some(Arc::new(move |record| {
        if record == fatal {
            // SIGKILL cannot be caught: nothing is flushed, nothing is closed, as in a real crash.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }))
}
