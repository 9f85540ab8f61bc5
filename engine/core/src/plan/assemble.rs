//! From verdicts and steps to the plan as data: changes with reasons, planes, fingerprints. Decides nothing.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use windlass_kubeschema::SchemaRef;
use windlass_kubeschema::fieldpath::FieldSet;

use super::day_two::{Changed, changed};
use super::demands::{goes_alone, planes};
use super::kept_facts::kept_input;
use super::rolling::{self, machines_at, rolls_machines};
use super::saga::{Abandoned, Draft, is_half_made_provider};
use super::turns::turns;
use super::verdict::{Repair, Verdict, Verdicts, View, is_bookkeeping};
use super::wish::{Placed, Wish};
use super::{
    Action, Change, ChangeAction, Fingerprint, LeafChange, ObjectAction, ObjectChange, PLAN_FORMAT, Plan, PlanOutput, PlanPlane, Reason,
    Unplanned,
};
use crate::addr::{Address, Part};
use crate::desired::Home;
use crate::diff::{LeafDiff, path_to_text};
use crate::drift::replacement;
use crate::encode::{Placeholder, contains_placeholder};
use crate::kinds::known_kind;
use crate::object::ObjectKey;
use crate::recorded::RecordedObject;

/// What a plan is put together from beside verdicts and steps.
#[derive(Default)]
pub(super) struct PlanParts {
    pub(super) warnings: Vec<String>,
    pub(super) unplanned: Vec<Unplanned>,
    /// Resources that go.
    pub(super) gone: BTreeSet<Address>,
    /// Clusters that are forgotten.
    pub(super) abandoned: BTreeMap<Address, Abandoned>,
    /// Lines for a reviewer.
    pub(super) notes: BTreeMap<Address, Vec<String>>,
    /// What changes in the state alone.
    pub(super) settings: BTreeMap<Address, Vec<Reason>>,
    /// Outputs that change.
    pub(super) outputs: BTreeMap<String, (Option<Json>, Option<Json>)>,
}

pub(super) fn assemble(view: &View<'_>, verdicts: Verdicts, draft: Draft, parts: PlanParts) -> Plan {
    let mut changes: BTreeMap<Address, Change> = BTreeMap::new();
    for (address, verdict) in &verdicts.by_address {
        if let Some(wish) = view.wishes.resources.get(address) {
            let mut change = change(view, wish, verdict);
            if let Some(reasons) = parts.settings.get(address) {
                change_settings(&mut change, reasons);
            }
            if matches!(address.part, Some(Part::Pivot)) {
                access_change(view, &mut change, &draft);
            }
            changes.insert(address.clone(), change);
        }
    }
    for address in &parts.gone {
        changes.insert(address.clone(), deletion(view, address, &parts.notes));
    }
    for (cluster, abandoned) in &parts.abandoned {
        changes.extend(abandoned.resources.iter().map(|address| (address.clone(), forgotten(address, cluster, abandoned))));
    }
    let mut steps = draft.steps;
    let fingerprints = if steps.is_empty() { Vec::new() } else { verdicts_and_doomed(view, verdicts, &steps) };
    let index: BTreeMap<&ObjectKey, u32> = fingerprints.iter().zip(0..).map(|(fingerprint, index)| (&fingerprint.object, index)).collect();
    let mut seen: BTreeSet<ObjectKey> = BTreeSet::new();
    for step in &mut steps {
        let mut expects = BTreeSet::new();
        for key in step.action.writes() {
            // What an earlier step of this plan has written is as that step left it.
            if seen.insert(key.clone()) {
                expects.extend(index.get(&key).copied());
            }
        }
        step.expects = expects.into_iter().collect();
        moved_by_pivot(view, &step.action, &mut seen);
    }
    let turns = turns(view, &steps);
    Plan {
        windlass_plan: PLAN_FORMAT,
        tool_version: view.options.tool_version.to_owned(),
        lineage: view.recorded.lineage.clone(),
        serial: view.recorded.serial,
        mode: view.options.mode,
        desired_digest: view.wishes.desired_digest.clone(),
        planes: plan_planes(view),
        changes: changes.into_values().collect(),
        steps,
        fingerprints,
        turns,
        outputs: plan_outputs(view, &parts.outputs),
        warnings: parts.warnings,
        unplanned: parts.unplanned,
    }
}

