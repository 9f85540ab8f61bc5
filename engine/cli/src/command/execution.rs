//! Carrying out a plan for a command: the state's lock, the executor with its ports, signals, progress, and what is told at the end.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use windlass_core::diag::Code;
use windlass_core::duration::seconds;
use windlass_core::plan::file::{from_bytes, plan_digest, to_bytes};
use windlass_core::plan::{Mode, Plan};
use windlass_core::recorded::Recorded;
use windlass_run::clock::TokioClock;
use windlass_run::execute::{Ports, RunOptions, Start, StopRequest, execute};
use windlass_run::machine::Limits;
use windlass_run::ports::{SecretLeaves, Store};
use windlass_run::summary::{Summary, Verdict};
use windlass_state::{Opening, StateFile};

use super::prepare::read_state;
use super::world::World;
use crate::arguments::Writing;
use crate::exit::{Exit, OK};
use crate::failure::Failure;
use crate::session::Session;
use crate::view::{self, View};

/// Steps on one plane at the same time: a server's own limit for one client is near it.
const ON_ONE_PLANE: usize = 32;

/// Characters of a past plan that are still read for a forecast; more would take longer than the forecast is worth.
const LARGEST_PAST: usize = 8 << 20;

/// Whether a run begins or goes on.
#[derive(Clone, Copy)]
pub enum Go {
    /// A new run.
    New,
    /// The unfinished run of the state.
    On,
    /// The unfinished run's pivot, and nothing else of it.
    FinishPivot,
}

/// The state while a command writes it.
pub struct Writer<'a> {
    /// Where it works.
    pub session: &'a Session,
    /// Flags.
    pub writing: &'a Writing,
    /// Where things are told.
    pub view: &'a View,
    file: Arc<StateFile>,
    terminated: Arc<AtomicBool>,
}

impl<'a> Writer<'a> {
    /// Takes the state's lock.
    pub fn open(session: &'a Session, writing: &'a Writing, view: &'a View) -> Result<Self, Failure> {
        let opening = Opening { lock_timeout: duration(&writing.lock_timeout)?, ..Opening::new(owner()) };
        let file = Arc::new(StateFile::open(&session.state, &opening)?);
        Ok(Self { session, writing, view, file, terminated: Arc::default() })
    }

    /// The state as it is now that nobody else writes it.
    pub async fn current(&self) -> Result<Recorded, Failure> {
        Ok(self.file.load().await?)
    }

    /// Carries out a plan. `ended_runs`: runs that are over, and therefore hold no plane.
    pub async fn carry_out(
        &self,
        plan: &Plan,
        recorded: &Recorded,
        go: Go,
        world: &World,
        secrets: SecretLeaves,
        ended_runs: &BTreeSet<String>,
    ) -> Result<Summary, Failure> {
        world.kube.know_plan(plan);
        let ports = Ports {
            store: self.file.clone(),
            runner: world.kube.clone(),
            observer: world.kube.clone(),
            locks: Arc::new(world.kube.leases(ended_runs.clone(), duration(&self.writing.lock_timeout)?)),
            clock: Arc::new(TokioClock::start()),
        };
        let (events, received) = mpsc::unbounded_channel();
        let (stop, stopping) = watch::channel(StopRequest::None);
        let mut options = RunOptions::new(events, stopping);
        options.limits = Limits { steps: self.writing.parallelism.max(1), on_one_plane: ON_ONE_PLANE };
        options.secrets = secrets;
        #[cfg(debug_assertions)]
        {
            options.after_record = crate::crash::hook(plan, &options.secrets);
        }
        let listening = tokio::spawn(listen(stop, self.terminated.clone()));
        let run = uuid::Uuid::new_v4().to_string();
        let (text, digest) = (plan_text(plan)?, plan_digest(plan));
        let start = match go {
            Go::New => Start::New { run: &run, text: &text, digest: &digest },
            Go::On => Start::GoOn,
            Go::FinishPivot => Start::FinishPivot,
        };
        // A forecast is not worth a failure.
        let past = || windlass_state::past_work(&self.session.state, LARGEST_PAST).unwrap_or_default();
        let printing = self.view.follow(plan, past, received);
        let (summary, ()) = tokio::join!(execute(plan, recorded, start, &ports, options), printing);
        listening.abort();
        Ok(summary)
    }

