//! Objects of ours that somebody has deleted and that are not gone yet: most are waited for and made again, some take machines along, and
//! then a person has to decide. Judges what lives; makes no step.

use std::collections::BTreeMap;

use super::verdict::View;
use crate::addr::Address;
use crate::definitions::defined;
use crate::deletion::Deletion;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::facts::Facts;
use crate::object::ObjectKey;
use crate::recorded::{RecordedObject, ResourceStatus};

const CORE: &str = "cluster.x-k8s.io";
const CONTROL_PLANE: &str = "controlplane.cluster.x-k8s.io";
const INFRASTRUCTURE: &str = "infrastructure.cluster.x-k8s.io";

impl View<'_> {
    /// Whether an object is being deleted, by itself or with its Namespace.
    pub(super) fn going(&self, key: &ObjectKey) -> Option<Deletion> {
        going(self.facts, key)
    }

    /// Clusters that lose their machines because somebody has deleted what these depend on: nothing that a plan could hold stops that, and
    /// an object made again would make new machines without a word. One error for each cluster or plane; a line for the reviewer where
    /// nothing is planned anyway, because the cluster does not answer any more.
    pub(super) fn refuse_losses(&self, planned: &dyn Fn(&Address) -> bool, diagnostics: &mut Diagnostics) -> Vec<String> {
        let mut losses: BTreeMap<Address, Vec<(&ObjectKey, Deletion)>> = BTreeMap::new();
        for (key, object) in &self.recorded.objects {
            // Hardly anything is being deleted, so that comes first.
            let Some(deletion) = self.facts.object(key).and_then(Deletion::of) else { continue };
            let root = object.resource.root();
            if self.takes_machines_along(key, object) && self.stays(&root) {
                losses.entry(root).or_default().push((key, deletion));
            }
        }
        let mut warnings = Vec::new();
        for (root, mut going) in losses {
            // The Cluster is what the others go with.
            going.sort_by_key(|(key, _)| (key.kind != "Cluster", *key));
            let Some((first, _)) = going.first() else { continue };
            let lines: Vec<String> = going.iter().map(|(key, deletion)| format!("{key} is {}", deletion.words())).collect();
            if !planned(&root) {
                warnings.push(format!("{root}: {}", lines.join("; ")));
                continue;
            }
            let hint = match root.is_cluster() {
                true => format!(
                    "save what it holds while it answers; once all of it is gone, `windlass destroy` (or `windlass destroy \
                     -abandon={root}` if its API does not answer any more) clears the state, and an apply makes it anew"
                ),
                false => "save what its clusters hold while they answer; docs/how-to/recover.md says how to go on".to_owned(),
            };
            let mut diagnostic =
                Diagnostic::error(Code::GOING_DOWN, format!("{root}: {} is being deleted outside of windlass", first.short()))
                    .detail(format!(
                        "{}. Cluster API takes machines down with it, nothing calls a deletion back, and windlass makes nothing anew \
                         below it.",
                        lines.join("; ")
                    ))
                    .hint(hint);
            diagnostic.primary = self.desired.clusters.get(&root).and_then(|cluster| cluster.span);
            diagnostics.push(diagnostic);
        }
        warnings
    }

    /// Whether the configuration asks for what has this root; of a cluster that is being destroyed that has been told.
    fn stays(&self, root: &Address) -> bool {
        let destroyed = self.recorded.resources.get(root).is_some_and(|record| record.status == ResourceStatus::Deleting);
        !destroyed && (!root.is_cluster() || self.desired.clusters.contains_key(root))
    }

    /// Whether machines of a cluster go with an object, other than those of one worker pool.
    fn takes_machines_along(&self, key: &ObjectKey, object: &RecordedObject) -> bool {
        let of_cluster = object.resource.is_cluster() && object.resource.part.is_none();
        match (key.group.as_str(), key.kind.as_str()) {
            (CORE, "Cluster") | (CONTROL_PLANE, _) => true,
            (INFRASTRUCTURE, _) => of_cluster,
            ("", "Namespace") => of_cluster && self.holds_cluster(&key.plane, Some(&key.name)),
            ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                let kind = defined(&object.applied);
                kind.is_some_and(|(group, kind)| is_of_machines(group, kind)) && self.holds_cluster(&key.plane, None)
            }
            _ => false,
        }
    }

    /// Whether a recorded Cluster lives on a plane, in this Namespace or in any.
    fn holds_cluster(&self, plane: &Address, namespace: Option<&String>) -> bool {
        let here = |key: &ObjectKey| &key.plane == plane && namespace.is_none_or(|namespace| key.namespace.as_ref() == Some(namespace));
        self.recorded.objects.keys().any(|key| key.group == CORE && key.kind == "Cluster" && here(key))
    }
}

/// Whether an object is being deleted, by itself or with its Namespace.
pub(super) fn going(facts: &Facts, key: &ObjectKey) -> Option<Deletion> {
    let itself = facts.object(key).and_then(Deletion::of);
    itself.or_else(|| {
        let namespace = key.in_namespace()?;
        Deletion::of(facts.object(&namespace)?).map(|deletion| deletion.with(&namespace.name))
    })
}

/// Kinds without whose objects a machine goes.
fn is_of_machines(group: &str, kind: &str) -> bool {
    match group {
        CORE => matches!(kind, "Cluster" | "Machine" | "MachineSet" | "MachineDeployment"),
        CONTROL_PLANE => !kind.ends_with("Template"),
        INFRASTRUCTURE => kind.ends_with("Cluster") || kind.ends_with("Machine"),
        _ => false,
    }
}
