//! `windlass state list` and `windlass state show`.

use std::process::ExitCode;

use windlass_core::addr::Address;
use windlass_core::diag::{Code, nearest};

use super::prepare::read_state;
use crate::arguments::{self, Arguments};
use crate::exit::OK;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::{self, View};

/// Runs `state list`.
pub fn list(arguments: &Arguments, command: &arguments::StateList, view: &View) -> Result<ExitCode, Failure> {
    let recorded = read_state(&Session::new(arguments, &command.module, None)?)?.recorded;
    let prefix = command.prefix.as_deref().unwrap_or_default();
    let names = recorded.resources.keys().map(ToString::to_string).filter(|name| name.starts_with(prefix));
    view.data(&names.map(|name| format!("{name}\n")).collect::<String>());
    Ok(OK)
}

/// Runs `state show`.
pub fn show(arguments: &Arguments, command: &arguments::StateShow, view: &View) -> Result<ExitCode, Failure> {
    let recorded = read_state(&Session::new(arguments, &command.module, None)?)?.recorded;
    let address: Address = command.address.parse().map_err(|error: windlass_core::addr::AddressError| {
        Failure::new(Code::USAGE, error.to_string()).hint("`windlass state list` shows all addresses")
    })?;
    match view::resource_text(&recorded, &address) {
        Some(text) => {
            view.out(&text);
            Ok(OK)
        }
        None => {
            let known: Vec<String> = recorded.resources.keys().map(ToString::to_string).collect();
            let failure = Failure::new(Code::NO_SUCH_THING, format!("the state holds no {address}"));
            Err(match nearest(&command.address, known.iter().map(String::as_str)) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("`windlass state list` names what it holds"),
            })
        }
    }
}
