//! `plan`: wish, state and facts in, a plan out. Pure; the same input gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::assemble::{PlanParts, assemble};
use super::demands::doomed;
use super::index::Index;
use super::options::PlanOptions;
use super::planes::{reach, warnings};
use super::saga::{Draft, abandon, clouds, create_or_repair, destroy_cluster, destroy_shared, providers, remove_parts};
use super::unserved::refuse_unserved;
use super::validate::validate_objects;
use super::verdict::{Verdict, Verdicts, View};
use super::wish::wishes;
use super::{Action, Mode, Plan, PlannedObject, Reason};
use crate::addr::Address;
use crate::desired::Desired;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::encode::{Placeholder, contains_placeholder, is_secret_object};
use crate::facts::Facts;
use crate::graph::Graph;
use crate::recorded::{Effect, Recorded, ResourceStatus};

/// Makes the plan. With errors among the findings it must not be applied.
pub fn plan(desired: &Desired, recorded: &Recorded, facts: &Facts, options: &PlanOptions<'_>) -> (Plan, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let reach = reach(desired, recorded, facts, &mut diagnostics);
    let wishes = wishes(desired, Some(recorded), options.key, facts.known_references(), &mut diagnostics);
    let index = Index::of(recorded);
    let view = View { desired, recorded, facts, options, wishes: &wishes, index: &index };
    let mut draft = Draft::default();
    let mut gone: BTreeSet<Address> = BTreeSet::new();
    let mut staying = Vec::new();
    if !options.abandon.is_empty() {
        let (abandoned, outputs) = abandon(&view, &mut draft, &mut diagnostics);
        let parts = PlanParts { warnings: warnings(recorded, facts), abandoned, outputs, ..PlanParts::default() };
        return (assemble(&view, Verdicts::default(), draft, parts), diagnostics);
    }
    let planned = |root: &Address| reach.is_planned(root);
    let verdicts = match options.mode {
        Mode::Apply => {
            validate_objects(&wishes, &mut diagnostics);
            refuse_unserved(&view, &mut diagnostics);
            refuse_replacements(&view, &mut diagnostics);
            let verdicts = view.judge(&planned, &mut diagnostics);
            bring_up(&view, &verdicts, &planned, &mut draft, &mut diagnostics);
            gone.extend(remove_parts(&view, &planned, &mut draft, &mut diagnostics));
            verdicts
        }
        Mode::Destroy => Verdicts::default(),
    };
    let going: Vec<Address> = doomed(desired, recorded, options.mode).into_iter().filter(|cluster| planned(cluster)).collect();
    let mut notes = BTreeMap::new();
    for cluster in &dependents_first(going, recorded) {
        notes.append(&mut destroy_cluster(&view, cluster, &mut draft, &mut diagnostics));
        gone.extend(index.below(cluster).iter().map(|(address, _)| (*address).clone()));
    }
    if reach.is_planned(&view.management(&Address::management(""))) {
        gone.extend(destroy_shared(&view, &planned, &mut draft, &mut staying));
    }
    let settings = record_settings(&view, &verdicts, &mut draft);
    // What is left out of a destroy keeps its outputs.
    let outputs = if view.destroys_all() && !reach.unplanned.is_empty() { BTreeMap::new() } else { outputs(&view, &mut draft) };
    know_management(&view, &mut draft);
    know_intended(&view, &mut draft);
    forget_management(&view, &gone, &verdicts, &mut draft);
    let mut parts = PlanParts {
        warnings: [warnings(recorded, facts), verdicts.warnings.clone(), staying].concat(),
        unplanned: reach.unplanned.clone(),
        gone,
        notes,
        settings,
        outputs,
        ..PlanParts::default()
    };
    parts.unplanned.sort_by(|a, b| a.address.cmp(&b.address));
    (assemble(&view, verdicts, draft, parts), diagnostics)
}

