//! Marks of what steps make for themselves in our namespace: the `Layer` of a layer, the Secrets with its content, the way into a cluster.
//! Compares them with what the steps write; makes no step.

use serde_json::Value as Json;
use windlass_kubeschema::fieldpath::{FieldPath, PathElement};

use super::demands::recorded_layer_objects;
use super::published::content_secrets;
use super::verdict::View;
use crate::addr::Address;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::diff::{LeafDiff, Owners};
use crate::marks::{ANNOTATION_ADDRESS, LABEL_LINEAGE, lineage_of};
use crate::object::ObjectKey;

/// The marks of a living object that are not those of this state and this owner.
pub(super) fn mark_leaves(live: &Json, lineage: &str, owner: &Address) -> Vec<LeafDiff> {
    let lineage = metadata_leaf(live, "labels", LABEL_LINEAGE, Some(Json::from(lineage)));
    lineage.into_iter().chain(address_leaf(live, owner)).collect()
}

/// The address on a living object, if it is not that of its owner.
pub(super) fn address_leaf(live: &Json, owner: &Address) -> Option<LeafDiff> {
    metadata_leaf(live, "annotations", ANNOTATION_ADDRESS, Some(Json::from(owner.to_string())))
}

/// A label or annotation that is not as a step has written it. The next step takes it back by force, so nobody is named to take it from.
pub(super) fn metadata_leaf(live: &Json, map: &str, name: &str, applied: Option<Json>) -> Option<LeafDiff> {
    let path = FieldPath(["metadata", map, name].into_iter().map(PathElement::field).collect());
    let found = live.get("metadata").and_then(|metadata| metadata.get(map)?.get(name));
    (found != applied.as_ref()).then(|| LeafDiff {
        live: found.cloned(),
        actor: found.and_then(|_| Owners::of(live).actor(&path)),
        applied,
        others: Vec::new(),
        path,
    })
}

/// The error of an object of ours that carries the lineage of another state.
pub(super) fn belongs_to_another_state(address: &Address, key: &ObjectKey, purpose: &str, owner: &str) -> Diagnostic {
    Diagnostic::error(Code::OBJECT_EXISTS, format!("{address}: {key} is not ours"))
        .detail(format!("It should hold {purpose}, and it belongs to the windlass state {owner}."))
}

impl View<'_> {
    /// What an agent has of layers, and another state has marked as its own.
    pub(super) fn refuse_foreign_layers(&self, planned: &dyn Fn(&Address) -> bool, diagnostics: &mut Diagnostics) {
        for (address, layer) in recorded_layer_objects(self.recorded) {
            let root = address.root();
            let looked_after = planned(&root) && self.desired.clusters.get(&root).is_some_and(|cluster| cluster.agent);
            let Some(wish) = self.wishes.resources.get(&address).filter(|_| looked_after) else { continue };
            let contents = content_secrets(&layer, self.facts);
            for key in std::iter::once(layer).chain(contents) {
                let Some(owner) = self.owner_but_us(&key) else { continue };
                let mut diagnostic = belongs_to_another_state(&address, &key, "what the agent applies", owner)
                    .hint("two states must not have one cluster; an apply makes it again once it is deleted");
                diagnostic.primary = wish.resource.span;
                diagnostics.push(diagnostic);
            }
        }
    }

    /// Lineage of the other state that a living object belongs to; of one that is being deleted nothing is to be saved.
    fn owner_but_us(&self, key: &ObjectKey) -> Option<&str> {
        let live = self.facts.object(key).filter(|_| self.going(key).is_none())?;
        lineage_of(live).filter(|owner| *owner != self.recorded.lineage)
    }
}
