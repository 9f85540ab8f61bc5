//! A plan as text, in Terraform's manner. Pure.

use std::fmt::Write;

use anstyle::Style;
use serde_json::Value as Json;
use windlass_core::addr::Part;
use windlass_core::diff::text::{LineKind, line_diff};
use windlass_core::marks::FIELD_MANAGER;
use windlass_core::plan::tally::Tally;
use windlass_core::plan::{Action, Actor, Change, ChangeAction, LeafChange, Mode, ObjectAction, ObjectChange, Plan};

use super::colour::{ADD, BOLD, CHANGE, DIM, MOVE, REMOVE, paint};
use super::tree::{key_text, leaf_text, value_text};

/// New objects of one kind from which on they are counted and not listed.
const MANY: usize = 4;
/// Leaves of a new object that are listed before the rest is counted.
const LEAVES: usize = 40;

/// The whole plan.
pub fn plan_text(plan: &Plan) -> String {
    let mut text = String::new();
    for unplanned in &plan.unplanned {
        let _ = writeln!(text, "{} {}: not planned (unreachable: {})\n", paint(CHANGE, "!"), unplanned.address, unplanned.reason);
    }
    let changes: Vec<&Change> = plan.changes.iter().filter(|change| change.action != ChangeAction::NoOp).collect();
    if changes.is_empty() && plan.steps.is_empty() && outputs(plan).is_empty() {
        let (first, second) = match plan.mode {
            _ if !plan.unplanned.is_empty() => {
                ("No changes where planes answer.", "What is named above was not looked at: it may match the configuration or not.")
            }
            Mode::Apply => (
                "No changes. Your infrastructure matches the configuration.",
                "Windlass has compared the configuration with the live objects and found no differences.",
            ),
            Mode::Destroy => ("No changes. No objects need to be destroyed.", "The state holds nothing."),
        };
        let _ = writeln!(text, "{}\n\n{second}", paint(BOLD.fg_color(ADD.get_fg_color()), first));
        return text + &warnings(plan);
    }
    if changes.is_empty() && plan.steps.iter().all(|step| matches!(step.action, Action::StoreOutputs { .. })) {
        let _ = writeln!(text, "{}\nApplying this plan changes outputs in the state, and nothing else.", outputs(plan).trim_start());
        return text + &warnings(plan);
    }
    if !changes.is_empty() {
        text.push_str(&legend(&changes));
        text.push_str("Windlass will perform the following actions:\n\n");
    }
    for change in &changes {
        text.push_str(&change_text(change));
        text.push('\n');
    }
    text.push_str(&summary_text(plan));
    if let Some(turns) = &plan.turns {
        let _ = writeln!(text, "{}.", turns.words());
    }
    text.push_str(&outputs(plan));
    text + &warnings(plan)
}

/// `Plan: N to add, N to change, N to destroy.` as Terraform prints it, with what it has no words for on the next line.
pub fn summary_text(plan: &Plan) -> String {
    let Tally { add, change, destroy, forget } = Tally::of(plan);
    let mut text = format!("{} {add} to add, {change} to change, {destroy} to destroy.\n", paint(BOLD, "Plan:"));
    let mut extra = Vec::new();
    let repaves: Vec<&Change> = plan.changes.iter().filter(|change| change.action == ChangeAction::Repave).collect();
    if !repaves.is_empty() {
        let machines: u32 = repaves.iter().map(|change| change.machines).sum();
        let word = if machines == 1 { "machine" } else { "machines" };
        extra.push(format!("{} to repave ({machines} {word})", repaves.len()));
    }
    match plan.changes.iter().map(replaced).sum::<usize>() {
        0 => {}
        1 => extra.push("1 object to replace".to_owned()),
        many => extra.push(format!("{many} objects to replace")),
    }
    let pivots = plan.changes.iter().filter(|change| change.action == ChangeAction::Pivot).count();
    if pivots > 0 {
        extra.push(format!("{pivots} to pivot"));
    }
    let is_back = |action: &Action| matches!(action, Action::Pivot { pivot } if pivot.from == pivot.cluster);
    let back = plan.steps.iter().filter(|step| is_back(&step.action)).count();
    if back > 0 {
        extra.push(format!("{back} to pivot back"));
    }
    if forget > 0 {
        extra.push(format!("{forget} to forget"));
    }
    if !extra.is_empty() {
        let _ = writeln!(text, "      {}.", extra.join(", "));
    }
    text
}

/// How many objects of a change are deleted and made again.
fn replaced(change: &Change) -> usize {
    change.objects.iter().filter(|object| object.action == ObjectAction::Replace).count()
}

