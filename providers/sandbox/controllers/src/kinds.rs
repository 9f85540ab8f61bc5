//! The kinds that the controllers watch, as data. Knows no object.

use kube::core::ApiResource;

/// A watched kind; `ALL` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// v1
    Namespace,
    /// v1
    Node,
    /// v1
    Pod,
    /// v1
    Service,
    /// v1
    ServiceAccount,
    /// v1
    PersistentVolumeClaim,
    /// v1
    PersistentVolume,
    /// storage.k8s.io/v1
    StorageClass,
    /// apps/v1
    Deployment,
    /// apps/v1
    ReplicaSet,
    /// apps/v1
    DaemonSet,
    /// apps/v1
    StatefulSet,
    /// batch/v1
    Job,
    /// apiextensions.k8s.io/v1
    CustomResourceDefinition,
    /// cluster.x-k8s.io
    Cluster,
    /// cluster.x-k8s.io
    Machine,
    /// cluster.x-k8s.io
    MachineSet,
    /// cluster.x-k8s.io
    MachineDeployment,
    /// bootstrap.cluster.x-k8s.io
    KubeadmConfig,
    /// controlplane.cluster.x-k8s.io
    KubeadmControlPlane,
    /// infrastructure.cluster.x-k8s.io
    AwsCluster,
    /// infrastructure.cluster.x-k8s.io
    AwsMachine,
}

impl Kind {
    /// Kinds that every API server has.
    pub const BUILT_IN: [Kind; 14] = [
        Kind::Namespace,
        Kind::Node,
        Kind::Pod,
        Kind::Service,
        Kind::ServiceAccount,
        Kind::PersistentVolumeClaim,
        Kind::PersistentVolume,
        Kind::StorageClass,
        Kind::Deployment,
        Kind::ReplicaSet,
        Kind::DaemonSet,
        Kind::StatefulSet,
        Kind::Job,
        Kind::CustomResourceDefinition,
    ];

    /// Kinds that exist once their CustomResourceDefinition is established.
    pub const CUSTOM: [Kind; 8] = [
        Kind::Cluster,
        Kind::Machine,
        Kind::MachineSet,
        Kind::MachineDeployment,
        Kind::KubeadmConfig,
        Kind::KubeadmControlPlane,
        Kind::AwsCluster,
        Kind::AwsMachine,
    ];

    /// Group, version, kind and plural.
    pub const fn names(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Kind::Namespace => ("", "v1", "Namespace", "namespaces"),
            Kind::Node => ("", "v1", "Node", "nodes"),
            Kind::Pod => ("", "v1", "Pod", "pods"),
            Kind::Service => ("", "v1", "Service", "services"),
            Kind::ServiceAccount => ("", "v1", "ServiceAccount", "serviceaccounts"),
            Kind::PersistentVolumeClaim => ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
            Kind::PersistentVolume => ("", "v1", "PersistentVolume", "persistentvolumes"),
            Kind::StorageClass => ("storage.k8s.io", "v1", "StorageClass", "storageclasses"),
            Kind::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Kind::ReplicaSet => ("apps", "v1", "ReplicaSet", "replicasets"),
            Kind::DaemonSet => ("apps", "v1", "DaemonSet", "daemonsets"),
            Kind::StatefulSet => ("apps", "v1", "StatefulSet", "statefulsets"),
            Kind::Job => ("batch", "v1", "Job", "jobs"),
            Kind::CustomResourceDefinition => ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions"),
            Kind::Cluster => (CORE, "v1beta2", "Cluster", "clusters"),
            Kind::Machine => (CORE, "v1beta2", "Machine", "machines"),
            Kind::MachineSet => (CORE, "v1beta2", "MachineSet", "machinesets"),
            Kind::MachineDeployment => (CORE, "v1beta2", "MachineDeployment", "machinedeployments"),
            Kind::KubeadmConfig => (BOOTSTRAP, "v1beta2", "KubeadmConfig", "kubeadmconfigs"),
            Kind::KubeadmControlPlane => (CONTROL_PLANE, "v1beta2", "KubeadmControlPlane", "kubeadmcontrolplanes"),
            Kind::AwsCluster => (INFRASTRUCTURE, "v1beta2", "AWSCluster", "awsclusters"),
            Kind::AwsMachine => (INFRASTRUCTURE, "v1beta2", "AWSMachine", "awsmachines"),
        }
    }

    /// `group/version`, or `v1`.
    pub fn api_version(self) -> String {
        let (group, version, _, _) = self.names();
        if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
    }

    /// The kind's own word, `AWSCluster`.
    pub const fn kind(self) -> &'static str {
        self.names().2
    }

    /// What the client needs to make requests.
    pub fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = self.names();
        resource(group, version, kind, plural)
    }

    /// Name of the CustomResourceDefinition of a custom kind.
    pub fn definition(self) -> String {
        let (group, _, _, plural) = self.names();
        format!("{plural}.{group}")
    }

    /// The watched kind of a group and kind.
    pub fn named(group: &str, kind: &str) -> Option<Kind> {
        let all = Kind::BUILT_IN.iter().chain(&Kind::CUSTOM);
        all.copied().find(|one| one.names().0 == group && one.names().2 == kind)
    }
}

/// Group of CAPI core.
pub const CORE: &str = "cluster.x-k8s.io";
/// Group of the kubeadm bootstrap provider.
pub const BOOTSTRAP: &str = "bootstrap.cluster.x-k8s.io";
/// Group of the kubeadm control plane provider.
pub const CONTROL_PLANE: &str = "controlplane.cluster.x-k8s.io";
/// Group of infrastructure providers.
pub const INFRASTRUCTURE: &str = "infrastructure.cluster.x-k8s.io";

/// An unwatched kind, read by name only.
pub fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") },
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}

/// Kinds that are read or created by name, never watched.
pub mod unwatched {
    use super::{ApiResource, BOOTSTRAP, INFRASTRUCTURE, resource};

    /// v1 Secret.
    pub fn secret() -> ApiResource {
        resource("", "v1", "Secret", "secrets")
    }
    /// v1 ConfigMap.
    pub fn config_map() -> ApiResource {
        resource("", "v1", "ConfigMap", "configmaps")
    }
    /// A KubeadmConfigTemplate.
    pub fn kubeadm_config_template() -> ApiResource {
        resource(BOOTSTRAP, "v1beta2", "KubeadmConfigTemplate", "kubeadmconfigtemplates")
    }
    /// An AWSMachineTemplate.
    pub fn aws_machine_template() -> ApiResource {
        resource(INFRASTRUCTURE, "v1beta2", "AWSMachineTemplate", "awsmachinetemplates")
    }
    /// One of the three cluster-scoped AWS identities.
    pub fn aws_identity(kind: &str) -> Option<ApiResource> {
        let plural = match kind {
            "AWSClusterControllerIdentity" => "awsclustercontrolleridentities",
            "AWSClusterRoleIdentity" => "awsclusterroleidentities",
            "AWSClusterStaticIdentity" => "awsclusterstaticidentities",
            _ => return None,
        };
        Some(resource(INFRASTRUCTURE, "v1beta2", kind, plural))
    }
}
