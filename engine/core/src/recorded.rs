//! What the state file holds, as data: the engine's memory of what it made. Knows nothing of SQLite.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::addr::Address;
use crate::object::ObjectKey;

/// The whole state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded {
    /// Identity of the state (UUID), also a label on every object.
    pub lineage: String,
    /// Grows by one with each run.
    pub serial: u64,
    /// Planes by address.
    pub planes: BTreeMap<Address, RecordedPlane>,
    /// Resources by address.
    pub resources: BTreeMap<Address, RecordedResource>,
    /// Objects by identity.
    pub objects: BTreeMap<ObjectKey, RecordedObject>,
    /// Outputs that are not sensitive.
    pub outputs: BTreeMap<String, Json>,
    /// providerIDs of a cluster's machines, as they were seen last: for the day on which nobody answers who could be asked.
    pub machines: BTreeMap<Address, BTreeSet<String>>,
    /// A run that was begun and not ended.
    pub unfinished: Option<UnfinishedRun>,
}

/// A plane that this state has written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedPlane {
    /// uid of its namespace kube-system.
    pub uid: String,
}

/// Status of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceStatus {
    /// Planned, nothing done.
    Absent,
    /// Some steps have been done.
    Creating,
    /// All steps are done.
    Ready,
    /// Being destroyed.
    Deleting,
}

/// A resource as recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedResource {
    /// How far it is.
    pub status: ResourceStatus,
    /// Keyed digest of the user's input.
    pub input_digest: String,
    /// Revision of the renderer.
    pub render_revision: u32,
    /// `prevent_destroy` as last applied.
    pub protect: bool,
    /// Resources it needs, so that destroy works without HCL.
    pub needs: BTreeSet<Address>,
    /// What destroy and steps need to know of it without HCL (cluster: name, namespace, provider, versions, pivot, agent; layer: kind).
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub facts: Json,
}

/// An object as recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedObject {
    /// Owner.
    pub resource: Address,
    /// `metadata.uid` that the server gave it; empty while only intended.
    pub uid: String,
    /// `apiVersion` as sent.
    pub api_version: String,
    /// The fields as sent, secret leaves as digests.
    pub applied: Json,
}

/// A run that did not end.
#[derive(Debug, Clone, PartialEq)]
pub struct UnfinishedRun {
    /// Its id.
    pub id: String,
    /// Digest of its plan.
    pub plan_digest: String,
    /// The plan itself, canonical text.
    pub plan: String,
    /// What was journalled, in order.
    pub journal: Vec<JournalRecord>,
}

/// Phases of a step in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The step is about to act.
    Started,
    /// Something within the step happened; `evidence` says what.
    Progress,
    /// The step is done.
    Done,
    /// The step failed; running again may succeed.
    Failed,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// Position within the run, from 1.
    pub seq: u64,
    /// Id of the step.
    pub step: String,
    /// What happened.
    pub phase: Phase,
    /// What was seen or made; never a secret.
    pub evidence: Json,
}

/// One change of the state, committed in the same transaction as the journal record that proves it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// A plane's identity is known now.
    PlaneKnown {
        /// Its address.
        address: Address,
        /// uid of kube-system.
        uid: String,
    },
    /// A plane is gone.
    PlaneGone {
        /// Its address.
        address: Address,
    },
    /// A resource has this record now.
    Resource {
        /// Its address.
        address: Address,
        /// The record.
        resource: RecordedResource,
    },
    /// A resource is gone, with whatever objects and machines are still recorded for it.
    ResourceGone {
        /// Its address.
        address: Address,
    },
    /// An object was applied or adopted.
    Object {
        /// Its identity.
        key: ObjectKey,
        /// The record.
        object: RecordedObject,
    },
    /// An object is gone or no longer ours.
    ObjectGone {
        /// Its identity.
        key: ObjectKey,
    },
    /// An object lives on another plane now (pivot).
    ObjectMoved {
        /// Its identity on the plane it left.
        key: ObjectKey,
        /// The plane it lives on.
        plane: Address,
        /// Its uid there.
        uid: String,
    },
    /// A cluster has these machines.
    Machines {
        /// Which.
        cluster: Address,
        /// providerIDs of all of them.
        provider_ids: BTreeSet<String>,
    },
    /// An output has this value.
    Output {
        /// Its name.
        name: String,
        /// Its value; `None` = the output is gone.
        value: Option<Json>,
    },
}

impl Recorded {
    /// An object that was applied; what a step only meant to make is none.
    pub fn made(&self, key: &ObjectKey) -> Option<&RecordedObject> {
        self.objects.get(key).filter(|object| !object.uid.is_empty())
    }

    /// Whether there is nothing that could be destroyed.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.objects.is_empty()
    }

    /// Applies an effect to the memory copy; the store does the same to its tables.
    pub fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::PlaneKnown { address, uid } => {
                self.planes.insert(address.clone(), RecordedPlane { uid: uid.clone() });
            }
            Effect::PlaneGone { address } => {
                self.planes.remove(address);
            }
            Effect::Resource { address, resource } => {
                self.resources.insert(address.clone(), resource.clone());
            }
            Effect::ResourceGone { address } => {
                self.resources.remove(address);
                self.objects.retain(|_, object| &object.resource != address);
                self.machines.remove(address);
            }
            Effect::Object { key, object } => {
                self.objects.insert(key.clone(), object.clone());
            }
            Effect::ObjectGone { key } => {
                self.objects.remove(key);
            }
            Effect::ObjectMoved { key, plane, uid } => {
                if let Some(mut object) = self.objects.remove(key) {
                    object.uid = uid.clone();
                    self.objects.insert(key.on(plane), object);
                }
            }
            Effect::Machines { cluster, provider_ids } => {
                if provider_ids.is_empty() {
                    self.machines.remove(cluster);
                } else {
                    self.machines.insert(cluster.clone(), provider_ids.clone());
                }
            }
            Effect::Output { name, value } => match value {
                Some(value) => {
                    self.outputs.insert(name.clone(), value.clone());
                }
                None => {
                    self.outputs.remove(name);
                }
            },
        }
    }
}
