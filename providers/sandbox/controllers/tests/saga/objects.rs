//! The objects that a user of Cluster API would apply.

use serde_json::{Value, json};

use crate::harness::Plane;

pub const CORE: &str = "cluster.x-k8s.io/v1beta2";
pub const CONTROL_PLANE: &str = "controlplane.cluster.x-k8s.io/v1beta2";
pub const BOOTSTRAP: &str = "bootstrap.cluster.x-k8s.io/v1beta2";
pub const INFRASTRUCTURE: &str = "infrastructure.cluster.x-k8s.io/v1beta2";

/// Definitions and managers of CAPI and CAPA; waits until the managers are Available.
pub async fn install_providers(plane: &Plane) {
    for (name, version) in [("cluster-api", "v1.14.2"), ("aws", "v2.11.1")] {
        let bundle = windlass_kubeschema::facts_table::bundle(name, version).expect("facts").expect("bundle");
        let wanted = [
            "clusters",
            "machines",
            "machinesets",
            "machinedeployments",
            "kubeadmconfigs",
            "kubeadmconfigtemplates",
            "kubeadmcontrolplanes",
            "awsclusters",
            "awsmachines",
            "awsmachinetemplates",
            "awsclusterstaticidentities",
            "awsclustercontrolleridentities",
            "awsclusterroleidentities",
        ];
        for definition in bundle.crd_objects() {
            if wanted.contains(&definition["spec"]["names"]["plural"].as_str().unwrap_or_default()) {
                plane.create(definition).await;
            }
        }
    }
    for (namespace, name) in MANAGERS {
        plane.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})).await;
        plane.create(deployment(namespace, name, "registry.k8s.io/cluster-api/controller:v1.14.2", true)).await;
    }
    for (namespace, name) in MANAGERS {
        plane.until_condition("apps/v1", "Deployment", namespace, name, "Available").await;
    }
}

pub const MANAGERS: [(&str, &str); 4] = [
    ("capi-system", "capi-controller-manager"),
    ("capi-kubeadm-bootstrap-system", "capi-kubeadm-bootstrap-controller-manager"),
    ("capi-kubeadm-control-plane-system", "capi-kubeadm-control-plane-controller-manager"),
    ("capa-system", "capa-controller-manager"),
];

pub fn deployment(namespace: &str, name: &str, image: &str, anywhere: bool) -> Value {
    let tolerations = if anywhere { json!([{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]) } else { json!([]) };
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"tolerations": tolerations, "containers": [{"name": "manager", "image": image}]}},
        },
    })
}

pub fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn reference(group: &str, kind: &str, name: &str) -> Value {
    json!({"apiGroup": group, "kind": kind, "name": name})
}

/// Cluster, AWSCluster, templates and a control plane of `replicas`.
pub fn cluster(namespace: &str, name: &str, replicas: i64) -> Vec<Value> {
    let external = json!([{"name": "cloud-provider", "value": "external"}]);
    let metadata = |name: &str| json!({"name": name, "namespace": namespace});
    vec![
        json!({"apiVersion": CORE, "kind": "Cluster", "metadata": metadata(name), "spec": {
            "clusterNetwork": {"pods": {"cidrBlocks": ["192.168.0.0/16"]}, "services": {"cidrBlocks": ["10.96.0.0/12"]}, "serviceDomain": "cluster.local"},
            "controlPlaneRef": reference("controlplane.cluster.x-k8s.io", "KubeadmControlPlane", &format!("{name}-control-plane")),
            "infrastructureRef": reference("infrastructure.cluster.x-k8s.io", "AWSCluster", name),
        }}),
        json!({"apiVersion": INFRASTRUCTURE, "kind": "AWSCluster", "metadata": metadata(name), "spec": {"region": "eu-west-1", "sshKeyName": "key", "controlPlaneLoadBalancer": {"loadBalancerType": "nlb"}}}),
        machine_template(namespace, &format!("{name}-control-plane-1")),
        json!({"apiVersion": CONTROL_PLANE, "kind": "KubeadmControlPlane", "metadata": metadata(&format!("{name}-control-plane")), "spec": {
            "version": "v1.34.3", "replicas": replicas, "rollout": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}},
            "machineTemplate": {"spec": {"infrastructureRef": reference("infrastructure.cluster.x-k8s.io", "AWSMachineTemplate", &format!("{name}-control-plane-1"))}},
            "kubeadmConfigSpec": {
                "clusterConfiguration": {"controllerManager": {"extraArgs": external}},
                "initConfiguration": {"nodeRegistration": {"name": "{{ ds.meta_data.local_hostname }}", "kubeletExtraArgs": external}},
                "joinConfiguration": {"nodeRegistration": {"name": "{{ ds.meta_data.local_hostname }}", "kubeletExtraArgs": external}},
            },
        }}),
    ]
}

pub fn machine_template(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": INFRASTRUCTURE, "kind": "AWSMachineTemplate", "metadata": {"name": name, "namespace": namespace}, "spec": {"template": {"spec": {"instanceType": "m6i.large", "sshKeyName": "key"}}}})
}

/// Templates and a MachineDeployment of `replicas`.
pub fn pool(namespace: &str, cluster: &str, pool: &str, replicas: i64) -> Vec<Value> {
    let name = format!("{cluster}-{pool}");
    let labels = json!({"cluster.x-k8s.io/cluster-name": cluster, "cluster.x-k8s.io/deployment-name": name});
    let external = json!([{"name": "cloud-provider", "value": "external"}]);
    vec![
        machine_template(namespace, &format!("{name}-1")),
        json!({"apiVersion": BOOTSTRAP, "kind": "KubeadmConfigTemplate", "metadata": {"name": format!("{name}-1"), "namespace": namespace}, "spec": {"template": {"spec": {
            "joinConfiguration": {"nodeRegistration": {"name": "{{ ds.meta_data.local_hostname }}", "kubeletExtraArgs": external}},
        }}}}),
        json!({"apiVersion": CORE, "kind": "MachineDeployment", "metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": {
            "clusterName": cluster, "replicas": replicas, "selector": {"matchLabels": labels},
            "rollout": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}},
            "template": {"metadata": {"labels": labels}, "spec": {
                "clusterName": cluster, "version": "v1.34.3",
                "bootstrap": {"configRef": reference("bootstrap.cluster.x-k8s.io", "KubeadmConfigTemplate", &format!("{name}-1"))},
                "infrastructureRef": reference("infrastructure.cluster.x-k8s.io", "AWSMachineTemplate", &format!("{name}-1")),
            }},
        }}),
    ]
}

/// A network plugin's DaemonSet.
pub fn network_plugin() -> Value {
    daemon("cni", "quay.io/cilium/cilium:v1.18.3", json!([{"name": "cni", "hostPath": {"path": "/etc/cni/net.d"}}]))
}

/// A cloud controller's DaemonSet.
pub fn cloud_controller() -> Value {
    daemon("aws-cloud-controller-manager", "registry.k8s.io/provider-aws/cloud-controller-manager:v1.34.0", json!([]))
}

fn daemon(name: &str, image: &str, volumes: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"hostNetwork": true, "tolerations": [{"operator": "Exists"}], "volumes": volumes, "containers": [{"name": name, "image": image}]}},
        },
    })
}
