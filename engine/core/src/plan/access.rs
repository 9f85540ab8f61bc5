//! The access Secret of a pivoted cluster, on the management plane: whether it is there, ours, and holds the present kubeconfig. Judges
//! what lives; makes no step.

use super::demands::access_secret;
use super::going::going;
use super::kept_facts::{KeptCluster, kept};
use super::own_marks::{address_leaf, belongs_to_another_state, mark_leaves};
use super::verdict::View;
use super::{Actor, ObjectAction};
use crate::addr::{Address, Part};
use crate::deletion::Deletion;
use crate::diag::Diagnostics;
use crate::diff::{LeafDiff, Owners};
use crate::drift::{ObjectDrift, secret_leaf};
use crate::facts::Facts;
use crate::marks::lineage_of;
use crate::object::ObjectKey;
use crate::recorded::{Recorded, RecordedResource, ResourceStatus};

/// Entry of the Secret that holds the kubeconfig.
const ENTRY: &str = "value";

/// What is wrong with an access Secret.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum AccessFault {
    /// It is gone.
    Gone,
    /// It is being deleted.
    Going(Deletion),
    /// Our mark has been taken off it.
    Stripped,
    /// Somebody else has made it, and it carries no mark of a state; who, as far as that is known.
    Unmarked(Option<Actor>),
    /// It belongs to the state of this lineage.
    Foreign(String),
    /// It holds another kubeconfig than the cluster has now; with the leaf, if somebody else has changed it.
    Outdated(Option<Box<LeafDiff>>),
    /// It carries our lineage, and not the address of its cluster.
    Misaddressed(Box<LeafDiff>),
}

impl AccessFault {
    /// Why it is put right.
    pub(super) fn rule(&self) -> String {
        let by = |actor: &Option<Actor>| match actor {
            Some(actor) => format!(" by {}", actor.manager),
            None => ", actor unknown".to_owned(),
        };
        match self {
            AccessFault::Gone => "deleted outside of windlass".to_owned(),
            AccessFault::Going(deletion) => format!("deleted outside of windlass, {}; it is made again once it is gone", deletion.words()),
            AccessFault::Stripped => "its mark was removed outside of windlass, actor unknown".to_owned(),
            AccessFault::Unmarked(actor) => format!("made outside of windlass{}; it is taken over", by(actor)),
            AccessFault::Foreign(lineage) => format!("it belongs to the windlass state {lineage}"),
            AccessFault::Outdated(None) => "older than the cluster's kubeconfig".to_owned(),
            AccessFault::Outdated(Some(leaf)) | AccessFault::Misaddressed(leaf) if leaf.live.is_none() => {
                "removed outside of windlass, actor unknown".to_owned()
            }
            AccessFault::Outdated(Some(leaf)) | AccessFault::Misaddressed(leaf) => {
                format!("changed outside of windlass{}", by(&leaf.actor))
            }
        }
    }

    /// What happens to the Secret.
    pub(super) fn action(&self) -> ObjectAction {
        if matches!(self, AccessFault::Gone | AccessFault::Going(_)) { ObjectAction::Create } else { ObjectAction::Update }
    }

    /// What of the Secret it is about.
    pub(super) fn field(&self, secret: &ObjectKey) -> String {
        match self {
            AccessFault::Outdated(_) => format!("{} data.{ENTRY}", secret.short()),
            AccessFault::Misaddressed(leaf) => format!("{} {}", secret.short(), leaf.path_text()),
            _ => secret.short(),
        }
    }
}

impl View<'_> {
    /// What is wrong with the access Secret of a cluster that has pivoted, if both planes answer.
    pub(super) fn access_fault(&self, cluster: &Address) -> Option<(ObjectKey, AccessFault)> {
        self.facts.reachable(cluster)?;
        let kept = self.kept_cluster(cluster).filter(|_| self.is_ready(&cluster.with(Part::Pivot)))?;
        self.facts.reachable(&kept.management)?;
        let secret = access_secret(&kept.access());
        let fault = fault(self.recorded, self.facts, cluster, &secret)?;
        Some((secret, fault))
    }

    /// Access Secrets that another state has put in the place of ours.
    pub(super) fn refuse_foreign_access(&self, planned: &dyn Fn(&Address) -> bool, diagnostics: &mut Diagnostics) {
        for (address, cluster) in self.desired.clusters.iter().filter(|(address, _)| planned(address)) {
            let Some((secret, AccessFault::Foreign(owner))) = self.access_fault(address) else { continue };
            let mut diagnostic = belongs_to_another_state(address, &secret, &format!("the way into {address}"), &owner)
                .hint("two states must not have clusters of one name on one management plane; an apply makes it again once it is deleted");
            diagnostic.primary = cluster.span;
            diagnostics.push(diagnostic);
        }
    }
}

