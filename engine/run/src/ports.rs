//! The ports of the executor: what it calls, declared where it is called. Filled by `state` and `providers/kube`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::Value as Json;
use tokio::sync::watch;
use windlass_core::addr::Address;
use windlass_core::diag::Diagnostic;
use windlass_core::facts::{Demand, Facts};
use windlass_core::plan::{Fingerprint, PlanPlane, Step};
use windlass_core::recorded::{Effect, JournalRecord, Phase, Recorded};

/// Why the store did not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The file is damaged, newer, of another lineage, on a network file system, …: `reason` is for people, `hint` says what to do.
    #[error("{reason}")]
    Unusable {
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// Another process holds the lock.
    #[error("the state is locked by {owner}")]
    Locked {
        /// Who, as far as known.
        owner: String,
    },
    /// The disk refused (full, read-only, I/O error).
    #[error("the state could not be written: {0}")]
    Io(String),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// All steps are done.
    Done,
    /// Some failed or were skipped; another run goes on.
    Partial,
    /// Another plan has taken its place.
    Superseded,
}

/// The state, as the executor writes it. One writer; every call returns after the commit.
pub trait Store: Send + Sync {
    /// The whole state.
    fn load(&self) -> BoxFuture<'_, Result<Recorded, StoreError>>;
    /// A new run with its whole plan; the serial grows by one, and a run that was unfinished is superseded. Returns the serial.
    fn begin<'a>(&'a self, run: &'a str, plan: &'a str, digest: &'a str) -> BoxFuture<'a, Result<u64, StoreError>>;
    /// The unfinished run goes on: the serial grows by one, so that a copy of the state from before is older than what the planes have seen.
    /// Returns the serial.
    fn resume<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<u64, StoreError>>;
    /// One journal record with the effects that it proves, in one transaction. Returns the record's sequence number.
    fn journal<'a>(
        &'a self,
        run: &'a str,
        step: &'a str,
        phase: Phase,
        evidence: Json,
        effects: Vec<Effect>,
    ) -> BoxFuture<'a, Result<u64, StoreError>>;
    /// The run is over.
    fn end<'a>(&'a self, run: &'a str, end: RunEnd) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// A way to say what is going on inside of a step.
pub trait Progress: Send + Sync {
    /// The step waits for this, and why it is not yet so; repeated texts are the caller's business.
    fn waiting(&self, what: &str, reason: &str);
    /// Something worth a line happened.
    fn note(&self, text: &str);
    /// A plane is asked for something (`management.m to apply Secret n/x`); `again`: once more, because of this answer.
    fn asks(&self, what: &str, again: Option<&str>);
    /// What was asked for last has been answered.
    fn answered(&self);
}

/// Key of a pivot's `Progress` evidence, with value `true`: from now on objects are deleted on the plane that they leave.
///
/// A pivot journals it before the first such deletion. A half-done pivot whose plan is given up is finished forward once this record
/// exists, and back while it does not (design section 7, Resume).
pub const EVIDENCE_DELETING_SOURCE: &str = "deleting_source";

/// Key of the evidence of every `Done` record: how long the attempt took, in milliseconds. Nothing but a forecast for people reads it.
pub const EVIDENCE_TOOK: &str = "took_ms";

/// The journal as a step sees it: its own records of earlier attempts, and a way to add one.
pub trait StepJournal: Send + Sync {
    /// Records of this step in this run, oldest first.
    fn earlier(&self) -> &[JournalRecord];
    /// Commits what happened, with its effects, before the step goes on.
    fn progress<'a>(&'a self, evidence: Json, effects: Vec<Effect>) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// Real values of secret leaves, by `source` of their placeholder.
#[derive(Clone, Default)]
pub struct SecretLeaves {
    values: Arc<BTreeMap<String, Json>>,
}

impl SecretLeaves {
    /// Wraps the values.
    pub fn new(values: BTreeMap<String, Json>) -> Self {
        Self { values: Arc::new(values) }
    }

    /// The real value of a leaf, for a request body and nothing else.
    pub fn reveal(&self, source: &str) -> Option<&Json> {
        self.values.get(source)
    }
}

impl std::fmt::Debug for SecretLeaves {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secret leaves (sensitive)", self.values.len())
    }
}

/// What surrounds a step while it runs.
#[derive(Clone)]
pub struct StepContext {
    /// Id of the run; the Lease's holder.
    pub run: Arc<str>,
    /// Lineage of the state.
    pub lineage: Arc<str>,
    /// Real values of secret leaves.
    pub secrets: SecretLeaves,
    /// What is said.
    pub progress: Arc<dyn Progress>,
    /// What was and is journalled.
    pub journal: Arc<dyn StepJournal>,
    /// True once the user wants everything to stop now.
    pub stop: watch::Receiver<bool>,
}

