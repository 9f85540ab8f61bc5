//! A plan in the shape of Terraform's `show -json`, format 1.2, so that tools that read Terraform plans read ours; what Terraform has no
//! words for stands under the one extra key `windlass` (reference/terraform.md 3.6). Secrets are `null` with a mark, as digests help no reader.
//! Numbers beyond JSON stay placeholders: `encode::json_text` writes their digits.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::file::plan_digest;
use super::{Change, ChangeAction, Plan, PlanOutput};
use crate::addr::{Address, Instance, Part, Root};
use crate::encode::{Placeholder, json_type};

/// Version of Terraform whose shape this is; tools refuse what they cannot place.
pub const TERRAFORM_VERSION: &str = "1.11.0";
/// Terraform's form of a provider's name.
const PROVIDER_NAME: &str = "registry.terraform.io/windlass/windlass";

/// The whole document.
pub fn show_json(plan: &Plan) -> Json {
    let sandbox = plan.planes.iter().any(|plane| plane.sandbox);
    json!({
        "format_version": "1.2",
        "terraform_version": TERRAFORM_VERSION,
        "planned_values": {"outputs": planned_outputs(plan), "root_module": modules(plan, &[], after)},
        "resource_drift": plan.changes.iter().filter(|change| drifted(change)).map(resource_change).collect::<Vec<_>>(),
        "resource_changes": plan.changes.iter().map(resource_change).collect::<Vec<_>>(),
        "output_changes": plan.outputs.iter().map(|(name, output)| (name.clone(), output_change(output))).collect::<Map<_, _>>(),
        "prior_state": {"format_version": "1.0", "terraform_version": TERRAFORM_VERSION, "values": {
            "outputs": prior_outputs(plan), "root_module": modules(plan, &[], before)}},
        "configuration": {"provider_config": {"windlass": {"name": "windlass", "full_name": PROVIDER_NAME}}, "root_module": configuration(plan)},
        "applyable": !plan.steps.is_empty(),
        "complete": plan.unplanned.is_empty(),
        "errored": false,
        "windlass": {
            "tool_version": plan.tool_version,
            "plan_digest": plan_digest(plan),
            "lineage": plan.lineage,
            "serial": plan.serial,
            "mode": plan.mode,
            "sandbox": sandbox,
            "planes": plan.planes,
            "changes": plan.changes.iter().filter(|change| change.action != ChangeAction::NoOp).collect::<Vec<_>>(),
            "steps": plan.steps.iter().map(step).collect::<Vec<_>>(),
            "warnings": plan.warnings,
            "unplanned": plan.unplanned,
        },
    })
}

fn step(step: &super::Step) -> Json {
    let action = serde_json::to_value(&step.action).unwrap_or(Json::Null);
    json!({"id": step.id, "address": step.address, "do": action.get("do"), "plane": action.get("plane"), "needs": step.needs})
}

fn resource_change(change: &Change) -> Json {
    let identity = identity(&change.address);
    let mut out = Map::new();
    out.insert("address".into(), json!(change.address));
    if !change.address.module.is_empty() {
        out.insert("module_address".into(), json!(module_address(&change.address.module)));
    }
    out.insert("mode".into(), json!("managed"));
    out.insert("type".into(), json!(identity.kind));
    out.insert("name".into(), json!(identity.name));
    if let Some(index) = identity.index {
        out.insert("index".into(), json!(index));
    }
    out.insert("provider_name".into(), json!(PROVIDER_NAME));
    let (before, after) = (before(change), after(change));
    let values = |value: &Option<Json>| value.as_ref().map_or(Json::Null, |value| part(value, &|leaf| plain(leaf)));
    out.insert(
        "change".into(),
        json!({
            "actions": actions(change),
            "before": values(&before),
            "after": after.as_ref().map_or(Json::Null, known_only),
            "after_unknown": after.as_ref().map_or(json!({}), |value| marks(value, &|p| matches!(p, Placeholder::Unknown { .. }))),
            "before_sensitive": before.as_ref().map_or(json!(false), |value| marks(value, &|p| matches!(p, Placeholder::Secret { .. }))),
            "after_sensitive": after.as_ref().map_or(json!(false), |value| marks(value, &|p| matches!(p, Placeholder::Secret { .. }))),
        }),
    );
    if let Some(reason) = action_reason(change) {
        out.insert("action_reason".into(), json!(reason));
    }
    Json::Object(out)
}

/// Why Terraform would say that it replaces or deletes.
pub(super) fn action_reason(change: &Change) -> Option<&'static str> {
    match change.action {
        ChangeAction::Replace => Some("replace_because_cannot_update"),
        ChangeAction::Delete => Some("delete_because_no_resource_config"),
        _ => None,
    }
}