fn fault(recorded: &Recorded, facts: &Facts, cluster: &Address, secret: &ObjectKey) -> Option<AccessFault> {
    let Some(live) = facts.object(secret) else { return Some(AccessFault::Gone) };
    if let Some(deletion) = going(facts, secret) {
        return Some(AccessFault::Going(deletion));
    }
    let owners = Owners::of(live);
    match lineage_of(live) {
        None if owners.ours().is_some() => Some(AccessFault::Stripped),
        None => Some(AccessFault::Unmarked(owners.maker())),
        Some(owner) if owner != recorded.lineage => Some(AccessFault::Foreign(owner.to_owned())),
        Some(_) => {
            let outdated = facts.reachable(cluster).is_some_and(|identity| identity.access_outdated);
            let changed = outdated.then(|| secret_leaf(live, ENTRY)).flatten();
            match (changed, address_leaf(live, cluster)) {
                (Some(leaf), _) => Some(AccessFault::Outdated(Some(Box::new(leaf)))),
                (None, Some(leaf)) => Some(AccessFault::Misaddressed(Box::new(leaf))),
                (None, None) => outdated.then_some(AccessFault::Outdated(None)),
            }
        }
    }
}

/// The same as drift of the cluster's pivot; that the cluster has a newer kubeconfig is nobody's doing, and none.
pub(crate) fn access_drift(recorded: &Recorded, facts: &Facts, cluster: &Address, secret: &ObjectKey) -> Option<ObjectDrift> {
    let leaves = match fault(recorded, facts, cluster, secret)? {
        AccessFault::Gone => return Some(ObjectDrift::gone()),
        AccessFault::Going(deletion) => return Some(ObjectDrift::going(deletion)),
        AccessFault::Outdated(leaf) => vec![*leaf?],
        AccessFault::Stripped | AccessFault::Unmarked(_) | AccessFault::Foreign(_) | AccessFault::Misaddressed(_) => {
            mark_leaves(facts.object(secret)?, &recorded.lineage, cluster)
        }
    };
    Some(ObjectDrift { leaves, ..ObjectDrift::default() })
}

/// Access Secrets that must be there by the state, each with the pivot that it belongs to.
pub(crate) fn recorded_access(recorded: &Recorded) -> Vec<(Address, ObjectKey)> {
    let clusters = recorded.resources.iter().filter(|(address, _)| address.is_cluster() && address.part.is_none());
    clusters.filter_map(|(address, resource)| Some((address.with(Part::Pivot), way_into(recorded, address, resource)?))).collect()
}

fn way_into(recorded: &Recorded, cluster: &Address, resource: &RecordedResource) -> Option<ObjectKey> {
    let pivot = recorded.resources.get(&cluster.with(Part::Pivot));
    pivot.filter(|pivot| pivot.status == ResourceStatus::Ready)?;
    kept::<KeptCluster>(resource).map(|kept| access_secret(&kept.kind.access()))
}

/// The Secret that is the way into a cluster that has pivoted.
pub fn way_in(recorded: &Recorded, cluster: &Address) -> Option<ObjectKey> {
    way_into(recorded, cluster, recorded.resources.get(cluster)?)
}

/// Why a cluster is not reached that no kubeconfig is found for, and what helps where it had one.
pub fn no_kubeconfig(recorded: &Recorded, cluster: &Address) -> String {
    match way_in(recorded, cluster) {
        Some(secret) => format!("{secret}, the way into it, is gone or empty; an apply with `-kubeconfig '{cluster}=FILE'` makes it again"),
        None => "there is no kubeconfig for it".to_owned(),
    }
}
