//! What runs now, and what keeps from running what should: the one list that lives write and tests read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;

use crate::service::Service;

/// Plane, namespace and name of a Deployment.
pub(super) type Key = (String, String, String);

/// A process that stands for a Deployment's pod.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub service: Arc<Service>,
    /// Port of this host and path where it says that it is ready, if it says so anywhere.
    pub probe: Option<(u16, String)>,
    /// How often it was started again after it had ended by itself.
    pub restarts: u32,
}

#[derive(Debug, Default)]
struct Lists {
    entries: BTreeMap<Key, Entry>,
    reasons: BTreeMap<Key, String>,
}

/// The list.
#[derive(Debug, Default)]
pub(super) struct Running(Mutex<Lists>);

/// Keeps a process in the list; when it is dropped, so is the process.
#[derive(Debug)]
pub(super) struct Listed {
    list: Arc<Running>,
    key: Key,
    service: Arc<Service>,
}

impl Running {
    /// The process of a Deployment.
    pub fn get(&self, key: &Key) -> Option<Entry> {
        self.held().entries.get(key).cloned()
    }

    /// All of them.
    pub fn all(&self) -> Vec<(Key, Entry)> {
        self.held().entries.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect()
    }

    /// What kept it from running last, if anything did.
    pub fn reason(&self, key: &Key) -> Option<String> {
        self.held().reasons.get(key).cloned()
    }

    /// Something keeps it from running; says whether that is news.
    pub fn note(&self, key: &Key, reason: &str) -> bool {
        self.held().reasons.insert(key.clone(), reason.to_owned()).as_deref() != Some(reason)
    }

    /// A process runs.
    pub fn add(self: &Arc<Self>, key: &Key, entry: Entry) -> Listed {
        let service = Arc::clone(&entry.service);
        self.held().entries.insert(key.clone(), entry);
        Listed { list: Arc::clone(self), key: key.clone(), service }
    }

    fn held(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.list.held().entries.remove(&self.key);
        // A test may hold the service; the process ends all the same.
        self.service.process().iter().for_each(|process| process.signal(Signal::KILL));
    }
}
