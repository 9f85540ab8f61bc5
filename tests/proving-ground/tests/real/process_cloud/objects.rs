//! The objects of a cluster of the AWS kinds as a person writes them for a process cloud: its etcd is external.

use serde_json::{Value as Json, json};
use windlass_proving_ground::external_etcd_secrets;

/// Where all of it lies.
pub const NAMESPACE: &str = "default";
const INFRASTRUCTURE: &str = "infrastructure.cluster.x-k8s.io";
/// Kubernetes of every new object.
pub const VERSION: &str = "v1.34.3";
/// What a control plane may be upgraded to.
pub const NEWER_VERSION: &str = "v1.35.2";

/// A cluster with one machine in its control plane, and without workers.
pub fn cluster(name: &str) -> Vec<Json> {
    let metadata = |name: &str| json!({"name": name, "namespace": NAMESPACE, "labels": {"cluster.x-k8s.io/cluster-name": name}});
    let control_plane = format!("{name}-control-plane");
    let pki = "/etc/kubernetes/pki";
    let mut objects: Vec<Json> = external_etcd_secrets(NAMESPACE, name).expect("certificates").into();
    objects.extend([
        json!({
            "apiVersion": format!("{INFRASTRUCTURE}/v1beta2"), "kind": "AWSCluster", "metadata": metadata(name),
            "spec": {"region": "eu-west-1"},
        }),
        machine_template(&control_plane),
        json!({
            "apiVersion": "controlplane.cluster.x-k8s.io/v1beta2", "kind": "KubeadmControlPlane",
            "metadata": {"name": control_plane, "namespace": NAMESPACE},
            "spec": {
                "replicas": 1, "version": VERSION,
                "machineTemplate": {"spec": {"infrastructureRef": {
                    "apiGroup": INFRASTRUCTURE, "kind": "AWSMachineTemplate", "name": control_plane,
                }}},
                "kubeadmConfigSpec": {
                    "clusterConfiguration": {"etcd": {"external": {
                        "endpoints": ["https://127.0.0.1:2379"], "caFile": format!("{pki}/etcd/ca.crt"),
                        "certFile": format!("{pki}/apiserver-etcd-client.crt"), "keyFile": format!("{pki}/apiserver-etcd-client.key"),
                    }}},
                    "initConfiguration": {"nodeRegistration": node_registration("")},
                    "joinConfiguration": {"nodeRegistration": node_registration("")},
                },
            },
        }),
        json!({
            "apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "clusterNetwork": {"services": {"cidrBlocks": ["10.128.0.0/16"]}},
                "controlPlaneRef": {
                    "apiGroup": "controlplane.cluster.x-k8s.io", "kind": "KubeadmControlPlane", "name": control_plane,
                },
                "infrastructureRef": {"apiGroup": INFRASTRUCTURE, "kind": "AWSCluster", "name": name},
            },
        }),
    ]);
    objects
}

/// A pool of workers that replaces a machine whose node is gone. No machine joins a control plane of another minor version.
pub fn pool(cluster: &str, pool: &str, version: &str, replicas: usize) -> Vec<Json> {
    let name = format!("{cluster}-{pool}");
    let labels = json!({"cluster.x-k8s.io/cluster-name": cluster, "cluster.x-k8s.io/deployment-name": name});
    vec![
        machine_template(&name),
        json!({
            "apiVersion": "bootstrap.cluster.x-k8s.io/v1beta2", "kind": "KubeadmConfigTemplate",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"template": {"spec": {"joinConfiguration": {"nodeRegistration": node_registration("tier=web")}}}},
        }),
        json!({
            "apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "MachineDeployment", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "clusterName": cluster, "replicas": replicas, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {
                    "clusterName": cluster, "version": version,
                    "bootstrap": {"configRef": {
                        "apiGroup": "bootstrap.cluster.x-k8s.io", "kind": "KubeadmConfigTemplate", "name": name,
                    }},
                    "infrastructureRef": {"apiGroup": INFRASTRUCTURE, "kind": "AWSMachineTemplate", "name": name},
                }},
            },
        }),
        json!({
            "apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "MachineHealthCheck", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "clusterName": cluster, "selector": {"matchLabels": labels},
                "checks": {"unhealthyNodeConditions": [{"type": "Ready", "status": "Unknown", "timeoutSeconds": 300}]},
            },
        }),
    ]
}

fn machine_template(name: &str) -> Json {
    json!({
        "apiVersion": format!("{INFRASTRUCTURE}/v1beta2"), "kind": "AWSMachineTemplate", "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"template": {"spec": {"instanceType": "m6i.large"}}},
    })
}

fn node_registration(labels: &str) -> Json {
    let mut arguments = vec![json!({"name": "cloud-provider", "value": "external"})];
    if !labels.is_empty() {
        arguments.push(json!({"name": "node-labels", "value": labels}));
    }
    json!({"name": "{{ ds.meta_data.local_hostname }}", "kubeletExtraArgs": arguments})
}
