//! The configuration as typed data: what HCL says after evaluation, before it is expanded to Kubernetes objects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::addr::Address;
use crate::desired::{DesiredManagement, DesiredOutput};
use crate::diag::Span;
use crate::layer::LayerKind;
use crate::plan::Pace;
use crate::provider::{CloudInput, ClusterInput, Provider};
use crate::repository::{Components, asks_for_certificates};
use crate::value::Value;

use super::etcd::ExternalEtcd;
use super::lifecycle::IgnoredChanges;
use super::overrides::OverrideModel;

/// The whole configuration.
#[derive(Clone)]
pub struct Model {
    /// The management plane; the sandbox if HCL names none.
    pub management: DesiredManagement,
    /// What HCL says of providers of the management plane, by provider name.
    pub provider_settings: BTreeMap<String, ProviderSettings>,
    /// Components of providers by provider name, as far as they have been read from a repository.
    pub components: BTreeMap<String, Components>,
    /// Image of the agent.
    pub agent_image: String,
    /// How living clusters take turns.
    pub pace: Pace,
    /// Clouds by address.
    pub clouds: BTreeMap<Address, CloudModel>,
    /// Clusters by address.
    pub clusters: BTreeMap<Address, ClusterModel>,
    /// Outputs by name.
    pub outputs: BTreeMap<String, DesiredOutput>,
}

impl Model {
    /// The version that HCL pins for a provider, and where.
    pub fn pinned_version(&self, provider: &str) -> Option<(&str, Option<Span>)> {
        let settings = self.provider_settings.get(provider)?;
        settings.version.as_deref().map(|version| (version, settings.version_span))
    }

    /// Where a provider is described: its own block, or the management plane's.
    pub fn settings_span(&self, provider: &str) -> Option<Span> {
        self.provider_settings.get(provider).and_then(|settings| settings.span).or(self.management.span)
    }

    /// Whether providers are installed from a component repository: on a real plane, or in a cluster that leaves one.
    pub fn reads_repository(&self) -> bool {
        let used = !self.clouds.is_empty() || !self.clusters.is_empty();
        let installs = self.management.install_providers || self.clusters.values().any(|cluster| cluster.pivot);
        !self.management.sandbox && used && installs
    }

    /// Schemas of the components that have been read, by digest.
    pub fn contents(&self) -> BTreeMap<String, Json> {
        self.components.values().flat_map(|components| components.contents.clone()).collect()
    }

    /// Whether a provider asks cert-manager for certificates, by what has been read of them.
    pub fn needs_cert_manager(&self) -> bool {
        let objects = self.components.values().flat_map(|components| &components.objects);
        objects.into_iter().any(|(object, _)| asks_for_certificates(object))
    }
}

/// `provider "x" { … }` of a `management` block.
#[derive(Debug, Clone, Default)]
pub struct ProviderSettings {
    /// Its version, if it is pinned.
    pub version: Option<String>,
    /// Where.
    pub version_span: Option<Span>,
    /// Variables of its components: text, sensitive or not.
    pub variables: BTreeMap<String, Value>,
    /// Where they stand.
    pub variables_span: Option<Span>,
    /// Where each of them stands that is written out by name.
    pub variable_spans: BTreeMap<String, Span>,
    /// Where the block stands.
    pub span: Option<Span>,
}

/// A `cloud` block.
#[derive(Clone)]
pub struct CloudModel {
    /// The evaluated block.
    pub input: CloudInput,
    /// The code that knows it.
    pub provider: &'static dyn Provider,
}

/// How much of a cluster could be read. Faults are told where they stand; this keeps what would only follow from them silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Whether its own name and namespace are known.
    pub named: bool,
    /// Whether all is known that profiles and outputs may refer to.
    pub known: bool,
    /// Whether its own objects can be rendered: nothing that they are made of has a fault.
    pub whole: bool,
}

/// `agent { … }` of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentModel {
    /// `false`: the engine applies the layers itself.
    pub enabled: bool,
    /// `report` or `heal`.
    pub mode: String,
    /// Where the mode is written, or the block.
    pub span: Option<Span>,
}

/// A `cluster` block, one instance of it.
#[derive(Clone)]
pub struct ClusterModel {
    /// What the provider gets to see.
    pub input: ClusterInput,
    /// The code that knows its cloud.
    pub provider: &'static dyn Provider,
    /// Whether its CAPI objects move into it.
    pub pivot: bool,
    /// Its agent.
    pub agent: AgentModel,
    /// `lifecycle { prevent_destroy }`.
    pub prevent_destroy: bool,
    /// `lifecycle { ignore_changes }`
    pub ignored: IgnoredChanges,
    /// Addresses that it waits for.
    pub depends_on: BTreeSet<Address>,
    /// Seconds that a wait may take.
    pub timeout_seconds: u64,
    /// `capi_override` of the cluster.
    pub overrides: OverrideModel,
    /// Labels, taints and overrides of the control plane's machines (`None`) and of pools.
    pub nodes: BTreeMap<Option<String>, NodeModel>,
    /// Kubernetes versions to pass through when it comes from further back, with their place.
    pub hops: Vec<(String, Span)>,
    /// Profiles with their versions, in order.
    pub profiles: Vec<(String, String)>,
    /// Layers with objects, in profile order.
    pub layers: Vec<LayerModel>,
    /// What could be read of it.
    pub reading: Reading,
    /// Where attributes of it stand, those that its profiles hold included: dotted path → value.
    pub places: BTreeMap<String, Span>,
    /// Where its Kubernetes name comes from: the attribute, the `for_each`, or the label.
    pub name_span: Option<Span>,
    /// Where the block stands.
    pub span: Option<Span>,
}

/// What the engine itself gives a group of nodes.
#[derive(Debug, Clone, Default)]
pub struct NodeModel {
    /// Labels that the kubelet gives its node.
    pub labels: BTreeMap<String, String>,
    /// Taints: key, value, effect.
    pub taints: Vec<(String, Option<String>, String)>,
    /// Where a control plane keeps its data; `None`: on its own machines.
    pub etcd: Option<ExternalEtcd>,
    /// `capi_override` of the group.
    pub overrides: OverrideModel,
    /// `lifecycle { ignore_changes }` of a pool.
    pub ignored: IgnoredChanges,
    /// Where attributes of the group stand, its `machine` included: dotted path → value.
    pub places: BTreeMap<String, Span>,
    /// Where the name of the pool stands.
    pub name_span: Option<Span>,
    /// Where the block stands.
    pub span: Option<Span>,
}

/// An object of a layer.
#[derive(Debug, Clone)]
pub struct LayerObject {
    /// The object.
    pub value: Value,
    /// Where it is written, if that may be shown: the element of `objects` or the document of a manifest.
    pub span: Option<Span>,
}

/// A layer as evaluated for one cluster.
#[derive(Debug, Clone)]
pub struct LayerModel {
    /// Unique in the cluster.
    pub name: String,
    /// Its kind.
    pub kind: LayerKind,
    /// Layers that come before.
    pub depends_on: BTreeSet<String>,
    /// Where each of these is written.
    pub depends_places: BTreeMap<String, Span>,
    /// Its objects, as written by the user or rendered by the provider, unmarked.
    pub objects: Vec<LayerObject>,
    /// What the plan shows for it.
    pub input: Value,
    /// `lifecycle { ignore_changes }`
    pub ignored: IgnoredChanges,
    /// Where the block stands.
    pub span: Option<Span>,
}