/// Ours, folded into Terraform's words.
pub(super) fn actions(change: &Change) -> &'static [&'static str] {
    match change.action {
        ChangeAction::NoOp => &["no-op"],
        _ if is_new(change) => &["create"],
        // A repave changes a pool that stays; a pivot moves what exists.
        ChangeAction::Create | ChangeAction::Adopt | ChangeAction::Update | ChangeAction::Repave | ChangeAction::Pivot => &["update"],
        ChangeAction::Replace => &["delete", "create"],
        ChangeAction::Delete => &["delete"],
        ChangeAction::Forget => &["forget"],
    }
}

/// Whether the resource is not there before. The first pivot of a cluster makes its pivot resource.
pub(super) fn is_new(change: &Change) -> bool {
    let first = change.reasons.iter().all(|reason| reason.old.is_null());
    matches!(change.action, ChangeAction::Create | ChangeAction::Adopt) || (change.action == ChangeAction::Pivot && first)
}

pub(super) fn drifted(change: &Change) -> bool {
    change.reasons.iter().any(|reason| reason.rule.contains("outside of windlass"))
}

/// What the resource is like before: its input, and the objects whose leaves were another way.
fn before(change: &Change) -> Option<Json> {
    let input = if change.prior_input.is_null() { &change.input } else { &change.prior_input };
    (!is_new(change)).then(|| values(change, input, |leaf| leaf.before.clone()))
}

/// What it will be like.
fn after(change: &Change) -> Option<Json> {
    match change.action {
        ChangeAction::Delete | ChangeAction::Forget => None,
        _ => Some(values(change, &change.input, |leaf| leaf.after.clone())),
    }
}

fn values(change: &Change, input: &Json, side: impl Fn(&super::LeafChange) -> Option<Json>) -> Json {
    let mut values = input.as_object().cloned().unwrap_or_default();
    let mut objects = Map::new();
    for object in &change.objects {
        let leaves: Map<String, Json> = object.leaves.iter().filter_map(|leaf| Some((leaf.path.clone(), side(leaf)?))).collect();
        objects.insert(object.key.to_string(), Json::Object(leaves));
    }
    if !objects.is_empty() {
        values.insert("objects".into(), Json::Object(objects));
    }
    Json::Object(values)
}

/// A tree with each leaf passed through `leaf`; placeholders are leaves.
fn part(value: &Json, leaf: &impl Fn(&Json) -> Json) -> Json {
    if Placeholder::of(value).is_some() {
        return leaf(value);
    }
    match value {
        Json::Object(map) => Json::Object(map.iter().map(|(name, value)| (name.clone(), part(value, leaf))).collect()),
        Json::Array(items) => Json::Array(items.iter().map(|item| part(item, leaf)).collect()),
        other => leaf(other),
    }
}

fn plain(leaf: &Json) -> Json {
    match Placeholder::of(leaf) {
        Some(Placeholder::Number { .. }) | None => leaf.clone(),
        Some(_) => Json::Null,
    }
}

