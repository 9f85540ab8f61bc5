//! When the sandbox was last used from outside. Knows no request.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::access::Identity;

/// Shared by all planes of a sandbox.
#[derive(Debug, Clone)]
pub(crate) struct ActivityLog(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    open: usize,
    last: Instant,
}

/// An open request of an external client.
#[derive(Debug)]
pub(crate) struct Activity(ActivityLog);

impl ActivityLog {
    pub fn new() -> ActivityLog {
        ActivityLog(Arc::new(Mutex::new(State { open: 0, last: Instant::now() })))
    }

    /// Notes a request until the guard is dropped; requests of internal clients do not count.
    pub fn hold(&self, identity: &Identity) -> Option<Activity> {
        if identity.internal {
            return None;
        }
        self.lock().open += 1;
        Some(Activity(self.clone()))
    }

    /// Since the last external request ended; zero while one is open.
    pub fn idle(&self) -> Duration {
        let state = self.lock();
        if state.open > 0 { Duration::ZERO } else { state.last.elapsed() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.open = state.open.saturating_sub(1);
        state.last = Instant::now();
    }
}
