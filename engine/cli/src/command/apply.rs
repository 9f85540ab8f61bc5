//! `windlass apply`, and what destroy shares with it: approval, resume, the run, its end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use windlass_core::diag::Code;
use windlass_core::plan::file::{PlanFileError, from_bytes, plan_digest};
use windlass_core::plan::{self, ChangeAction, Mode, Plan};
use windlass_core::recorded::Recorded;
use windlass_run::clock::TokioClock;
use windlass_run::execute::{Ports, RunOptions, Start, StopRequest, execute};
use windlass_run::machine::Limits;
use windlass_run::resume::{Asked, Decision, decide, finishing};
use windlass_run::summary::{Summary, Verdict};
use windlass_state::{Opening, StateFile};

use super::plan::{has_changes, make};
use super::prepare::{Prepared, prepare, read_state};
use super::secrets;
use super::world::{self, Banner, World};
use crate::arguments::{self, Arguments, Planning, Writing};
use crate::exit::{Exit, OK};
use crate::failure::{Failure, io};
use crate::view::{self, ProgressPrinter, View};

/// Steps on one plane at the same time: a server's own limit for one client is near it.
const ON_ONE_PLANE: usize = 32;

/// Runs the command.
pub async fn run(arguments: &Arguments, command: &arguments::Apply, view: &View) -> Result<ExitCode, Failure> {
    let (folder, file) = positional(arguments, command);
    if file.is_none() && command.plan_digest.is_some() {
        return Err(Failure::new(Code::USAGE, "-plan-digest needs a saved plan").hint("windlass apply -plan-digest=sha256:… FILE"));
    }
    // Nothing is started or written for a file that is no plan, or another one than was reviewed.
    let saved = file.map(|file| reviewed(&file, command.plan_digest.as_deref())).transpose()?;
    let prepared = prepare(arguments, &command.module, folder.as_deref(), view)?;
    let management = prepared.loaded.model.management.clone();
    let world = world::open(&prepared.session, &command.module, &management, &prepared.recorded, &prepared.key, view, Banner::Out).await?;
    let job = Job { prepared, world, writing: &command.writing, view, terminated: Arc::default() };
    match saved {
        Some(plan) => job.saved(plan).await,
        None => {
            let mode = if command.planning.destroy { Mode::Destroy } else { Mode::Apply };
            job.fresh(mode, &command.planning, &command.allow_destroy, false, command.module.compact_warnings).await
        }
    }
}

/// The one positional is a folder or a plan file.
fn positional(arguments: &Arguments, command: &arguments::Apply) -> (Option<PathBuf>, Option<PathBuf>) {
    let Some(given) = &command.plan else { return (None, None) };
    let path = arguments.chdir.as_deref().unwrap_or(Path::new(".")).join(given);
    if path.is_dir() { (Some(given.clone()), None) } else { (None, Some(path)) }
}

/// One apply or destroy.
pub struct Job<'a> {
    /// Configuration, state and wish.
    pub prepared: Prepared,
    /// The planes.
    pub world: World,
    /// Flags.
    pub writing: &'a Writing,
    /// Where things are told.
    pub view: &'a View,
    /// Whether SIGTERM has come.
    pub terminated: Arc<AtomicBool>,
}

