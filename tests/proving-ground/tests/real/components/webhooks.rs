//! Whether webhooks by Service answer, asked through the API server, and who their process speaks for.

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value as Json, json};
use windlass_proving_ground::{Ground, Plane};

use super::apply::until;

fn objects(plane: &Plane, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
    let (group, version, plural) = (group.to_owned(), version.to_owned(), format!("{}s", kind.to_lowercase()));
    let resource = ApiResource { api_version: format!("{group}/{version}"), group, version, kind: kind.to_owned(), plural };
    Api::namespaced_with(plane.client(), "default", &resource)
}

fn clusters(plane: &Plane) -> Api<DynamicObject> {
    objects(plane, "cluster.x-k8s.io", "v1beta2", "Cluster")
}

fn cluster(network: Json) -> DynamicObject {
    let infrastructure = json!({"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "DevCluster", "name": "shop"});
    let spec = json!({"paused": true, "infrastructureRef": infrastructure, "clusterNetwork": network});
    let object = json!({"apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "metadata": {"name": "shop"}, "spec": spec});
    serde_json::from_value(object).expect("a Cluster")
}

/// What the API server says to a Cluster that is wrong.
pub async fn refusal(plane: &Plane) -> String {
    let wrong = cluster(json!({"pods": {"cidrBlocks": ["no network"]}}));
    let refused = clusters(plane).create(&PostParams::default(), &wrong).await;
    refused.expect_err("it is wrong").to_string()
}

/// Validation and defaulting by core's manager, and conversion by that of the bootstrap provider, each through its Service.
pub async fn answer_webhooks(plane: &Plane) {
    let refused = until(30, "a refusal", || async {
        let refused = refusal(plane).await;
        if is_of_nobody(&refused) { Err(refused) } else { Ok(refused) }
    })
    .await;
    assert!(refused.contains("admission webhook \"validation.cluster.cluster.x-k8s.io\" denied the request"), "{refused}");
    assert!(refused.contains("spec.clusterNetwork.pods.cidrBlocks") && refused.contains("no network"), "{refused}");
    let right = cluster(json!({"pods": {"cidrBlocks": ["192.168.0.0/16"]}}));
    let right = clusters(plane).create(&PostParams::default(), &right).await.expect("created");
    assert_eq!(right.data["spec"]["clusterNetwork"]["pods"]["cidrBlocks"], json!(["192.168.0.0/16"]));

    let (group, kind) = ("bootstrap.cluster.x-k8s.io", "KubeadmConfig");
    let config = json!({
        "apiVersion": format!("{group}/v1beta2"), "kind": kind, "metadata": {"name": "shop"},
        "spec": {"joinConfiguration": {"nodeRegistration": {"kubeletExtraArgs": [{"name": "v", "value": "2"}]}}},
    });
    let config = serde_json::from_value(config).expect("a KubeadmConfig");
    let now = objects(plane, group, "v1beta2", kind);
    until(30, "a KubeadmConfig", || async {
        match now.create(&PostParams::default(), &config).await.map_err(|error| error.to_string()) {
            Err(error) if !is_of_nobody(&error) => panic!("{error}"),
            created => created.map(drop),
        }
    })
    .await;
    let before = objects(plane, group, "v1beta1", kind);
    let old = until(30, "the conversion", || async { before.get("shop").await.map_err(|error| error.to_string()) }).await;
    let arguments = &old.data["spec"]["joinConfiguration"]["nodeRegistration"]["kubeletExtraArgs"];
    assert_eq!(*arguments, json!({"v": "2"}), "a list in the one, a map in the other");
}

/// The authority of a webhook may be written after it, and the API server learns of that a moment later still.
fn is_of_nobody(error: &str) -> bool {
    error.contains("certificate signed by unknown authority")
}

/// Waits until cert-manager's webhook lets an Issuer pass; none is made.
pub async fn cert_manager_answers(plane: &Plane) {
    let (group, version) = ("cert-manager.io", "v1");
    let issuer = json!({
        "apiVersion": format!("{group}/{version}"), "kind": "Issuer", "metadata": {"name": "test"}, "spec": {"selfSigned": {}},
    });
    let issuer = serde_json::from_value(issuer).expect("an Issuer");
    let (api, dry) = (objects(plane, group, version, "Issuer"), PostParams { dry_run: true, ..PostParams::default() });
    until(60, "cert-manager's webhook", || async { api.create(&dry, &issuer).await.map(drop).map_err(|error| error.to_string()) }).await;
}

/// Whom the process of a Deployment speaks for.
pub async fn user(ground: &Ground, plane: &Plane, namespace: &str, name: &str) -> String {
    let folder = ground.data_folder(&format!("pods-of-{}/{namespace}.{name}", plane.name())).expect("a folder");
    let kubeconfig = Kubeconfig::read_from(folder.join("kubeconfig")).expect("a kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("a configuration");
    let client = kube::Client::try_from(config).expect("a client");
    let asked = Api::<SelfSubjectReview>::all(client).create(&PostParams::default(), &SelfSubjectReview::default()).await;
    let told = asked.expect("an answer").status.and_then(|status| status.user_info).and_then(|user| user.username);
    told.expect("a user")
}

/// The arguments of a process.
pub fn command_line(id: i32) -> String {
    let line = std::fs::read(format!("/proc/{id}/cmdline")).expect("a process");
    String::from_utf8_lossy(&line).replace('\0', " ")
}
