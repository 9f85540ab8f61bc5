//! `windlass destroy`

use std::process::ExitCode;

use windlass_core::plan::Mode;

use super::apply::{Job, refuse_questions};
use super::execution::duration;
use super::plan::{Request, abandoned};
use super::prepare::{nothing_to_destroy, prepare};
use super::world::{self, Banner};
use crate::arguments::{self, Arguments, Planning};
use crate::exit::OK;
use crate::failure::Failure;
use crate::view::View;

/// Runs the command.
pub async fn run(arguments: &Arguments, command: &arguments::Destroy, view: &View) -> Result<ExitCode, Failure> {
    let abandon = abandoned(Mode::Destroy, &command.destroying)?;
    // Before anything is started or written.
    duration(&command.writing.lock_timeout)?;
    refuse_questions(&command.writing)?;
    if nothing_to_destroy(arguments, &command.module, None, view)? {
        view.nothing(Mode::Destroy, false);
        return Ok(OK);
    }
    let prepared = prepare(arguments, &command.module, None, Mode::Destroy, view)?;
    let management = prepared.loaded.model.management.clone();
    let world = world::open(&prepared.session, &command.module, &management, &prepared.recorded, &prepared.key, view, Banner::Out).await?;
    let planning = Planning { destroy: true, refresh: true, ..Planning::default() };
    let request = Request {
        mode: Mode::Destroy,
        planning: &planning,
        release_foreign: command.destroying.release_foreign,
        abandon: &abandon,
        compact: command.module.compact_warnings,
    };
    Job { prepared, world, writing: &command.writing, view }.fresh(&request, &[]).await
}
