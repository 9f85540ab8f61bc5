//! Carrying out a plan: checks, the run's row, then one task that drives the steps until the machine says that it is over.
//!
//! Decides nothing about the world: what is done stands in the plan, what runs when is said by [`crate::machine`].

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Fingerprint, Plan};
use windlass_core::recorded::Recorded;

use crate::attempt::{Attempted, Surroundings, attempt};
use crate::event::{Events, RunEvent};
use crate::graph::Graph;
#[cfg(debug_assertions)]
pub use crate::journal::AfterRecord;
use crate::journal::RunJournal;
use crate::machine::{Command, Course, End, Event, Limits, State, transition};
use crate::ports::{Clock, Observer, PlaneLocks, RunEnd, SecretLeaves, StepError, StepRunner, Store, StoreError};
use crate::preflight::{Cleared, clear};
use crate::resume::{Earlier, expected};
use crate::summary::{Summary, Verdict};

/// How long stopped steps have until they are dropped.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// What the executor calls.
#[derive(Clone)]
pub struct Ports {
    /// The state.
    pub store: Arc<dyn Store>,
    /// Carries out steps.
    pub runner: Arc<dyn StepRunner>,
    /// Looks at planes.
    pub observer: Arc<dyn Observer>,
    /// Holds planes.
    pub locks: Arc<dyn PlaneLocks>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// How far the user wants a run to be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum StopRequest {
    /// Not at all.
    #[default]
    None,
    /// Running steps end, no other starts (first Ctrl-C).
    Soon,
    /// Running steps stop (second Ctrl-C).
    Now,
}

/// How a plan is carried out.
pub struct RunOptions {
    /// Steps and places on a plane.
    pub limits: Limits,
    /// Real values of the plan's secret leaves.
    pub secrets: SecretLeaves,
    /// Where events go.
    pub events: Events,
    /// The user's wish to stop.
    pub stop: watch::Receiver<StopRequest>,
    /// Called after each committed journal record; exists for crash tests.
    #[cfg(debug_assertions)]
    pub after_record: Option<AfterRecord>,
}

impl RunOptions {
    /// Ten steps at once, no secrets.
    pub fn new(events: Events, stop: watch::Receiver<StopRequest>) -> Self {
        Self {
            limits: Limits { steps: 10, on_one_plane: 10 },
            secrets: SecretLeaves::default(),
            events,
            stop,
            #[cfg(debug_assertions)]
            after_record: None,
        }
    }
}

/// Whether a run begins or goes on.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// A new run.
    New {
        /// Its id.
        run: &'a str,
        /// The plan's canonical text.
        text: &'a str,
        /// Digest of the text.
        digest: &'a str,
    },
    /// The state's unfinished run, whose plan this is.
    GoOn,
    /// The state's unfinished run is given up; this is the plan of [`crate::resume::finishing`], after which it is superseded.
    FinishPivot,
}

/// Carries out a plan. Returns when all that can be done is done, or has failed, or was stopped; every step's end is journalled by then.
pub async fn execute(plan: &Plan, recorded: &Recorded, start: Start<'_>, ports: &Ports, options: RunOptions) -> Summary {
    let failed = |summary: String| StepError::Failed { summary, hint: None };
    let graph = match Graph::of(plan) {
        Ok(graph) => Arc::new(graph),
        Err(damaged) => return Summary::refused(vec![failed(damaged.to_string())]),
    };
    let (run, earlier) = match (start, &recorded.unfinished) {
        (Start::New { run, .. }, _) => (Arc::from(run), Earlier::default()),
        (Start::GoOn | Start::FinishPivot, Some(unfinished)) => (Arc::from(unfinished.id.as_str()), Earlier::of(plan, &unfinished.journal)),
        (Start::GoOn | Start::FinishPivot, None) => return Summary::refused(vec![failed("there is no unfinished run".to_owned())]),
    };
    let fresh = matches!(start, Start::New { .. });
    let checked = unless_stopped(&options.stop, clear(plan, recorded, &earlier, fresh, &run, ports)).await;
    let cleared = match checked {
        Some(Ok(cleared)) => cleared,
        Some(Err(refusals)) => return Summary::refused(refusals),
        None => return Summary::refused(vec![StepError::Stopped]),
    };
    if let (Start::New { .. }, Some(given_up)) = (start, &recorded.unfinished)
        && let Err(error) = inherit(&cleared, &given_up.id, recorded.serial, ports).await
    {
        return Summary::refused(vec![error]);
    }
    // Whoever holds a plane is noticed before the run's row is written. Who takes it after this look is noticed when it is taken.
    if !cleared.present.is_empty() {
        let looked = unless_stopped(&options.stop, ports.locks.look(&cleared.present, &run, recorded.serial)).await;
        if let Err(error) = looked.unwrap_or(Err(StepError::Stopped)) {
            return Summary::refused(vec![error]);
        }
    }
    let begun = match start {
        Start::New { run, text, digest } => ports.store.begin(run, text, digest).await,
        Start::GoOn | Start::FinishPivot => ports.store.resume(&run).await,
    };
    let serial = match begun {
        Ok(serial) => serial,
        Err(error) => return Summary::refused(vec![StepError::Store(Arc::new(error))]),
    };
    let task = Task { plan, graph, run, earlier, serial, fresh, ports, options };
    let summary = task.hold_and_drive(cleared).await;
    task.close(start, summary).await
}

