//! What a run says while it goes on, for a view that prints it. Steps are indices into the plan's list.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
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
        /// Those of them that an earlier attempt has done.
        done: BTreeSet<usize>,
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
    /// A step that waited goes on, and waits for nothing that it could tell.
    GoesOn {
        /// Which.
        step: usize,
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
    state: Mutex<Said>,
}

/// What a step has said last.
#[derive(Default)]
struct Said {
    /// For what it waits, and why.
    waits: Option<(String, String)>,
    /// What a plane is asked for.
    asks: Option<String>,
    /// What it is asked for once more, and why.
    again: Option<(String, String)>,
}

impl StepVoice {
    /// The voice of a step.
    pub fn new(step: usize, events: Events) -> Self {
        Self { step, events, state: Mutex::default() }
    }

    /// What it waits for, as last told: an answer that does not come goes before what the answers are about.
    pub fn last(&self) -> Option<(String, String)> {
        let said = self.said();
        let asked = said.asks.clone().map(|what| (what, "no answer yet".to_owned()));
        said.again.clone().or_else(|| said.waits.clone()).or(asked)
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, (what, reason): (String, String)) {
        let _ = self.events.send(RunEvent::Waiting { step: self.step, what, reason });
    }
}

impl Progress for StepVoice {
    fn waiting(&self, what: &str, reason: &str) {
        let mut said = self.said();
        let now = Some((what.to_owned(), reason.to_owned()));
        if said.waits != now {
            said.waits.clone_from(&now);
            now.into_iter().for_each(|now| self.tell(now));
        }
    }

    fn note(&self, text: &str) {
        let _ = self.events.send(RunEvent::Note { step: self.step, text: text.to_owned() });
    }

    fn asks(&self, what: &str, again: Option<&str>) {
        let mut said = self.said();
        match again.map(|reason| (what.to_owned(), reason.to_owned())) {
            None => said.asks = Some(what.to_owned()),
            again if said.again == again => {}
            again => {
                said.again.clone_from(&again);
                again.into_iter().for_each(|again| self.tell(again));
            }
        }
    }

    fn answered(&self) {
        let mut said = self.said();
        said.asks = None;
        if said.again.take().is_some() {
            match said.waits.clone() {
                Some(waits) => self.tell(waits),
                None => {
                    let _ = self.events.send(RunEvent::GoesOn { step: self.step });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_while_it_lasts_and_the_wait_behind_it_afterwards() {
        let (events, mut told) = tokio::sync::mpsc::unbounded_channel();
        let voice = StepVoice::new(0, events);
        let last = |what: &str, reason: &str| Some((what.to_owned(), reason.to_owned()));
        assert_eq!(voice.last(), None);
        voice.asks("m to apply A", None);
        assert_eq!(voice.last(), last("m to apply A", "no answer yet"));
        voice.asks("m to apply A", Some("busy"));
        voice.asks("m to apply A", Some("busy"));
        assert_eq!(voice.last(), last("m to apply A", "busy"));
        voice.answered();
        voice.waiting("A", "it is young");
        assert_eq!(voice.last(), last("A", "it is young"));
        voice.asks("m to read A", None);
        assert_eq!(voice.last(), last("A", "it is young"), "a question on the way says less than a wait");
        voice.asks("m to read A", Some("busy"));
        voice.answered();
        let mut lines = Vec::new();
        while let Ok(event) = told.try_recv() {
            lines.push(match event {
                RunEvent::Waiting { what, reason, .. } => format!("{what}: {reason}"),
                other => format!("{other:?}"),
            });
        }
        assert_eq!(lines, ["m to apply A: busy", "GoesOn { step: 0 }", "A: it is young", "m to read A: busy", "A: it is young"]);
    }
}