impl Job<'_> {
    /// Applies a saved plan, and only that.
    async fn saved(self, plan: Plan) -> Result<ExitCode, Failure> {
        let digest = plan_digest(&plan);
        let state = self.open_state()?;
        let recorded = self.current(&state).await?;
        check_lineage(&plan, &recorded)?;
        let unfinished = unfinished_plan(&recorded)?;
        match decide(recorded.unfinished.as_ref().zip(unfinished.as_ref()), Asked::Saved { digest: &digest }) {
            Decision::GoOn => {
                let done = self.carry_out(&plan, &recorded, Go::On, &state).await?;
                self.finish(&done, &plan, state)
            }
            Decision::Refuse { reason, hint } => Err(Failure::new(Code::PLAN_STALE, reason).hint(hint).exits(Exit::Stale)),
            Decision::FinishPivotFirst(_) => Err(Failure::new(Code::PLAN_STALE, "a pivot of another run is half done")
                .hint("run `windlass apply` without a plan: it finishes the pivot first and makes a new plan")
                .exits(Exit::Stale)),
            Decision::Begin | Decision::Supersede => {
                if plan.serial != recorded.serial {
                    return Err(Failure::new(
                        Code::PLAN_STALE,
                        format!("the plan was made from state serial {}, the state is at {}", plan.serial, recorded.serial),
                    )
                    .detail("Another run has changed the state since. Nothing has been written.")
                    .hint("make a new plan and review it")
                    .exits(Exit::Stale));
                }
                if !has_changes(&plan) {
                    return self.nothing(&plan, state);
                }
                let done = self.carry_out(&plan, &recorded, Go::New, &state).await?;
                self.finish(&done, &plan, state)
            }
        }
    }

    /// Makes a plan, asks, and applies it; or goes on with a run that did not end.
    pub async fn fresh(
        mut self,
        mode: Mode,
        planning: &Planning,
        allowed: &[String],
        release_foreign: bool,
        compact: bool,
    ) -> Result<ExitCode, Failure> {
        let state = self.open_state()?;
        self.prepared.recorded = self.current(&state).await?;
        if let Some(code) = self.resume(mode, &state).await? {
            return Ok(code.finish(state));
        }
        self.prepared.recorded = self.current(&state).await?;
        let plan = make(&mut self.prepared, &self.world, mode, planning, release_foreign, compact, self.view).await?;
        self.view.out(&format!("\n{}\n", view::plan_text(&plan)));
        if !has_changes(&plan) {
            return self.nothing(&plan, state);
        }
        self.approve(&plan, mode, allowed)?;
        let recorded = self.prepared.recorded.clone();
        let done = self.carry_out(&plan, &recorded, Go::New, &state).await?;
        self.finish(&done, &plan, state)
    }

    /// Goes on with an unfinished run if what is asked is what it was for.
    async fn resume(&self, mode: Mode, state: &Arc<StateFile>) -> Result<Option<Resumed>, Failure> {
        let recorded = &self.prepared.recorded;
        let Some(unfinished) = unfinished_plan(recorded)? else { return Ok(None) };
        let digest = plan::desired_digest(&self.prepared.desired, &self.prepared.key);
        match decide(recorded.unfinished.as_ref().zip(Some(&unfinished)), Asked::Bare { mode, desired_digest: &digest }) {
            Decision::GoOn => {
                self.view.out("An earlier run did not end. It goes on.\n");
                let summary = self.carry_out(&unfinished, recorded, Go::On, state).await?;
                let stale = summary.run.is_none() && summary.verdict == Verdict::Stale;
                if stale
                    && windlass_run::resume::half_pivot(
                        &unfinished,
                        &recorded.unfinished.as_ref().map(|run| run.journal.clone()).unwrap_or_default(),
                    )
                    .is_none()
                {
                    self.view.out("The world has changed since; a new plan takes its place.\n");
                    return Ok(None);
                }
                if summary.verdict == Verdict::Done && summary.run.is_some() {
                    self.view.out(&view::end_text(&summary, &unfinished));
                    // What was wished meanwhile, if anything, is planned on top of what is done now.
                    return Ok(None);
                }
                Ok(Some(Resumed { code: self.ended(&summary, &unfinished)? }))
            }
            Decision::FinishPivotFirst(half) => {
                self.view.out("A pivot is half done; it is finished first.\n");
                let rest = finishing(&unfinished, &half);
                let summary = self.carry_out(&rest, recorded, Go::FinishPivot, state).await?;
                if summary.verdict == Verdict::Done { Ok(None) } else { Ok(Some(Resumed { code: self.ended(&summary, &rest)? })) }
            }
            Decision::Refuse { reason, hint } => Err(Failure::new(Code::PLAN_STALE, reason).hint(hint).exits(Exit::Stale)),
            Decision::Begin | Decision::Supersede => Ok(None),
        }
    }

    fn open_state(&self) -> Result<Arc<StateFile>, Failure> {
        let opening = Opening { lock_timeout: duration(&self.writing.lock_timeout)?, ..Opening::new(owner()) };
        Ok(Arc::new(StateFile::open(&self.prepared.session.state, &opening)?))
    }

    /// The state as it is now that nobody else writes it.
    async fn current(&self, state: &Arc<StateFile>) -> Result<Recorded, Failure> {
        use windlass_run::ports::Store;
        Ok(state.load().await?)
    }

    fn approve(&self, plan: &Plan, mode: Mode, allowed: &[String]) -> Result<(), Failure> {
        let doomed: Vec<String> = plan
            .changes
            .iter()
            .filter(|change| {
                change.address.is_cluster()
                    && change.address.part.is_none()
                    && matches!(change.action, ChangeAction::Delete | ChangeAction::Replace)
            })
            .map(|change| change.address.to_string())
            .collect();
        if self.writing.auto_approve {
            let missing: Vec<&String> = doomed.iter().filter(|address| !allowed.contains(address)).collect();
            return match missing.first() {
                Some(first) if mode == Mode::Apply => {
                    Err(Failure::new(Code::NOT_APPROVED, format!("the plan destroys {first}, which -auto-approve does not cover"))
                        .hint(format!("-allow-destroy='{first}' allows it; or save the plan, have it reviewed, and apply the file")))
                }
                _ => Ok(()),
            };
        }
        let nobody = || {
            Failure::new(Code::NOT_APPROVED, "the plan needs approval, and nobody can answer")
                .hint("-auto-approve approves it; or save the plan with -out and apply the file")
        };
        if !self.prepared.session.input {
            return Err(nobody());
        }
        for address in &doomed {
            let question = format!("\nThis destroys {address}. Type its address to confirm: ");
            if self.view.ask(&question).ok_or_else(nobody)? != *address {
                return Err(Failure::new(Code::NOT_APPROVED, format!("{address} was not confirmed; nothing has been changed")));
            }
        }
        if doomed.is_empty() {
            let question = "\nDo you want to perform these actions?\n  Windlass will perform the actions described above.\n  Only 'yes' will be accepted to approve.\n\n  Enter a value: ";
            if self.view.ask(question).ok_or_else(nobody)? != "yes" {
                return Err(Failure::new(Code::NOT_APPROVED, "apply cancelled; nothing has been changed"));
            }
        }
        Ok(())
    }

    async fn carry_out(&self, plan: &Plan, recorded: &Recorded, go: Go, state: &Arc<StateFile>) -> Result<Summary, Failure> {
        self.world.kube.know_plan(plan);
        let secrets = secrets::for_plan(plan, &self.prepared.desired, &self.prepared.key)?;
        let ports = self.ports(state);
        let (events, received) = mpsc::unbounded_channel();
        let (stop, stopping) = watch::channel(StopRequest::None);
        let mut options = RunOptions::new(events, stopping);
        options.limits = Limits { steps: self.writing.parallelism.max(1), on_one_plane: ON_ONE_PLANE };
        options.secrets = secrets;
        #[cfg(debug_assertions)]
        {
            options.after_record = crate::crash::hook();
        }
        let listening = tokio::spawn(listen(stop, self.terminated.clone()));
        let run = uuid::Uuid::new_v4().to_string();
        let (text, digest) = (plan_text(plan)?, plan_digest(plan));
        let start = match go {
            Go::New => Start::New { run: &run, text: &text, digest: &digest },
            Go::On => Start::GoOn,
            Go::FinishPivot => Start::FinishPivot,
        };
        let printing = ProgressPrinter::new(*self.view, plan).follow(received);
        let (summary, ()) = tokio::join!(execute(plan, recorded, start, &ports, options), printing);
        listening.abort();
        Ok(summary)
    }

    fn ports(&self, state: &Arc<StateFile>) -> Ports {
        let kube = &self.world.kube;
        Ports {
            store: state.clone(),
            runner: kube.clone(),
            observer: kube.clone(),
            locks: Arc::new(kube.leases(self.prepared.ended_runs.clone())),
            clock: Arc::new(TokioClock::start()),
        }
    }

    fn nothing(&self, plan: &Plan, state: Arc<StateFile>) -> Result<ExitCode, Failure> {
        self.view.out(match (plan.unplanned.is_empty(), plan.mode) {
            (true, Mode::Apply) => "\nApply complete! Resources: 0 added, 0 changed, 0 destroyed.\n",
            (true, Mode::Destroy) => "\nDestroy complete! Resources: 0 destroyed.\n",
            (false, _) => "\nNothing has been changed. What did not answer was left out.\n",
        });
        close(state)?;
        Ok(if plan.unplanned.is_empty() { OK } else { Exit::Partial.into() })
    }

    fn finish(&self, summary: &Summary, plan: &Plan, state: Arc<StateFile>) -> Result<ExitCode, Failure> {
        close(state)?;
        let code = self.ended(summary, plan)?;
        if summary.verdict == Verdict::Done && plan.mode == Mode::Apply {
            let (recorded, _) = read_state(&self.prepared.session)?;
            self.view.out(&super::inspect::outputs_text(&recorded));
        }
        Ok(code)
    }

    /// What is told at the end, and the exit code.
    fn ended(&self, summary: &Summary, plan: &Plan) -> Result<ExitCode, Failure> {
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
        self.view.out(&view::end_text(summary, plan));
        if summary.verdict == Verdict::Stopped && self.terminated.load(Ordering::Relaxed) {
            return Ok(Exit::Terminated.into());
        }
        Ok(ExitCode::from(summary.verdict.exit_code()))
    }
}