/// What a pivot moves is this run's own writing, on both planes.
fn moved_by_pivot(view: &View<'_>, action: &Action, seen: &mut BTreeSet<ObjectKey>) {
    let Action::Pivot { pivot } = action else { return };
    for (key, _) in view.index.owned_below(&pivot.cluster) {
        if key.plane == pivot.from {
            seen.insert(key.on(&pivot.to));
            seen.insert(key.clone());
        }
    }
}

/// Fingerprints of all that was read, and of recorded objects that are deleted.
fn verdicts_and_doomed(view: &View<'_>, mut verdicts: Verdicts, steps: &[super::Step]) -> Vec<Fingerprint> {
    for step in steps {
        let objects = match &step.action {
            Action::Delete { objects, .. } | Action::DeleteLayer { objects, .. } => objects,
            _ => continue,
        };
        for object in objects {
            let known = view.recorded.objects.get(&object.key);
            if let (Some(known), true) =
                (known, view.facts.object(&object.key).is_some() && !verdicts.fingerprints.contains_key(&object.key))
            {
                verdicts.read(view.facts, &object.key, &known.api_version, &known.applied);
            }
        }
    }
    verdicts.fingerprints.into_values().collect()
}

fn change(view: &View<'_>, wish: &Wish<'_>, verdict: &Verdict) -> Change {
    let address = &wish.resource.address;
    let is_pivot = matches!(address.part, Some(Part::Pivot));
    let mut change = Change {
        address: address.clone(),
        action: ChangeAction::NoOp,
        reasons: Vec::new(),
        input: wish.input.clone(),
        prior_input: Json::Null,
        objects: Vec::new(),
        machines: 0,
        notes: Vec::new(),
    };
    match verdict {
        Verdict::Keep => {}
        Verdict::Create | Verdict::Finish(_) => {
            change.action = if is_pivot { ChangeAction::Pivot } else { ChangeAction::Create };
            let rule = if matches!(verdict, Verdict::Finish(_)) {
                change.notes.push("finish creating".to_owned());
                "was begun and is not finished"
            } else {
                "new in configuration"
            };
            change.reasons.push(Reason { field: None, old: Json::Null, new: Json::Null, rule: rule.to_owned() });
            change.objects = new_objects(view, wish);
            for repair in verdict.repairs() {
                change.objects.retain(|object| object.key != repair.key);
                change.reasons.extend(reasons(view, wish, repair, Cause::Others));
                change.objects.push(object_change(view, repair));
            }
            change.objects.extend(dropped_objects(view, wish));
        }
        Verdict::Repair(repairs) | Verdict::Update(repairs) => {
            change.action = if is_gone(view, address, repairs) { ChangeAction::Create } else { ChangeAction::Update };
            let updated = matches!(verdict, Verdict::Update(_));
            let wished = if updated && !matches!(address.part, Some(Part::Agent)) { wished(view, wish) } else { Vec::new() };
            let cause = match (updated, wished.is_empty()) {
                (false, _) => Cause::Others,
                (true, true) => Cause::Rendering,
                (true, false) => Cause::User,
            };
            if let (true, Some(record)) = (updated, view.recorded.resources.get(address)) {
                let prior = kept_input(record);
                change.prior_input = if prior == &wish.input { Json::Null } else { prior.clone() };
            }
            change.reasons.extend(wished);
            for repair in repairs {
                if repair.key.kind == "MachineDeployment" && repair.drift.deleting.is_some() {
                    change.notes.push("Cluster API takes the machines of this pool down; new ones are made once they are gone".to_owned());
                }
                change.reasons.extend(reasons(view, wish, repair, cause));
                change.objects.push(object_change(view, repair));
            }
            let replaced = view.replaced_templates(address).into_iter().chain(view.dropped_of_layer(address));
            change.objects.extend(replaced.map(|(key, _)| ObjectChange {
                key: key.clone(),
                action: ObjectAction::Delete,
                leaves: Vec::new(),
            }));
            if let Some(rolled) = repairs.iter().find(|repair| rolls_machines(repair)) {
                change.action = ChangeAction::Repave;
                change.machines = rolling::machines(view, wish, rolled);
                change.notes.extend(rolling::order(rolled));
                let path = view.desired.clusters.get(&address.root()).filter(|_| matches!(address.part, Some(Part::ControlPlane)));
                let path = path.and_then(|cluster| view.version_path(cluster).ok()).unwrap_or_default();
                if let Ok(rolls) = u32::try_from(path.len() + 1)
                    && !path.is_empty()
                {
                    // Each version on the way replaces every machine.
                    change.machines *= rolls;
                    let versions: Vec<&str> = path.iter().map(|hop| hop.version.as_str()).collect();
                    change.notes.push(format!("by way of Kubernetes {}: its machines are replaced {rolls} times", versions.join(", ")));
                }
                let version = |path: &str| path.ends_with("spec.version");
                if rolled.drift.leaves.iter().any(|leaf| version(&leaf.path_text())) && view.replaced_templates(address).is_empty() {
                    change.notes.push("the machine template stays the same: what it names must hold the new Kubernetes version".to_owned());
                }
            }
        }
    }
    change
}

