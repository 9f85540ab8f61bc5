//! One attempt at one step: checks, `started`, act, `done`. Begin is stored before start, end before done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::watch;
use windlass_core::addr::Address;
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Fingerprint, Step};
use windlass_core::recorded::{JournalRecord, Phase};

use crate::event::{Events, RunEvent, StepVoice};
use crate::execute::Ports;
use crate::journal::{JournalOfStep, RunJournal};
use crate::ports::{EVIDENCE_TOOK, Ensured, Outcome, SecretLeaves, StepContext, StepError, StepJournal};

/// How long a step waits for the renewal of a plane's Lease; after 60 s without one it belongs to anybody (design section 7, Locks).
const LEASE_PATIENCE: Duration = Duration::from_secs(60);
const LEASE_POLL: Duration = Duration::from_millis(500);

/// What all attempts of a run share.
pub(crate) struct Surroundings<'a> {
    pub ports: &'a Ports,
    pub run: Arc<str>,
    pub lineage: Arc<str>,
    pub serial: u64,
    pub secrets: SecretLeaves,
    pub events: Events,
    pub journal: Arc<RunJournal>,
    pub blocked: BTreeMap<Address, String>,
    /// True once nothing new may begin.
    pub stop_soon: watch::Receiver<bool>,
    /// True once running steps shall stop.
    pub stop_now: watch::Receiver<bool>,
}

/// A step that has ended.
pub(crate) struct Attempted {
    pub step: usize,
    pub result: Result<Ensured, StepError>,
    /// Objects that it has changed.
    pub touched: Vec<ObjectKey>,
}

/// Attempts a step. `due`: fingerprints that must hold now.
pub(crate) async fn attempt(
    around: &Surroundings<'_>,
    index: usize,
    step: &Step,
    due: Vec<&Fingerprint>,
    earlier: Vec<JournalRecord>,
) -> Attempted {
    let journal = Arc::new(JournalOfStep::new(Arc::clone(&around.journal), &step.id, earlier));
    let start = around.ports.clock.elapsed();
    let result = run(around, index, step, &due, &journal).await;
    let elapsed = around.ports.clock.elapsed().saturating_sub(start);
    let event = match &result {
        Ok(ensured) => RunEvent::StepDone { step: index, ensured: *ensured, elapsed },
        Err(error) => RunEvent::StepFailed { step: index, error: error.clone(), elapsed },
    };
    let _ = around.events.send(event);
    Attempted { step: index, result, touched: journal.touched() }
}

async fn run(
    around: &Surroundings<'_>,
    index: usize,
    step: &Step,
    due: &[&Fingerprint],
    journal: &Arc<JournalOfStep>,
) -> Result<Ensured, StepError> {
    let voice = Arc::new(StepVoice::new(index, around.events.clone()));
    may_begin(around, step, &voice).await?;
    if !due.is_empty()
        && let Some(error) = around.ports.observer.stale(due).await.into_iter().next()
    {
        return Err(error);
    }
    journal.record(Phase::Started, Json::Null, step.on_start.clone()).await?;
    let _ = around.events.send(RunEvent::StepStarted { step: index });
    let begun = around.ports.clock.elapsed();
    match act(around, step, journal, &voice).await {
        Ok(outcome) => {
            let effects = outcome.effects.into_iter().chain(step.on_done.iter().cloned()).collect();
            let took = around.ports.clock.elapsed().saturating_sub(begun);
            journal.record(Phase::Done, with_duration(outcome.evidence, took), effects).await?;
            Ok(outcome.ensured)
        }
        // The journal itself is at fault, and takes nothing more.
        Err(error @ StepError::Store(_)) => Err(error),
        Err(error) => {
            journal.record(Phase::Failed, json!({ "how": kind_of(&error) }), Vec::new()).await?;
            Err(error)
        }
    }
}

/// A step's evidence with how long it took, where there is a place for it.
fn with_duration(evidence: Json, took: Duration) -> Json {
    let took = json!(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    match evidence {
        Json::Null => json!({ EVIDENCE_TOOK: took }),
        Json::Object(mut known) => {
            known.insert(EVIDENCE_TOOK.to_owned(), took);
            Json::Object(known)
        }
        other => other,
    }
}

/// Only the kind is journalled: an API's words may quote what it was sent, secrets included.
fn kind_of(error: &StepError) -> &'static str {
    match error {
        StepError::Failed { .. } => "failed",
        StepError::Refused { .. } => "refused",
        StepError::Diagnosed(_) => "refused before anything was done",
        StepError::TimedOut { .. } => "timed out",
        StepError::Stale { .. } => "stale",
        StepError::Unreachable { .. } => "unreachable",
        StepError::Stopped => "stopped",
        StepError::Store(_) => "store",
    }
}

/// Of these words, those after which the same step would end in the same way.
pub(crate) const GAVE_UP: &[&str] = &["failed", "refused", "refused before anything was done", "timed out", "stale"];

/// Each plane of the step answers and is held by us.
async fn may_begin(around: &Surroundings<'_>, step: &Step, voice: &StepVoice) -> Result<(), StepError> {
    let mut waited = Duration::ZERO;
    for plane in step.action.planes() {
        if let Some(reason) = around.blocked.get(plane) {
            return Err(StepError::Unreachable { plane: plane.clone(), reason: reason.clone() });
        }
        if step.action.opens() == Some(plane) {
            continue;
        }
        while !around.ports.locks.fresh(plane) {
            if waited >= LEASE_PATIENCE {
                let reason = format!("our Lease on it was not renewed for {} s", LEASE_PATIENCE.as_secs());
                return Err(StepError::Unreachable { plane: plane.clone(), reason });
            }
            crate::ports::Progress::waiting(voice, &format!("the Lease on {plane}"), "its last renewal is too long ago");
            tokio::select! {
                () = around.ports.clock.sleep(LEASE_POLL) => waited += LEASE_POLL,
                () = raised(around.stop_soon.clone()) => return Err(StepError::Stopped),
            }
        }
    }
    Ok(())
}

/// Ends when a flag is raised; never if nobody can raise it any more.
pub(crate) async fn raised(mut flag: watch::Receiver<bool>) {
    if flag.wait_for(|raised| *raised).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn act(around: &Surroundings<'_>, step: &Step, journal: &Arc<JournalOfStep>, voice: &Arc<StepVoice>) -> Result<Outcome, StepError> {
    let context = StepContext {
        run: Arc::clone(&around.run),
        lineage: Arc::clone(&around.lineage),
        secrets: around.secrets.clone(),
        progress: Arc::clone(voice) as Arc<dyn crate::ports::Progress>,
        journal: Arc::clone(journal) as Arc<dyn StepJournal>,
        stop: around.stop_now.clone(),
    };
    let acting = async {
        let outcome = around.ports.runner.run(step, context).await?;
        if let Some(plane) = step.action.opens() {
            around.ports.locks.join(plane, &around.run, around.serial).await?;
        }
        Ok(outcome)
    };
    tokio::select! {
        biased;
        outcome = acting => outcome,
        () = around.ports.clock.sleep(Duration::from_secs(step.timeout_seconds)) => {
            let (what, reason) = voice.last().unwrap_or_else(|| first_words(step));
            Err(StepError::TimedOut { what, reason })
        }
    }
}

/// What a step that has said nothing yet is waiting for.
fn first_words(step: &Step) -> (String, String) {
    let planes: Vec<String> = step.action.planes().iter().map(ToString::to_string).collect();
    let whom = if planes.is_empty() { step.address.to_string() } else { planes.join(" and ") };
    (whom, "no answer yet".to_owned())
}
