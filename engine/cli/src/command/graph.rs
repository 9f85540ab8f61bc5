//! `windlass graph`: the steps of a plan that is made for it, or of a saved one, as a drawing on stdout. Nothing is changed.

use std::process::ExitCode;

use windlass_core::diag::Code;
use windlass_core::plan::{Mode, Plan};

use super::plan::{Request, make};
use super::prepare::prepare;
use super::saved::read_plan;
use super::world::{self, Banner};
use crate::arguments::{self, Arguments, Drawing, GraphOf, Planning};
use crate::exit::{Exit, OK};
use crate::failure::{Failure, io};
use crate::session::Session;
use crate::view::{self, View};

/// Runs the command.
pub async fn run(arguments: &Arguments, command: &arguments::Graph, view: &View) -> Result<ExitCode, Failure> {
    let plan = match &command.plan {
        Some(_) if command.of == GraphOf::PlanDestroy => {
            return Err(Failure::new(Code::USAGE, "-type=plan-destroy goes into the making of a plan, and this one is made")
                .hint("leave one of -type and -plan out"));
        }
        Some(file) => {
            let file = Session::new(arguments, &command.module, None)?.folder.join(file);
            let bytes =
                std::fs::read(&file).map_err(|error| io(&file, "cannot be read", &error).hint("`windlass plan -out=FILE` makes a plan"))?;
            read_plan(&file, &bytes)?
        }
        None => fresh(arguments, command, view).await?,
    };
    let drawn = match command.format {
        Drawing::Dot => view::graph::dot(&plan),
        Drawing::Mermaid => view::graph::mermaid(&plan),
        Drawing::Text => view::graph::text(&plan),
    };
    let circle = |_| Failure::new(Code::PLAN_UNUSABLE, "the steps of the plan wait for each other in a circle").hint("make the plan again");
    view.data(&drawn.map_err(circle)?);
    Ok(if plan.unplanned.is_empty() { OK } else { Exit::Partial.into() })
}

/// A plan of the configuration as it is now.
async fn fresh(arguments: &Arguments, command: &arguments::Graph, view: &View) -> Result<Plan, Failure> {
    let mode = match command.of {
        GraphOf::Plan => Mode::Apply,
        GraphOf::PlanDestroy => Mode::Destroy,
    };
    let mut prepared = prepare(arguments, &command.module, None, mode, view)?;
    let management = prepared.loaded.model.management.clone();
    let world = world::open(&prepared.session, &command.module, &management, &prepared.recorded, &prepared.key, view, Banner::Note).await?;
    let planning = Planning { destroy: mode == Mode::Destroy, refresh: true, ..Planning::default() };
    let compact = command.module.compact_warnings;
    make(&mut prepared, &world, &Request { mode, planning: &planning, release_foreign: false, abandon: &[], compact }, view).await
}