/// The signs that the plan uses, and what they mean.
fn legend(changes: &[&Change]) -> String {
    const SIGNS: [(ChangeAction, &str); 8] = [
        (ChangeAction::Create, "create"),
        (ChangeAction::Update, "update in-place"),
        (ChangeAction::Repave, "repave: replace the machines of a pool one after the other"),
        (ChangeAction::Delete, "destroy"),
        (ChangeAction::Replace, "destroy and then create replacement"),
        (ChangeAction::Pivot, "pivot: move a cluster's objects to another plane"),
        (ChangeAction::Adopt, "adopt"),
        (ChangeAction::Forget, "forget"),
    ];
    let mut text = "Resource actions are indicated with the following symbols:\n".to_owned();
    let shown =
        |change: &Change, action: ChangeAction| change.action == action || (action == ChangeAction::Replace && replaced(change) > 0);
    for (action, words) in SIGNS.iter().filter(|(action, _)| changes.iter().any(|change| shown(change, *action))) {
        let (mark, style, _) = sign(*action);
        let _ = writeln!(text, "{}{} {words}", " ".repeat(4usize.saturating_sub(mark.len() + 1)), paint(style, mark));
    }
    text + "\n"
}

fn sign(action: ChangeAction) -> (&'static str, Style, &'static str) {
    match action {
        ChangeAction::NoOp => (" ", DIM, "stays as it is"),
        ChangeAction::Create => ("+", ADD, "will be created"),
        ChangeAction::Update => ("~", CHANGE, "will be updated in-place"),
        ChangeAction::Repave => ("~", CHANGE, "will be repaved"),
        ChangeAction::Replace => ("-/+", REMOVE, "must be replaced"),
        ChangeAction::Delete => ("-", REMOVE, "will be destroyed"),
        ChangeAction::Pivot => (">", MOVE, "will pivot"),
        ChangeAction::Adopt => ("<", MOVE, "will be adopted"),
        ChangeAction::Forget => (".", DIM, "will be forgotten; nothing is done to it"),
    }
}

fn change_text(change: &Change) -> String {
    let (mark, style, words) = sign(change.action);
    let words = match change.action {
        ChangeAction::Update if replaced(change) > 0 => "will be updated, with objects replaced".to_owned(),
        ChangeAction::Repave if change.machines == 1 => format!("{words}, 1 machine is replaced"),
        ChangeAction::Repave => format!("{words}, {} machines are replaced", change.machines),
        _ => words.to_owned(),
    };
    let mut text = format!("  {} {} {}\n", paint(BOLD, "#"), paint(BOLD, &change.address), paint(BOLD, words));
    for reason in &change.reasons {
        let field = reason.field.as_deref().map(|field| format!("{field}: ")).unwrap_or_default();
        let values = match (&reason.old, &reason.new) {
            (Json::Null, Json::Null) => String::new(),
            // Texts of several lines are shown as a line diff below.
            (old, new) if lines_text(old, new).is_some() => String::new(),
            (old, new) => format!("{} -> {}, ", leaf_text(old), leaf_text(new)),
        };
        let _ = writeln!(text, "  {}", paint(DIM, format_args!("# ({field}{values}{})", reason.rule)));
    }
    for note in &change.notes {
        let _ = writeln!(text, "  {}", paint(DIM, format_args!("# {note}")));
    }
    let _ = writeln!(text, "{}{} {} {{", " ".repeat(4usize.saturating_sub(mark.len() + 1)), paint(style, mark), change.address);
    if matches!(change.action, ChangeAction::Create | ChangeAction::Replace | ChangeAction::Pivot | ChangeAction::Adopt) {
        // A layer's objects stand below, one a line.
        let listed = matches!(change.address.part, Some(Part::Layer(_)));
        let entries = || change.input.as_object().into_iter().flatten().filter(|(key, _)| !(listed && *key == "objects"));
        let width = entries().map(|(key, _)| key_text(key).chars().count()).max().unwrap_or(0);
        for (key, value) in entries() {
            let _ = writeln!(text, "      {} {:width$} = {}", paint(style, "+"), key_text(key), value_text(value, 8));
        }
    }
    if change.action == ChangeAction::Update && change.objects.is_empty() {
        // Nothing of it lives on a plane: what changes is what the state keeps of it.
        for reason in change.reasons.iter().filter(|reason| reason.field.is_some()) {
            let field = reason.field.as_deref().unwrap_or_default();
            let _ = writeln!(text, "      {} {field} = {} -> {}", paint(style, mark), leaf_text(&reason.old), leaf_text(&reason.new));
        }
    }
    text.push_str(&objects_text(change));
    text.push_str("    }\n");
    text
}

