//! `windlass apply PLAN`: carries out what was reviewed. The configuration is read for the values of secrets, if the plan has any, and
//! for the kubeconfig of the management plane, if no flag names it; nothing else of it counts.

use std::path::Path;
use std::process::ExitCode;

use windlass_core::desired::{CertManager, DesiredManagement};
use windlass_core::diag::Code;
use windlass_core::facts::Demand;
use windlass_core::plan::file::{PlanFileError, from_bytes, plan_digest};
use windlass_core::plan::{Plan, abandoned, answers_again, drift_demands};
use windlass_core::recorded::Recorded;
use windlass_run::ports::Observer;
use windlass_run::resume::{Asked, Decision, decide};

use super::execution::{Go, Writer, unfinished_plan};
use super::plan::has_changes;
use super::prepare::{Known, read_state};
use super::secrets::{self, Digested};
use super::world::{self, Banner, World};
use crate::arguments::{self, Arguments};
use crate::exit::Exit;
use crate::failure::{Failure, io};
use crate::module;
use crate::session::Session;
use crate::view::View;

/// Applies a saved plan, and only that.
pub async fn run(arguments: &Arguments, command: &arguments::Apply, file: &Path, view: &View) -> Result<ExitCode, Failure> {
    // Nothing is started or written for a file that is no plan, or another one than was reviewed.
    let plan = reviewed(file, command.plan_digest.as_deref())?;
    let session = Session::new(arguments, &command.module, None)?;
    let Known { recorded, key, ended_runs } = read_state(&session)?;
    check_lineage(&plan, &recorded)?;
    let writer = Writer::open(&session, &command.writing, view)?;
    let recorded = writer.current().await?;
    let go = decision(&plan, &recorded)?;
    view.reviewed(&plan);
    let management = management(&plan, &session, arguments)?;
    if matches!(go, Go::New) && !has_changes(&plan) {
        return writer.nothing(&plan);
    }
    let Digested { secrets, contents } = secrets::for_saved(&plan, &session, &arguments.variables, &key, view)?;
    let world = world::open(&session, &command.module, &management, &recorded, &key, view, Banner::Out).await?;
    if matches!(go, Go::New) {
        still_silent(&plan, &recorded, &world).await?;
    }
    world.kube.know_contents(contents);
    let summary = writer.carry_out(&plan, &recorded, go, &world, secrets, &ended_runs).await?;
    drop(world);
    writer.finish(&summary, &plan)
}

/// A cluster that the plan forgets must not answer now either: it could be destroyed.
async fn still_silent(plan: &Plan, recorded: &Recorded, world: &World) -> Result<(), Failure> {
    if abandoned(plan).next().is_none() {
        return Ok(());
    }
    let demands: Vec<Demand> = drift_demands(recorded).into_iter().filter(|demand| matches!(demand, Demand::Plane { .. })).collect();
    let facts = world.kube.observe(&demands).await;
    match answers_again(plan, recorded, &facts) {
        Some((address, answer)) => {
            Err(Failure::new(Code::PLAN_STALE, format!("the plan abandons {address}, which can be destroyed by now"))
                .detail(format!("{answer} Nothing has been written."))
                .hint("make a new plan and review it")
                .exits(Exit::Stale))
        }
        None => Ok(()),
    }
}

/// What becomes of the plan beside the state's unfinished run, and with what happened since it was made.
fn decision(plan: &Plan, recorded: &Recorded) -> Result<Go, Failure> {
    let digest = plan_digest(plan);
    let unfinished = unfinished_plan(recorded)?;
    match decide(recorded.unfinished.as_ref().zip(unfinished.as_ref()), Asked::Saved { digest: &digest }) {
        Decision::GoOn => Ok(Go::On),
        Decision::Refuse { reason, hint } => Err(Failure::new(Code::PLAN_STALE, reason).hint(hint).exits(Exit::Stale)),
        Decision::FinishPivotFirst(_) => Err(Failure::new(Code::PLAN_STALE, "a pivot of another run is half done")
            .hint("run `windlass apply` without a plan: it finishes the pivot first and makes a new plan")
            .exits(Exit::Stale)),
        Decision::Begin | Decision::Supersede if plan.serial != recorded.serial => Err(Failure::new(
            Code::PLAN_STALE,
            format!("the plan was made from state serial {}, the state is at {}", plan.serial, recorded.serial),
        )
        .detail("Another run has changed the state since. Nothing has been written.")
        .hint("make a new plan and review it")
        .exits(Exit::Stale)),
        Decision::Begin | Decision::Supersede => Ok(Go::New),
    }
}

/// The management plane of the plan. A plan names no file: the `management` block of the module does, as far as there is one.
fn management(plan: &Plan, session: &Session, arguments: &Arguments) -> Result<DesiredManagement, Failure> {
    let Some(plane) = plan.planes.iter().find(|plane| plane.address.is_management()) else {
        return Err(Failure::new(Code::PLAN_UNUSABLE, "the plan names no management plane").hint("make the plan again"));
    };
    let written = (!plane.sandbox).then(|| module::management(session, &arguments.variables)).flatten();
    let written = written.filter(|management| management.address == plane.address);
    Ok(DesiredManagement {
        address: plane.address.clone(),
        sandbox: plane.sandbox,
        kubeconfig: written.as_ref().and_then(|management| management.kubeconfig.clone()),
        context: written.map_or_else(|| plane.context.clone(), |management| management.context),
        install_providers: false,
        component_repository: None,
        component_repository_span: None,
        cert_manager: CertManager::External,
        span: None,
    })
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

fn check_lineage(plan: &Plan, recorded: &Recorded) -> Result<(), Failure> {
    if plan.lineage == recorded.lineage {
        return Ok(());
    }
    Err(Failure::new(Code::PLAN_STALE, "the plan was made for another state")
        .detail(format!("Its lineage is {}, the state's is {}. Nothing has been written.", plan.lineage, recorded.lineage))
        .hint("apply it with the state file that it was made from: -state=FILE")
        .exits(Exit::Stale))
}