/// Whether nothing is left of a resource, so that putting it right is making it.
fn is_gone(view: &View<'_>, address: &Address, repairs: &[Repair]) -> bool {
    let deleted: BTreeSet<&ObjectKey> = repairs.iter().filter(|repair| repair.drift.is_lost()).map(|repair| &repair.key).collect();
    let mut own = view.index.owned(address).iter().filter(|(key, _)| !is_bookkeeping(key)).peekable();
    own.peek().is_some() && own.all(|(key, _)| deleted.contains(key))
}

fn new_objects(view: &View<'_>, wish: &Wish<'_>) -> Vec<ObjectChange> {
    let components = view.components(&wish.resource.address);
    let own = wish.objects.iter().map(Cow::Borrowed);
    let cluster = view.desired.clusters.get(&wish.resource.address.root());
    let mut objects = Vec::new();
    for object in own.chain(components) {
        let moved = cluster.map(|cluster| object.key.on(&view.final_home(cluster)));
        let made = view.recorded.made(&object.key).is_some()
            || (object.home == Home::Capi && moved.is_some_and(|key| view.recorded.made(&key).is_some()));
        if !made {
            objects.push(ObjectChange { key: object.key.clone(), action: ObjectAction::Create, leaves: new_leaves(&object) });
        }
    }
    objects
}

/// Objects of a half-made part that it does not have any more, and that go when it is finished.
fn dropped_objects(view: &View<'_>, wish: &Wish<'_>) -> Vec<ObjectChange> {
    let address = &wish.resource.address;
    if !address.is_cluster() || !matches!(address.part, None | Some(Part::ControlPlane | Part::WorkerPool(_) | Part::Layer(_))) {
        return Vec::new();
    }
    let wanted: BTreeSet<ObjectKey> = wish.objects.iter().map(|object| object.key.on(address)).collect();
    let own = view.index.owned(address).iter().filter(|(key, object)| !is_bookkeeping(key) && !object.uid.is_empty());
    let gone = own.filter(|(key, _)| !wanted.contains(&key.on(address))).map(|(key, _)| (*key).clone());
    let gone = gone.chain(view.inventoried(address).into_iter().map(|object| object.key));
    gone.map(|key| ObjectChange { key, action: ObjectAction::Delete, leaves: Vec::new() }).collect()
}

