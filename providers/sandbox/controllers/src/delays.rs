//! How long each simulated thing takes, and since when it has been going on. Knows no object.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// A thing that takes time in the real world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delay {
    /// Network and load balancer of a cluster.
    Infrastructure,
    /// A machine from ordered to running.
    Instance,
    /// A running machine until it registers its node.
    Boot,
    /// A container from scheduled to ready.
    PodReady,
    /// A container from asked to stop to gone.
    PodStop,
    /// A machine from asked to stop to terminated.
    Terminate,
    /// A load balancer of a Service, or a volume.
    CloudObject,
    /// A manager that restarts (a fault).
    Restart,
    /// How long a controller waits before it tries a refused thing again.
    Retry,
}

impl Delay {
    const fn base(self) -> Duration {
        Duration::from_millis(match self {
            Delay::Infrastructure => 1000,
            Delay::Instance => 400,
            Delay::Boot => 900,
            Delay::PodReady => 300,
            Delay::PodStop => 100,
            Delay::Terminate => 300,
            Delay::CloudObject => 300,
            Delay::Restart => 3000,
            Delay::Retry => 300,
        })
    }
}

/// Delays divided by `speed`; 0 means that nothing takes time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delays {
    speed: f64,
}

impl Delays {
    /// A negative or non-finite speed counts as 1.
    pub fn new(speed: f64) -> Self {
        Self { speed: if speed.is_finite() && speed >= 0.0 { speed } else { 1.0 } }
    }

    /// The time that `delay` takes; `Retry` is never below 20 ms, so that a refusal is no busy loop.
    pub fn of(self, delay: Delay) -> Duration {
        let scaled = self.scale(delay.base());
        if delay == Delay::Retry { scaled.max(Duration::from_millis(20)) } else { scaled }
    }

    /// Any duration at this speed.
    pub fn scale(self, duration: Duration) -> Duration {
        if self.speed == 0.0 { Duration::ZERO } else { duration.div_f64(self.speed) }
    }
}

/// Since when each delay runs, by subject. In memory only: after a restart a delay begins again.
#[derive(Debug, Default)]
pub struct Stopwatch {
    since: Mutex<HashMap<(String, Delay), Instant>>,
}

impl Stopwatch {
    /// `None` when `duration` has passed since the first call for this subject, else what is left of it.
    pub fn left(&self, subject: &str, delay: Delay, duration: Duration) -> Option<Duration> {
        if duration.is_zero() {
            return None;
        }
        let now = Instant::now();
        let mut since = self.since.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = (subject.to_owned(), delay);
        let began = *since.entry(key.clone()).or_insert(now);
        let left = (began + duration).checked_duration_since(now).filter(|left| !left.is_zero());
        if left.is_none() {
            since.remove(&key);
        }
        left
    }

    /// Forgets all delays of a subject that is gone.
    pub fn forget(&self, subject: &str) {
        self.since.lock().unwrap_or_else(std::sync::PoisonError::into_inner).retain(|(of, _), _| of != subject);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_zero_takes_no_time_but_a_retry_still_waits() {
        assert_eq!(Delays::new(0.0).of(Delay::Boot), Duration::ZERO);
        assert_eq!(Delays::new(0.0).of(Delay::Retry), Duration::from_millis(20));
        assert_eq!(Delays::new(2.0).of(Delay::Infrastructure), Duration::from_millis(500));
        assert_eq!(Delays::new(f64::NAN).of(Delay::Infrastructure), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopwatch_counts_from_the_first_question() {
        let watch = Stopwatch::default();
        let second = Duration::from_secs(1);
        assert_eq!(watch.left("a", Delay::Boot, second), Some(second));
        tokio::time::advance(Duration::from_millis(600)).await;
        assert_eq!(watch.left("a", Delay::Boot, second), Some(Duration::from_millis(400)));
        assert_eq!(watch.left("b", Delay::Boot, second), Some(second));
        tokio::time::advance(Duration::from_millis(400)).await;
        assert_eq!(watch.left("a", Delay::Boot, second), None);
    }
}
