//! A plan in the messages of Terraform's machine-readable UI, version 1.2 (reference/terraform.md 3.6, Streaming UI): what is planned, and how
//! a resource and what happens to it are called in messages. What Terraform has no words for stands under the one extra key `windlass`.
//! Knows no time, no stream and no run.

use serde_json::{Map, Value as Json, json};

use super::file::plan_digest;
use super::show_json::{action_reason, actions, drifted, identity, module_address, output_action};
use super::tally::Tally;
use super::{Change, ChangeAction, Mode, Plan};
use crate::addr::Address;

/// Version of the messages.
pub const UI_VERSION: &str = "1.2";

/// How urgent a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// News.
    Info,
    /// Worth a look.
    Warn,
    /// Something is wrong.
    Error,
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// How urgent it is.
    pub level: Level,
    /// For people.
    pub text: String,
    /// Its `type`.
    pub kind: &'static str,
    /// What it says to programs, by the keys beside `type`.
    pub payload: Map<String, Json>,
}

impl Message {
    /// News of a type, with one key beside it.
    pub fn news(kind: &'static str, text: impl Into<String>, key: &str, value: Json) -> Self {
        Self { level: Level::Info, text: text.into(), kind, payload: Map::from_iter([(key.to_owned(), value)]) }
    }

    /// With what only we have words for.
    #[must_use]
    pub fn ours(mut self, value: Json) -> Self {
        self.payload.insert("windlass".to_owned(), value);
        self
    }
}

/// What a plan says: drift, changes, their number, outputs, in Terraform's order.
pub fn plan_messages(plan: &Plan) -> Vec<Message> {
    let drift = plan.changes.iter().filter(|change| drifted(change)).map(drift_message);
    let mut messages: Vec<Message> = drift.chain(change_messages(plan)).collect();
    messages.push(planned_summary(plan));
    if !plan.outputs.is_empty() {
        let output = |output: &super::PlanOutput| {
            let action = if output_action(output) == "no-op" { "noop" } else { output_action(output) };
            json!({"sensitive": output.sensitive, "action": action})
        };
        let outputs: Map<String, Json> = plan.outputs.iter().map(|(name, value)| (name.clone(), output(value))).collect();
        messages.push(Message::news("outputs", format!("Outputs: {}", outputs.len()), "outputs", Json::Object(outputs)));
    }
    messages
}

/// One `planned_change` for each resource with which something happens.
pub fn change_messages(plan: &Plan) -> impl Iterator<Item = Message> {
    plan.changes.iter().filter(|change| change.action != ChangeAction::NoOp).map(|change| {
        let action = action(change);
        let mut value = json!({"resource": resource(&change.address), "action": action});
        if let (Some(reason), Some(map)) = (action_reason(change), value.as_object_mut()) {
            map.insert("reason".to_owned(), json!(reason.strip_prefix("replace_because_").unwrap_or(reason)));
        }
        Message::news("planned_change", format!("{}: Plan to {action}", change.address), "change", value).ours(detail(change))
    })
}

/// How many resources are touched; `operation`: `plan`, `apply`, `destroy`.
pub fn change_summary(tally: Tally, operation: &str) -> Message {
    let Tally { add, change, destroy, forget } = tally;
    let text = match operation {
        "plan" => format!("Plan: {add} to add, {change} to change, {destroy} to destroy."),
        "destroy" => format!("Destroy complete! Resources: {destroy} destroyed."),
        _ => format!("Apply complete! Resources: {add} added, {change} changed, {destroy} destroyed."),
    };
    let changes = json!({"add": add, "change": change, "import": 0, "remove": destroy, "forget": forget, "operation": operation});
    Message::news("change_summary", text, "changes", changes)
}

/// The operation by which a plan is carried out.
pub fn operation(mode: Mode) -> &'static str {
    match mode {
        Mode::Apply => "apply",
        Mode::Destroy => "destroy",
    }
}

/// A resource as messages name it.
pub fn resource(address: &Address) -> Json {
    let identity = identity(address);
    let in_module = Address { module: Vec::new(), ..address.clone() };
    json!({
        "addr": address,
        "module": module_address(&address.module),
        "resource": in_module,
        "implied_provider": "windlass",
        "resource_type": identity.kind,
        "resource_name": identity.name,
        "resource_key": identity.index,
    })
}

/// The word of messages for what happens to a resource.
pub fn action(change: &Change) -> &'static str {
    match actions(change) {
        ["no-op"] => "noop",
        ["forget"] => "remove",
        ["delete", "create"] => "replace",
        [one] => one,
        _ => "update",
    }
}

fn drift_message(change: &Change) -> Message {
    let value = json!({"resource": resource(&change.address), "action": "update"});
    Message::news("resource_drift", format!("{}: Drift detected (update)", change.address), "change", value)
}

/// What a reviewer sees of a change beside its action. Leaves of objects that are new are left out: `show -json` has them.
fn detail(change: &Change) -> Json {
    let objects: Vec<Json> = change
        .objects
        .iter()
        .map(|object| match super::show_json::is_new(change) {
            true => json!({"key": object.key, "action": object.action}),
            false => json!({"key": object.key, "action": object.action, "leaves": object.leaves}),
        })
        .collect();
    json!({"action": change.action, "machines": change.machines, "reasons": change.reasons, "notes": change.notes, "objects": objects})
}

fn planned_summary(plan: &Plan) -> Message {
    let sandbox = plan.planes.iter().any(|plane| plane.sandbox);
    change_summary(Tally::of(plan), "plan").ours(json!({
        "plan_digest": plan_digest(plan),
        "mode": plan.mode,
        "steps": plan.steps.len(),
        "sandbox": sandbox,
        "unplanned": plan.unplanned,
    }))
}
