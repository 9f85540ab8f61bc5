//! What is rendered in another way than it was applied: which of it may be updated in place, and what is refused by name. Looks at no live
//! object.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::day_two::refusal;
use super::verdict::{View, is_bookkeeping};
use super::wish::{Placed, Wish, providers_of};
use crate::addr::{Address, Part, Root};
use crate::desired::DesiredProvider;
use crate::diag::Diagnostics;
use crate::diff::{Comparison, LeafDiff, compare};
use crate::kinds::known_kind;
use crate::object::ObjectKey;
use crate::recorded::RecordedObject;

/// Leaves of an object that are told, of those that are sent and of those that are not any more.
const TOLD: usize = 5;

/// Objects that are new to a pool, each with the recorded one that it would take the place of.
pub(super) type Renamed<'a> = BTreeMap<ObjectKey, (&'a ObjectKey, &'a RecordedObject)>;

impl<'a> View<'a> {
    /// Whether an object that is rendered in another way than it was applied may be updated; else that is reported. `leaves`: what differs;
    /// `None`: nothing of the kind was applied.
    ///
    /// The agent may, since its image follows the release, and so may what a provider of the same version consists of: its components
    /// follow variables, and its Secrets the values in them. A layer's objects come from files, so their change is the user's.
    pub(super) fn rendered_anew(
        &self,
        address: &Address,
        wish: &Wish<'_>,
        key: &ObjectKey,
        leaves: Option<&[LeafDiff]>,
        renamed: &Renamed<'_>,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        if matches!(&address.part, Some(Part::Agent | Part::Provider(_) | Part::Pivot)) {
            return true;
        }
        let what = if renamed.contains_key(key) { "a change of machines" } else { rendering_of(address) };
        let Some(leaves) = leaves else {
            diagnostics.push(refusal(address, what, &key.short(), &Json::Null, &Json::String("new".to_owned()), wish.resource.span));
            return false;
        };
        let only_the_name = |leaf: &LeafDiff| {
            let is = |value: &Option<Json>, name: &str| value.as_ref().and_then(Json::as_str) == Some(name);
            renamed.iter().any(|(new, (old, _))| is(&leaf.live, &old.name) && is(&leaf.applied, &new.name))
        };
        let told =
            |sent: bool| leaves.iter().filter(move |leaf| leaf.applied.is_some() == sent).filter(|leaf| !only_the_name(leaf)).take(TOLD);
        for leaf in told(true).chain(told(false)) {
            let field = format!("{} {}", key.short(), leaf.path_text());
            let (before, after) = (leaf.live.as_ref().unwrap_or(&Json::Null), leaf.applied.as_ref().unwrap_or(&Json::Null));
            diagnostics.push(refusal(address, what, &field, before, after, wish.resource.span));
        }
        false
    }

    /// Whether somebody else looks after a provider, or after one of those in a pivoted cluster.
    fn any_of_others(&self, address: &Address) -> bool {
        let root = address.root();
        let here = |provider: &DesiredProvider| self.is_others(provider, &root);
        match self.desired.clusters.get(&root) {
            Some(cluster) => providers_of(self.desired, cluster).any(here),
            None => self.desired.providers.iter().filter(|own| &own.address == address).any(|own| !own.spec.install || here(own)),
        }
    }

    /// Whether the providers are those that the sandbox simulates.
    pub(super) fn is_sandboxed(&self) -> bool {
        self.desired.management.as_ref().is_some_and(|management| management.sandbox)
    }

    /// Templates are named by what they hold: for each that is new to a pool the one that it would follow, if there is but one of its kind.
    pub(super) fn renamed(&self, address: &Address, expected: &[(ObjectKey, &Placed)]) -> Renamed<'a> {
        if !matches!(address.part, Some(Part::ControlPlane | Part::WorkerPool(_))) {
            return Renamed::new();
        }
        let wanted: BTreeSet<&ObjectKey> = expected.iter().map(|(key, _)| key).collect();
        let mut renamed = Renamed::new();
        for key in wanted.iter().filter(|key| !self.recorded.objects.contains_key(key)) {
            let alike = |other: &ObjectKey| (&other.plane, &other.group, &other.kind) == (&key.plane, &key.group, &key.kind);
            let mut old = self.index.owned(address).iter().filter(|(other, _)| alike(other) && !wanted.contains(*other));
            if let (Some((old, object)), None) = (old.next(), old.next()) {
                renamed.insert((*key).clone(), (*old, *object));
            }
        }
        renamed
    }

    /// Objects that were applied for a ready resource and that it does not have any more.
    pub(super) fn refuse_dropped_objects(
        &self,
        address: &Address,
        wish: &Wish<'_>,
        expected: &[(ObjectKey, &Placed)],
        follows: bool,
        renamed: &Renamed<'_>,
        diagnostics: &mut Diagnostics,
    ) {
        let judged = match &address.part {
            Some(Part::Layer(_) | Part::ControlPlane | Part::WorkerPool(_)) => true,
            // What the sandbox's providers consist of follows the release; somebody else's are used as they are.
            Some(Part::Provider(_) | Part::Pivot) => !self.is_sandboxed() && !self.any_of_others(address),
            // Its copies in clusters follow what is on the management plane.
            _ => follows && matches!(address.root, Root::Cloud(..)),
        };
        if !judged {
            return;
        }
        let expected: BTreeSet<&ObjectKey> = expected.iter().map(|(key, _)| key).collect();
        for (key, object) in self.index.owned(address) {
            // Templates are collected, and a layer's objects pruned; a Namespace or definition could hold others' things.
            let holds = matches!((key.group.as_str(), key.kind.as_str()), ("", "Namespace") | ("apiextensions.k8s.io", _));
            let goes = follows && (key.kind.ends_with("Template") || matches!(address.part, Some(Part::Layer(_))) && !holds);
            let copy = matches!(address.root, Root::Cloud(..)) && !key.plane.is_management();
            if !goes
                && !copy
                && !object.uid.is_empty()
                && !is_bookkeeping(key)
                && !expected.contains(key)
                && !renamed.values().any(|(old, _)| old == key)
            {
                diagnostics.push(refusal(
                    address,
                    rendering_of(address),
                    &key.short(),
                    &Json::String("applied".to_owned()),
                    &Json::Null,
                    wish.resource.span,
                ));
            }
        }
    }
}

/// What differs between the fields as they would be sent now (`applied`) and as they were sent (`live`).
pub(super) fn rendering(key: &ObjectKey, applied: &Json, object: &Placed) -> Vec<LeafDiff> {
    let schema = known_kind(&object.api_version, &key.kind).map(|kind| kind.schema);
    let mut leaves = compare(Comparison { applied: &object.content, live: applied, schema, key: None });
    // Leaves that were sent and are not any more.
    let gone = compare(Comparison { applied, live: &object.content, schema, key: None });
    leaves.extend(gone.into_iter().filter(|leaf| leaf.live.is_none()).map(|mut leaf| {
        std::mem::swap(&mut leaf.applied, &mut leaf.live);
        leaf
    }));
    leaves.sort_by(|a, b| a.path.cmp(&b.path));
    leaves.dedup_by(|a, b| a.path == b.path);
    leaves
}

/// The name of a change of what is rendered, in the words of the documentation.
fn rendering_of(address: &Address) -> &'static str {
    match &address.part {
        Some(Part::Layer(_)) => "a change of a layer's content",
        Some(Part::Provider(_) | Part::Pivot) => "a change of what a provider consists of",
        _ if matches!(address.root, Root::Cloud(..)) => "a change of cloud credentials",
        _ => "a change of what is rendered for it",
    }
}
