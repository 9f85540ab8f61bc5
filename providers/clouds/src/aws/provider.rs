//! AWS as the engine sees it: the port filled with this folder's functions.

use windlass_core::diag::Diagnostics;
use windlass_core::provider::{
    CloudInput, ClusterInput, MachineTemplate, OwnedField, PoolInput, Provider, ProviderSchema, Release, Rendered, Role,
};
use windlass_core::value::Value;

use super::{check, cloud_controller, identity, infrastructure, kubeadm, machine, owned, schema};
use crate::body::Attributes;

/// Releases of CAPA with carried facts. Kubernetes minors are those of workload clusters under Cluster API v1.14.
const RELEASES: &[Release] = &[Release {
    version: "v2.11.1",
    contract: "v1beta1",
    api_version: "infrastructure.cluster.x-k8s.io/v1beta2",
    kubernetes: (31, 36),
    facts: "aws",
    namespace: "capa-system",
    deployment: "capa-controller-manager",
    image: "registry.k8s.io/cluster-api-aws/cluster-api-aws-controller",
    releases: "https://github.com/kubernetes-sigs/cluster-api-provider-aws/releases/download",
    components: "infrastructure-components.yaml",
}];

/// Amazon Web Services.
pub struct Aws;

impl Provider for Aws {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn title(&self) -> &'static str {
        "AWS"
    }

    fn releases(&self) -> &'static [Release] {
        RELEASES
    }

    fn schema(&self) -> ProviderSchema {
        ProviderSchema { cloud: &schema::CLOUD, cluster: &schema::CLUSTER, machine: &schema::MACHINE }
    }

    fn check(&self, cluster: &ClusterInput) -> Diagnostics {
        check::check(cluster)
    }

    fn check_cloud(&self, cloud: &CloudInput) -> Diagnostics {
        check::check_cloud(cloud)
    }

    fn region(&self, cloud: &CloudInput) -> Option<String> {
        cloud.body.text("region").map(str::to_owned)
    }

    fn identity(&self, cloud: &CloudInput, release: &Release) -> Vec<Rendered> {
        identity::objects(cloud, release)
    }

    fn manager_credentials(&self, _cloud: &CloudInput, release: &Release) -> Vec<Rendered> {
        vec![identity::manager_credentials(release)]
    }

    fn infrastructure(&self, cluster: &ClusterInput, release: &Release) -> Rendered {
        infrastructure::object(cluster, release)
    }

    fn machine_template(&self, cluster: &ClusterInput, pool: &PoolInput, release: &Release) -> MachineTemplate {
        machine::template(cluster, pool, release)
    }

    fn kubeadm(&self, _cluster: &ClusterInput, role: Role, _template_name: &str) -> Value {
        kubeadm::configuration(role)
    }

    fn owned_fields(&self) -> &'static [OwnedField] {
        owned::OWNED
    }

    fn cloud_controller(&self, cluster: &ClusterInput) -> Vec<Rendered> {
        cloud_controller::objects(cluster)
    }
}
