//! `windlass show` and `windlass output`: the state and saved plans, read without a lock.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::{Map, Value as Json, json};
use windlass_core::diag::Code;
use windlass_core::encode::{json_lines, json_text, json_type, number_text};
use windlass_core::plan::show_json::show_json;
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
                view.data(&format!("{}\n", json_text(&show_json(&plan))));
            } else {
                let banner = if simulated { sandbox::BANNER } else { "" };
                view.out(&format!("{banner}\n{}", view::plan_text(&plan)));
            }
        }
        None => {
            let recorded = read_state(&session)?.recorded;
            if command.json {
                view.data(&format!("{}\n", json_text(&state_json(&recorded))));
            } else {
                view.out(&view::state_text(&recorded));
            }
        }
    }
    Ok(OK)
}

/// The state for programs: what `state list` and `state show` tell, at once.
fn state_json(recorded: &Recorded) -> Json {
    let resources: Vec<Json> = recorded
        .resources
        .iter()
        .map(|(address, resource)| {
            let objects: Vec<Json> = recorded
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
            view.data(&format!("{}\n", json_lines(&outputs_json(&recorded))));
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
    match (command.raw, command.json) {
        (true, _) => view.data(&raw(name, value)?),
        (false, true) => view.data(&format!("{}\n", json_text(value))),
        (false, false) => view.out(&format!("{}\n", view::value_text(value, 0))),
    }
    Ok(OK)
}

/// All outputs for programs, in Terraform's shape.
fn outputs_json(recorded: &Recorded) -> Json {
    let output = |value: &Json| json!({"sensitive": false, "type": json_type(value), "value": value});
    Json::Object(recorded.outputs.iter().map(|(name, value)| (name.clone(), output(value))).collect::<Map<_, _>>())
}

/// A scalar without quotes, for shells.
fn raw(name: &str, value: &Json) -> Result<String, Failure> {
    match value {
        Json::String(text) => Ok(text.clone()),
        Json::Bool(truth) => Ok(truth.to_string()),
        other => number_text(other)
            .ok_or_else(|| Failure::new(Code::USAGE, format!("output {name:?} is no string")).hint("-json prints every type")),
    }
}

fn lines(recorded: &Recorded) -> String {
    recorded.outputs.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name} = {}", view::value_text(value, 0));
        text
    })
}

/// All outputs at the end of an apply.
pub fn tell_outputs(recorded: &Recorded, view: &View) {
    let text = if recorded.outputs.is_empty() { String::new() } else { format!("\nOutputs:\n\n{}", lines(recorded)) };
    view.outputs(&text, outputs_json(recorded));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_told_as_terraform_tells_them() {
        let digits = "123456789012345678901234567890";
        let big = json!({"$wl": "number", "value": digits});
        let outputs = [("big", big.clone()), ("made", json!({"a": null, "d": big}))];
        let recorded =
            Recorded { outputs: outputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(), ..Recorded::default() };
        let want = format!(
            "{{\"big\":{{\"sensitive\":false,\"type\":\"number\",\"value\":{digits}}},\"made\":{{\"sensitive\":false,\"type\":[\"object\",{{\"a\":\"dynamic\",\"d\":\"number\"}}],\"value\":{{\"a\":null,\"d\":{digits}}}}}}}"
        );
        assert_eq!(json_text(&outputs_json(&recorded)), want);
        assert!(json_text(&state_json(&recorded)).contains(&format!("\"outputs\":{{\"big\":{digits},")));
        assert_eq!(lines(&recorded), format!("big = {digits}\nmade = {{\n    a = null\n    d = {digits}\n}}\n"));
        for (value, text) in [(&recorded.outputs["big"], Some(digits)), (&json!("a b"), Some("a b")), (&json!([1]), None)] {
            assert_eq!(raw("x", value).ok().as_deref(), text);
        }
    }
}
