//! `windlass destroy`

use std::process::ExitCode;
use std::sync::Arc;

use windlass_core::diag::Code;
use windlass_core::plan::Mode;

use super::apply::Job;
use super::prepare::prepare;
use super::world::{self, Banner};
use crate::arguments::{self, Arguments, Planning};
use crate::failure::Failure;
use crate::view::View;

/// Runs the command.
pub async fn run(arguments: &Arguments, command: &arguments::Destroy, view: &View) -> Result<ExitCode, Failure> {
    if !command.abandon.is_empty() {
        return Err(Failure::new(Code::NOT_YET, "-abandon is not supported by this release yet")
            .hint("bring the cluster's API back, or free its machines by hand"));
    }
    let prepared = prepare(arguments, &command.module, None, view)?;
    let management = prepared.loaded.model.management.clone();
    let world = world::open(&prepared.session, &command.module, &management, &prepared.recorded, &prepared.key, view, Banner::Out).await?;
    let job = Job { prepared, world, writing: &command.writing, view, terminated: Arc::default() };
    let planning = Planning { destroy: true, refresh: true, ..Planning::default() };
    job.fresh(Mode::Destroy, &planning, &[], command.release_foreign, command.module.compact_warnings).await
}
