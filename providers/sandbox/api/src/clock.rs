//! The time that the server stamps on objects. Knows nothing of planes or HTTP; it is not used for time-outs.

use std::sync::Mutex;

use jiff::Timestamp;

/// Where `creationTimestamp`, managedFields times and token expiries come from.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is set, for tests.
#[derive(Debug)]
pub struct FrozenClock(Mutex<Timestamp>);

impl FrozenClock {
    /// A clock that shows `at`.
    pub fn new(at: Timestamp) -> Self {
        FrozenClock(Mutex::new(at))
    }

    /// Moves the clock to `at`.
    pub fn set(&self, at: Timestamp) {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = at;
    }
}

impl Clock for FrozenClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// `metav1.Time`: RFC 3339 in UTC with whole seconds.
pub(crate) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