/// Clusters in an order in which each comes after those that depend on it; by address where nothing else decides.
fn dependents_first(clusters: Vec<Address>, recorded: &Recorded) -> Vec<Address> {
    let place: BTreeMap<Address, u32> = clusters.iter().cloned().zip(0..).collect();
    let mut graph = Graph::new(clusters.len());
    for (dependent, index) in &place {
        let needs = recorded.resources.get(dependent).into_iter().flat_map(|record| &record.needs);
        for needed in needs.filter_map(|need| place.get(&need.root())).filter(|needed| *needed != index) {
            graph.edge(*needed, *index, "goes after what depends on it");
        }
    }
    match graph.order() {
        Ok(order) => order.into_iter().filter_map(|index| clusters.get(index as usize).cloned()).collect(),
        // HCL refuses circles; a state that holds one is destroyed by address.
        Err(_) => clusters,
    }
}

/// The state learns who the management plane is with the first steps on it.
fn know_management(view: &View<'_>, draft: &mut Draft) {
    let address = view.management(&Address::management(""));
    let Some(identity) = view.facts.reachable(&address).filter(|_| !view.recorded.planes.contains_key(&address)) else { return };
    for step in draft.steps.iter_mut().filter(|step| step.needs.is_empty()) {
        step.on_start.insert(0, Effect::PlaneKnown { address: address.clone(), uid: identity.uid.clone() });
    }
}

/// The state learns what a step is about to make before anything is there, so that whoever gives it up finds what a step that was broken off
/// has made. Of a provider that is whole only Secrets go when it is given up, and of its copies none alone.
fn know_intended(view: &View<'_>, draft: &mut Draft) {
    for step in &mut draft.steps {
        let objects: Vec<&PlannedObject> = match &step.action {
            Action::Apply { objects, .. } => objects.iter().collect(),
            Action::EnsureProvider { plane, objects, .. } if plane.is_management() => {
                let whole = view.is_ready(&step.address);
                objects.iter().filter(|object| !whole || is_secret_object(&object.key)).collect()
            }
            _ => continue,
        };
        let new = objects.into_iter().filter(|object| !view.recorded.objects.contains_key(&object.key));
        let intended = new.map(|object| Effect::Object { key: object.key.clone(), object: object.recorded(&step.address, String::new()) });
        step.on_start.extend(intended.collect::<Vec<_>>());
    }
}

/// A state that holds nothing any more belongs to no plane.
fn forget_management(view: &View<'_>, gone: &BTreeSet<Address>, verdicts: &Verdicts, draft: &mut Draft) {
    let empty = view.recorded.resources.keys().all(|address| gone.contains(address)) && verdicts.by_address.is_empty();
    let planes: Vec<Effect> = view
        .recorded
        .planes
        .keys()
        .filter(|plane| plane.is_management())
        .map(|plane| Effect::PlaneGone { address: plane.clone() })
        .collect();
    if empty && !planes.is_empty() && !draft.steps.is_empty() {
        let all: Vec<u32> = (0..draft.steps.len()).filter_map(|index| u32::try_from(index).ok()).collect();
        draft.record(&view.management(&Address::management("sandbox")), planes, all);
    }
}

