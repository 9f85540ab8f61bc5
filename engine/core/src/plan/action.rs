//! What steps do, as a closed, append-only list; each variant is carried out in one file of `providers/kube/src/steps`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::addr::Address;
use crate::facts::ClusterAccess;
use crate::layer::LayerKind;
use crate::marks::address_of;
use crate::object::ObjectKey;
use crate::recorded::RecordedObject;

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// A CAPI provider runs on a plane: CRDs established, Deployment Available, contract label, webhook answers a dry-run create.
    EnsureProvider {
        /// The plane.
        plane: Address,
        /// Which one.
        provider: ProviderSpec,
        /// Its objects in the order in which they are applied, Secrets of its manager included; none where somebody else looks after it.
        objects: Vec<PlannedObject>,
        /// Fields of its objects that are taken from others.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        takeovers: Vec<Takeover>,
    },
    /// Objects are applied server-side, in this order.
    Apply {
        /// The plane.
        plane: Address,
        /// The objects.
        objects: Vec<PlannedObject>,
        /// Fields that may be taken from other managers, as listed in the plan.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        takeovers: Vec<Takeover>,
        /// Objects that are no longer rendered and go after the apply.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        prune: Vec<DoomedObject>,
    },
    /// Objects become ready.
    Wait {
        /// The plane.
        plane: Address,
        /// For what.
        conditions: Vec<WaitFor>,
    },
    /// The API of a cluster answers: its kubeconfig Secret exists and `/readyz` says ok.
    OpenPlane {
        /// The cluster.
        plane: Address,
        /// The way in.
        access: ClusterAccess,
    },
    /// At least so many nodes are Ready and have a providerID, and each machine of the cluster has its nodeRef.
    WaitNodes {
        /// The cluster's plane, whose nodes are looked at.
        plane: Address,
        /// Where the Machines are.
        machines: Address,
        /// Name and namespace of the cluster.
        access: ClusterAccess,
        /// How many.
        nodes: u32,
    },
    /// The engine applies a layer itself, with inventory, pruning and health.
    ApplyLayer {
        /// The plane.
        plane: Address,
        /// The layer.
        layer: LayerContent,
    },
    /// A layer is handed to the agent, which applies it; its status is waited for.
    PublishLayer {
        /// The plane.
        plane: Address,
        /// The layer.
        layer: LayerContent,
        /// Digest of drifted leaves that the agent shall repair once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repair: Option<String>,
    },
    /// A layer's `Layer` object is deleted, so that no agent applies it again; then its objects in reverse order, then its inventory.
    DeleteLayer {
        /// The plane.
        plane: Address,
        /// Name of the layer.
        layer: String,
        /// The objects.
        objects: Vec<DoomedObject>,
        /// Namespaces of the layer that a later step deletes, since the cloud must release what they hold first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        later: Vec<ObjectKey>,
    },
    /// The agent's heartbeat is fresh.
    WaitAgent {
        /// The plane.
        plane: Address,
    },
    /// A pivot could begin now: machines have nodes, nothing rolls, nothing blocks a move, both APIs are stable.
    PivotPreflight {
        /// Which.
        pivot: PivotSpec,
    },
    /// The CAPI objects of a cluster move, journalled per object.
    Pivot {
        /// Which.
        pivot: PivotSpec,
    },
    /// After the move: same machines, same providerIDs, nothing rolls.
    VerifyPivot {
        /// Which.
        pivot: PivotSpec,
    },
    /// The access Secret on the management plane holds the cluster's present kubeconfig.
    RefreshAccess {
        /// The way in.
        access: ClusterAccess,
        /// Where the cluster's own kubeconfig Secret is.
        source: Address,
    },
    /// Load balancers and volumes that the cloud holds for Services and claims are released by deleting these.
    ReleaseCloudResources {
        /// The plane.
        plane: Address,
        /// Services and claims.
        objects: Vec<DoomedObject>,
    },
    /// Objects are deleted, in this order, and waited for.
    Delete {
        /// The plane.
        plane: Address,
        /// The objects.
        objects: Vec<DoomedObject>,
    },
    /// Objects that no update makes what is wished are deleted, and waited for; a later step makes them again, so the state keeps them.
    MakeWay {
        /// The plane.
        plane: Address,
        /// The objects.
        objects: Vec<DoomedObject>,
    },
    /// Objects that only this cluster used are deleted if nothing else uses them (namespaces that are empty).
    RemoveLeftovers {
        /// The plane.
        plane: Address,
        /// The objects.
        objects: Vec<DoomedObject>,
    },
    /// Templates that no MachineSet refers to any more are deleted; what is still referred to is waited for.
    CollectTemplates {
        /// The plane.
        plane: Address,
        /// The templates.
        objects: Vec<DoomedObject>,
    },
    /// Outputs are computed and stored.
    StoreOutputs {
        /// Output name → value in placeholder form (unknown leaves are filled in).
        outputs: BTreeMap<String, Json>,
        /// Outputs that are gone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        removed: Vec<String>,
    },
    /// Nothing is done in the world; the state changes by the step's effects.
    Record,
}

