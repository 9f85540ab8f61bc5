//! The dev provider as the engine sees it: the port filled with this folder's functions.

use windlass_core::diag::Diagnostics;
use windlass_core::provider::{
    CloudInput, ClusterInput, MachineTemplate, OwnedField, PoolInput, Provider, ProviderSchema, Release, Rendered, Role,
};
use windlass_core::schema::BlockSchema;
use windlass_core::value::Value;

use super::{check, infrastructure, kubeadm, machine, owned, schema};

/// Releases with carried facts: the dev provider is released with Cluster API, and for clusters of the same Kubernetes minors.
const RELEASES: &[Release] = &[Release {
    version: "v1.14.2",
    contract: "v1beta2",
    api_version: "infrastructure.cluster.x-k8s.io/v1beta2",
    kubernetes: (31, 36),
    facts: "dev",
    namespace: "capd-system",
    deployment: "capd-controller-manager",
    image: "gcr.io/k8s-staging-cluster-api/capd-manager",
    releases: "https://github.com/kubernetes-sigs/cluster-api/releases/download",
    components: "infrastructure-components-development.yaml",
}];

/// Cluster API's dev provider with its in-memory backend.
pub struct Dev;

impl Provider for Dev {
    fn name(&self) -> &'static str {
        "dev"
    }

    fn title(&self) -> &'static str {
        "in-memory (Cluster API's dev provider)"
    }

    fn clusterctl_name(&self) -> &'static str {
        "docker"
    }

    fn is_listed(&self) -> bool {
        false
    }

    fn is_in_sandbox(&self) -> bool {
        false
    }

    /// What answers is a part of the manager (`test/infrastructure/inmemory/pkg/server/api`): merge patches and a few built-in kinds, no
    /// server-side apply, no custom resources, no `/readyz`; its objects have no uid and are forgotten when the manager restarts.
    fn has_workload_api(&self) -> bool {
        false
    }

    fn releases(&self) -> &'static [Release] {
        RELEASES
    }

    fn schema(&self) -> ProviderSchema {
        ProviderSchema { cloud: &BlockSchema::EMPTY, cluster: &BlockSchema::EMPTY, machine: &schema::MACHINE }
    }

    fn check(&self, cluster: &ClusterInput) -> Diagnostics {
        check::check(cluster)
    }

    fn region(&self, _cloud: &CloudInput) -> Option<String> {
        None
    }

    fn identity(&self, _cloud: &CloudInput, _release: &Release) -> Vec<Rendered> {
        Vec::new()
    }

    fn manager_credentials(&self, _cloud: &CloudInput, _release: &Release) -> Vec<Rendered> {
        Vec::new()
    }

    fn infrastructure(&self, cluster: &ClusterInput, release: &Release) -> Rendered {
        infrastructure::object(cluster, release)
    }

    fn machine_template(&self, _cluster: &ClusterInput, pool: &PoolInput, release: &Release) -> MachineTemplate {
        machine::template(pool, release)
    }

    fn kubeadm(&self, _cluster: &ClusterInput, role: Role, _template_name: &str) -> Value {
        kubeadm::configuration(role)
    }

    fn owned_fields(&self) -> &'static [OwnedField] {
        owned::OWNED
    }

    fn cloud_controller(&self, _cluster: &ClusterInput) -> Vec<Rendered> {
        Vec::new()
    }
}
