//! What says on a plane that its providers are installed: clusterctl's inventory, and the managers' Deployments. The managers
//! themselves are processes of the proving ground; their Deployments run simulated pods.

use serde_json::{Value as Json, json};
use windlass_core::marks::INVENTORY_API_VERSION;
use windlass_core::plan::ProviderSpec;
use windlass_kube::plane::{Force, Persist, Plane};
use windlass_kubeschema::facts_table;

/// name, label, type, namespace, Deployment.
const PROVIDERS: [(&str, &str, &str, &str, &str); 4] = [
    ("cluster-api", "cluster-api", "CoreProvider", "capi-system", "capi-controller-manager"),
    ("kubeadm", "bootstrap-kubeadm", "BootstrapProvider", "capi-kubeadm-bootstrap-system", "capi-kubeadm-bootstrap-controller-manager"),
    (
        "kubeadm",
        "control-plane-kubeadm",
        "ControlPlaneProvider",
        "capi-kubeadm-control-plane-system",
        "capi-kubeadm-control-plane-controller-manager",
    ),
    ("aws", "infrastructure-aws", "InfrastructureProvider", IDENTITIES, "capa-controller-manager"),
];

/// Where the AWS provider looks for the Secrets of identities.
pub const IDENTITIES: &str = "capa-system";

/// The providers as a plan names them.
pub fn providers() -> Vec<ProviderSpec> {
    PROVIDERS
        .iter()
        .map(|(name, label, kind, namespace, deployment)| ProviderSpec {
            name: (*name).to_owned(),
            label: (*label).to_owned(),
            r#type: (*kind).to_owned(),
            version: version(name).to_owned(),
            contract: "v1beta1".to_owned(),
            namespace: (*namespace).to_owned(),
            deployment: (*deployment).to_owned(),
            image: "manager".to_owned(),
            facts: String::new(),
            groups: Vec::new(),
            install: true,
        })
        .collect()
}

fn version(name: &str) -> &'static str {
    let facts = if name == "kubeadm" { "cluster-api" } else { name };
    facts_table::latest(facts).expect("facts of the provider").version
}

/// Writes it all on a plane that has a node.
pub async fn install(plane: &Plane) {
    let clusterctl = facts_table::latest("clusterctl").expect("facts of clusterctl");
    let kinds = facts_table::bundle("clusterctl", clusterctl.version).expect("facts").expect("readable").crd_objects();
    for object in kinds {
        put(plane, object).await;
    }
    for (name, label, kind, namespace, deployment) in PROVIDERS {
        put(plane, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})).await;
        let labels = json!({"clusterctl.cluster.x-k8s.io": "", "cluster.x-k8s.io/provider": label});
        let pods = json!({"cluster.x-k8s.io/provider": label});
        put(
            plane,
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": deployment, "namespace": namespace, "labels": labels},
                "spec": {"replicas": 1, "selector": {"matchLabels": pods}, "template": {
                    "metadata": {"labels": pods},
                    "spec": {
                        "containers": [{"name": "manager", "image": "manager"}],
                        "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}],
                    },
                }},
            }),
        )
        .await;
        let provider = json!({
            "apiVersion": INVENTORY_API_VERSION, "kind": "Provider", "metadata": {"name": label, "namespace": namespace, "labels": labels},
            "providerName": name, "type": kind, "version": version(name),
        });
        // Its kind is served a moment after it was defined.
        let mut tries = 0;
        while plane.kind(INVENTORY_API_VERSION, "Provider").await.is_err() && tries < 100 {
            tries += 1;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        put(plane, provider).await;
    }
}

async fn put(plane: &Plane, object: Json) {
    let answer = plane.apply(&object, "clusterctl", Force::Yes, Persist::Yes).await;
    answer.unwrap_or_else(|error| panic!("{error}: {object:#}"));
}
