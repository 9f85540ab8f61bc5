//! Keys to look at, each at its time; a key is never worked on twice at once. Knows no object.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::object::Key;

/// A delaying, deduplicating work queue.
#[derive(Debug, Default)]
pub struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    order: BTreeSet<(Instant, Key)>,
    at: HashMap<Key, Instant>,
    running: HashSet<Key>,
    again: HashMap<Key, Instant>,
}

impl Queue {
    /// Look at `key` now.
    pub fn add(&self, key: Key) {
        self.add_at(key, Instant::now());
    }

    /// Look at `key` at `when`, or earlier if that is already planned.
    pub fn add_at(&self, key: Key, when: Instant) {
        let mut inner = self.inner();
        if inner.running.contains(&key) {
            let at = inner.again.entry(key).or_insert(when);
            *at = when.min(*at);
            return;
        }
        inner.plan(key, when);
        drop(inner);
        self.changed.notify_one();
    }

    /// The next key that is due, now marked as running.
    pub fn take(&self, now: Instant) -> Option<Key> {
        let mut inner = self.inner();
        let (due, _) = inner.order.first()?;
        if *due > now {
            return None;
        }
        let (_, key) = inner.order.pop_first()?;
        inner.at.remove(&key);
        inner.running.insert(key.clone());
        Some(key)
    }

    /// `key` is no longer running; what was asked meanwhile is planned.
    pub fn done(&self, key: &Key) {
        let mut inner = self.inner();
        inner.running.remove(key);
        if let Some(when) = inner.again.remove(key) {
            inner.plan(key.clone(), when);
        }
    }

    /// When the next key is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.inner().order.first().map(|(due, _)| *due)
    }

    /// Waits until something was added.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn plan(&mut self, key: Key, when: Instant) {
        if let Some(old) = self.at.get(&key).copied() {
            if old <= when {
                return;
            }
            self.order.remove(&(old, key.clone()));
        }
        self.at.insert(key.clone(), when);
        self.order.insert((when, key));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_key_runs_once_at_a_time_and_again_if_asked_meanwhile() {
        let (queue, key, now) = (Queue::default(), ("n".to_owned(), "a".to_owned()), Instant::now());
        queue.add_at(key.clone(), now + Duration::from_secs(9));
        assert_eq!(queue.take(now), None);
        queue.add_at(key.clone(), now);
        assert_eq!(queue.take(now), Some(key.clone()));
        queue.add_at(key.clone(), now);
        assert_eq!(queue.take(now), None);
        queue.done(&key);
        assert_eq!(queue.take(now), Some(key.clone()));
        queue.done(&key);
        assert_eq!(queue.next_due(), None);
    }
}
