//! `windlass show` and `windlass output`: the state and saved plans, read without a lock.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::json;
use windlass_core::diag::Code;
use windlass_core::recorded::Recorded;

use super::prepare::read_state;
use super::saved::read_plan;
use crate::arguments::{self, Arguments};
use crate::exit::OK;
use crate::failure::{Failure, io};
use crate::sandbox;
use crate::session::Session;
use crate::view::{self, View};

/// Runs `show`.
pub fn show(arguments: &Arguments, command: &arguments::Show, view: &View) -> Result<ExitCode, Failure> {
    let session = Session::new(arguments, &command.module, None)?;
    match &command.plan {
        Some(file) => {
            let file = session.folder.join(file);
            let bytes = std::fs::read(&file).map_err(|error| io(&file, "cannot be read", &error))?;
            let plan = read_plan(&file, &bytes)?;
            let simulated = plan.planes.iter().any(|plane| plane.sandbox);
            if command.json {
                view.data(&format!("{}\n", windlass_core::plan::show_json::show_json(&plan)));
            } else {
                let banner = if simulated { sandbox::BANNER } else { "" };
                view.out(&format!("{banner}\n{}", view::plan_text(&plan)));
            }
        }
        None => {
            let recorded = read_state(&session)?.recorded;
            if command.json {
                view.data(&format!("{}\n", state_json(&recorded)));
            } else {
                view.out(&view::state_text(&recorded));
            }
        }
    }
    Ok(OK)
}

/// The state for programs: what `state list` and `state show` tell, at once.
fn state_json(recorded: &Recorded) -> serde_json::Value {
    let resources: Vec<serde_json::Value> = recorded
        .resources
        .iter()
        .map(|(address, resource)| {
            let objects: Vec<serde_json::Value> = recorded
                .objects
                .iter()
                .filter(|(_, object)| &object.resource == address)
                .map(|(key, object)| json!({"key": key, "api_version": object.api_version, "uid": object.uid, "applied": object.applied}))
                .collect();
            json!({"address": address, "status": resource.status, "protected": resource.protect, "needs": resource.needs, "objects": objects})
        })
        .collect();
    json!({"format_version": "1.0", "lineage": recorded.lineage, "serial": recorded.serial, "outputs": recorded.outputs, "resources": resources})
}

/// Runs `output`.
pub fn output(arguments: &Arguments, command: &arguments::Output, view: &View) -> Result<ExitCode, Failure> {
    let session = Session::new(arguments, &command.module, None)?;
    let recorded = read_state(&session)?.recorded;
    let Some(name) = &command.name else {
        if command.raw {
            return Err(Failure::new(Code::USAGE, "-raw needs the name of an output").hint("`windlass output` lists them"));
        }
        if command.json {
            let all: serde_json::Map<String, serde_json::Value> = recorded
                .outputs
                .iter()
                .map(|(name, value)| (name.clone(), json!({"sensitive": false, "type": type_of(value), "value": value})))
                .collect();
            view.data(&format!("{:#}\n", serde_json::Value::Object(all)));
        } else if recorded.outputs.is_empty() {
            view.note("The state holds no outputs.\n");
        } else {
            view.out(&lines(&recorded));
        }
        return Ok(OK);
    };
    let value = recorded.outputs.get(name).ok_or_else(|| {
        Failure::new(Code::NO_SUCH_THING, format!("the state holds no output {name:?}"))
            .hint("sensitive outputs are not stored; `windlass output` lists the others")
    })?;
    match (command.raw, command.json, value) {
        (true, _, serde_json::Value::String(text)) => view.data(text),
        (true, _, serde_json::Value::Number(_) | serde_json::Value::Bool(_)) => view.data(&value.to_string()),
        (true, _, _) => return Err(Failure::new(Code::USAGE, format!("output {name:?} is no string")).hint("-json prints every type")),
        (false, true, _) => view.data(&format!("{value}\n")),
        (false, false, _) => view.out(&format!("{}\n", view::value_text(value, 0))),
    }
    Ok(OK)
}

/// Terraform's type JSON of a plain value.
fn type_of(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Json::String(_) | Json::Null => json!("string"),
        Json::Number(_) => json!("number"),
        Json::Bool(_) => json!("bool"),
        Json::Array(items) => json!(["tuple", items.iter().map(type_of).collect::<Vec<_>>()]),
        Json::Object(entries) => {
            json!(["object", entries.iter().map(|(key, value)| (key.clone(), type_of(value))).collect::<serde_json::Map<_, _>>()])
        }
    }
}

fn lines(recorded: &Recorded) -> String {
    recorded.outputs.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name} = {}", view::value_text(value, 0));
        text
    })
}

/// `Outputs:` at the end of an apply.
pub fn outputs_text(recorded: &Recorded) -> String {
    if recorded.outputs.is_empty() { String::new() } else { format!("\nOutputs:\n\n{}", lines(recorded)) }
}
