//! `windlass validate`

use std::process::ExitCode;

use crate::arguments::{self, Arguments};
use crate::exit::OK;
use crate::failure::Failure;
use crate::module;
use crate::session::Session;
use crate::view::View;

/// Runs the command. Nothing that lives is looked at, and nothing is written.
pub fn run(arguments: &Arguments, command: &arguments::Validate, view: &View) -> Result<ExitCode, Failure> {
    let session = Session::new(arguments, &command.module, None)?;
    let loaded = module::load(&session, &arguments.variables)?;
    let mut diagnostics = loaded.warnings;
    diagnostics.extend(module::judged(&loaded.model));
    if diagnostics.has_errors() {
        return Err(Failure::in_configuration(diagnostics, loaded.sources));
    }
    view.warnings(&diagnostics, &loaded.sources, command.module.compact_warnings);
    view.out("Success! The configuration is valid.\n");
    Ok(OK)
}