/// Whoever supersedes a run has its Leases, as has whoever resumes it. They are given back, so that the new run need not wait for their end.
async fn inherit(cleared: &Cleared, given_up: &str, serial: u64, ports: &Ports) -> Result<(), StepError> {
    if cleared.present.is_empty() {
        return Ok(());
    }
    let acquired = ports.locks.acquire(&cleared.present, given_up, serial).await;
    ports.locks.release(given_up).await;
    acquired
}

/// `None`: the user stopped it first.
async fn unless_stopped<T>(stop: &watch::Receiver<StopRequest>, work: impl Future<Output = T>) -> Option<T> {
    let mut stop = stop.clone();
    let stopped = async {
        if stop.wait_for(|wish| *wish > StopRequest::None).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        () = stopped => None,
        done = work => Some(done),
    }
}

/// A run with all it needs.
struct Task<'a> {
    plan: &'a Plan,
    graph: Arc<Graph>,
    run: Arc<str>,
    earlier: Earlier,
    serial: u64,
    fresh: bool,
    ports: &'a Ports,
    options: RunOptions,
}

impl Task<'_> {
    async fn hold_and_drive(&self, cleared: Cleared) -> Summary {
        if !cleared.present.is_empty() {
            let acquired = unless_stopped(&self.options.stop, self.ports.locks.acquire(&cleared.present, &self.run, self.serial)).await;
            if let Err(error) = acquired.unwrap_or(Err(StepError::Stopped)) {
                self.ports.locks.release(&self.run).await;
                return self.never_held(error);
            }
        }
        let summary = self.drive(cleared).await;
        self.ports.locks.release(&self.run).await;
        summary
    }

    /// The planes could not be held: no step has begun. The states of the steps are what earlier attempts left.
    fn never_held(&self, error: StepError) -> Summary {
        let stopped = matches!(error, StepError::Stopped);
        let begun = transition(State::new(Arc::clone(&self.graph), self.options.limits), Event::Begin { done: self.earlier.done.clone() });
        let states = begun.map(|(state, _)| state.steps().to_vec()).unwrap_or_default();
        Summary::over(&self.run, self.plan, &states, Vec::new(), vec![error], stopped)
    }

    async fn drive(&self, cleared: Cleared) -> Summary {
        let (stop_soon, stop_now) = (watch::Sender::new(false), watch::Sender::new(false));
        let journal = Arc::new(RunJournal::new(
            Arc::clone(&self.ports.store),
            Arc::clone(&self.run),
            #[cfg(debug_assertions)]
            self.options.after_record.clone(),
        ));
        let around = Surroundings {
            ports: self.ports,
            run: Arc::clone(&self.run),
            lineage: Arc::from(self.plan.lineage.as_str()),
            serial: self.serial,
            secrets: self.options.secrets.clone(),
            events: self.options.events.clone(),
            journal: Arc::clone(&journal),
            blocked: cleared.blocked,
            stop_soon: stop_soon.subscribe(),
            stop_now: stop_now.subscribe(),
        };
        self.say(RunEvent::Planned { run: self.run.to_string(), steps: self.plan.steps.len(), done: self.earlier.done.clone() });
        let mut drive = Drive {
            task: self,
            around: &around,
            state: State::new(Arc::clone(&self.graph), self.options.limits),
            running: FuturesUnordered::new(),
            written: cleared.written,
            failed: Vec::new(),
            stop_soon,
            stop_now,
            patience: None,
        };
        let broken = drive.drive().await;
        let stopped = drive.state.course() >= Course::StoppingSoon && *self.options.stop.borrow() > StopRequest::None;
        Summary::over(&self.run, self.plan, drive.state.steps(), drive.failed, broken, stopped)
    }

    async fn close(&self, start: Start<'_>, mut summary: Summary) -> Summary {
        let end = match start {
            _ if !summary.is_complete() && self.fresh && nothing_begun(&summary) => RunEnd::Superseded,
            _ if !summary.is_complete() => RunEnd::Partial,
            Start::FinishPivot => RunEnd::Superseded,
            Start::New { .. } | Start::GoOn => RunEnd::Done,
        };
        let lost = |error: &StepError| matches!(error, StepError::Store(store) if !matches!(**store, StoreError::Locked { .. }));
        if !summary.refused.iter().any(lost)
            && let Err(error) = self.ports.store.end(&self.run, end).await
        {
            summary.refused.push(StepError::Store(Arc::new(error)));
            summary.verdict = Verdict::Failed;
        }
        summary
    }

    fn say(&self, event: RunEvent) {
        let _ = self.options.events.send(event);
    }
}