/// Every leaf of a new object.
fn new_leaves(object: &Placed) -> Vec<LeafChange> {
    let schema = known_kind(&object.api_version, &object.key.kind).map_or_else(SchemaRef::untyped, |kind| kind.schema);
    let leaves = FieldSet::of(&object.content, schema.as_resource()).without_identity().leaves();
    let leaf = |path: windlass_kubeschema::fieldpath::FieldPath| LeafChange {
        after: path.get(&object.content).cloned(),
        path: path_to_text(&path),
        before: None,
        actor: None,
    };
    leaves.into_iter().map(leaf).collect()
}

fn object_change(view: &View<'_>, repair: &Repair) -> ObjectChange {
    let action = match view.in_the_way(repair) {
        _ if repair.drift.is_lost() => ObjectAction::Create,
        Some(_) => ObjectAction::Replace,
        None => ObjectAction::Update,
    };
    let leaves = match (&repair.wish, repair.drift.is_lost()) {
        (Some(wish), true) => new_leaves(wish),
        _ => repair.drift.leaves.iter().map(crate::diff::LeafDiff::to_change).collect(),
    };
    ObjectChange { key: repair.key.clone(), action, leaves }
}

/// Why objects are not as they are to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Somebody else.
    Others,
    /// The same wish is rendered in another way.
    Rendering,
    /// The user's wish is another one; its fields have been told.
    User,
}

/// What the user asks for in another way: attributes of the resource, and those of its cluster that it follows.
fn wished(view: &View<'_>, wish: &Wish<'_>) -> Vec<Reason> {
    let address = &wish.resource.address;
    let of = |address: &Address| {
        let wish = view.wishes.resources.get(address)?;
        Some(changed(wish, view.recorded.resources.get(address)?))
    };
    let own = of(address).unwrap_or_default().into_iter().map(|change| (change.field.clone(), change));
    let of_root = of(&address.root()).filter(|_| address.part.is_some() && address.is_cluster()).unwrap_or_default().into_iter();
    let of_root = of_root.map(|change| (format!("{} {}", address.root(), change.field), change));
    let rule = "changed in configuration".to_owned();
    let mode = view.other_mode(&address.root()).filter(|_| matches!(address.part, Some(Part::Layer(_))));
    let mode = mode.map(|(old, new)| {
        let change = Changed { field: "mode".to_owned(), old: old.clone(), new: Json::from(new) };
        (format!("{} mode", address.root().with(Part::Agent)), change)
    });
    own.chain(of_root)
        .chain(mode)
        .map(|(field, change)| Reason { field: Some(field), old: change.old, new: change.new, rule: rule.clone() })
        .collect()
}

fn reasons(view: &View<'_>, wish: &Wish<'_>, repair: &Repair, cause: Cause) -> Vec<Reason> {
    let object = repair.key.short();
    let rendered = cause != Cause::Others;
    if repair.drift.deleted {
        let rule = match cause {
            Cause::User => return Vec::new(),
            Cause::Rendering => "new in this release's rendering".to_owned(),
            Cause::Others => "deleted outside of windlass".to_owned(),
        };
        return vec![Reason { field: Some(object), old: Json::Null, new: Json::Null, rule }];
    }
    if let Some(deletion) = &repair.drift.deleting {
        let rule = format!("deleted outside of windlass, {}; it is made again once it is gone", deletion.words());
        return vec![Reason { field: Some(object), old: Json::Null, new: Json::Null, rule }];
    }
    let mut reasons = Vec::new();
    if let Some(other) = &repair.drift.replaced {
        reasons.push(Reason {
            field: Some(format!("{object} metadata.uid")),
            old: Json::String(other.recorded.clone()),
            new: Json::String(other.live.clone()),
            rule: format!("made again outside of windlass {}", other.words()),
        });
    }
    // What the user asks for has been told; what somebody else has written meanwhile is taken back with it.
    let told = |leaf: &&LeafDiff| cause != Cause::User || !leaf.others.is_empty();
    for leaf in repair.drift.leaves.iter().filter(told) {
        let rule = match (&leaf.actor, rendered && leaf.others.is_empty()) {
            (_, true) if is_image_of_agent(view, wish, leaf) => {
                "another agent_image: the one in the configuration, or without one this release's".to_owned()
            }
            (_, true) => "rendered in another way than it was applied".to_owned(),
            (Some(actor), false) => format!("changed outside of windlass by {}", actor.manager),
            (None, false) => "removed outside of windlass, actor unknown".to_owned(),
        };
        let rule = if view.is_fixed(repair, leaf) { format!("{rule}, forces replacement") } else { rule };
        let (old, new) = (leaf.live.clone().unwrap_or(Json::Null), leaf.applied.clone().unwrap_or(Json::Null));
        reasons.push(Reason { field: Some(format!("{object} {}", leaf.path_text())), old, new, rule });
    }
    reasons
}

