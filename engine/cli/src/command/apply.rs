//! `windlass apply`, and what destroy shares with it: a fresh plan, approval, and going on with a run that did not end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use windlass_core::addr::Address;
use windlass_core::diag::Code;
use windlass_core::plan::{self, Mode, Plan};
use windlass_core::recorded::Recorded;
use windlass_run::resume::{Asked, Decision, decide, finishing, half_pivot};
use windlass_run::summary::{Summary, Verdict};

use super::approval::{Given, approve};
use super::execution::{Go, Writer, duration, unfinished_plan};
use super::plan::{Request, abandoned, has_changes, make, refuse_flags};
use super::prepare::{Prepared, nothing_to_destroy, prepare};
use super::world::{self, Banner, World};
use super::{saved, secrets};
use crate::arguments::{self, Arguments, Writing};
use crate::exit::{Exit, OK};
use crate::failure::Failure;
use crate::prompt::ask;
use crate::view::View;

/// Runs the command.
pub async fn run(arguments: &Arguments, command: &arguments::Apply, view: &View) -> Result<ExitCode, Failure> {
    let folder = match positional(arguments, command) {
        Positional::Plan(_) if has_planning_flags(command) => {
            let flags = "-destroy, -replace, -target, -abandon and -release-foreign";
            return Err(Failure::new(Code::USAGE, format!("{flags} go into the making of a plan, and this one is made"))
                .hint("give them to `windlass plan -out=FILE`"));
        }
        Positional::Plan(file) => return saved::run(arguments, command, &file, view).await,
        Positional::Folder(folder) => Some(folder),
        Positional::Nothing => None,
    };
    if command.plan_digest.is_some() {
        return Err(Failure::new(Code::USAGE, "-plan-digest needs a saved plan").hint("windlass apply -plan-digest=sha256:… FILE"));
    }
    // Before anything is started or written.
    duration(&command.writing.lock_timeout)?;
    refuse_questions(&command.writing)?;
    let mode = if command.planning.destroy { Mode::Destroy } else { Mode::Apply };
    let abandon = abandoned(mode, &command.destroying)?;
    refuse_flags(&command.planning)?;
    if mode == Mode::Destroy && nothing_to_destroy(arguments, &command.module, folder.as_deref(), view)? {
        view.nothing(Mode::Destroy, false);
        return Ok(OK);
    }
    let prepared = prepare(arguments, &command.module, folder.as_deref(), mode, view)?;
    let allowed = allowed(&command.allow_destroy, &prepared, view)?;
    let management = prepared.loaded.model.management.clone();
    let world = world::open(&prepared.session, &command.module, &management, &prepared.recorded, &prepared.key, view, Banner::Out).await?;
    let request = Request {
        mode,
        planning: &command.planning,
        release_foreign: command.destroying.release_foreign,
        abandon: &abandon,
        compact: command.module.compact_warnings,
    };
    Job { prepared, world, writing: &command.writing, view }.fresh(&request, &allowed).await
}

/// Whoever reads messages cannot be asked.
pub fn refuse_questions(writing: &Writing) -> Result<(), Failure> {
    match writing.json && !writing.auto_approve {
        true => Err(Failure::new(Code::USAGE, "-json needs -auto-approve or a saved plan, since nobody can be asked")
            .hint("add -auto-approve; or save the plan with -out, have it reviewed, and apply the file")),
        false => Ok(()),
    }
}

/// The clusters of `-allow-destroy`. One that is nowhere may be gone since the last run of a pipeline, or be a typing error; that is told.
fn allowed(given: &[String], prepared: &Prepared, view: &View) -> Result<Vec<Address>, Failure> {
    let allowed = given.iter().map(|text| world::cluster_address(text)).collect::<Result<Vec<Address>, Failure>>()?;
    let known = |address: &Address| prepared.desired.clusters.contains_key(address) || prepared.recorded.resources.contains_key(address);
    for address in allowed.iter().filter(|address| !known(address)) {
        view.note(&format!("Warning: -allow-destroy={address}: neither the configuration nor the state has this cluster.\n"));
    }
    Ok(allowed)
}

fn has_planning_flags(command: &arguments::Apply) -> bool {
    let (planning, destroying) = (&command.planning, &command.destroying);
    planning.destroy
        || !planning.replace.is_empty()
        || !planning.target.is_empty()
        || !destroying.abandon.is_empty()
        || destroying.release_foreign
}

enum Positional {
    Nothing,
    Folder(PathBuf),
    Plan(PathBuf),
}

/// The one positional is a folder or a plan file.
fn positional(arguments: &Arguments, command: &arguments::Apply) -> Positional {
    let Some(given) = &command.plan else { return Positional::Nothing };
    let path = arguments.chdir.as_deref().unwrap_or(Path::new(".")).join(given);
    if path.is_dir() { Positional::Folder(given.clone()) } else { Positional::Plan(path) }
}