/// The planes could not be held, so that there is nothing to go on with.
fn nothing_begun(summary: &Summary) -> bool {
    !summary.refused.is_empty() && summary.done.is_empty() && summary.failed.is_empty() && summary.stopped.is_empty()
}

/// The one owner of a run's state while it goes on.
struct Drive<'a> {
    task: &'a Task<'a>,
    around: &'a Surroundings<'a>,
    state: State,
    running: FuturesUnordered<BoxFuture<'a, Attempted>>,
    /// Objects that this run has changed or may be changing: they need not be as the plan read them.
    written: BTreeSet<ObjectKey>,
    failed: Vec<(usize, StepError)>,
    stop_soon: watch::Sender<bool>,
    stop_now: watch::Sender<bool>,
    patience: Option<BoxFuture<'a, ()>>,
}

impl Drive<'_> {
    /// Returns what broke the run off as a whole, if anything did.
    async fn drive(&mut self) -> Vec<StepError> {
        let mut broken = Vec::new();
        let mut lost = self.around.journal.lost();
        let mut stop = self.task.options.stop.clone();
        let mut event = Event::Begin { done: self.task.earlier.done.clone() };
        loop {
            let state = std::mem::replace(&mut self.state, State::new(Arc::default(), self.task.options.limits));
            let commands = match transition(state, event) {
                Ok((state, commands)) => {
                    self.state = state;
                    commands
                }
                Err(illegal) => {
                    broken.push(StepError::Failed { summary: format!("a fault of windlass itself: {illegal}"), hint: None });
                    return broken;
                }
            };
            if self.obey(commands.into()) {
                return broken;
            }
            event = self.next_event(&mut stop, &mut lost, &mut broken).await;
        }
    }

    /// Returns whether the run is over.
    fn obey(&mut self, mut commands: VecDeque<Command>) -> bool {
        while let Some(command) = commands.pop_front() {
            match command {
                Command::Start(step) => self.start(step),
                Command::Skip { step, because } => self.task.say(RunEvent::StepSkipped { step, because }),
                Command::StopRunning => {
                    self.stop_now.send_replace(true);
                    self.patience = Some(self.task.ports.clock.sleep(STOP_PATIENCE));
                }
                Command::DropRunning => self.running.clear(),
                Command::Finish => return true,
            }
        }
        false
    }

    fn start(&mut self, index: usize) {
        let Some(step) = self.task.plan.steps.get(index) else { return };
        let due: Vec<&Fingerprint> =
            expected(self.task.plan, step).filter(|fingerprint| !self.written.contains(&fingerprint.object)).collect();
        self.written.extend(step.action.writes());
        let earlier = self.task.earlier.records.get(&step.id).cloned().unwrap_or_default();
        self.running.push(Box::pin(attempt(self.around, index, step, due, earlier)));
    }

    async fn next_event(
        &mut self,
        stop: &mut watch::Receiver<StopRequest>,
        lost: &mut watch::Receiver<Option<Arc<StoreError>>>,
        broken: &mut Vec<StepError>,
    ) -> Event {
        let already_soon = *self.stop_soon.borrow();
        let already_now = *self.stop_now.borrow();
        let wish = async {
            let enough = |wish: &StopRequest| match *wish {
                StopRequest::None => false,
                StopRequest::Soon => !already_soon,
                StopRequest::Now => !already_now,
            };
            let wished = stop.wait_for(enough).await.map(|wish| *wish);
            match wished {
                Ok(wish) => wish,
                Err(_) => std::future::pending().await,
            }
        };
        let patience = async {
            match &mut self.patience {
                Some(patience) => patience.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Ok(error) = lost.wait_for(Option::is_some) => {
                broken.extend(error.clone().map(StepError::Store));
                Event::Abandon
            }
            wish = wish => {
                self.stop_soon.send_replace(true);
                let now = wish == StopRequest::Now;
                self.task.say(RunEvent::Stopping { running: self.state.running(), now });
                if now { Event::StopNow } else { Event::StopSoon }
            }
            Some(attempted) = self.running.next() => {
                self.written.extend(attempted.touched);
                let end = match attempted.result {
                    Ok(_) => End::Done,
                    Err(StepError::Stopped) => End::Stopped,
                    Err(error) => {
                        self.failed.push((attempted.step, error));
                        End::NotDone
                    }
                };
                Event::Ended { step: attempted.step, end }
            }
            () = patience => Event::Abandon,
        }
    }
}