/// Providers, clouds, then clusters, each after those that it depends on.
fn bring_up(view: &View<'_>, verdicts: &Verdicts, planned: &dyn Fn(&Address) -> bool, draft: &mut Draft, diagnostics: &mut Diagnostics) {
    providers(view, &verdicts.by_address, draft);
    clouds(view, &verdicts.by_address, draft);
    let clusters: Vec<&crate::desired::DesiredCluster> =
        view.desired.clusters.values().filter(|cluster| planned(&cluster.address)).collect();
    let place: BTreeMap<&Address, u32> = clusters.iter().zip(0..).map(|(cluster, index)| (&cluster.address, index)).collect();
    let mut graph = Graph::new(clusters.len());
    for (cluster, index) in clusters.iter().zip(0..) {
        let needs = view.desired.resources.get(&cluster.address).into_iter().flat_map(|resource| &resource.needs);
        for (need, needed) in
            needs.filter_map(|need| place.get(&need.root()).map(|needed| (need, *needed))).filter(|(_, needed)| *needed != index)
        {
            graph.edge(index, needed, format!("{} depends on {need}", cluster.address));
        }
    }
    match graph.order() {
        Ok(order) => {
            for cluster in order.into_iter().filter_map(|index| clusters.get(index as usize)) {
                create_or_repair(view, &verdicts.by_address, cluster, draft);
            }
        }
        Err(_) => {
            for cycle in graph.cycles() {
                let chain: Vec<&str> = cycle.edges.iter().map(|edge| edge.reason.as_str()).collect();
                diagnostics.push(
                    Diagnostic::error(Code::CLUSTER_CYCLE, "clusters wait for each other in a circle")
                        .detail(format!("{}.", chain.join(", ")))
                        .hint("take one of these references away"),
                );
            }
        }
    }
}

/// `-replace` works on what rolls or is made again, and that is for later; each address is refused by name.
fn refuse_replacements(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for address in view.options.replace {
        if view.recorded.resources.contains_key(address) {
            let span = view.desired.resources.get(address).and_then(|resource| resource.span);
            let mut refused = Diagnostic::error(Code::DAY_TWO, format!("{address}: -replace is not possible yet"))
                .detail("This release makes other machines where their configuration changes, and none on request.")
                .hint("leave the flag out, or destroy the cluster and create it again");
            refused.primary = span;
            diagnostics.push(refused);
        } else {
            let known: Vec<String> = view.recorded.resources.keys().map(Address::to_string).collect();
            let summary = format!("-replace={address}: the state holds no such resource");
            diagnostics
                .push(Diagnostic::error(Code::DAY_TWO, summary).did_you_mean(&address.to_string(), known.iter().map(String::as_str)));
        }
    }
}

/// What changes in the state alone: guards, and what a cluster comes after, by which a destroy goes. Each is a change by itself. Returns
/// the reasons by the resources they are shown for.
fn record_settings(view: &View<'_>, verdicts: &Verdicts, draft: &mut Draft) -> BTreeMap<Address, Vec<Reason>> {
    let mut shown: BTreeMap<Address, Vec<Reason>> = BTreeMap::new();
    let mut effects: BTreeMap<Address, Vec<Effect>> = BTreeMap::new();
    for (address, wish) in &view.wishes.resources {
        let Some(record) =
            view.recorded.resources.get(*address).filter(|_| verdicts.by_address.get(*address).is_some_and(|verdict| !verdict.makes()))
        else {
            continue;
        };
        let protect = wish.resource.prevent_destroy;
        let (before, after) = (clusters_before(address, &record.needs), clusters_before(address, &wish.resource.needs));
        let updated = matches!(verdicts.by_address.get(*address), Some(Verdict::Update(_)));
        // What its steps make ready, its last step records.
        let in_state_alone = updated && !draft.ready.contains_key(*address);
        if record.protect == protect && before == after && !in_state_alone {
            continue;
        }
        let mut resource = if updated { wish.record(ResourceStatus::Ready) } else { record.clone() };
        resource.protect = protect;
        if before != after {
            resource.needs = wish.resource.needs.clone();
        }
        effects.entry(address.root()).or_default().push(Effect::Resource { address: (*address).clone(), resource });
        if address.part.is_none() || !view.wishes.resources.contains_key(&address.root()) {
            let changed = |field: &str, old: Json, new: Json| {
                let rule = "changed in configuration".to_owned();
                (old != new).then(|| Reason { field: Some(field.to_owned()), old, new, rule })
            };
            let reasons = [
                changed("lifecycle.prevent_destroy", Json::Bool(record.protect), Json::Bool(protect)),
                changed("depends_on", Json::from(before), Json::from(after)),
            ];
            shown.entry((*address).clone()).or_default().extend(reasons.into_iter().flatten());
        }
    }
    for (root, effects) in effects {
        let needs: Vec<u32> = draft.ready.iter().filter(|(address, _)| address.root() == root).map(|(_, step)| *step).collect();
        draft.record(&root, effects, needs);
    }
    shown
}

