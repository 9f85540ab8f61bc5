//! Crash tests, in debug builds only: the process kills itself right after a journal record was committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use windlass_run::execute::AfterRecord;

/// Number of the record, counted from the start of this process, after which it dies.
const AFTER: &str = "WL_CRASH_AFTER";

/// Kills this process at the record that the environment names.
pub fn hook() -> Option<AfterRecord> {
    let fatal: u64 = std::env::var(AFTER).ok()?.parse().ok()?;
    let written = AtomicU64::new(0);
    Some(Arc::new(move |_| {
        if written.fetch_add(1, Ordering::SeqCst) + 1 == fatal {
            // SIGKILL cannot be caught: nothing is flushed, nothing is closed, as in a real crash.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }))
}
