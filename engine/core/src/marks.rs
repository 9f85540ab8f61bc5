//! Every constant by which objects are marked, named and found again; they stand in this one file (design section 4).

use serde_json::Value as Json;

/// Label on each applied object: the lineage of the state that owns it.
pub const LABEL_LINEAGE: &str = "windlass.dev/lineage";
/// Annotation on each applied object: the address of the resource that owns it.
pub const ANNOTATION_ADDRESS: &str = "windlass.dev/address";
/// Annotation on an object of which some leaves are sent only when it is made: their paths, as a JSON list of texts.
pub const ANNOTATION_IGNORED: &str = "windlass.dev/ignore-changes";
/// Field manager of every rendered field, whoever sends it (engine, pivot, agent).
pub const FIELD_MANAGER: &str = "windlass";
/// Field manager of `spec.paused` during a pivot, and of nothing else.
pub const PIVOT_MANAGER: &str = "windlass-pivot";
/// Namespace of what is ours on every plane.
pub const SYSTEM_NAMESPACE: &str = "windlass-system";
/// Name of the agent's Deployment, ServiceAccount, binding and heartbeat Lease in [`SYSTEM_NAMESPACE`].
pub const AGENT_NAME: &str = "windlass-agent";
/// API group of the agent's `Layer` objects.
pub const AGENT_GROUP: &str = "agent.windlass.dev";
/// API version of the agent's `Layer` objects.
pub const AGENT_API_VERSION: &str = "agent.windlass.dev/v1alpha1";
/// Annotation of a Secret with a layer's content: the digest that its `Layer` asks for.
pub const ANNOTATION_LAYER_DIGEST: &str = "agent.windlass.dev/digest";
/// A heartbeat older than this many seconds is stale.
pub const AGENT_STALE_SECONDS: u64 = 90;
/// Taint of control plane nodes, tolerated by every manager that must run before workers exist.
pub const CONTROL_PLANE_TAINT: &str = "node-role.kubernetes.io/control-plane";
/// CAPI's label that names the cluster of an object.
pub const LABEL_CLUSTER_NAME: &str = "cluster.x-k8s.io/cluster-name";

/// API version of clusterctl's inventory.
pub const INVENTORY_API_VERSION: &str = "clusterctl.cluster.x-k8s.io/v1alpha3";
/// clusterctl's label on everything that belongs to a provider.
pub const LABEL_CLUSTERCTL: &str = "clusterctl.cluster.x-k8s.io";
/// clusterctl's label on what is no provider: `inventory`, `cert-manager`.
pub const LABEL_CLUSTERCTL_CORE: &str = "clusterctl.cluster.x-k8s.io/core";
/// Label that names the provider of an object.
pub const LABEL_PROVIDER: &str = "cluster.x-k8s.io/provider";

/// The lineage that an object carries.
pub fn lineage_of(object: &Json) -> Option<&str> {
    object.get("metadata")?.get("labels")?.get(LABEL_LINEAGE)?.as_str()
}

/// The address that an object carries, as it stands there.
pub fn address_of(object: &Json) -> Option<&str> {
    object.get("metadata")?.get("annotations")?.get(ANNOTATION_ADDRESS)?.as_str()
}

/// Name of the ConfigMap that lists what a layer applied.
pub fn layer_inventory(layer: &str) -> String {
    format!("windlass-layer-{layer}")
}

const ACCESS: &str = "windlass-access-";

/// Name of the Secret that keeps the way into a pivoted cluster, in [`SYSTEM_NAMESPACE`] of the management plane.
pub fn access_secret(cluster: &str) -> String {
    format!("{ACCESS}{cluster}")
}

/// The cluster whose way in is kept by a Secret of this name.
pub fn accessed_cluster(secret: &str) -> Option<&str> {
    secret.strip_prefix(ACCESS)
}

/// Name of the Lease by which a state's writer holds a plane.
pub fn state_lease(lineage: &str) -> String {
    format!("windlass-{lineage}")
}

/// Name of the Secret in which the control plane provider writes a cluster's kubeconfig (key `value`).
pub fn kubeconfig_secret(cluster: &str) -> String {
    format!("{cluster}-kubeconfig")
}

/// Name of a cluster's KubeadmControlPlane.
pub fn control_plane(cluster: &str) -> String {
    format!("{cluster}-control-plane")
}

/// Name of a pool's MachineDeployment.
pub fn machine_deployment(cluster: &str, pool: &str) -> String {
    format!("{cluster}-{pool}")
}
