//! Drift: what we applied and recorded against what lives, without any wish. Read-only by construction: it takes facts and gives a report.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value as Json, json};
use windlass_kubeschema::fieldpath::{FieldPath, PathElement};

use crate::addr::{Address, Part};
use crate::deletion::Deletion;
use crate::diff::{Comparison, LeafDiff, Owners, compare};
use crate::encode::{DigestKey, Placeholder, contains_placeholder, resolve_unknowns};
use crate::facts::{Facts, PlaneFact};
use crate::kinds::known_kind;
use crate::marks::{address_of, lineage_of};
use crate::object::ObjectKey;
use crate::plan::access::{access_drift, recorded_access};
use crate::plan::demands::{manager, recorded_layer_objects, recorded_providers};
use crate::plan::published::{content_drift, layer_drift, unready_layers};
use crate::plan::{Actor, Unplanned, no_kubeconfig};
use crate::recorded::{Recorded, RecordedObject, ResourceStatus};

/// What has been found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DriftReport {
    /// Objects that are gone and leaves that differ, sorted by resource, object and path.
    pub entries: Vec<DriftEntry>,
    /// Planes that do not answer, so that nothing is known of their objects.
    pub unreachable: Vec<Unplanned>,
    /// Questions that planes refused to answer.
    pub failed: Vec<String>,
    /// Objects that were compared.
    pub compared: usize,
    /// What a reader should know that is no drift: what agents say of layers that are not ready.
    pub notes: Vec<String>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftEntry {
    /// The resource that owns the object.
    pub resource: Address,
    /// The object.
    pub object: ObjectKey,
    /// What about it.
    #[serde(flatten)]
    pub finding: DriftFinding,
}

/// What is wrong with an object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum DriftFinding {
    /// It is gone. Nobody can know who did it.
    Deleted,
    /// It lives, and is gone as soon as its finalizers let go of it. Nobody can know who did it.
    Deleting(Deletion),
    /// Another object has its name.
    Replaced(Replacement),
    /// One leaf is not as we applied it.
    Leaf {
        /// `spec.replicas`.
        leaf: String,
        /// As applied, in placeholder form; `None`: we apply it no more and still own it.
        applied: Option<Json>,
        /// As it is, secrets as digests; `None`: removed.
        live: Option<Json>,
        /// Who owns it now; `None`: actor unknown.
        actor: Option<Actor>,
    },
}

/// Another object, not of our making, that has the name of one that we made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replacement {
    /// uid that we recorded.
    pub recorded: String,
    /// uid that lives.
    pub live: String,
    /// Who made it; `None`: actor unknown. Nobody can know who deleted ours.
    pub actor: Option<Actor>,
}

impl Replacement {
    /// `by kubectl-create at 2026-01-01T00:00:00Z; who deleted it is not known`.
    pub fn words(&self) -> String {
        let Some(actor) = &self.actor else { return "by somebody, actor unknown".to_owned() };
        let at = actor.time.as_ref().map(|time| format!(" at {time}")).unwrap_or_default();
        format!("by {}{at}; who deleted it is not known", actor.manager)
    }
}

/// An object that is not as we applied it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ObjectDrift {
    /// It does not exist.
    pub deleted: bool,
    /// It is being deleted; what else is wrong with it does not matter any more.
    pub deleting: Option<Deletion>,
    /// Another object has its name.
    pub replaced: Option<Replacement>,
    /// Leaves that differ.
    pub leaves: Vec<LeafDiff>,
}

impl ObjectDrift {
    /// Of an object that does not exist.
    pub fn gone() -> Self {
        Self { deleted: true, ..Self::default() }
    }

    /// Of an object that is being deleted.
    pub fn going(deletion: Deletion) -> Self {
        Self { deleting: Some(deletion), ..Self::default() }
    }

    /// Whether putting it right means to make it.
    pub fn is_lost(&self) -> bool {
        self.deleted || self.deleting.is_some()
    }
}

/// Compares one recorded object with the live one; `None`: it is as we applied it. `known`: what its unknown leaves stand for by now.
pub fn object_drift(
    key: &ObjectKey,
    recorded: &RecordedObject,
    live: Option<&Json>,
    known: &BTreeMap<String, Json>,
    digest_key: &DigestKey,
) -> Option<ObjectDrift> {
    let Some(live) = live else { return Some(ObjectDrift::gone()) };
    let replaced = replacement(recorded, live);
    if let Some(deletion) = Deletion::of(live) {
        return Some(ObjectDrift { replaced, ..ObjectDrift::going(deletion) });
    }
    let schema = known_kind(&recorded.api_version, &key.kind).map(|kind| kind.schema);
    let applied = resolved(&recorded.applied, known);
    let leaves = compare(Comparison { applied: &applied, live, schema, key: Some(digest_key) });
    (replaced.is_some() || !leaves.is_empty()).then_some(ObjectDrift { replaced, leaves, ..ObjectDrift::default() })
}