/// What a step made.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// For the journal: what was seen or made; never a secret.
    pub evidence: Json,
    /// Changes of the state that it proves.
    pub effects: Vec<Effect>,
    /// Whether the world was changed or already so.
    pub ensured: Ensured,
}

/// Verbs that change the world say what they did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ensured {
    /// It was made.
    Added,
    /// It was changed.
    Updated,
    /// It was so already.
    #[default]
    NotNeeded,
}

/// Why a step did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StepError {
    /// It failed; `hint` says what to do.
    #[error("{summary}")]
    Failed {
        /// What went wrong, for people, with the API's words.
        summary: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The API, or a rule of ours, refuses it for good: the same request again gets the same answer. It has failed; who could wait need not.
    #[error("{summary}")]
    Refused {
        /// What is refused, of which object and field, with the API's words.
        summary: String,
        /// What to do.
        hint: Option<String>,
    },
    /// What the planner refuses too, in the planner's words: another plane, a state that is older than a plane has seen.
    #[error("{}", .0.summary)]
    Diagnosed(Box<Diagnostic>),
    /// What it waits for has not come; it is in progress, not failed (exit 7).
    #[error("{what}: {reason}")]
    TimedOut {
        /// What it waited for.
        what: String,
        /// The last condition.
        reason: String,
    },
    /// An object is not as the plan read it (exit 5).
    #[error("{object}: {field} was {then}, is {now}")]
    Stale {
        /// The object.
        object: String,
        /// The leaf.
        field: String,
        /// As planned.
        then: String,
        /// As it is.
        now: String,
    },
    /// The plane does not answer.
    #[error("{plane} does not answer: {reason}")]
    Unreachable {
        /// The plane.
        plane: Address,
        /// In words.
        reason: String,
    },
    /// The user stopped it; nothing is wrong.
    #[error("stopped")]
    Stopped,
    /// The journal could not be written.
    #[error(transparent)]
    Store(#[from] Arc<StoreError>),
}

/// Carries out steps.
pub trait StepRunner: Send + Sync {
    /// Looks, acts, looks. Twice equals once.
    fn run<'a>(&'a self, step: &'a Step, context: StepContext) -> BoxFuture<'a, Result<Outcome, StepError>>;
}

/// Looks at planes; never writes.
pub trait Observer: Send + Sync {
    /// Answers all demands; unreachable planes are facts.
    fn observe<'a>(&'a self, demands: &'a [Demand]) -> BoxFuture<'a, Facts>;
    /// The fingerprints that do not hold now: `Stale` for each leaf that is different, `Unreachable` for a plane that does not answer.
    ///
    /// Fingerprints of objects that this run has changed itself are left out by the caller.
    fn stale<'a>(&'a self, fingerprints: &'a [&'a Fingerprint]) -> BoxFuture<'a, Vec<StepError>>;
}

/// Holds planes for this run against other writers (design section 7, Locks).
pub trait PlaneLocks: Send + Sync {
    /// Refuses what [`acquire`](Self::acquire) would refuse, after it has waited for other runs as long as it may, and writes nothing.
    fn look<'a>(&'a self, planes: &'a [PlanPlane], run: &'a str, serial: u64) -> BoxFuture<'a, Result<(), StepError>>;
    /// Takes the Lease on these planes, which answer. Refuses with `Store(Locked)` if another run holds one, with `Diagnosed` if a plane has
    /// seen a newer serial.
    fn acquire<'a>(&'a self, planes: &'a [PlanPlane], run: &'a str, serial: u64) -> BoxFuture<'a, Result<(), StepError>>;
    /// Takes the Lease on a plane that the run has just opened.
    fn join<'a>(&'a self, plane: &'a Address, run: &'a str, serial: u64) -> BoxFuture<'a, Result<(), StepError>>;
    /// Whether the last renewal is recent enough for a step to start on this plane.
    fn fresh(&self, plane: &Address) -> bool;
    /// Gives all Leases back.
    fn release<'a>(&'a self, run: &'a str) -> BoxFuture<'a, ()>;
}

/// Time, so that tests need not wait for it.
pub trait Clock: Send + Sync {
    /// Time since some fixed moment.
    fn elapsed(&self) -> Duration;
    /// Ends when so much time has passed.
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()>;
}
