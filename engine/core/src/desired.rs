//! What HCL asks for, expanded to resources and the Kubernetes objects that each of them owns. Data only.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::Address;
use crate::diag::{Diagnostic, Span};
use crate::layer::LayerKind;
use crate::object::ObjectKey;
use crate::plan::{Pace, ProviderSpec};
use crate::schema::Fixed;
use crate::value::Value;

/// The whole wish: everything that a plan is made from besides the state and the facts.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// The management plane; every cluster is created on it.
    pub management: Option<DesiredManagement>,
    /// CAPI providers by the address of their resource (`management.X.provider["aws"]`), in the order in which they are installed.
    pub providers: Vec<DesiredProvider>,
    /// Clusters by address.
    pub clusters: BTreeMap<Address, DesiredCluster>,
    /// Resources by address.
    pub resources: BTreeMap<Address, DesiredResource>,
    /// Outputs by name.
    pub outputs: BTreeMap<String, DesiredOutput>,
    /// How living clusters take turns.
    pub pace: Pace,
}

/// The management plane as configured.
#[derive(Debug, Clone)]
pub struct DesiredManagement {
    /// `management.sandbox` or `management.NAME`.
    pub address: Address,
    /// The embedded sandbox: no `management` block stands in HCL.
    pub sandbox: bool,
    /// Kubeconfig file as written, relative to the module folder.
    pub kubeconfig: Option<String>,
    /// Context in that file.
    pub context: Option<String>,
    /// `false`: providers are only checked.
    pub install_providers: bool,
    /// Folder or address of the component repository, as written; `None`: where each provider is released.
    pub component_repository: Option<String>,
    /// Where that is written.
    pub component_repository_span: Option<Span>,
    /// Whether windlass installs cert-manager, if a provider asks for certificates.
    pub cert_manager: CertManager,
    /// Where the block stands.
    pub span: Option<Span>,
}

/// Who looks after cert-manager on the management plane. In a pivoted cluster windlass always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertManager {
    /// Windlass installs it.
    Install,
    /// Somebody else does.
    External,
}

impl CertManager {
    /// Whether windlass installs it.
    pub fn is_installed(self) -> bool {
        self == Self::Install
    }
}

/// A CAPI provider that must run on the management plane, and on the plane of each pivoted cluster that uses it.
#[derive(Debug, Clone)]
pub struct DesiredProvider {
    /// `management.X.provider["aws"]`; a resource of this address stands in [`Desired::resources`].
    pub address: Address,
    /// What is installed.
    pub spec: ProviderSpec,
    /// Its objects in the order in which they are applied, Secrets of its manager included; `key.plane` is the management plane.
    pub objects: Vec<DesiredObject>,
    /// Whether every cluster needs it (`false`: only clusters of the provider of this name).
    pub core: bool,
    /// Where variables are given to its components, if any are.
    pub variables: Option<Span>,
}

/// Facts of a cluster that its steps need beside its objects.
#[derive(Debug, Clone)]
pub struct DesiredCluster {
    /// `cluster.shop`.
    pub address: Address,
    /// Kubernetes name.
    pub name: String,
    /// Namespace on every plane.
    pub namespace: String,
    /// Cloud address.
    pub cloud: Address,
    /// Name of the provider (`aws`).
    pub provider: String,
    /// Whether its CAPI objects move into it.
    pub pivot: bool,
    /// Whether the agent writes its layers after step 8.
    pub agent: bool,
    /// `report` or `heal`.
    pub agent_mode: String,
    /// Its API takes nothing that windlass writes and is never spoken to ([`crate::provider::Provider::has_workload_api`]).
    pub without_api: bool,
    /// Kubernetes version without `v`.
    pub kubernetes_version: String,
    /// Kubernetes versions to pass through when it comes from further back, in order.
    pub hops: Vec<DesiredHop>,
    /// Control plane machines wanted in the end; step 3 creates one.
    pub control_plane_replicas: u32,
    /// Pool name → machines.
    pub pools: BTreeMap<String, u32>,
    /// Layers in profile order.
    pub layers: Vec<DesiredLayer>,
    /// Seconds that a wait may take before it is "in progress".
    pub timeout_seconds: u64,
    /// Where the block stands.
    pub span: Option<Span>,
}

/// A Kubernetes version that a control plane passes through.
#[derive(Debug, Clone)]
pub struct DesiredHop {
    /// Version without `v`.
    pub version: String,
    /// The control plane's objects at that version.
    pub objects: Vec<DesiredObject>,
    /// What keeps it from being gone through: an image that is missing.
    pub faults: Vec<Diagnostic>,
}

/// One layer of a cluster.
#[derive(Debug, Clone)]
pub struct DesiredLayer {
    /// Unique within the cluster.
    pub name: String,
    /// Which kind of layer.
    pub kind: LayerKind,
    /// Names of layers that must be ready before.
    pub depends_on: BTreeSet<String>,
}

/// One line of a plan, as wished.
#[derive(Debug, Clone)]
pub struct DesiredResource {
    /// Its address.
    pub address: Address,
    /// The user's input for it (attributes as in HCL): what the plan shows and `input_digest` covers.
    pub input: Value,
    /// Revision of the renderer that made the objects.
    pub render_revision: u32,
    /// The objects it owns, in the order in which they are applied.
    pub objects: Vec<DesiredObject>,
    /// Resources that must be ready before.
    pub needs: BTreeSet<Address>,
    /// `lifecycle { prevent_destroy }` of the block it belongs to.
    pub prevent_destroy: bool,
    /// Where its block stands.
    pub span: Option<Span>,
    /// Where attributes of `input` stand that the user wrote: dotted path → value.
    pub places: BTreeMap<String, Span>,
    /// Attributes of `input` that it keeps as long as it lives, by dotted path.
    pub fixed: BTreeMap<String, Fixed>,
}

impl DesiredResource {
    /// The attribute of `input` at this path, or that it is a part of, if it is kept as long as the resource lives.
    pub fn fixed_at(&self, path: &str) -> Option<Fixed> {
        let parents = std::iter::successors(Some(path), |path| path.rsplit_once('.').map(|(parent, _)| parent));
        parents.filter_map(|path| self.fixed.get(path)).next().copied()
    }

    /// Where an attribute of `input` stands: it, what it is a part of, or the block.
    pub fn place_of(&self, path: &str) -> Option<Span> {
        let parents = std::iter::successors(Some(path), |path| path.rsplit_once('.').map(|(parent, _)| parent));
        parents.filter_map(|path| self.places.get(path)).next().copied().or(self.span)
    }
}

/// On which plane an object lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Home {
    /// Always on the management plane.
    Management,
    /// Always in the cluster's own API.
    Workload,
    /// Where the cluster's CAPI objects are: on the management plane until the pivot, in the cluster after it.
    Capi,
}

/// A rendered object.
#[derive(Debug, Clone)]
pub struct DesiredObject {
    /// Where it lives.
    pub home: Home,
    /// `apiVersion`.
    pub api_version: String,
    /// Identity; `key.plane` is the management plane for [`Home::Management`] and [`Home::Capi`], the cluster for [`Home::Workload`].
    pub key: ObjectKey,
    /// The whole object with our marks, as it will be sent; unknown and secret leaves inside.
    pub content: Value,
    /// Where it is written, if that is somewhere else than its resource.
    pub span: Option<Span>,
}

/// An output as configured.
#[derive(Debug, Clone)]
pub struct DesiredOutput {
    /// Its value, perhaps with unknown or secret leaves.
    pub value: Value,
    /// Declared `sensitive`: never stored.
    pub sensitive: bool,
}
