//! Parts that go from a cluster that stays: worker pools, and layers that may go by themselves. Judges and makes the steps; what else goes from
//! a configuration is refused with the verdicts.

use std::collections::{BTreeMap, BTreeSet};

use super::destroy::{deletion_rank, falling_order};
use super::foreign::{containers, others};
use super::objects::{doomed, may_go};
use super::steps::Draft;
use crate::addr::{Address, Part};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::plan::Action;
use crate::plan::action::DoomedObject;
use crate::plan::demands::removed;
use crate::plan::kept_facts::{KeptLayer, kept};
use crate::plan::verdict::View;
use crate::recorded::{Effect, RecordedResource, ResourceStatus};

/// Takes away what the configuration has no more of clusters that stay; gives the resources that go.
pub(in crate::plan) fn remove_parts(
    view: &View<'_>,
    planned: &dyn Fn(&Address) -> bool,
    draft: &mut Draft,
    diagnostics: &mut Diagnostics,
) -> Vec<Address> {
    let mut clusters: BTreeMap<Address, Vec<(&Address, &RecordedResource)>> = BTreeMap::new();
    for (address, record) in removed(view.desired, view.recorded).filter(|(address, _)| planned(&address.root())) {
        clusters.entry(address.root()).or_default().push((address, record));
    }
    let mut gone = Vec::new();
    for (root, parts) in clusters {
        let Some(cluster) = view.desired.clusters.get(&root) else { continue };
        let protected = parts.iter().filter(|(_, record)| record.protect);
        for (address, _) in protected {
            let mut refused = Diagnostic::error(Code::PROTECTED, format!("{address} is protected and would be destroyed"))
                .hint(format!("apply {root} with prevent_destroy = false first, and take it out then"));
            refused.primary = cluster.span;
            diagnostics.push(refused);
        }
        refuse_holding(view, &root, &parts, diagnostics);
        let going = Going { view, root: &root, timeout: cluster.timeout_seconds };
        for (address, record) in parts.iter().filter(|(address, _)| matches!(address.part, Some(Part::WorkerPool(_)))) {
            going.pool(address, record, draft);
        }
        going.layers(&parts, draft);
        gone.extend(parts.into_iter().map(|(address, _)| address.clone()));
    }
    gone
}

/// A Namespace or definition of a layer that holds others' objects is not deleted.
fn refuse_holding(view: &View<'_>, root: &Address, parts: &[(&Address, &RecordedResource)], diagnostics: &mut Diagnostics) {
    let layers: BTreeSet<&Address> = parts.iter().map(|(address, _)| *address).collect();
    let mut containers = containers(root, view.index, view.facts);
    containers.retain(|container| layers.contains(container.owner()));
    for (container, held) in others(&containers, view.recorded, view.facts, &BTreeSet::new()) {
        let mut refused =
            Diagnostic::error(Code::FOREIGN_CONTENT, format!("{} of {root} holds objects that are not ours: {held}", container.short()))
                .detail("It is from a layer that is taken out of the configuration, and they would go with it.")
                .hint("delete or move them, or leave the layer in the configuration");
        refused.primary = view.desired.clusters.get(root).and_then(|cluster| cluster.span);
        diagnostics.push(refused);
    }
}

/// One cluster that loses parts.
struct Going<'v> {
    view: &'v View<'v>,
    root: &'v Address,
    timeout: u64,
}

impl Going<'_> {
    /// Cluster API drains and deletes the machines of a MachineDeployment; its templates go after them.
    fn pool(&self, address: &Address, record: &RecordedResource, draft: &mut Draft) {
        let (mut machines, mut templates): (Vec<DoomedObject>, Vec<DoomedObject>) = (Vec::new(), Vec::new());
        for (key, object) in self.view.index.owned(address).iter().filter(|(key, object)| may_go(self.view, key, object)) {
            let into = if key.kind.ends_with("Template") { &mut templates } else { &mut machines };
            into.push(doomed(self.view, key, object));
        }
        let plane = |objects: &[DoomedObject]| objects.first().map_or_else(|| self.root.clone(), |object| object.key.plane.clone());
        let action = Action::Delete { plane: plane(&machines), objects: machines };
        let first = draft.add(address, action, [], self.timeout);
        begun(address, record, first, draft);
        let action = Action::CollectTemplates { plane: plane(&templates), objects: templates };
        let last = draft.add(address, action, [first], self.timeout);
        self.ends(address, last, draft);
    }

    /// Layers, what depends on one before it.
    fn layers(&self, parts: &[(&Address, &RecordedResource)], draft: &mut Draft) {
        let mut layers: Vec<(&str, BTreeSet<String>)> = Vec::new();
        for (address, record) in parts {
            if let (Some(Part::Layer(name)), Some(kept)) = (&address.part, kept::<KeptLayer>(record)) {
                layers.push((name, kept.kind.depends_on));
            }
        }
        let mut done: BTreeMap<&str, u32> = BTreeMap::new();
        for (name, _) in falling_order(&layers) {
            let address = self.root.with(Part::Layer((*name).to_owned()));
            let Some(record) = self.view.recorded.resources.get(&address) else { continue };
            let dependents = layers.iter().filter(|(_, depends_on)| depends_on.contains(*name));
            let needs: Vec<u32> = dependents.filter_map(|(other, _)| done.get(other).copied()).collect();
            let own = self.view.index.owned(&address).iter();
            let mut objects: Vec<DoomedObject> =
                own.filter(|(key, object)| may_go(self.view, key, object)).map(|(key, object)| doomed(self.view, key, object)).collect();
            objects.sort_by_key(|object| (deletion_rank(&object.key), object.key.clone()));
            let action = Action::DeleteLayer { plane: self.root.clone(), layer: (*name).to_owned(), objects, later: Vec::new() };
            let step = draft.add(&address, action, needs, self.timeout);
            begun(&address, record, step, draft);
            self.ends(&address, step, draft);
            done.insert(name, step);
        }
    }

    fn ends(&self, address: &Address, last: u32, draft: &mut Draft) {
        draft.on_done(last, Effect::ResourceGone { address: address.clone() });
        draft.ready.insert(address.clone(), last);
    }
}

fn begun(address: &Address, record: &RecordedResource, first: u32, draft: &mut Draft) {
    let resource = RecordedResource { status: ResourceStatus::Deleting, ..record.clone() };
    draft.on_start(first, Effect::Resource { address: address.clone(), resource });
}
