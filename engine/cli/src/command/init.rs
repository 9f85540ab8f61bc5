//! `windlass init`

use std::process::ExitCode;

use windlass_core::plan::Mode;

use super::{lockfile, prepare};
use crate::arguments::{self, Arguments};
use crate::exit::OK;
use crate::failure::Failure;
use crate::module::{self, Loaded};
use crate::session::Session;
use crate::view::View;

/// Runs the command.
pub fn run(arguments: &Arguments, command: &arguments::Init, view: &View) -> Result<ExitCode, Failure> {
    let session = Session::new(arguments, &command.module, None)?;
    let mut loaded = module::load(&session, &arguments.variables)?;
    lockfile::check(&session, &mut loaded, &command.module, Mode::Apply, view)?;
    if loaded.model.reads_repository() {
        judge(loaded, command.module.compact_warnings, view)?;
    }
    prepare::state(&session, view)?;
    view.out("Windlass has been initialized. `windlass plan` shows what would be done.\n");
    Ok(OK)
}

/// What is wrong with the components that were read, and with what else can be judged without a plane.
fn judge(loaded: Loaded, compact_warnings: bool, view: &View) -> Result<(), Failure> {
    let Loaded { model, sources, warnings: mut diagnostics } = loaded;
    diagnostics.extend(module::judged(&model));
    if diagnostics.has_errors() {
        return Err(Failure::in_configuration(diagnostics, sources));
    }
    view.warnings(&diagnostics, &sources, compact_warnings);
    Ok(())
}
