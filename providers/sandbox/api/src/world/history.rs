//! The last events of a plane, from which watches are served. Knows no HTTP and no selectors.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{GroupResource, Stored};

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    Added,
    Modified,
    Deleted,
}

/// One committed change.
#[derive(Debug)]
pub(crate) struct Event {
    pub kind: EventKind,
    pub resource: GroupResource,
    /// The object after the change; of a deleted one its last state with the deletion's resourceVersion.
    pub object: Arc<Stored>,
    /// The object before the change.
    pub before: Option<Arc<Stored>>,
}

/// Bounded history; events are in resourceVersion order.
#[derive(Debug)]
pub(crate) struct History {
    events: VecDeque<Arc<Event>>,
    limit: usize,
    /// Events up to this resourceVersion are not here.
    forgotten: u64,
}

/// Answer to "what came after this resourceVersion".
#[derive(Debug)]
pub(crate) enum Since {
    Events(Vec<Arc<Event>>),
    TooOld,
}

impl History {
    pub fn new(limit: usize, forgotten: u64) -> Self {
        History { events: VecDeque::new(), limit: limit.max(1), forgotten }
    }

    pub fn push(&mut self, event: Arc<Event>) {
        if self.events.len() >= self.limit
            && let Some(old) = self.events.pop_front()
        {
            self.forgotten = old.object.version;
        }
        self.events.push_back(event);
    }

    /// True if nothing after `version` has been forgotten.
    pub fn reaches(&self, version: u64) -> bool {
        version >= self.forgotten
    }

    /// Events of `resource` after `version`, and none of others.
    pub fn since(&self, version: u64, resource: &GroupResource) -> Since {
        if !self.reaches(version) {
            return Since::TooOld;
        }
        let start = self.events.partition_point(|event| event.object.version <= version);
        Since::Events(self.events.range(start..).filter(|event| event.resource == *resource).cloned().collect())
    }
}
