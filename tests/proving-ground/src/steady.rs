//! A steady pace for those who watch a server that tests stop and start again.

use std::time::Duration;

use kube::runtime::utils::Backoff;

/// A test waits for what comes after.
pub(crate) const AGAIN: Duration = Duration::from_millis(300);

/// Asks again at a steady pace, however long a server is away.
pub(crate) struct Steady;

impl Iterator for Steady {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(AGAIN)
    }
}

impl Backoff for Steady {
    fn reset(&mut self) {}
}
