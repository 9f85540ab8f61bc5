//! What a reviewer sees of a plan: one change for each resource, with reasons.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::addr::Address;
use crate::object::ObjectKey;

/// What happens to a resource (design section 4, Actions).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeAction {
    /// Nothing.
    NoOp,
    /// It is made.
    Create,
    /// Objects change in place.
    Update,
    /// Machines are replaced one after the other.
    Repave,
    /// It is destroyed and made again.
    Replace,
    /// It is destroyed.
    Delete,
    /// CAPI objects move into the cluster or back.
    Pivot,
    /// It exists and becomes ours.
    Adopt,
    /// The state forgets it; nothing is done to it.
    Forget,
}

/// One resource of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The resource.
    pub address: Address,
    /// What happens.
    pub action: ChangeAction,
    /// Why; empty only for no-ops.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// The user's input for it, in placeholder form; `null` when it goes.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub input: Json,
    /// The same as it was applied last, where it is another one now.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub prior_input: Json,
    /// What happens to its objects; no-op objects are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ObjectChange>,
    /// How many machines are replaced.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub machines: u32,
    /// A thing that a person should be able to read next to it: services and claims that go with a cluster, "finish creating".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Why a resource changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// What is different: attribute, or object and leaf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Before.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub old: Json,
    /// After.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub new: Json,
    /// The rule that makes this an action: `new in configuration`, `changed outside of windlass by kubectl-edit`.
    pub rule: String,
}

/// What happens to one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectAction {
    /// It is made.
    Create,
    /// Leaves of it change.
    Update,
    /// It is deleted and made again, since the API never changes a leaf of it.
    Replace,
    /// It is deleted.
    Delete,
    /// It goes to another plane.
    Move,
}

/// One object of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectChange {
    /// Its identity.
    pub key: ObjectKey,
    /// What happens.
    pub action: ObjectAction,
    /// The leaves that change; for a new object all, in placeholder form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<LeafChange>,
}

/// One leaf of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeafChange {
    /// `spec.template.spec.containers[name="web"].image`.
    pub path: String,
    /// Before; missing: was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Json>,
    /// After; missing: goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Json>,
    /// Who changed it outside of windlass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
}

/// Who owns a leaf now, by `managedFields`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Actor {
    /// Field manager.
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// `status`, `scale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
}