/// A CAPI provider to be ensured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderSpec {
    /// Name in addresses: `cluster-api`, `bootstrap-kubeadm`, `control-plane-kubeadm`, `aws`.
    pub name: String,
    /// clusterctl's label and inventory name: `infrastructure-aws`; of cloud `dev` it is `infrastructure-docker`.
    pub label: String,
    /// clusterctl's type: `CoreProvider`, `BootstrapProvider`, `ControlPlaneProvider`, `InfrastructureProvider`.
    pub r#type: String,
    /// With `v`.
    pub version: String,
    /// Contract label that its CRDs carry.
    pub contract: String,
    /// Namespace of its manager.
    pub namespace: String,
    /// Its manager.
    pub deployment: String,
    /// Image without tag.
    pub image: String,
    /// Facts bundle.
    pub facts: String,
    /// API groups of the bundle that belong to this provider (the bundle `cluster-api` serves three); empty = all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// `false`: only check that it is there and answers.
    pub install: bool,
}

impl ProviderSpec {
    /// Whether it is cert-manager: no provider of Cluster API, so it has no contract and no entry in clusterctl's inventory.
    pub fn is_cert_manager(&self) -> bool {
        self.name == crate::expand::CERT_MANAGER
    }
}

/// An object to be applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedObject {
    /// Its identity.
    pub key: ObjectKey,
    /// `apiVersion`.
    pub api_version: String,
    /// The whole object in placeholder form.
    pub content: Json,
    /// Expected to be new: finding one that is not marked ours is an error.
    pub create: bool,
}

impl PlannedObject {
    /// Its record. `step`: the resource that the step works for, which it belongs to unless its marks name another one; `uid`: empty while it
    /// is only intended.
    pub fn recorded(&self, step: &Address, uid: String) -> RecordedObject {
        let resource = address_of(&self.content).and_then(|text| text.parse().ok()).unwrap_or_else(|| step.clone());
        RecordedObject { resource, uid, api_version: self.api_version.clone(), applied: self.content.clone() }
    }
}

/// An object to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoomedObject {
    /// Its identity.
    pub key: ObjectKey,
    /// `apiVersion`.
    pub api_version: String,
    /// Only this one is deleted, not a namesake made later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// A field that is taken from another manager, with the plan's knowledge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Takeover {
    /// The object.
    pub key: ObjectKey,
    /// Path of the leaf in the API server's words, without the first dot: `metadata.labels.a.b/c`.
    pub path: String,
    /// Who owns it.
    pub manager: String,
}

/// A layer with its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerContent {
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: LayerKind,
    /// Layers that must be ready before.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub depends_on: BTreeSet<String>,
    /// Objects in the order of application.
    pub objects: Vec<PlannedObject>,
    /// Digest over the placeholder form of the objects, unknown leaves unresolved whatever is known by then.
    pub digest: String,
    /// Objects of an older content that go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prune: Vec<DoomedObject>,
    /// Fields that may be taken from other managers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub takeovers: Vec<Takeover>,
    /// The `Layer` object's address mark.
    pub address: Address,
    /// `report` or `heal`.
    pub mode: String,
}

/// A pivot or a pivot back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PivotSpec {
    /// `cluster.shop`.
    pub cluster: Address,
    /// Name, namespace, management plane.
    pub access: ClusterAccess,
    /// The plane that the objects leave.
    pub from: Address,
    /// The plane that they come to.
    pub to: Address,
    /// The providers that must run on the target.
    pub providers: Vec<ProviderSpec>,
}

/// One object to wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitFor {
    /// Its identity.
    pub key: ObjectKey,
    /// `apiVersion`.
    pub api_version: String,
    /// When it counts as ready.
    pub ready: Readiness,
}

/// When an object counts as ready; each is a pure function that gives a reason while it is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Readiness {
    /// Cluster: `status.initialization.infrastructureProvisioned`.
    InfrastructureProvisioned,
    /// Cluster and KubeadmControlPlane: `status.initialization.controlPlaneInitialized`.
    ControlPlaneInitialized,
    /// KubeadmControlPlane: observed, so many replicas, all up to date and available, not rolling.
    ControlPlaneReady {
        /// Replicas.
        replicas: u32,
    },
    /// MachineDeployment: the same.
    MachineDeploymentReady {
        /// Replicas.
        replicas: u32,
    },
    /// CustomResourceDefinition: Established.
    Established,
    /// MachineDeployment whose size is others' to set: the same, with as many replicas as it asks for.
    MachineDeploymentSettled,
    /// Whatever the kind says of itself (Deployment, DaemonSet, Job, PVC, CRD, conditions Ready/Available).
    Healthy,
    /// It does not exist.
    Gone,
}
