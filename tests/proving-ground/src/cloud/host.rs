//! What a kubelet and the cloud's node controller leave of a machine in the API of its cluster: a node, and for a control plane
//! the mirror pods of its components. Simulated kubelets (kwok) keep them ready.

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::bootstrap::Registration;
use super::ledger::Role;
use super::machine_life::Asked;
use crate::error::GroundError;

const SYSTEM: &str = "kube-system";
/// Components that kubeadm runs as static pods; Cluster API looks for these three.
const STATIC_PODS: [&str; 3] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Makes the node and its pods. What is there already stays, unless it is of another machine.
///
/// # Errors
/// The API refuses something, or the node is another machine's.
pub(super) async fn register(client: &kube::Client, asked: &Asked, registration: &Registration) -> Result<(), GroundError> {
    let nodes: Api<Node> = Api::all(client.clone());
    let node = create(&nodes, &registration.name, node(asked, registration)).await?;
    let id = node.spec.as_ref().and_then(|spec| spec.provider_id.as_deref());
    if id != Some(&asked.provider_id) {
        let reason = format!("the node {} is of {}", registration.name, id.unwrap_or("no machine"));
        return Err(GroundError::Cloud { what: asked.key.1.clone(), reason });
    }
    if asked.role == Role::ControlPlane {
        let pods: Api<Pod> = Api::namespaced(client.clone(), SYSTEM);
        let uid = node.metadata.uid.unwrap_or_default();
        for component in STATIC_PODS {
            let name = format!("{component}-{}", registration.name);
            create(&pods, &name, mirror_pod(component, &registration.name, &uid, &asked.version)).await?;
        }
    }
    Ok(())
}

/// Takes the node of this id and its mirror pods away, if they are there.
///
/// # Errors
/// The API does not answer.
pub(super) async fn unregister(client: &kube::Client, provider_id: &str) -> Result<(), GroundError> {
    let nodes: Api<Node> = Api::all(client.clone());
    let of = |node: &Node| node.spec.as_ref().and_then(|spec| spec.provider_id.as_deref()) == Some(provider_id);
    let found = nodes.list(&ListParams::default()).await.map_err(GroundError::api("nodes"))?;
    for node in found.items.into_iter().filter(of) {
        let name = node.metadata.name.unwrap_or_default();
        let pods: Api<Pod> = Api::namespaced(client.clone(), SYSTEM);
        let on_node = ListParams::default().fields(&format!("spec.nodeName={name}"));
        for pod in pods.list(&on_node).await.map_err(GroundError::api("mirror pods"))? {
            if pod.metadata.annotations.is_some_and(|found| found.contains_key(MIRROR)) {
                delete(&pods, &pod.metadata.name.unwrap_or_default(), &DeleteParams::default().grace_period(0)).await?;
            }
        }
        delete(&nodes, &name, &DeleteParams::default()).await?;
    }
    Ok(())
}

async fn create<K>(api: &Api<K>, name: &str, object: Json) -> Result<K, GroundError>
where
    K: Clone + std::fmt::Debug + DeserializeOwned + Serialize,
{
    let object = serde_json::from_value(object).map_err(|error| GroundError::Cloud { what: name.to_owned(), reason: error.to_string() })?;
    match api.create(&PostParams::default(), &object).await {
        Err(error) if is(&error, 409) => api.get(name).await.map_err(GroundError::api(name)),
        created => created.map_err(GroundError::api(name)),
    }
}

async fn delete<K: Clone + std::fmt::Debug + DeserializeOwned>(api: &Api<K>, name: &str, how: &DeleteParams) -> Result<(), GroundError> {
    match api.delete(name, how).await {
        Err(error) if !is(&error, 404) => Err(GroundError::api(name)(error)),
        _ => Ok(()),
    }
}

fn is(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

/// A node as kubelet registers it and the cloud's node controller completes it.
fn node(asked: &Asked, registration: &Registration) -> Json {
    let region = asked.zone.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    let mut labels = json!({
        "kubernetes.io/hostname": registration.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/zone": asked.zone, "topology.kubernetes.io/region": region,
        "node.kubernetes.io/instance-type": asked.instance_type,
    });
    if asked.role == Role::ControlPlane {
        labels["node-role.kubernetes.io/control-plane"] = "".into();
        labels["node.kubernetes.io/exclude-from-external-load-balancers"] = "".into();
    }
    for (name, value) in &registration.labels {
        labels[name] = value.clone().into();
    }
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": registration.name, "labels": labels},
        "spec": {"providerID": asked.provider_id, "taints": registration.taints},
        "status": {
            "addresses": asked.addresses(),
            "nodeInfo": {
                "kubeletVersion": asked.version, "kubeProxyVersion": "", "containerRuntimeVersion": "containerd://2.0.0",
                "operatingSystem": "linux", "architecture": "amd64", "osImage": "simulated", "kernelVersion": "simulated",
                "machineID": "", "systemUUID": "", "bootID": "",
            },
        },
    })
}

fn mirror_pod(component: &str, node: &str, node_uid: &str, version: &str) -> Json {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("{component}-{node}"), "namespace": SYSTEM, "labels": {"component": component, "tier": "control-plane"},
            "annotations": {MIRROR: component, "kubernetes.io/config.hash": component, "kubernetes.io/config.source": "file"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": node, "uid": node_uid, "controller": true}],
        },
        "spec": {
            "nodeName": node, "hostNetwork": true, "priorityClassName": "system-node-critical",
            "containers": [{"name": component, "image": format!("registry.k8s.io/{component}:{version}")}],
            "tolerations": [{"operator": "Exists", "effect": "NoExecute"}],
        },
    })
}