struct Resumed {
    code: ExitCode,
}

impl Resumed {
    fn finish(self, state: Arc<StateFile>) -> ExitCode {
        // The run's own verdict is what counts; the next command opens the file again and says what is wrong with it.
        let _ = close(state);
        self.code
    }
}

#[derive(Clone, Copy)]
enum Go {
    New,
    On,
    FinishPivot,
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

fn close(state: Arc<StateFile>) -> Result<(), Failure> {
    match Arc::try_unwrap(state) {
        Ok(state) => Ok(state.close()?),
        // Something still holds it; dropping the last handle closes it.
        Err(_) => Ok(()),
    }
}

/// The plan as it is kept with its run.
fn plan_text(plan: &Plan) -> Result<String, Failure> {
    String::from_utf8(plan::file::to_bytes(plan))
        .map_err(|error| Failure::new(Code::PLAN_UNUSABLE, format!("the plan is no text: {error}")))
}

/// A saved plan, which must have the digest that was pinned.
fn reviewed(file: &Path, pinned: Option<&str>) -> Result<Plan, Failure> {
    let bytes = std::fs::read(file).map_err(|error| {
        io(file, "cannot be read", &error).hint("`windlass plan -out=FILE` makes a plan; a folder is given with -chdir")
    })?;
    let plan = read_plan(file, &bytes)?;
    let digest = plan_digest(&plan);
    match pinned.filter(|pinned| *pinned != digest) {
        Some(pinned) => Err(Failure::new(Code::PLAN_UNUSABLE, format!("{} is not the plan that was reviewed", file.display()))
            .detail(format!("Its digest is {digest}, -plan-digest asks for {pinned}. Nothing has been written."))
            .hint("apply the file that was reviewed, or have this one reviewed")),
        None => Ok(plan),
    }
}

/// Reads a plan file.
pub fn read_plan(file: &Path, bytes: &[u8]) -> Result<Plan, Failure> {
    from_bytes(bytes).map_err(|error: PlanFileError| {
        Failure::new(Code::PLAN_UNUSABLE, format!("{}: {error}", file.display()))
            .hint("make the plan again with `windlass plan -out`; nothing has been written")
    })
}

fn unfinished_plan(recorded: &Recorded) -> Result<Option<Plan>, Failure> {
    let Some(run) = &recorded.unfinished else { return Ok(None) };
    from_bytes(run.plan.as_bytes()).map(Some).map_err(|error| {
        Failure::new(Code::STATE_UNUSABLE, format!("the plan of unfinished run {} cannot be read: {error}", run.id))
            .hint("it was made by a newer windlass, or the state is damaged; use the windlass that began the run")
    })
}

fn check_lineage(plan: &Plan, recorded: &Recorded) -> Result<(), Failure> {
    if plan.lineage == recorded.lineage {
        return Ok(());
    }
    Err(Failure::new(Code::PLAN_STALE, "the plan was made for another state")
        .detail(format!("Its lineage is {}, the state's is {}. Nothing has been written.", plan.lineage, recorded.lineage))
        .hint("apply it with the state file that it was made from: -state=FILE")
        .exits(Exit::Stale))
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

/// `30s`, `5m`, `1h`.
pub fn duration(text: &str) -> Result<Duration, Failure> {
    let count_of = |unit: char| text.strip_suffix(unit).and_then(|digits| digits.parse::<u64>().ok());
    let seconds = [('s', 1), ('m', 60), ('h', 3600)].into_iter().find_map(|(unit, factor)| Some(count_of(unit)?.saturating_mul(factor)));
    match seconds {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err(Failure::new(Code::USAGE, format!("{text:?} is no duration")).hint("write 30s, 5m or 1h")),
    }
}