/// Like [`plain`], with unknown leaves left out, as Terraform does.
fn known_only(value: &Json) -> Json {
    let unknown = |value: &Json| matches!(Placeholder::of(value), Some(Placeholder::Unknown { .. }));
    match value {
        value if Placeholder::of(value).is_some() => plain(value),
        Json::Object(map) => {
            Json::Object(map.iter().filter(|(_, value)| !unknown(value)).map(|(name, value)| (name.clone(), known_only(value))).collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(known_only).collect()),
        other => other.clone(),
    }
}

/// A tree of `true` where a placeholder is wanted; other leaves are left out of objects, and `false` in lists.
fn marks(value: &Json, wanted: &impl Fn(Placeholder<'_>) -> bool) -> Json {
    if let Some(placeholder) = Placeholder::of(value) {
        return json!(wanted(placeholder));
    }
    match value {
        Json::Object(map) => {
            let marked = map.iter().map(|(name, value)| (name.clone(), marks(value, wanted)));
            Json::Object(marked.filter(|(_, mark)| *mark != json!(false) && *mark != json!({})).collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(|item| marks(item, wanted)).collect()),
        _ => json!(false),
    }
}

pub(super) struct Identity {
    pub kind: &'static str,
    pub name: String,
    pub index: Option<String>,
}

/// Type, name and index of an address in Terraform's manner; types are stable, policies count by them.
pub(super) fn identity(address: &Address) -> Identity {
    let (kind, instance) = match &address.root {
        Root::Management(name) => ("windlass_management", Instance::new(name.clone())),
        Root::Cloud(_, instance) => ("windlass_cloud", instance.clone()),
        Root::Cluster(instance) => ("windlass_cluster", instance.clone()),
    };
    let Some(part) = &address.part else { return Identity { kind, name: instance.name, index: instance.key } };
    let (kind, key) = match part {
        Part::Provider(key) => ("windlass_provider", Some(key.clone())),
        Part::ControlPlane => ("windlass_control_plane", None),
        Part::WorkerPool(key) => ("windlass_worker_pool", Some(key.clone())),
        Part::Agent => ("windlass_agent", None),
        Part::Pivot => ("windlass_pivot", None),
        Part::Layer(key) => ("windlass_layer", Some(key.clone())),
    };
    Identity { kind, name: instance.to_string(), index: key }
}

pub(super) fn module_address(module: &[Instance]) -> String {
    module.iter().map(|step| format!("module.{step}")).collect::<Vec<_>>().join(".")
}

/// The resources of one module, and the modules in it.
fn modules(plan: &Plan, at: &[Instance], side: impl Fn(&Change) -> Option<Json> + Copy) -> Json {
    let mut resources = Vec::new();
    let mut children: BTreeMap<&Instance, ()> = BTreeMap::new();
    for change in plan.changes.iter().filter(|change| change.address.module.starts_with(at)) {
        match change.address.module.get(at.len()) {
            Some(child) => drop(children.insert(child, ())),
            None => resources.extend(side(change).map(|values| planned_resource(change, &values))),
        }
    }
    let mut out = Map::new();
    if !at.is_empty() {
        out.insert("address".into(), json!(module_address(at)));
    }
    out.insert("resources".into(), Json::Array(resources));
    let below = |child: &Instance| modules(plan, &at.iter().chain([child]).cloned().collect::<Vec<_>>(), side);
    let below: Vec<Json> = children.into_keys().map(below).collect();
    if !below.is_empty() {
        out.insert("child_modules".into(), Json::Array(below));
    }
    Json::Object(out)
}

fn planned_resource(change: &Change, values: &Json) -> Json {
    let identity = identity(&change.address);
    let mut out = json!({
        "address": change.address,
        "mode": "managed",
        "type": identity.kind,
        "name": identity.name,
        "provider_name": PROVIDER_NAME,
        "schema_version": 0,
        "values": known_only(values),
        "sensitive_values": marks(values, &|p| matches!(p, Placeholder::Secret { .. })),
    });
    if let (Some(index), Some(map)) = (identity.index, out.as_object_mut()) {
        map.insert("index".into(), json!(index));
    }
    out
}

fn configuration(plan: &Plan) -> Json {
    let wished = plan.changes.iter().filter(|change| !change.input.is_null());
    let resource = |change: &Change| {
        let identity = identity(&change.address);
        let constants = change
            .input
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), json!({"constant_value": part(value, &|leaf| plain(leaf))})));
        json!({
            "address": change.address,
            "mode": "managed",
            "type": identity.kind,
            "name": identity.name,
            "provider_config_key": "windlass",
            "schema_version": 0,
            "expressions": constants.collect::<Map<_, _>>(),
        })
    };
    json!({"resources": wished.map(resource).collect::<Vec<_>>()})
}

fn planned_outputs(plan: &Plan) -> Json {
    // An output that is null before and after is a wish, not one that goes.
    let shown = plan.outputs.iter().filter(|(_, output)| !output.after.is_null() || output.before.is_null());
    Json::Object(shown.map(|(name, output)| (name.clone(), output_value(&output.after, output.sensitive))).collect())
}

fn prior_outputs(plan: &Plan) -> Json {
    let shown = plan.outputs.iter().filter(|(_, output)| !output.before.is_null() && !output.sensitive);
    Json::Object(shown.map(|(name, output)| (name.clone(), output_value(&output.before, false))).collect())
}

fn output_value(value: &Json, sensitive: bool) -> Json {
    let mut out = json!({"sensitive": sensitive});
    if let (Some(map), false) = (out.as_object_mut(), matches!(Placeholder::of(value), Some(Placeholder::Unknown { .. }))) {
        let value = part(value, &|leaf| plain(leaf));
        map.insert("type".into(), json_type(&value));
        map.insert("value".into(), value);
    }
    out
}

/// What happens to an output.
pub(super) fn output_action(output: &PlanOutput) -> &'static str {
    match (&output.before, &output.after) {
        (before, after) if before == after => "no-op",
        (Json::Null, _) => "create",
        (_, Json::Null) => "delete",
        _ => "update",
    }
}

fn output_change(output: &PlanOutput) -> Json {
    let unknown = matches!(Placeholder::of(&output.after), Some(Placeholder::Unknown { .. }));
    json!({
        "actions": [output_action(output)],
        "before": part(&output.before, &|leaf| plain(leaf)),
        "after": part(&output.after, &|leaf| plain(leaf)),
        "after_unknown": unknown,
        "before_sensitive": output.sensitive,
        "after_sensitive": output.sensitive,
    })
}