/// The live object under a recorded name, if it is another one than we made; `None`: it is ours.
pub(crate) fn replacement(recorded: &RecordedObject, live: &Json) -> Option<Replacement> {
    let uid = live.pointer("/metadata/uid").and_then(Json::as_str).unwrap_or("");
    let other = !recorded.uid.is_empty() && uid != recorded.uid && !is_our_making(recorded, live);
    other.then(|| Replacement { recorded: recorded.uid.clone(), live: uid.to_owned(), actor: Owners::of(live).maker() })
}

/// Whether a live object is of our making, whatever its uid is: it carries the marks that we applied, and we have applied fields of it. An
/// agent that heals makes again what somebody has deleted, and the state does not hear of that.
fn is_our_making(recorded: &RecordedObject, live: &Json) -> bool {
    let applied = marks(&recorded.applied);
    applied.is_some() && applied == marks(live) && Owners::of(live).ours().is_some()
}

/// uid of the object that is meant where a recorded one is to go: that of the living one if it is of our making; `None`: not known.
pub(crate) fn uid_of_ours(recorded: &RecordedObject, live: Option<&Json>) -> Option<String> {
    if recorded.uid.is_empty() {
        return None;
    }
    let made_again = live.filter(|live| is_our_making(recorded, live));
    let uid = made_again.and_then(|live| live.pointer("/metadata/uid")?.as_str()).filter(|uid| !uid.is_empty());
    Some(uid.unwrap_or(&recorded.uid).to_owned())
}

/// Lineage and address that an object carries.
fn marks(object: &Json) -> Option<(&str, &str)> {
    Some((lineage_of(object)?, address_of(object)?))
}

/// The drift of everything that the state holds.
pub fn drift(recorded: &Recorded, facts: &Facts, digest_key: &DigestKey) -> DriftReport {
    let mut report = DriftReport {
        failed: facts.failed.iter().map(|(question, reason)| format!("{question}: {reason}")).collect(),
        notes: unready_layers(recorded, facts).into_iter().chain(unrecorded_layers(recorded)).collect(),
        ..DriftReport::default()
    };
    let mut planes: BTreeSet<&Address> = recorded.planes.keys().collect();
    planes.extend(recorded.objects.keys().map(|key| &key.plane));
    for plane in planes {
        let reason = match facts.planes.get(plane) {
            Some(PlaneFact::Reachable(_)) => continue,
            Some(PlaneFact::Unreachable { reason }) => reason.clone(),
            Some(PlaneFact::Absent) => no_kubeconfig(recorded, plane),
            None => "it was not asked".to_owned(),
        };
        report.unreachable.push(Unplanned { address: plane.clone(), reason });
    }
    let known = facts.known_references();
    for (key, object) in &recorded.objects {
        // An object without uid was only intended.
        if facts.reachable(&key.plane).is_none() || object.uid.is_empty() {
            continue;
        }
        report.compared += 1;
        let Some(drift) = object_drift(key, object, facts.object(key), &known, digest_key) else { continue };
        let entry = |finding| DriftEntry { resource: object.resource.clone(), object: key.clone(), finding };
        if drift.deleted {
            report.entries.push(entry(DriftFinding::Deleted));
        }
        if let Some(deletion) = drift.deleting {
            report.entries.push(entry(DriftFinding::Deleting(deletion)));
        }
        if let Some(replacement) = drift.replaced {
            report.entries.push(entry(DriftFinding::Replaced(replacement)));
        }
        for leaf in drift.leaves {
            let finding = DriftFinding::Leaf { leaf: leaf.path_text(), applied: leaf.applied, live: leaf.live, actor: leaf.actor };
            report.entries.push(entry(finding));
        }
    }
    for (resource, object, drift) in unrecorded(recorded, facts) {
        if facts.reachable(&object.plane).is_some() {
            report.compared += 1;
            let Some(drift) = drift else { continue };
            if drift.is_lost() {
                let finding = drift.deleting.map_or(DriftFinding::Deleted, DriftFinding::Deleting);
                report.entries.push(DriftEntry { resource, object, finding });
                continue;
            }
            for leaf in drift.leaves {
                let finding = DriftFinding::Leaf { leaf: leaf.path_text(), applied: leaf.applied, live: leaf.live, actor: leaf.actor };
                report.entries.push(DriftEntry { resource: resource.clone(), object: object.clone(), finding });
            }
        }
    }
    report.entries.sort_by(|a, b| (&a.resource, &a.object).cmp(&(&b.resource, &b.object)));
    report
}