/// One apply or destroy that makes its own plan.
pub struct Job<'a> {
    /// Configuration, state and wish.
    pub prepared: Prepared,
    /// The planes.
    pub world: World,
    /// Flags.
    pub writing: &'a Writing,
    /// Where things are told.
    pub view: &'a View,
}

/// How an earlier run leaves the way for a new plan.
enum Earlier {
    /// Nothing is in the way.
    Cleared,
    /// It has been brought to its end.
    Completed(Box<(Summary, Plan)>),
    /// It has ended the command.
    Ended(ExitCode),
}

impl Job<'_> {
    /// Makes a plan, asks, and applies it; or goes on with a run that did not end.
    pub async fn fresh(mut self, request: &Request<'_>, allowed: &[Address]) -> Result<ExitCode, Failure> {
        let session = self.prepared.session.clone();
        let writer = Writer::open(&session, self.writing, self.view)?;
        self.prepared.recorded = writer.current().await?;
        let completed = match self.resume(request, &writer).await? {
            Earlier::Ended(code) => {
                // The run's own verdict is what counts; the next command opens the file again and says what is wrong with it.
                let _ = writer.close();
                return Ok(code);
            }
            Earlier::Completed(run) => Some(run),
            Earlier::Cleared => None,
        };
        self.prepared.recorded = writer.current().await?;
        let plan = make(&mut self.prepared, &self.world, request, self.view).await?;
        if let Some(run) = completed {
            let (summary, resumed) = *run;
            if !has_changes(&plan) && plan.unplanned.is_empty() {
                return writer.finish(&summary, &resumed);
            }
            // What was wished meanwhile is planned on top of what is done now.
            self.view.ended(&summary, &resumed);
        }
        self.view.plan(&plan);
        self.view.advice("\n");
        if !has_changes(&plan) {
            return writer.nothing(&plan);
        }
        let given = Given { auto_approve: self.writing.auto_approve, allowed };
        let (input, view) = (session.input, self.view);
        approve(&plan, &self.prepared.recorded, given, &mut |question| if input { ask(view, question) } else { Ok(None) })?;
        let summary = self.carry_out(&plan, &self.prepared.recorded, Go::New, &writer).await?;
        writer.finish(&summary, &plan)
    }

    async fn carry_out(&self, plan: &Plan, recorded: &Recorded, go: Go, writer: &Writer<'_>) -> Result<Summary, Failure> {
        let secrets = secrets::for_plan(plan, &self.prepared.desired, &self.prepared.key)?;
        self.world.kube.know_contents(self.prepared.loaded.model.contents());
        writer.carry_out(plan, recorded, go, &self.world, secrets, &self.prepared.ended_runs).await
    }

    /// Goes on with an unfinished run if what is asked is what it was for.
    async fn resume(&self, request: &Request<'_>, writer: &Writer<'_>) -> Result<Earlier, Failure> {
        let recorded = &self.prepared.recorded;
        let Some(unfinished) = unfinished_plan(recorded)? else { return Ok(Earlier::Cleared) };
        let digest = plan::desired_digest(&self.prepared.desired, &self.prepared.key);
        match decide(recorded.unfinished.as_ref().zip(Some(&unfinished)), asked(request, &digest)) {
            Decision::GoOn => {
                self.view.out("An earlier run did not end. It goes on.\n");
                let summary = self.carry_out(&unfinished, recorded, Go::On, writer).await?;
                let journal = recorded.unfinished.as_ref().map(|run| run.journal.as_slice()).unwrap_or_default();
                let stale = summary.run.is_none() && summary.verdict == Verdict::Stale;
                if stale && half_pivot(&unfinished, journal).is_none() {
                    self.view.out("The world has changed since; a new plan takes its place.\n");
                    return Ok(Earlier::Cleared);
                }
                if summary.verdict == Verdict::Done && summary.run.is_some() {
                    return Ok(Earlier::Completed(Box::new((summary, unfinished))));
                }
                Ok(Earlier::Ended(writer.ended(&summary, &unfinished)))
            }
            Decision::FinishPivotFirst(half) => {
                self.view.out("A pivot is half done; it is finished first.\n");
                let rest = finishing(&unfinished, &half);
                let summary = self.carry_out(&rest, recorded, Go::FinishPivot, writer).await?;
                match summary.verdict {
                    Verdict::Done => Ok(Earlier::Cleared),
                    _ => Ok(Earlier::Ended(writer.ended(&summary, &rest))),
                }
            }
            Decision::Refuse { reason, hint } => Err(Failure::new(Code::PLAN_STALE, reason).hint(hint).exits(Exit::Stale)),
            Decision::Begin | Decision::Supersede => Ok(Earlier::Cleared),
        }
    }
}

fn asked<'a>(request: &Request<'a>, desired_digest: &'a str) -> Asked<'a> {
    let abandon: &'a [Address] = request.abandon;
    if abandon.is_empty() { Asked::Bare { mode: request.mode, desired_digest } } else { Asked::Abandon { clusters: abandon } }
}
