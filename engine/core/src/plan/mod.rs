//! The plan: every decision, as data (design section 7, Plan file). Making, encoding and showing it stand in sibling modules.
//!
//! Everything in it is in *placeholder form*: secret leaves are `{"$wl":"secret",…}`, unknown ones `{"$wl":"unknown",…}`. It holds no
//! time, no host and no folder, so that the same input gives the same bytes.

pub mod action;
pub mod change;
pub mod demands;
pub mod file;
pub mod fingerprint;
mod inspect;
pub mod kept_facts;
pub mod make;
pub mod options;
pub mod secret_leaves;
mod server_rules;
pub mod show_json;
pub mod tally;
pub mod ui_json;

pub(crate) mod access;
mod assemble;
mod day_two;
mod going;
mod half_made;
mod index;
mod inventoried;
mod object_meta;
mod others_clusters;
mod others_providers;
mod own_marks;
mod planes;
pub(crate) mod published;
pub mod reach;
mod read;
mod rendering;
mod replacing;
mod rolling;
mod saga;
mod taken;
mod turns;
mod unserved;
mod validate;
mod verdict;
mod version_path;
mod wish;

#[cfg(test)]
mod file_tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::addr::Address;
use crate::facts::ClusterAccess;
use crate::object::ObjectKey;

pub use access::{no_kubeconfig, way_in};
pub use action::{Action, PivotSpec, PlannedObject, ProviderSpec, Readiness, WaitFor};
pub use demands::{abandon_demands, demands, drift_demands, follow_up};
pub use inspect::{desired_digest, validate};
pub use make::plan;
pub use options::PlanOptions;
pub use planes::{old_state, other_plane, other_planes};
pub use saga::{abandoned, answers_again};
pub use secret_leaves::secret_leaves;
pub use turns::{Pace, Turns};

pub use change::{Actor, Change, ChangeAction, LeafChange, ObjectAction, ObjectChange, Reason};

use crate::recorded::Effect;

/// Version of the plan's meaning.
pub const PLAN_FORMAT: u32 = 1;

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The world becomes what HCL says.
    Apply,
    /// Everything that the state holds is destroyed.
    Destroy,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_FORMAT`].
    pub windlass_plan: u32,
    /// Version of the tool that made it.
    pub tool_version: String,
    /// Lineage of the state it was made for.
    pub lineage: String,
    /// Serial of the state it was made from.
    pub serial: u64,
    /// Apply or destroy.
    pub mode: Mode,
    /// Digest of the wish in placeholder form.
    pub desired_digest: String,
    /// Planes that its steps touch or that were asked.
    pub planes: Vec<PlanPlane>,
    /// One entry for each resource, no-ops included, sorted by address.
    pub changes: Vec<Change>,
    /// The saga, in an order in which each step's needs come before it.
    pub steps: Vec<Step>,
    /// What must still hold when it is applied.
    pub fingerprints: Vec<Fingerprint>,
    /// Living clusters of which not all may change at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<Turns>,
    /// Outputs by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, PlanOutput>,
    /// Things a reviewer should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Clusters that could not be planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unplanned: Vec<Unplanned>,
}

/// A plane as the plan knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPlane {
    /// Its address.
    pub address: Address,
    /// uid of its namespace kube-system; `None` while it does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Whether it is the embedded sandbox.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sandbox: bool,
    /// Context of a management plane, as written in HCL. Which kubeconfig it stands in is a matter of the machine, and not in the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The way into a cluster's plane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<ClusterAccess>,
}

/// One `ensure` of the saga.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Hash of address, action and parameters: the same step in two plans has the same id.
    pub id: String,
    /// The resource it belongs to.
    pub address: Address,
    /// What it does.
    pub action: Action,
    /// Indices of steps that must be done before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<u32>,
    /// Indices of fingerprints that must hold just before it acts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expects: Vec<u32>,
    /// Seconds until waiting in it is given up as "in progress".
    pub timeout_seconds: u64,
    /// Changes of the state that are committed with its `started` record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_start: Vec<Effect>,
    /// Changes of the state that are committed with its `done` record, after those that the step itself reports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_done: Vec<Effect>,
}

/// What the plan read of an object, so that a later change of it makes the plan stale (design section 7, Fingerprint).
///
/// The expected value of a leaf is the one in `changed`, else the one in the state's `applied`; `hash` covers uid and all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The object.
    pub object: ObjectKey,
    /// Its `apiVersion`, to read it again.
    pub api_version: String,
    /// Its uid; `None`: it did not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// `sha256:…` over uid and the leaves, in placeholder form.
    pub hash: String,
    /// Since when it was being deleted; then nothing else of it was read, and the plan counts on its being gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleting: Option<String>,
    /// Paths of the leaves that were compared and their values then, in placeholder form; missing leaves are `null`.
    pub leaves: BTreeMap<String, Json>,
}

/// A cluster that is left out because a plane does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unplanned {
    /// The cluster (or plane).
    pub address: Address,
    /// Why.
    pub reason: String,
}

/// An output in a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanOutput {
    /// Before; `null` if there was none.
    #[serde(default)]
    pub before: Json,
    /// After, in placeholder form; `null` if it goes.
    #[serde(default)]
    pub after: Json,
    /// Sensitive: both are placeholders.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}