/// Layers that are half made and have told the state nothing of their objects yet, one line each: without the wish nobody knows what to
/// compare these with.
fn unrecorded_layers(recorded: &Recorded) -> Vec<String> {
    let owners: BTreeSet<&Address> = recorded.objects.values().map(|object| &object.resource).collect();
    let half_made = recorded.resources.iter().filter(|(address, resource)| {
        matches!(address.part, Some(Part::Layer(_))) && resource.status == ResourceStatus::Creating && !owners.contains(address)
    });
    half_made.map(|(address, _)| format!("{address}: is half made and not compared; `windlass plan` looks at its objects")).collect()
}

/// What is wrong with an object whose fields are not recorded: it is gone or about to be, or it is a manager that somebody has stopped.
pub(crate) fn unrecorded_drift(key: &ObjectKey, live: Option<&Json>) -> Option<ObjectDrift> {
    let Some(live) = live else { return Some(ObjectDrift::gone()) };
    if let Some(deletion) = Deletion::of(live) {
        return Some(ObjectDrift::going(deletion));
    }
    if key.kind != "Deployment" || live.pointer("/spec/replicas").and_then(Json::as_u64) != Some(0) {
        return None;
    }
    let schema = known_kind("apps/v1", "Deployment").map(|kind| kind.schema);
    let mut leaves = compare(Comparison { applied: &json!({"spec": {"replicas": 1}}), live, schema, key: None });
    leaves.retain(|leaf| leaf.applied.is_some());
    Some(ObjectDrift { leaves, ..ObjectDrift::default() })
}

/// Objects that must be there though the state keeps no fields of them, each with what is wrong with it: managers of providers, the
/// agent's objects of layers and their contents, access Secrets.
fn unrecorded(recorded: &Recorded, facts: &Facts) -> Vec<(Address, ObjectKey, Option<ObjectDrift>)> {
    let managers = recorded_providers(recorded).into_iter().map(|(owner, plane, provider)| (owner, manager(&plane, &provider)));
    let layers = recorded_layer_objects(recorded);
    let contents = layers.iter().flat_map(|(owner, layer)| {
        let contents = content_drift(recorded, owner, layer, facts).into_iter();
        contents.map(move |(secret, drift)| (owner.clone(), secret, drift))
    });
    let access = recorded_access(recorded).into_iter().map(|(pivot, secret)| {
        let drift = access_drift(recorded, facts, &pivot.root(), &secret);
        (pivot, secret, drift)
    });
    let managers = managers.filter(|(_, key)| !recorded.objects.contains_key(key)).map(|(owner, key)| {
        let drift = unrecorded_drift(&key, facts.object(&key));
        (owner, key, drift)
    });
    let handed_over = layers.iter().map(|(owner, layer)| (owner.clone(), layer.clone(), layer_drift(recorded, owner, layer, facts)));
    managers.chain(handed_over).chain(contents).chain(access).collect()
}

/// An entry of a Secret whose value nobody has recorded: as long as we own it, it is as we applied it.
pub(crate) fn secret_leaf(live: &Json, entry: &str) -> Option<LeafDiff> {
    let path = FieldPath(vec![PathElement::field("data"), PathElement::field(entry)]);
    let value = live.get("data").and_then(|data| data.get(entry));
    let owners = Owners::of(live);
    if value.is_some() && (owners.is_empty() || owners.we_own(&path)) {
        return None;
    }
    Some(LeafDiff {
        applied: Some(Placeholder::Secret { digest: "", source: None }.to_json()),
        live: value.cloned(),
        actor: value.and_then(|_| owners.actor(&path)),
        others: Vec::new(),
        path,
    })
}

/// The applied fields with unknown leaves filled in, as far as they are known.
pub(crate) fn resolved<'a>(applied: &'a Json, known: &BTreeMap<String, Json>) -> Cow<'a, Json> {
    if !contains_placeholder(applied, &|placeholder| matches!(placeholder, Placeholder::Unknown { .. })) {
        return Cow::Borrowed(applied);
    }
    let mut applied = applied.clone();
    resolve_unknowns(&mut applied, known);
    Cow::Owned(applied)
}
