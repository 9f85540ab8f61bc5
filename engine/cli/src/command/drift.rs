//! `windlass drift`: read-only.

use std::process::ExitCode;

use windlass_core::desired::Desired;
use windlass_core::drift;
use windlass_core::plan::{Mode, other_planes};

use super::prepare::{Known, read_state};
use super::world::{self, Banner};
use crate::arguments::{self, Arguments};
use crate::exit::{Exit, OK};
use crate::failure::Failure;
use crate::module;
use crate::session::Session;
use crate::view::{self, View};

/// Runs the command.
pub async fn run(arguments: &Arguments, command: &arguments::Drift, view: &View) -> Result<ExitCode, Failure> {
    let session = Session::new(arguments, &command.module, None)?;
    let Known { recorded, key, .. } = read_state(&session)?;
    let loaded = module::load_for_management(&session, &command.module, &arguments.variables, &recorded)?;
    view.warnings(&loaded.warnings, &loaded.sources, command.module.compact_warnings);
    let management = &loaded.model.management;
    let banner = if command.json { Banner::Note } else { Banner::Out };
    let world = world::open(&session, &command.module, management, &recorded, &key, view, banner).await?;
    let facts = world.facts(&Desired::default(), &recorded, Mode::Apply, &[]).await;
    let other = other_planes(&recorded, &facts);
    if other.has_errors() {
        // What another plane lacks is no drift.
        return Err(Failure::in_configuration(other, loaded.sources));
    }
    let report = drift::drift(&recorded, &facts, &key);
    if command.json {
        view.data(&format!("{}\n", view::drift_json(&report, management.sandbox)));
    } else {
        view.out(&view::drift_text(&report));
    }
    Ok(match (report.entries.is_empty(), report.unreachable.is_empty(), report.failed.is_empty()) {
        (false, _, _) => Exit::Changes.into(),
        (true, false, _) => Exit::Partial.into(),
        (true, true, false) => Exit::Error.into(),
        (true, true, true) => OK,
    })
}
