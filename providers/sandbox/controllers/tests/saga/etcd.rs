//! An etcd that somebody else runs: its Secrets are waited for, taken in, brought to the machines, and never made.

use serde_json::{Value, json};

use crate::harness::{Plane, World, message_of, settle, status_of};
use crate::objects::{CONTROL_PLANE, CORE, cloud_controller, cluster, install_providers, namespace, network_plugin};

const NAME: &str = "shop-control-plane";
const KEY: &str = "the key of a client";
const KEY_FILE: &str = "/etc/kubernetes/pki/apiserver-etcd-client.key";
/// What the real manager says while it cannot find them.
const LACKING: &str = "Please check controller logs for errors";

/// The objects of a cluster whose control plane keeps its data elsewhere.
fn external() -> Vec<Value> {
    let mut objects = cluster("shop", "shop", 1);
    for object in objects.iter_mut().filter(|object| object["kind"] == "KubeadmControlPlane") {
        object["spec"]["kubeadmConfigSpec"]["clusterConfiguration"]["etcd"] = json!({"external": {
            "endpoints": ["https://etcd.example.com:2379"],
            "caFile": "/etc/kubernetes/pki/etcd/ca.crt", "certFile": "/etc/kubernetes/pki/apiserver-etcd-client.crt", "keyFile": KEY_FILE,
        }});
    }
    objects
}

fn encoded(text: &str) -> String {
    data_encoding::BASE64.encode(text.as_bytes())
}

fn secret(purpose: &str, data: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "cluster.x-k8s.io/secret",
        "metadata": {"name": format!("shop-{purpose}"), "namespace": "shop", "labels": {"cluster.x-k8s.io/cluster-name": "shop"}},
        "data": data,
    })
}

async fn until_lacking(api: &Plane) -> Value {
    let lacks = |plane: &Value| message_of(plane, "CertificatesAvailable") == LACKING;
    api.until(CONTROL_PLANE, "KubeadmControlPlane", "shop", NAME, lacks).await
}

/// Texts of the machines' user data.
async fn user_data(api: &Plane) -> Vec<String> {
    let secrets = api.list("v1", "Secret", "shop").await;
    let data = secrets.iter().filter(|secret| secret["data"]["format"].is_string());
    data.map(|secret| {
        let bytes = data_encoding::BASE64.decode(secret["data"]["value"].as_str().expect("data").as_bytes()).expect("base64");
        String::from_utf8(bytes).expect("text")
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_plane_waits_for_the_certificates_of_an_external_etcd() {
    let world = World::start().await;
    let api = &world.management;
    install_providers(api).await;
    api.create(namespace("shop")).await;
    api.create_all(external()).await;
    for given in [secret("etcd", json!({"tls.crt": encoded("authority")})), Value::Null] {
        let waiting = until_lacking(api).await;
        assert_eq!(status_of(&waiting, "CertificatesAvailable"), "Unknown");
        settle().await;
        assert_eq!(api.names(CORE, "Machine", "shop").await, Vec::<String>::new());
        let made = api.names("v1", "Secret", "shop").await;
        assert!(!made.iter().any(|name| ["shop-apiserver-etcd-client", "shop-ca"].contains(&name.as_str())), "{made:?}");
        if !given.is_null() {
            api.create(given).await;
        }
    }
    api.create(secret("apiserver-etcd-client", json!({"tls.crt": encoded("certificate"), "tls.key": encoded(KEY)}))).await;

    let plane = api.until_condition(CONTROL_PLANE, "KubeadmControlPlane", "shop", NAME, "Initialized").await;
    let workload = world.workload("shop", "shop").await;
    workload.create(network_plugin()).await;
    workload.create(cloud_controller()).await;
    api.until_condition(CORE, "Cluster", "shop", "shop", "Available").await;
    for purpose in ["etcd", "apiserver-etcd-client", "ca"] {
        let secret = api.get("v1", "Secret", "shop", &format!("shop-{purpose}")).await.expect("Secret");
        assert_eq!(secret["metadata"]["ownerReferences"][0]["uid"], plane["metadata"]["uid"], "{purpose}");
    }
    let authority = api.get("v1", "Secret", "shop", "shop-etcd").await.expect("Secret");
    assert_eq!(authority["data"], json!({"tls.crt": encoded("authority")}), "what was given is left as it is");
    let plane = api.get(CONTROL_PLANE, "KubeadmControlPlane", "shop", NAME).await.expect("control plane");
    assert_eq!(status_of(&plane, "CertificatesAvailable"), "True");
    assert_eq!(status_of(&plane, "EtcdClusterHealthy"), "Unknown");
    let pods = workload.names("v1", "Pod", "kube-system").await;
    assert!(pods.iter().any(|name| name.starts_with("kube-apiserver-")) && !pods.iter().any(|name| name.starts_with("etcd-")), "{pods:?}");
    let data = user_data(api).await;
    assert!(!data.is_empty() && data.iter().all(|text| text.contains(KEY_FILE) && text.contains(KEY)), "each machine is a client of etcd");

    // Without members of etcd on them, two machines are as good as three.
    api.patch(CONTROL_PLANE, "KubeadmControlPlane", "shop", NAME, json!({"spec": {"replicas": 2}})).await;
    api.until(CONTROL_PLANE, "KubeadmControlPlane", "shop", NAME, |plane| plane["status"]["availableReplicas"] == 2).await;

    // One that is lost stops everything until it is back.
    api.delete("v1", "Secret", "shop", "shop-etcd").await;
    api.patch(CONTROL_PLANE, "KubeadmControlPlane", "shop", NAME, json!({"spec": {"replicas": 3}})).await;
    until_lacking(api).await;
    settle().await;
    assert_eq!(world.live("instance").len(), 2);
    api.create(secret("etcd", json!({"tls.crt": encoded("authority")}))).await;
    api.until(CONTROL_PLANE, "KubeadmControlPlane", "shop", NAME, |plane| plane["status"]["availableReplicas"] == 3).await;

    api.delete(CORE, "Cluster", "shop", "shop").await;
    api.until_gone(CORE, "Cluster", "shop", "shop").await;
    for purpose in ["etcd", "apiserver-etcd-client"] {
        api.until_gone("v1", "Secret", "shop", &format!("shop-{purpose}")).await;
    }
    assert_eq!(world.ledger().live().expect("live"), vec![]);
}
