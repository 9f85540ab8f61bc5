//! `windlass providers show`

use std::process::ExitCode;

use serde_json::json;

use super::lockfile::{self, Entry};
use crate::arguments::{self, Arguments};
use crate::exit::OK;
use crate::failure::Failure;
use crate::module;
use crate::session::Session;
use crate::view::View;

/// Runs the command.
pub fn show(arguments: &Arguments, command: &arguments::ProvidersShow, view: &View) -> Result<ExitCode, Failure> {
    let session = Session::new(arguments, &command.module, None)?;
    let loaded = module::load(&session, &arguments.variables)?;
    let entries = lockfile::shown(&session, &loaded.model)?;
    if command.json {
        let list: Vec<_> = entries.iter().map(json_of).collect();
        view.data(&format!("{:#}\n", json!({"format_version": "1.0", "providers": list})));
        return Ok(OK);
    }
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or_default();
    let digests = |entry: &Entry| {
        let named = [("facts", &entry.facts), ("components", &entry.components)];
        named.into_iter().filter_map(|(name, digest)| Some(format!("  {name} {}", digest.as_ref()?))).collect::<String>()
    };
    view.out(&entries.iter().map(|entry| format!("{:width$}  {:10}{}\n", entry.name, entry.version, digests(entry))).collect::<String>());
    Ok(OK)
}

fn json_of(entry: &Entry) -> serde_json::Value {
    json!({"name": entry.name, "version": entry.version, "facts": entry.facts, "components": entry.components})
}
