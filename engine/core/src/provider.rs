//! The port `Provider`: what the engine asks of a cloud. All of it is pure; no cloud does I/O (design section 6).
//!
//! Inputs are the evaluated bodies of HCL blocks; answers are trees of [`Value`], in which unknown and secret leaves survive.

use crate::addr::Address;
use crate::diag::{Diagnostics, Span};
use crate::schema::BlockSchema;
use crate::value::Value;

/// A released version of a cloud's CAPI provider that we carry facts for.
#[derive(Debug, Clone, Copy)]
pub struct Release {
    /// Version with its `v`: `v2.11.1`.
    pub version: &'static str,
    /// CAPI contract that its CRDs are labelled with: `v1beta1`.
    pub contract: &'static str,
    /// `apiVersion` that we render: `infrastructure.cluster.x-k8s.io/v1beta2`.
    pub api_version: &'static str,
    /// First and last Kubernetes minor that it supports for workload clusters, both included.
    pub kubernetes: (u32, u32),
    /// Name of the facts bundle: `aws`.
    pub facts: &'static str,
    /// Namespace of its manager: `capa-system`.
    pub namespace: &'static str,
    /// Deployment of its manager: `capa-controller-manager`.
    pub deployment: &'static str,
    /// Image of its manager without the tag.
    pub image: &'static str,
    /// Where it is released: the folder of versions, each with its components (`https://github.com/…/releases/download`).
    pub releases: &'static str,
    /// Name of the file with its components.
    pub components: &'static str,
}

/// Schemas that a provider adds to the engine's blocks.
#[derive(Debug, Clone, Copy)]
pub struct ProviderSchema {
    /// Body of `cloud "<provider>" "<name>"` (the nested block `credentials` included).
    pub cloud: &'static BlockSchema,
    /// What may stand in `cluster` beside the engine's own attributes.
    pub cluster: &'static BlockSchema,
    /// Body of `machine` in `control_plane` and `worker_pool`.
    pub machine: &'static BlockSchema,
}

/// An evaluated block: its attributes and nested blocks as one object value, with the places they came from.
///
/// A nested block that may stand once is an object (absent: missing key); one that may stand often is a tuple of objects.
/// Defaults of the schema are filled in; attributes that are unset and optional are missing.
#[derive(Debug, Clone)]
pub struct Body {
    /// The object.
    pub value: Value,
    /// Where the block stands.
    pub span: Option<Span>,
    /// Where each attribute stands: dotted path (`machine.instance_type`), span of its value. Sorted by path.
    pub spans: Vec<(String, Span)>,
}

impl Body {
    /// Where an attribute stands, or the block if the attribute is a default.
    pub fn span_of(&self, path: &str) -> Option<Span> {
        self.written(path).or(self.span)
    }

    /// Where an attribute stands; `None` if the user did not write it.
    pub fn written(&self, path: &str) -> Option<Span> {
        let found = self.spans.binary_search_by(|(p, _)| p.as_str().cmp(path)).ok()?;
        self.spans.get(found).map(|(_, span)| *span)
    }
}

/// A `cloud` block.
#[derive(Debug, Clone)]
pub struct CloudInput {
    /// `cloud.aws.main`.
    pub address: Address,
    /// Kubernetes name of its objects: the address path joined by `-` (`aws-main`).
    pub name: String,
    /// The block.
    pub body: Body,
}

/// One group of machines: the control plane or a worker pool.
#[derive(Debug, Clone)]
pub struct PoolInput {
    /// `None` for the control plane.
    pub pool: Option<String>,
    /// Number of machines.
    pub replicas: u32,
    /// The `machine` block.
    pub machine: Body,
    /// Failure domain (availability zone), if the user pinned one.
    pub failure_domain: Option<String>,
}

/// A `cluster` with all that a provider may need to know of it.
#[derive(Debug, Clone)]
pub struct ClusterInput {
    /// `cluster.shop`.
    pub address: Address,
    /// Kubernetes name.
    pub name: String,
    /// Namespace of its objects on every plane.
    pub namespace: String,
    /// The attributes that the provider's cluster schema declares.
    pub body: Body,
    /// Its cloud.
    pub cloud: CloudInput,
    /// Kubernetes version without `v`: `1.34.3`.
    pub kubernetes_version: String,
    /// The `os` layer: `version`, `image`, `images`, … as an object.
    pub os: Body,
    /// CIDR blocks of pods.
    pub pod_cidrs: Vec<String>,
    /// CIDR blocks of services.
    pub service_cidrs: Vec<String>,
    /// OpenSSH public keys for the machines.
    pub ssh_authorized_keys: Vec<String>,
    /// The control plane.
    pub control_plane: PoolInput,
    /// The worker pools, by name.
    pub worker_pools: Vec<PoolInput>,
}

/// Whose kubeadm configuration is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The control plane: `kubeadmConfigSpec` of the KubeadmControlPlane.
    ControlPlane,
    /// A worker pool: `spec.template.spec` of the KubeadmConfigTemplate.
    Worker,
}

/// A Kubernetes object as a provider renders it.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The whole object: `apiVersion`, `kind`, `metadata`, `spec`, … without our marks, which core adds.
    pub object: Value,
}