/// The objects of a change, one a line; of a new provider's many kinds only how many there are, since nobody chose them one by one.
fn objects_text(change: &Change) -> String {
    let made = matches!(change.action, ChangeAction::Create | ChangeAction::Pivot)
        && matches!(change.address.part, Some(Part::Provider(_) | Part::Pivot));
    let alike = |a: &ObjectChange, b: &ObjectChange| a.action == b.action && a.key.kind == b.key.kind && a.key.plane == b.key.plane;
    let mut text = String::new();
    for group in change.objects.chunk_by(alike) {
        match group.first() {
            Some(first) if made && group.len() > MANY && first.action == ObjectAction::Create => {
                let on = paint(DIM, format_args!("on {}", first.key.plane));
                let _ = writeln!(text, "      {} {} {}s {on}", paint(ADD, "+"), group.len(), first.key.kind);
            }
            _ => group.iter().for_each(|object| text.push_str(&object_text(object, change.action))),
        }
    }
    text
}

fn object_text(object: &ObjectChange, change: ChangeAction) -> String {
    let (mark, style) = match object.action {
        ObjectAction::Create => ("+", ADD),
        ObjectAction::Update => ("~", CHANGE),
        ObjectAction::Replace => ("-/+", REMOVE),
        ObjectAction::Delete => ("-", REMOVE),
        ObjectAction::Move => (">", MOVE),
    };
    let indent = " ".repeat(7usize.saturating_sub(mark.len()));
    let on = paint(DIM, format_args!("on {}", object.key.plane));
    let mut text = format!("{indent}{} {} {on}\n", paint(style, mark), object.key.short());
    // A new resource is shown by what the user wrote; its objects' leaves are in the JSON. A new object of an old resource is shown whole.
    let listed = matches!(object.action, ObjectAction::Update | ObjectAction::Replace)
        || (object.action == ObjectAction::Create && !matches!(change, ChangeAction::Create | ChangeAction::Pivot));
    if listed {
        for leaf in object.leaves.iter().take(LEAVES) {
            text.push_str(&leaf_line(leaf));
        }
        if object.leaves.len() > LEAVES {
            let _ = writeln!(text, "          {}", paint(DIM, format_args!("# and {} more", object.leaves.len() - LEAVES)));
        }
    }
    text
}

fn leaf_line(leaf: &LeafChange) -> String {
    // That it was windlass says nothing.
    let actor = leaf.actor.as_ref().filter(|actor| actor.manager != FIELD_MANAGER);
    let actor = actor.map(|actor| format!("  {}", paint(DIM, format_args!("# {}", actor_text(actor))))).unwrap_or_default();
    match (&leaf.before, &leaf.after) {
        (Some(before), Some(after)) => {
            if let Some(lines) = lines_text(before, after) {
                return format!("          {} {}:{actor}\n{lines}", paint(CHANGE, "~"), leaf.path);
            }
            format!("          {} {} = {} -> {}{actor}\n", paint(CHANGE, "~"), leaf.path, value_text(before, 12), value_text(after, 12))
        }
        (None, Some(after)) => format!("          {} {} = {}{actor}\n", paint(ADD, "+"), leaf.path, value_text(after, 12)),
        (Some(before), None) => format!("          {} {} = {}{actor}\n", paint(REMOVE, "-"), leaf.path, value_text(before, 12)),
        (None, None) => String::new(),
    }
}

/// A line diff of two texts of several lines; `None` for everything else.
pub fn lines_text(before: &Json, after: &Json) -> Option<String> {
    lines_at(before, after, 14)
}

/// The same with the signs at this column.
fn lines_at(before: &Json, after: &Json, indent: usize) -> Option<String> {
    let (before, after) = (before.as_str()?, after.as_str()?);
    if !before.contains('\n') && !after.contains('\n') {
        return None;
    }
    let mut text = String::new();
    for line in line_diff(before, after, 2) {
        let (mark, style) = match line.kind {
            LineKind::Same => (" ", DIM),
            LineKind::Removed => ("-", REMOVE),
            LineKind::Added => ("+", ADD),
            LineKind::Skipped => ("…", DIM),
        };
        let words: String =
            line.pieces.iter().map(|(changed, piece)| paint(if *changed { style.underline() } else { style }, piece)).collect();
        let _ = writeln!(text, "{}{} {words}", " ".repeat(indent), paint(style, mark));
    }
    Some(text)
}

/// `kubectl-edit at 2026-11-22T12:00:00Z (scale)`.
pub fn actor_text(actor: &Actor) -> String {
    let mut text = format!("by {}", actor.manager);
    if let Some(time) = &actor.time {
        let _ = write!(text, " at {time}");
    }
    if let Some(subresource) = &actor.subresource {
        let _ = write!(text, " (subresource {subresource})");
    }
    text
}

