//! What `RecordedResource::facts` holds: what destroy and later plans must know of a resource when its HCL is gone.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::ProviderSpec;
use crate::addr::Address;
use crate::facts::ClusterAccess;
use crate::layer::LayerKind;
use crate::recorded::RecordedResource;

/// Of every resource: its input in placeholder form, beside the fields of its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept<T> {
    /// The user's input when it was last applied.
    #[serde(default)]
    pub input: Json,
    /// What its kind keeps.
    #[serde(flatten)]
    pub kind: T,
}

/// Of resources that keep nothing of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptNothing {}

/// Of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptCluster {
    /// Kubernetes name.
    pub name: String,
    /// Namespace on every plane.
    pub namespace: String,
    /// The plane that it was created on.
    pub management: Address,
    /// Its cloud.
    pub cloud: Address,
    /// Whether its CAPI objects move into it.
    pub pivot: bool,
    /// Whether an agent writes its layers.
    pub agent: bool,
    /// Its API takes nothing that windlass writes and is never spoken to; what keeps nothing of this has one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_api: bool,
    /// Kubernetes version without `v`.
    pub kubernetes_version: String,
    /// The providers that act on it.
    pub providers: Vec<ProviderSpec>,
    /// Seconds that a wait may take.
    pub timeout_seconds: u64,
}

impl KeptCluster {
    /// The way into it.
    pub fn access(&self) -> ClusterAccess {
        ClusterAccess { name: self.name.clone(), namespace: self.namespace.clone(), management: self.management.clone() }
    }
}

/// Of a layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptLayer {
    /// Its kind.
    pub layer: LayerKind,
    /// Layers that must be ready before it, and so are deleted after it.
    #[serde(default)]
    pub depends_on: BTreeSet<String>,
}

/// Of a provider on a management plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptProvider {
    /// What was installed.
    pub provider: ProviderSpec,
}

/// Reads what a resource keeps; `None` if it keeps something else.
pub fn kept<T: DeserializeOwned>(resource: &RecordedResource) -> Option<Kept<T>> {
    Kept::deserialize(&resource.facts).ok()
}

/// The input that a resource was last applied with.
pub fn kept_input(resource: &RecordedResource) -> &Json {
    resource.facts.get("input").unwrap_or(&Json::Null)
}

impl<T: Serialize> Kept<T> {
    /// As it is stored.
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).unwrap_or(Json::Null)
    }
}
