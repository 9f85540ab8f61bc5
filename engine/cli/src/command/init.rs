//! `windlass init`

use std::process::ExitCode;

use windlass_core::plan::Mode;

use super::{lockfile, prepare};
use crate::arguments::{self, Arguments};
use crate::exit::OK;
use crate::failure::Failure;
use crate::module;
use crate::session::Session;
use crate::view::View;

/// Runs the command.
pub fn run(arguments: &Arguments, command: &arguments::Init, view: &View) -> Result<ExitCode, Failure> {
    let session = Session::new(arguments, &command.module, None)?;
    let mut loaded = module::load(&session, &arguments.variables)?;
    lockfile::check(&session, &mut loaded, &command.module, Mode::Apply, view)?;
    prepare::state(&session, view)?;
    view.out("Windlass has been initialized. `windlass plan` shows what would be done.\n");
    Ok(OK)
}