fn outputs(plan: &Plan) -> String {
    let mut text = String::new();
    for (name, output) in plan.outputs.iter().filter(|(_, output)| output.before != output.after) {
        let (mark, style) = match (output.before.is_null(), output.after.is_null()) {
            (true, _) => ("+", ADD),
            (_, true) => ("-", REMOVE),
            _ => ("~", CHANGE),
        };
        let shown = |value: &Json| if output.sensitive { "(sensitive value)".to_owned() } else { value_text(value, 4) };
        let values = match mark {
            "+" => shown(&output.after),
            "-" => format!("{} -> null", shown(&output.before)),
            _ => match lines_at(&output.before, &output.after, 6).filter(|_| !output.sensitive) {
                Some(lines) => format!("<<-EOT\n{lines}    EOT"),
                None => format!("{} -> {}", shown(&output.before), shown(&output.after)),
            },
        };
        let _ = writeln!(text, "  {} {name} = {values}", paint(style, mark));
    }
    if text.is_empty() { text } else { format!("\nChanges to Outputs:\n{text}") }
}

fn warnings(plan: &Plan) -> String {
    plan.warnings.iter().fold(String::new(), |mut text, warning| {
        let _ = writeln!(text, "\n{} {warning}", paint(CHANGE.bold(), "Warning:"));
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_that_are_replaced_and_pivots_back_are_counted() {
        let binding = json!({"plane": "cluster.a", "group": "rbac.authorization.k8s.io", "kind": "ClusterRoleBinding", "name": "b"});
        let leaf = json!({"path": "roleRef.name", "before": "x", "after": "y"});
        let pivot = json!({
            "cluster": "cluster.a", "access": {"name": "a", "namespace": "a", "management": "management.m"},
            "from": "cluster.a", "to": "management.m", "providers": [],
        });
        let mut plan: Plan = serde_json::from_value(json!({
            "windlass_plan": 1, "tool_version": "0", "lineage": "l", "serial": 1, "mode": "apply", "desired_digest": "d",
            "planes": [], "fingerprints": [],
            "changes": [{
                "address": "cluster.a.agent", "action": "update",
                "objects": [{"key": binding, "action": "replace", "leaves": [leaf]}],
            }],
            "steps": [{"id": "p", "address": "cluster.a.pivot", "action": {"do": "pivot", "pivot": pivot}, "timeout_seconds": 1}],
        }))
        .expect("a plan");
        let expected = [
            "Resource actions are indicated with the following symbols:",
            "  ~ update in-place",
            "-/+ destroy and then create replacement",
            "",
            "Windlass will perform the following actions:",
            "",
            "  # cluster.a.agent will be updated, with objects replaced",
            "  ~ cluster.a.agent {",
            "    -/+ ClusterRoleBinding b on cluster.a",
            "          ~ roleRef.name = \"x\" -> \"y\"",
            "    }",
            "",
            "Plan: 0 to add, 1 to change, 0 to destroy.",
            "      1 object to replace, 1 to pivot back.",
            "",
        ];
        assert_eq!(anstream::adapter::strip_str(&plan_text(&plan)).to_string(), expected.join("\n"));
        plan.steps.clear();
        plan.changes.clear();
        assert!(!summary_text(&plan).contains("pivot"));
    }

    #[test]
    fn outputs_of_several_lines_are_shown_in_lines() {
        let plan: Plan = serde_json::from_value(json!({
            "windlass_plan": 1, "tool_version": "0", "lineage": "l", "serial": 1, "mode": "apply", "desired_digest": "d",
            "planes": [], "changes": [], "steps": [], "fingerprints": [],
            "outputs": {
                "gone": {"before": "a\nb\n", "after": null, "sensitive": false},
                "made": {"before": null, "after": "a\nb\n", "sensitive": false},
                "new": {"before": "x\ny\n", "after": "x\nz\n", "sensitive": false},
                "secret": {"before": "x\ny\n", "after": "x\nz\n", "sensitive": true},
            },
        }))
        .expect("a plan");
        let text = anstream::adapter::strip_str(&outputs(&plan)).to_string();
        let expected = [
            "",
            "Changes to Outputs:",
            "  - gone = <<-EOT",
            "        a",
            "        b",
            "    EOT -> null",
            "  + made = <<-EOT",
            "        a",
            "        b",
            "    EOT",
            "  ~ new = <<-EOT",
            "        x",
            "      - y",
            "      + z",
            "    EOT",
            "  ~ secret = (sensitive value) -> (sensitive value)",
            "",
        ];
        assert_eq!(text, expected.join("\n"));
    }
}