/// Whether a field is sent in another way because the agent's image, which is a part of the wish, is another one.
fn is_image_of_agent(view: &View<'_>, wish: &Wish<'_>, leaf: &LeafDiff) -> bool {
    let address = &wish.resource.address;
    let before = view.recorded.resources.get(address).and_then(|recorded| kept_input(recorded).get("image"));
    let now = wish.input.get("image");
    matches!(address.part, Some(Part::Agent))
        && before.is_some()
        && before != now
        && (leaf.live.as_ref(), leaf.applied.as_ref()) == (before, now)
}

fn change_settings(change: &mut Change, reasons: &[Reason]) {
    if change.action == ChangeAction::NoOp {
        change.action = ChangeAction::Update;
    }
    change.reasons.extend(reasons.iter().cloned());
}

fn access_change(view: &View<'_>, change: &mut Change, draft: &Draft) {
    let planned = |step: &super::Step| step.address == change.address && matches!(step.action, Action::RefreshAccess { .. });
    if !draft.steps.iter().any(planned) {
        return;
    }
    let Some((secret, fault)) = view.access_fault(&change.address.root()) else { return };
    if change.action == ChangeAction::NoOp {
        change.action = ChangeAction::Update;
    }
    change.reasons.push(Reason { field: Some(fault.field(&secret)), old: Json::Null, new: Json::Null, rule: fault.rule() });
    change.objects.push(ObjectChange { action: fault.action(), key: secret, leaves: Vec::new() });
}

fn deletion(view: &View<'_>, address: &Address, notes: &BTreeMap<Address, Vec<String>>) -> Change {
    let is_provider = matches!(address.part, Some(Part::Provider(_)));
    let half_made = view.recorded.resources.get(address).is_some_and(|record| is_half_made_provider(address, record));
    let goes = |key: &ObjectKey| !is_provider || half_made || key.kind == "Secret";
    let (own, staying): (Vec<_>, Vec<_>) = view.index.owned(address).iter().partition(|(key, _)| goes(key));
    let (mut objects, mut others) = (Vec::new(), Vec::new());
    for (key, object) in own.into_iter().filter(|(key, object)| is_there(view, address, key, object)) {
        match another(view, address, key, object) {
            Some(line) => others.push(line),
            None => objects.push(ObjectChange { key: (*key).clone(), action: ObjectAction::Delete, leaves: Vec::new() }),
        }
    }
    let mut notes = notes.get(address).cloned().unwrap_or_default();
    if is_provider && !half_made {
        notes.push("the provider itself stays on the management plane".to_owned());
        notes.extend(staying.iter().map(|(key, _)| format!("stays: {}", key.short())));
    }
    notes.extend(others);
    let rule = if view.destroys_all() { "destroy" } else { "no longer in configuration" };
    Change {
        address: address.clone(),
        action: if is_provider && objects.is_empty() { ChangeAction::Forget } else { ChangeAction::Delete },
        reasons: vec![Reason { field: None, old: Json::Null, new: Json::Null, rule: rule.to_owned() }],
        input: Json::Null,
        prior_input: Json::Null,
        objects,
        machines: view
            .index
            .owned(address)
            .iter()
            .filter(|_| !view.destroys_all())
            .find_map(|(key, _)| machines_at(view, key))
            .unwrap_or(0),
        notes,
    }
}

