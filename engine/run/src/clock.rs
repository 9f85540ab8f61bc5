//! Real time for the executor, on tokio's timers. Knows nothing of dates.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

use crate::ports::Clock;

/// Time of the tokio runtime.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    start: Instant,
}

impl TokioClock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for TokioClock {
    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
