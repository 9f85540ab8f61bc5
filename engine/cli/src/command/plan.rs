//! `windlass plan`

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use windlass_core::addr::Address;
use windlass_core::desired::Desired;
use windlass_core::diag::{Code, Diagnostic};
use windlass_core::plan::file::{plan_digest, to_bytes, to_compressed_bytes};
use windlass_core::plan::{self, ChangeAction, Mode, Plan, PlanOptions};

use super::execution::duration;
use super::prepare::{Prepared, nothing_to_destroy, prepare};
use super::world::{self, Banner, World};
use crate::arguments::{self, Arguments, Destroying, Planning};
use crate::exit::{Exit, OK};
use crate::failure::{Failure, io};
use crate::view::View;

/// Version of the tool in plans.
pub const TOOL_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the command.
pub async fn run(arguments: &Arguments, command: &arguments::Plan, view: &View) -> Result<ExitCode, Failure> {
    let mode = if command.planning.destroy { Mode::Destroy } else { Mode::Apply };
    let abandon = abandoned(mode, &command.destroying)?;
    refuse_flags(&command.planning)?;
    if let Some(timeout) = &command.lock_timeout {
        duration(timeout)?;
    }
    // A plan for others to apply is of a state; that there is none is an error of theirs.
    if mode == Mode::Destroy && command.out.is_none() && nothing_to_destroy(arguments, &command.module, None, view)? {
        view.planned_nothing();
        return Ok(OK);
    }
    let mut prepared = prepare(arguments, &command.module, None, mode, view)?;
    let management = prepared.loaded.model.management.clone();
    let world = world::open(&prepared.session, &command.module, &management, &prepared.recorded, &prepared.key, view, Banner::Out).await?;
    let (planning, compact) = (&command.planning, command.module.compact_warnings);
    let request = Request { mode, planning, release_foreign: command.destroying.release_foreign, abandon: &abandon, compact };
    let plan = make(&mut prepared, &world, &request, view).await?;
    view.plan(&plan);
    if let Some(out) = &command.out {
        let digest = save(&plan, &prepared.session.folder.join(out))?;
        let file = out.display();
        view.out(&format!("\nSaved the plan to: {file}\nDigest: {digest}\n"));
        view.advice(&format!("\nTo perform exactly these actions, run:\n    windlass apply {file}\n"));
    } else if has_changes(&plan) {
        view.advice("\nNote: you did not use -out to save this plan, so windlass cannot guarantee to take exactly these actions if you run apply now.\n");
    }
    Ok(match (has_changes(&plan), plan.unplanned.is_empty()) {
        (true, _) if command.detailed_exitcode => Exit::Changes.into(),
        (_, false) => Exit::Partial.into(),
        _ => OK,
    })
}

/// Whether applying the plan would do anything.
pub fn has_changes(plan: &Plan) -> bool {
    !plan.steps.is_empty()
        || plan.changes.iter().any(|change| change.action != ChangeAction::NoOp)
        || plan.outputs.values().any(|output| output.before != output.after)
}

/// What is asked for.
pub struct Request<'a> {
    /// Apply or destroy.
    pub mode: Mode,
    /// Flags.
    pub planning: &'a Planning,
    /// `-release-foreign`.
    pub release_foreign: bool,
    /// `-abandon`.
    pub abandon: &'a [Address],
    /// Warnings in one line each.
    pub compact: bool,
}

/// The clusters of `-abandon`; flags of destroy plans have no meaning in others.
pub fn abandoned(mode: Mode, given: &Destroying) -> Result<Vec<Address>, Failure> {
    let flags = [("-abandon", !given.abandon.is_empty()), ("-release-foreign", given.release_foreign)];
    match flags.iter().find(|(_, given)| *given && mode != Mode::Destroy) {
        Some((flag, _)) => Err(Failure::new(Code::USAGE, format!("{flag} needs -destroy"))
            .hint("it says how a cluster is taken down: give it to `windlass destroy` or `windlass plan -destroy -out=FILE`")),
        None => given.abandon.iter().map(|text| world::cluster_address(text)).collect(),
    }
}

/// Makes a plan of what has been prepared.
pub async fn make(prepared: &mut Prepared, world: &World, request: &Request<'_>, view: &View) -> Result<Plan, Failure> {
    let Request { mode, planning, release_foreign, abandon, compact } = *request;
    let facts = world.facts(&prepared.desired, &prepared.recorded, mode, abandon).await;
    let replace = planning
        .replace
        .iter()
        .map(|text| {
            text.parse::<Address>()
                .map_err(|error| Failure::new(Code::USAGE, error.to_string()).hint("`windlass state list` shows all addresses"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let options = PlanOptions { mode, tool_version: TOOL_VERSION, key: &prepared.key, replace: &replace, release_foreign, abandon };
    let (plan, mut diagnostics) = plan::plan(&prepared.desired, &prepared.recorded, &facts, &options);
    if diagnostics.has_errors() {
        return Err(Failure::in_configuration(diagnostics, std::mem::take(&mut prepared.loaded.sources)));
    }
    diagnostics.extend(left_out(&plan, &prepared.desired));
    view.warnings(&diagnostics, &prepared.loaded.sources, compact);
    Ok(plan)
}

/// A warning if planes do not answer.
fn left_out(plan: &Plan, desired: &Desired) -> Option<Diagnostic> {
    let names: Vec<String> = plan.unplanned.iter().map(|unplanned| unplanned.address.to_string()).collect();
    let first = plan.unplanned.first()?;
    let mut warning = Diagnostic::warning(Code::PLANE_UNREACHABLE, format!("{} not planned: planes do not answer", names.join(", ")))
        .detail(format!("{}: {}. What is not planned is not touched.", first.address, first.reason))
        .hint("check that the API is up and that the kubeconfig still opens it, then plan again");
    warning.primary = desired.management.as_ref().filter(|management| names.contains(&management.address.to_string())).and_then(|m| m.span);
    Some(warning)
}

/// Flags that ask for what a plan cannot be; said before anything is read or started.
pub fn refuse_flags(planning: &Planning) -> Result<(), Failure> {
    if !planning.refresh {
        return Err(Failure::new(Code::USAGE, "-refresh=false is not supported")
            .hint("a plan always looks at what lives: without that its promise to be applied exactly as reviewed would be a guess"));
    }
    if let (true, Some(address)) = (planning.destroy, planning.replace.first()) {
        return Err(Failure::new(Code::USAGE, format!("-replace={address} does not go with -destroy"))
            .hint("a plan that destroys takes everything down and makes nothing anew: leave one of the two out"));
    }
    if !planning.target.is_empty() {
        return Err(Failure::new(Code::NOT_YET, "-target is not supported by this release yet").hint("plan the whole configuration"));
    }
    Ok(())
}

/// Writes the plan file: readable for the owner only, all at once. Returns its digest.
pub fn save(plan: &Plan, path: &Path) -> Result<String, Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let compressed = path.extension().is_some_and(|ending| ending == "zst");
    let bytes =
        if compressed { to_compressed_bytes(plan).map_err(|error| io(path, "cannot be compressed", &error))? } else { to_bytes(plan) };
    let beside = path.with_extension("tmp-windlass");
    let written = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&beside, path));
    if let Err(error) = written {
        // What is left of it is of no use to anybody.
        let _ = std::fs::remove_file(&beside);
        return Err(io(path, "cannot be written", &error).hint("-out names a file in a folder that is there and that this user may write"));
    }
    Ok(plan_digest(plan))
}
