//! What a run says while it goes on, for a view that prints it. Steps are indices into the plan's list.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::ports::{Ensured, Progress, StepError};

/// Where events go. A view that has gone away does not stop a run.
pub type Events = UnboundedSender<RunEvent>;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// All checks have passed, the plan is in the state, steps begin.
    Planned {
        /// Id of the run.
        run: String,
        /// Number of steps of the plan.
        steps: usize,
        /// How many of them an earlier attempt has done.
        done_before: usize,
    },
    /// A step acts.
    StepStarted {
        /// Which.
        step: usize,
    },
    /// A step waits; told when what or why changes.
    Waiting {
        /// Which.
        step: usize,
        /// For what.
        what: String,
        /// Why it is not yet so.
        reason: String,
    },
    /// Something worth a line happened in a step.
    Note {
        /// Which.
        step: usize,
        /// The line.
        text: String,
    },
    /// A step is done.
    StepDone {
        /// Which.
        step: usize,
        /// What it did.
        ensured: Ensured,
        /// How long it took.
        elapsed: Duration,
    },
    /// A step has ended without being done: failed, timed out, stale, unreachable, stopped.
    StepFailed {
        /// Which.
        step: usize,
        /// Why.
        error: StepError,
        /// How long it took.
        elapsed: Duration,
    },
    /// A step will not run.
    StepSkipped {
        /// Which.
        step: usize,
        /// The step that was not done and is needed.
        because: usize,
    },
    /// The user wants it to end.
    Stopping {
        /// Steps that are running.
        running: usize,
        /// They are stopped too, not only no others begun.
        now: bool,
    },
}

/// What one step says.
pub(crate) struct StepVoice {
    step: usize,
    events: Events,
    last: std::sync::Mutex<Option<(String, String)>>,
}

impl StepVoice {
    /// The voice of a step.
    pub fn new(step: usize, events: Events) -> Self {
        Self { step, events, last: std::sync::Mutex::new(None) }
    }

    /// What it waits for, as last told.
    pub fn last(&self) -> Option<(String, String)> {
        self.last.lock().ok().and_then(|last| last.clone())
    }
}

impl Progress for StepVoice {
    fn waiting(&self, what: &str, reason: &str) {
        let Ok(mut last) = self.last.lock() else { return };
        if last.as_ref().is_some_and(|(w, r)| w == what && r == reason) {
            return;
        }
        *last = Some((what.to_owned(), reason.to_owned()));
        let _ = self.events.send(RunEvent::Waiting { step: self.step, what: what.to_owned(), reason: reason.to_owned() });
    }

    fn note(&self, text: &str) {
        let _ = self.events.send(RunEvent::Note { step: self.step, text: text.to_owned() });
    }
}
