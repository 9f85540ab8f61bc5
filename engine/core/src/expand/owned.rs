//! Which fields of the objects that windlass renders are its own, and what to do in place of patching them. Data only.
//!
//! Two reasons make a row: an attribute of ours sets the field, or a step depends on it. Everything else of a kind is the user's.
//! Must not know a cloud: its kinds, and what it writes into kubeadm configurations, are rows of its [`Provider`](crate::provider::Provider).

use crate::provider::OwnedField;

const NAMES: &str = "windlass names its objects; set `name` or `namespace` of the cluster, or the name of the pool";
const REFERENCES: &str = "windlass writes the references between its objects";
const SERVERS: &str = "it is the API server's";
const KUBERNETES: &str = "set `version` in the profile's `kubernetes` layer";
const USERS: &str = "keep the item in the list; keys of user `windlass` are set by `ssh_authorized_keys`";
const ARGUMENTS: &str =
    "keep the item in the list; labels of nodes are set by `labels`, the other arguments let the cloud's controllers find them";
const TAINTS: &str = "keep the item in the list; taints of nodes are set by `taint` blocks";
const CONTROL_PLANE: &str = "KubeadmControlPlane";
const POOL: &str = "MachineDeployment";
const BOOTSTRAP: &str = "KubeadmConfigTemplate";