/// A machine template; core gives it its hashed name.
#[derive(Debug, Clone)]
pub struct MachineTemplate {
    /// `infrastructure.cluster.x-k8s.io/v1beta2`.
    pub api_version: String,
    /// `AWSMachineTemplate`.
    pub kind: String,
    /// `spec` of the template object (with `template.spec` in it).
    pub spec: Value,
}

/// How a field of a rendered kind is windlass's, so that `capi_override` may not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Windlass writes it, if only when an attribute asks for it: no patch changes or removes it.
    Written,
    /// Others write it while the cluster lives (a controller, the API server, the pivot): no patch gives it a value.
    LeftToOthers,
    /// A list in which windlass writes items. A patch replaces a list as a whole, so its list must hold these items again, told apart
    /// by these keys, or, without keys, by all that they hold.
    Items(&'static [&'static str]),
}

/// One row of what `capi_override` may not touch; everything that no row names is the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnedField {
    /// `AWSCluster`; `""`: each kind.
    pub kind: &'static str,
    /// Keys from the root of the object: `["spec", "region"]`.
    pub path: &'static [&'static str],
    /// How it is owned.
    pub claim: Claim,
    /// What to do instead, or why nothing can be done, as a hint: `` set `region` of the cloud ``.
    pub instead: &'static str,
}

impl OwnedField {
    /// A field that windlass writes.
    pub const fn written(kind: &'static str, path: &'static [&'static str], instead: &'static str) -> Self {
        Self { kind, path, claim: Claim::Written, instead }
    }

    /// A field that is left to others.
    pub const fn left_to_others(kind: &'static str, path: &'static [&'static str], instead: &'static str) -> Self {
        Self { kind, path, claim: Claim::LeftToOthers, instead }
    }

    /// A list in which windlass writes items.
    pub const fn items(kind: &'static str, path: &'static [&'static str], keys: &'static [&'static str], instead: &'static str) -> Self {
        Self { kind, path, claim: Claim::Items(keys), instead }
    }
}

/// The port: one cloud.
pub trait Provider: Sync + Send {
    /// Name in HCL and in addresses: `aws`.
    fn name(&self) -> &'static str;
    /// For people: `AWS`.
    fn title(&self) -> &'static str;
    /// clusterctl's name of its CAPI provider, which labels, inventory and folders of components carry; in HCL it has its own.
    fn clusterctl_name(&self) -> &'static str {
        self.name()
    }
    /// Whether lists of clouds and "did you mean" tell of it. `false`: it is for demos and tests, and there for whoever types its name.
    fn is_listed(&self) -> bool {
        true
    }
    /// Whether the embedded sandbox simulates it. `false`: its clusters need a real management plane.
    fn is_in_sandbox(&self) -> bool {
        true
    }
    /// Whether the API of its clusters takes what windlass writes. `false`: windlass never speaks to it, so that its clusters have no pivot,
    /// no agent and no layers, and what is waited for is seen on the management plane.
    fn has_workload_api(&self) -> bool {
        true
    }
    /// Releases of its CAPI provider that we know, oldest first; the last one is the default.
    fn releases(&self) -> &'static [Release];
    /// Schemas of the bodies it adds.
    fn schema(&self) -> ProviderSchema;
    /// Rules that a schema cannot say (one image per region, scheme and subnets that fit); spans come from the bodies.
    fn check(&self, cluster: &ClusterInput) -> Diagnostics;
    /// The same for a cloud by itself, whether a cluster uses it or not.
    fn check_cloud(&self, _cloud: &CloudInput) -> Diagnostics {
        Diagnostics::new()
    }
    /// Name of the region or site, for `target.region`.
    fn region(&self, cloud: &CloudInput) -> Option<String>;
    /// Identity objects of a cloud with their Secrets. `namespace` is where the release's manager looks for Secrets.
    fn identity(&self, cloud: &CloudInput, release: &Release) -> Vec<Rendered>;
    /// Secret objects that the manager's Deployment needs on a plane; may be empty.
    fn manager_credentials(&self, cloud: &CloudInput, release: &Release) -> Vec<Rendered>;
    /// The infrastructure cluster (`AWSCluster`), named like the cluster.
    fn infrastructure(&self, cluster: &ClusterInput, release: &Release) -> Rendered;
    /// The machine template of a pool.
    fn machine_template(&self, cluster: &ClusterInput, pool: &PoolInput, release: &Release) -> MachineTemplate;
    /// The kubeadm configuration of a role, as an object that core merges its own parts into.
    /// `template_name` is the machine template's name, which some clouds put into file references.
    fn kubeadm(&self, cluster: &ClusterInput, role: Role, template_name: &str) -> Value;
    /// Fields of the kinds that this provider renders, and of its part of the kubeadm configurations, that `capi_override` may not
    /// touch: those that its attributes set, and those that its controllers write.
    fn owned_fields(&self) -> &'static [OwnedField];
    /// Objects of the cloud-controller layer; empty where the cloud has none.
    fn cloud_controller(&self, cluster: &ClusterInput) -> Vec<Rendered>;
}