/// Whether an object that is recorded may be there: one that was only intended is, if it has our marks.
fn is_there(view: &View<'_>, address: &Address, key: &ObjectKey, object: &RecordedObject) -> bool {
    !object.uid.is_empty() || view.facts.object(key).is_some_and(|live| view.is_ours(live, address))
}

/// What stands in the place of an object that is deleted by itself, and is not: somebody else has made it. Machines take all else along.
fn another(view: &View<'_>, address: &Address, key: &ObjectKey, object: &RecordedObject) -> Option<String> {
    let by_itself = match &address.part {
        Some(Part::Layer(_)) => view.recorded.resources.get(address).is_some_and(goes_alone),
        Some(Part::Agent | Part::Provider(_)) => true,
        _ => !address.is_cluster(),
    };
    let other = replacement(object, view.facts.object(key).filter(|_| by_itself)?)?;
    Some(format!("not deleted with it: {}, made again outside of windlass {}", key.short(), other.words()))
}

fn forgotten(address: &Address, cluster: &Address, abandoned: &Abandoned) -> Change {
    Change {
        address: address.clone(),
        action: ChangeAction::Forget,
        reasons: vec![Reason { field: None, old: Json::Null, new: Json::Null, rule: format!("abandoned, {}", abandoned.reason) }],
        input: Json::Null,
        prior_input: Json::Null,
        objects: Vec::new(),
        machines: 0,
        notes: if address == cluster { abandoned.notes.clone() } else { Vec::new() },
    }
}

fn plan_planes(view: &View<'_>) -> Vec<PlanPlane> {
    let plane = |(address, access): (Address, Option<crate::facts::ClusterAccess>)| {
        let management = view.desired.management.as_ref().filter(|management| management.address == address);
        let uid = view.facts.reachable(&address).map(|identity| identity.uid.clone());
        PlanPlane {
            uid: uid.or_else(|| view.recorded.planes.get(&address).map(|plane| plane.uid.clone())),
            sandbox: management.is_some_and(|management| management.sandbox),
            context: management.and_then(|management| management.context.clone()),
            access,
            address,
        }
    };
    planes(view.desired, view.recorded).into_iter().map(plane).collect()
}

fn plan_outputs(view: &View<'_>, changed: &BTreeMap<String, (Option<Json>, Option<Json>)>) -> BTreeMap<String, PlanOutput> {
    let mut outputs = BTreeMap::new();
    for (name, value) in view.wishes.outputs.iter().filter(|_| !view.destroys_all()) {
        let sensitive = view.desired.outputs.get(*name).is_some_and(|output| output.sensitive)
            || contains_placeholder(value, &|p| matches!(p, Placeholder::Secret { .. }));
        // A sensitive output is not stored, so nothing is known of what it was.
        let before = if sensitive { value.clone() } else { view.recorded.outputs.get(*name).cloned().unwrap_or(Json::Null) };
        // What no plane could be asked for stays as it is recorded.
        let after = if sensitive || changed.contains_key(*name) { value.clone() } else { before.clone() };
        outputs.insert((*name).to_owned(), PlanOutput { before, after, sensitive });
    }
    for (name, (before, after)) in changed {
        outputs.entry(name.clone()).or_insert_with(|| PlanOutput {
            before: before.clone().unwrap_or(Json::Null),
            after: after.clone().unwrap_or(Json::Null),
            sensitive: false,
        });
    }
    outputs
}
