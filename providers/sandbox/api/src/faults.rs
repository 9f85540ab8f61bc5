//! Faults on purpose, for tests of clients: which request is hit, and how, is a pure function of the seed and the request's
//! number, so that a run can be repeated. Knows no resource.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

/// Shares of requests that are hit, each from 0.0 to 1.0. Requests of internal clients and of health checks are spared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults {
    /// Decides who is hit.
    pub seed: u64,
    /// 429 with Retry-After.
    pub too_many_requests: f64,
    /// 500, before anything was done.
    pub internal_error: f64,
    /// 409 on writes, before anything was done.
    pub conflict: f64,
    /// The connection is closed before anything was done.
    pub close_before: f64,
    /// The connection is closed after the request was done: the client cannot know.
    pub close_after: f64,
    /// The answer comes late.
    pub delay: f64,
    /// How late.
    pub delay_by: Duration,
    /// Watches that end in mid-stream.
    pub close_watch: f64,
    /// Only some requests may be hit; `None`: each of them.
    pub turn: Option<Turn>,
}

/// Every n-th request, counted from the moment when the faults begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// How many requests a round has: n.
    pub of: u64,
    /// Which of them may be hit, from 0.
    pub at: u64,
}

/// Names of the faults, as [`Faults::from_str`] reads them, besides `seed`.
pub const FAULT_NAMES: [&str; 7] = ["api-busy", "api-error", "api-conflict", "api-close", "api-lost", "api-late", "api-watch"];

/// How late an answer is that `api-late` hits.
const LATE: Duration = Duration::from_secs(1);

/// `seed=7,api-error=5,api-lost=2`: percentages of requests by name; the empty text is no fault.
impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Faults, String> {
        let mut faults = Faults { delay_by: LATE, ..Faults::default() };
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(|| format!("{part:?} is not of the form name=number"))?;
            if key == "seed" {
                faults.seed = value.parse().map_err(|_| format!("seed: {value:?} is no whole number"))?;
                continue;
            }
            let share = match key {
                "api-busy" => &mut faults.too_many_requests,
                "api-error" => &mut faults.internal_error,
                "api-conflict" => &mut faults.conflict,
                "api-close" => &mut faults.close_before,
                "api-lost" => &mut faults.close_after,
                "api-late" => &mut faults.delay,
                "api-watch" => &mut faults.close_watch,
                _ => return Err(format!("there is no fault {key:?}")),
            };
            *share = match value.parse::<u8>() {
                Ok(percent) if percent <= 100 => f64::from(percent) / 100.0,
                _ => return Err(format!("{key}: {value:?} is no percentage from 0 to 100")),
            };
        }
        Ok(faults)
    }
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    TooManyRequests,
    InternalError,
    Conflict,
    CloseBefore,
    CloseAfter,
    Delay(Duration),
}

/// Counts requests.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan {
    faults: RwLock<Faults>,
    requests: AtomicU64,
    watches: AtomicU64,
}

impl FaultPlan {
    pub fn new(faults: Faults) -> FaultPlan {
        FaultPlan { faults: RwLock::new(faults), ..FaultPlan::default() }
    }

    /// Other faults from now on; requests are counted from 0 again.
    pub fn change(&self, faults: Faults) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = faults;
        self.requests.store(0, Ordering::Relaxed);
        self.watches.store(0, Ordering::Relaxed);
    }

    /// Requests since the faults were changed last.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    fn faults(&self) -> RwLockReadGuard<'_, Faults> {
        self.faults.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to the next request.
    pub fn next(&self, writes: bool) -> Option<Fault> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let faults = self.faults();
        if faults.turn.is_some_and(|turn| number % turn.of.max(1) != turn.at) {
            return None;
        }
        let mut point = fraction(faults.seed, number);
        let table = [
            (faults.too_many_requests, Fault::TooManyRequests),
            (faults.internal_error, Fault::InternalError),
            (if writes { faults.conflict } else { 0.0 }, Fault::Conflict),
            (faults.close_before, Fault::CloseBefore),
            (faults.close_after, Fault::CloseAfter),
            (faults.delay, Fault::Delay(faults.delay_by)),
        ];
        for (share, fault) in table {
            if point < share {
                return Some(fault);
            }
            point -= share;
        }
        None
    }

    /// After how long the next watch ends, if it is to end early.
    pub fn next_watch(&self) -> Option<Duration> {
        let number = self.watches.fetch_add(1, Ordering::Relaxed);
        let faults = self.faults();
        let seed = faults.seed ^ 0x5741_5443_4800_0000;
        let hit = fraction(seed, number) < faults.close_watch;
        hit.then(|| Duration::from_millis(20 + mix(seed, number) % 480))
    }
}

/// SplitMix64.
fn mix(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number from 0 to 1.
fn fraction(seed: u64, number: u64) -> f64 {
    (mix(seed, number) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_hits_the_same_requests_in_about_the_wanted_share() {
        let faults = Faults { seed: 7, internal_error: 0.1, conflict: 0.1, ..Faults::default() };
        let run = |faults: &Faults| {
            let plan = FaultPlan::new(faults.clone());
            (0..2000).map(|_| plan.next(true)).collect::<Vec<_>>()
        };
        let first = run(&faults);
        assert_eq!(first, run(&faults));
        assert_ne!(first, run(&Faults { seed: 8, ..faults }));
        let hits = first.iter().flatten().count();
        assert!((300..500).contains(&hits), "{hits}");
    }

    #[test]
    fn a_turn_hits_its_requests_and_no_others() {
        let plan = FaultPlan::new(Faults::default());
        let hits = || (0..9).map(|_| u8::from(plan.next(false).is_some())).collect::<Vec<_>>();
        assert_eq!(hits(), [0; 9]);
        plan.change(Faults { internal_error: 1.0, turn: Some(Turn { of: 4, at: 2 }), ..Faults::default() });
        assert_eq!(hits(), [0, 0, 1, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn texts() {
        let read = |text: &str| text.parse::<Faults>();
        let late = Faults { delay_by: LATE, ..Faults::default() };
        assert_eq!(read("seed=7, api-error=5"), Ok(Faults { seed: 7, internal_error: 0.05, ..late.clone() }));
        for name in FAULT_NAMES {
            assert_ne!(read(&format!("{name}=50")), Ok(late.clone()), "{name}");
        }
        for wrong in ["api-error", "api-error=101", "api-error=x", "seed=x", "oops=1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