    /// Ends a command whose plan has nothing to do.
    pub fn nothing(self, plan: &Plan) -> Result<ExitCode, Failure> {
        self.view.nothing(plan.mode, !plan.unplanned.is_empty());
        let (session, view) = (self.session, self.view);
        self.close()?;
        if plan.mode == Mode::Apply {
            super::inspect::tell_outputs(&read_state(session)?.recorded, view);
        }
        Ok(if plan.unplanned.is_empty() { OK } else { Exit::Partial.into() })
    }

    /// Ends a command that has carried out its plan.
    pub fn finish(self, summary: &Summary, plan: &Plan) -> Result<ExitCode, Failure> {
        let (session, view) = (self.session, self.view);
        let code = self.ended(summary, plan);
        self.close()?;
        if summary.verdict == Verdict::Done && plan.mode == Mode::Apply {
            super::inspect::tell_outputs(&read_state(session)?.recorded, view);
        }
        Ok(code)
    }

    /// What is told at the end, and the exit code.
    pub fn ended(&self, summary: &Summary, plan: &Plan) -> ExitCode {
        for error in &summary.refused {
            let failure: Failure = error.clone().into();
            self.view.failure(&failure);
        }
        for (step, error) in &summary.failed {
            let failure: Failure = error.clone().into();
            let place =
                plan.steps.get(*step).map(|step| format!("{}: {}", step.address, view::step_title(&step.action))).unwrap_or_default();
            self.view.failure(&failure.during(&place));
        }
        self.view.ended(summary, plan);
        if summary.verdict == Verdict::Stopped && self.terminated.load(Ordering::Relaxed) {
            return Exit::Terminated.into();
        }
        ExitCode::from(summary.verdict.exit_code())
    }

    /// Gives the lock back.
    pub fn close(self) -> Result<(), Failure> {
        match Arc::try_unwrap(self.file) {
            Ok(state) => Ok(state.close()?),
            // Something still holds it; dropping the last handle closes it.
            Err(_) => Ok(()),
        }
    }
}

/// The plan of the state's unfinished run.
pub fn unfinished_plan(recorded: &Recorded) -> Result<Option<Plan>, Failure> {
    let Some(run) = &recorded.unfinished else { return Ok(None) };
    from_bytes(run.plan.as_bytes()).map(Some).map_err(|error| {
        Failure::new(Code::STATE_UNUSABLE, format!("the plan of unfinished run {} cannot be read: {error}", run.id))
            .hint("it was made by a newer windlass, or the state is damaged; use the windlass that began the run")
    })
}

/// First Ctrl-C: no new steps; second: stop. SIGTERM: stop at once, because whoever sends it (a CI runner) kills soon after.
async fn listen(stop: watch::Sender<StopRequest>, terminated: Arc<AtomicBool>) {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    for request in [StopRequest::Soon, StopRequest::Now] {
        let request = tokio::select! {
            interrupted = tokio::signal::ctrl_c() => match interrupted {
                Ok(()) => request,
                Err(_) => return,
            },
            _ = terminate.recv() => {
                terminated.store(true, Ordering::Relaxed);
                StopRequest::Now
            }
        };
        if stop.send(request).is_err() {
            return;
        }
    }
}

/// The plan as it is kept with its run.
fn plan_text(plan: &Plan) -> Result<String, Failure> {
    String::from_utf8(to_bytes(plan)).map_err(|error| Failure::new(Code::PLAN_UNUSABLE, format!("the plan is no text: {error}")))
}

fn owner() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let command = std::env::args().nth(1).unwrap_or_default();
    format!(
        "process {} on {host} (windlass {command}), since {}",
        std::process::id(),
        jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC")
    )
}

pub fn duration(text: &str) -> Result<Duration, Failure> {
    match seconds(text) {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err(Failure::new(Code::USAGE, format!("{text:?} is no duration")).hint("write 30s, 5m or 1h")),
    }
}