/// The engine's rows.
#[rustfmt::skip]
pub const OWNED: &[OwnedField] = &[
    OwnedField::written("", &["apiVersion"], "the version is that of the provider's release"),
    OwnedField::written("", &["kind"], "the kind is the one that is patched"),
    OwnedField::left_to_others("", &["status"], "a status is written by controllers"),
    OwnedField::written("", &["metadata", "name"], NAMES),
    OwnedField::written("", &["metadata", "namespace"], NAMES),
    OwnedField::left_to_others("", &["metadata", "generateName"], NAMES),
    OwnedField::left_to_others("", &["metadata", "uid"], SERVERS),
    OwnedField::left_to_others("", &["metadata", "resourceVersion"], SERVERS),
    OwnedField::left_to_others("", &["metadata", "generation"], SERVERS),
    OwnedField::left_to_others("", &["metadata", "creationTimestamp"], SERVERS),
    OwnedField::left_to_others("", &["metadata", "deletionTimestamp"], SERVERS),
    OwnedField::left_to_others("", &["metadata", "managedFields"], SERVERS),
    OwnedField::left_to_others("", &["metadata", "ownerReferences"], "Cluster API writes owner references"),
    OwnedField::left_to_others("", &["metadata", "finalizers"], "Cluster API writes finalizers"),
    OwnedField::written("", &["metadata", "labels", "cluster.x-k8s.io/cluster-name"], "Cluster API finds the cluster's objects by it"),

    OwnedField::left_to_others("Cluster", &["spec", "paused"], "the pivot pauses and resumes the cluster"),
    OwnedField::left_to_others("Cluster", &["spec", "topology"], "windlass writes the objects of the cluster itself"),
    OwnedField::left_to_others("Cluster", &["spec", "controlPlaneEndpoint"], "the cloud's controller writes it when the API has an address"),
    OwnedField::written("Cluster", &["spec", "controlPlaneRef"], REFERENCES),
    OwnedField::written("Cluster", &["spec", "infrastructureRef"], REFERENCES),
    OwnedField::written("Cluster", &["spec", "clusterNetwork", "pods"], "set `pod_cidr` of the cluster"),
    OwnedField::written("Cluster", &["spec", "clusterNetwork", "services"], "set `service_cidr` of the cluster"),

    OwnedField::written(CONTROL_PLANE, &["spec", "replicas"], "set `replicas` in `control_plane`"),
    OwnedField::written(CONTROL_PLANE, &["spec", "version"], KUBERNETES),
    OwnedField::written(CONTROL_PLANE, &["spec", "machineTemplate", "spec", "infrastructureRef"], REFERENCES),
    OwnedField::left_to_others(CONTROL_PLANE, &["spec", "kubeadmConfigSpec", "clusterConfiguration", "controlPlaneEndpoint"], "it is the address that the cloud gives the API, by which windlass comes in; further names go into `apiServer.certSANs`"),
    OwnedField::written(CONTROL_PLANE, &["spec", "kubeadmConfigSpec", "clusterConfiguration", "etcd", "external"], "set `etcd { external { … } }` in `control_plane`"),
    OwnedField::items(CONTROL_PLANE, &["spec", "kubeadmConfigSpec", "users"], &["name"], USERS),
    OwnedField::items(CONTROL_PLANE, &["spec", "kubeadmConfigSpec", "clusterConfiguration", "controllerManager", "extraArgs"], &["name"], "keep the item in the list"),
    OwnedField::items(CONTROL_PLANE, &["spec", "kubeadmConfigSpec", "initConfiguration", "nodeRegistration", "kubeletExtraArgs"], &["name"], ARGUMENTS),
    OwnedField::items(CONTROL_PLANE, &["spec", "kubeadmConfigSpec", "initConfiguration", "nodeRegistration", "taints"], &["key", "effect"], TAINTS),
    OwnedField::items(CONTROL_PLANE, &["spec", "kubeadmConfigSpec", "joinConfiguration", "nodeRegistration", "kubeletExtraArgs"], &["name"], ARGUMENTS),
    OwnedField::items(CONTROL_PLANE, &["spec", "kubeadmConfigSpec", "joinConfiguration", "nodeRegistration", "taints"], &["key", "effect"], TAINTS),

    OwnedField::written(POOL, &["spec", "replicas"], "set `replicas` in `worker_pool`"),
    OwnedField::left_to_others(POOL, &["spec", "paused"], "Cluster API would make no machine of the pool, and windlass would wait in vain"),
    OwnedField::written(POOL, &["spec", "clusterName"], REFERENCES),
    OwnedField::written(POOL, &["spec", "selector"], REFERENCES),
    OwnedField::written(POOL, &["spec", "template", "metadata", "labels", "cluster.x-k8s.io/cluster-name"], REFERENCES),
    OwnedField::written(POOL, &["spec", "template", "metadata", "labels", "cluster.x-k8s.io/deployment-name"], REFERENCES),
    OwnedField::written(POOL, &["spec", "template", "spec", "clusterName"], REFERENCES),
    OwnedField::written(POOL, &["spec", "template", "spec", "version"], KUBERNETES),
    OwnedField::written(POOL, &["spec", "template", "spec", "bootstrap"], REFERENCES),
    OwnedField::written(POOL, &["spec", "template", "spec", "infrastructureRef"], REFERENCES),
    OwnedField::written(POOL, &["spec", "template", "spec", "failureDomain"], "set `failure_domain` in `worker_pool`"),
    OwnedField::left_to_others(POOL, &["spec", "template", "spec", "providerID"], "the cloud's controller writes it for each machine"),

    OwnedField::items(BOOTSTRAP, &["spec", "template", "spec", "users"], &["name"], USERS),
    OwnedField::items(BOOTSTRAP, &["spec", "template", "spec", "joinConfiguration", "nodeRegistration", "kubeletExtraArgs"], &["name"], ARGUMENTS),
    OwnedField::items(BOOTSTRAP, &["spec", "template", "spec", "joinConfiguration", "nodeRegistration", "taints"], &["key", "effect"], TAINTS),
];

/// Labels and annotations that no patch may name, wherever they stand (those of templates go on to machines): the key, or its begin
/// if it ends in `/`, and why.
pub const NOWHERE: &[(&str, &str)] = &[
    ("windlass.dev/", "windlass marks its objects with it"),
    ("cluster.x-k8s.io/paused", "Cluster API would leave the object alone, and windlass would wait in vain; pause a cluster that stands"),
    ("cluster.x-k8s.io/managed-by", "the cloud's controller would make nothing for the cluster, and windlass would wait in vain"),
    ("clusterctl.cluster.x-k8s.io/block-move", "the pivot would wait in vain"),
    ("clusterctl.cluster.x-k8s.io/delete-for-move", "the pivot writes it"),
];