/// The other clusters among what a cluster needs, by address; of other resources nothing that a user could have changed.
fn clusters_before(address: &Address, needs: &BTreeSet<Address>) -> Vec<String> {
    let is_root = address.is_cluster() && address.part.is_none();
    needs.iter().filter(|need| is_root && need.is_cluster() && &need.root() != address).map(Address::to_string).collect()
}

/// Whether all that an output refers to is known, or is by the time the plan has been carried out.
fn is_found_out(value: &Json, view: &View<'_>, draft: &Draft) -> bool {
    let opened = |reference: &str| {
        let cluster = reference.rsplit_once('.').and_then(|(cluster, _)| cluster.parse::<Address>().ok());
        cluster.is_some_and(|cluster| draft.opened.contains_key(&cluster) || view.facts.reachable(&cluster).is_some())
    };
    !contains_placeholder(value, &|p| matches!(p, Placeholder::Unknown { reference } if !opened(reference)))
}

/// Outputs that change, as before and after; the step that stores them comes after the planes that they ask are open.
fn outputs(view: &View<'_>, draft: &mut Draft) -> BTreeMap<String, (Option<Json>, Option<Json>)> {
    let mut changed: BTreeMap<String, (Option<Json>, Option<Json>)> = BTreeMap::new();
    let destroy = view.destroys_all();
    let mut set = BTreeMap::new();
    // An output that is null is not stored, as in Terraform.
    for (name, value) in view.wishes.outputs.iter().filter(|(_, value)| !destroy && !value.is_null()) {
        let sensitive = view.desired.outputs.get(*name).is_some_and(|output| output.sensitive)
            || contains_placeholder(value, &|p| matches!(p, Placeholder::Secret { .. }));
        if sensitive {
            continue;
        }
        let before = view.recorded.outputs.get(*name);
        if !is_found_out(value, view, draft) {
            // Its plane is left out: what is recorded stays.
            continue;
        }
        if before != Some(value) {
            changed.insert((*name).to_owned(), (before.cloned(), Some(value.clone())));
            set.insert((*name).to_owned(), value.clone());
        }
    }
    let wanted = |name: &String| !destroy && view.wishes.outputs.get(name.as_str()).is_some_and(|value| !value.is_null());
    let removed: Vec<String> = view.recorded.outputs.keys().filter(|name| !wanted(name)).cloned().collect();
    for name in &removed {
        changed.insert(name.clone(), (view.recorded.outputs.get(name).cloned(), None));
    }
    if set.is_empty() && removed.is_empty() {
        return changed;
    }
    let asks_planes = set.values().any(|value| contains_placeholder(value, &|p| matches!(p, Placeholder::Unknown { .. })));
    let needs: Vec<u32> = match (destroy, asks_planes) {
        // What is destroyed has its outputs to the last.
        (true, _) => draft.ready.values().copied().collect(),
        (false, true) => draft.opened.values().copied().collect(),
        (false, false) => Vec::new(),
    };
    let address = view.management(&Address::management("sandbox"));
    let effects: Vec<Effect> = removed.iter().map(|name| Effect::Output { name: name.clone(), value: None }).collect();
    let known: Vec<Effect> = set
        .iter()
        .filter(|(_, value)| !contains_placeholder(value, &|p| matches!(p, Placeholder::Unknown { .. })))
        .map(|(name, value)| Effect::Output { name: name.clone(), value: Some(value.clone()) })
        .collect();
    let step = draft.outputs(&address, Action::StoreOutputs { outputs: set, removed }, needs);
    if let Some(step) = draft.steps.get_mut(step as usize) {
        step.on_done.extend(effects);
        step.on_done.extend(known);
    }
    changed
}
