//! `windlass validate`

use std::process::ExitCode;

use windlass_core::expand::expand;

use crate::arguments::{self, Arguments};
use crate::exit::OK;
use crate::failure::Failure;
use crate::module::{self, NO_LINEAGE};
use crate::session::Session;
use crate::view::View;

/// Runs the command. Nothing that lives is looked at, and nothing is written.
pub fn run(arguments: &Arguments, command: &arguments::Validate, view: &View) -> Result<ExitCode, Failure> {
    let session = Session::new(arguments, &command.module, None)?;
    let loaded = module::load(&session, &arguments.variables)?;
    let mut diagnostics = loaded.warnings;
    let (desired, found) = expand(&loaded.model, NO_LINEAGE);
    diagnostics.extend(found);
    diagnostics.extend(windlass_core::plan::validate(&desired));
    if diagnostics.has_errors() {
        return Err(Failure::in_configuration(diagnostics, loaded.sources));
    }
    view.warnings(&diagnostics, &loaded.sources, command.module.compact_warnings);
    view.out("Success! The configuration is valid.\n");
    Ok(OK)
}
