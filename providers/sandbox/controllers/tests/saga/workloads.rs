//! Built-in workloads on the management plane's own node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use serde_json::{Value, json};
use windlass_sandbox_controllers::{Faults, PodHandle, PodRuntime, PodStart};

use crate::harness::{World, message_of, settle, status_of};
use crate::objects::deployment;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_rolls_and_scales() {
    let world = World::start().await;
    let api = &world.management;
    api.create(deployment("default", "web", "nginx:1", false)).await;
    api.until_condition("apps/v1", "Deployment", "default", "web", "Available").await;
    api.patch(
        "apps/v1",
        "Deployment",
        "default",
        "web",
        json!({"spec": {"replicas": 3, "template": {"metadata": {"annotations": {"roll": "1"}}}}}),
    )
    .await;
    let web = api
        .until("apps/v1", "Deployment", "default", "web", |web| {
            let status = &web["status"];
            status["observedGeneration"] == web["metadata"]["generation"]
                && status["updatedReplicas"] == 3
                && status["availableReplicas"] == 3
                && status["replicas"] == 3
                && status["unavailableReplicas"].is_null()
        })
        .await;
    assert!(message_of(&web, "Progressing").ends_with("has successfully progressed."), "{}", web["status"]);
    assert_eq!(web["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "2");
    let sets = api.list("apps/v1", "ReplicaSet", "default").await;
    assert_eq!(sets.iter().map(|set| set["spec"]["replicas"].as_i64()).filter(|replicas| *replicas == Some(3)).count(), 1);
    assert_eq!(sets.len(), 2);

    // Deleted without its dependents and made again, it takes them over.
    let before = api.names("apps/v1", "ReplicaSet", "default").await;
    api.orphan("apps/v1", "Deployment", "default", "web").await;
    let mut again = deployment("default", "web", "nginx:1", false);
    again["spec"]["replicas"] = json!(3);
    again["spec"]["template"]["metadata"]["annotations"] = json!({"roll": "1"});
    let uid = api.create(again).await["metadata"]["uid"].clone();
    let web = api.until("apps/v1", "Deployment", "default", "web", |web| web["status"]["availableReplicas"] == 3).await;
    assert_eq!(web["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "2");
    assert_eq!(api.names("apps/v1", "ReplicaSet", "default").await, before);
    for set in api.list("apps/v1", "ReplicaSet", "default").await {
        let name = set["metadata"]["name"].as_str().expect("name");
        api.until("apps/v1", "ReplicaSet", "default", name, |set| set["metadata"]["ownerReferences"][0]["uid"] == uid).await;
    }
    let adopted: Vec<Value> = api.list("v1", "Pod", "default").await.iter().map(|pod| pod["metadata"]["uid"].clone()).collect();
    let current = api.list("apps/v1", "ReplicaSet", "default").await.into_iter().find(|set| set["spec"]["replicas"] == 3).expect("a set");
    api.orphan("apps/v1", "ReplicaSet", "default", current["metadata"]["name"].as_str().expect("name")).await;
    api.until("apps/v1", "Deployment", "default", "web", |web| web["status"]["availableReplicas"] == 3).await;
    settle().await;
    let still: Vec<Value> = api.list("v1", "Pod", "default").await.iter().map(|pod| pod["metadata"]["uid"].clone()).collect();
    assert!(still.len() == 3 && still.iter().all(|uid| adopted.contains(uid)), "{still:?} were not adopted from {adopted:?}");

    api.delete("apps/v1", "Deployment", "default", "web").await;
    settle().await;
    assert_eq!(api.names("v1", "Pod", "default").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_that_never_gets_ready() {
    let world = World::start().await;
    let api = &world.management;
    let mut broken = deployment("default", "broken", "nginx:never-ready", false);
    broken["spec"]["progressDeadlineSeconds"] = json!(1);
    broken["spec"]["minReadySeconds"] = json!(0);
    api.create(broken).await;
    let broken = api.until("apps/v1", "Deployment", "default", "broken", |one| status_of(one, "Progressing") == "False").await;
    assert_eq!(status_of(&broken, "Available"), "False");
    assert!(message_of(&broken, "Progressing").ends_with("has timed out progressing."));

    let mut lonely = deployment("default", "lonely", "nginx:1", false);
    lonely["spec"]["template"]["spec"]["serviceAccountName"] = json!("nobody");
    api.create(lonely).await;
    let lonely = api.until("apps/v1", "Deployment", "default", "lonely", |one| status_of(one, "ReplicaFailure") == "True").await;
    assert!(message_of(&lonely, "ReplicaFailure").contains("serviceaccount \"nobody\" not found"));
    api.create(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody", "namespace": "default"}})).await;
    let lonely = api.until_condition("apps/v1", "Deployment", "default", "lonely", "Available").await;
    assert_eq!(status_of(&lonely, "ReplicaFailure"), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_sets_claims_and_load_balancers() {
    let world = World::start().await;
    let api = &world.management;
    let template = |restart: &str, image: &str| json!({"metadata": {"labels": {"app": "x"}}, "spec": {"restartPolicy": restart, "containers": [{"name": "c", "image": image}]}});
    api.create(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "good", "namespace": "default"}, "spec": {"template": template("Never", "busybox:1")}})).await;
    api.create(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "bad", "namespace": "default"}, "spec": {"backoffLimit": 1, "template": template("Never", "busybox:fails")}})).await;
    api.until_condition("batch/v1", "Job", "default", "good", "Complete").await;
    api.until_condition("batch/v1", "Job", "default", "bad", "Failed").await;

    api.create(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "ebs.csi.aws.com"})).await;
    api.create(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "default"},
        "spec": {
            "replicas": 2, "serviceName": "db", "selector": {"matchLabels": {"app": "x"}}, "template": template("Always", "postgres:1"),
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}],
        },
    }))
    .await;
    api.until("apps/v1", "StatefulSet", "default", "db", |db| db["status"]["readyReplicas"] == 2).await;
    assert_eq!(world.live("volume").len(), 2);
    let claim = api.get("v1", "PersistentVolumeClaim", "default", "data-db-0").await.expect("claim");
    assert_eq!(claim["status"]["phase"], "Bound");
    api.delete("apps/v1", "StatefulSet", "default", "db").await;
    for name in ["data-db-0", "data-db-1"] {
        api.delete("v1", "PersistentVolumeClaim", "default", name).await;
        api.until_gone("v1", "PersistentVolumeClaim", "default", name).await;
    }

    api.create(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "front", "namespace": "default"}, "spec": {"type": "LoadBalancer", "selector": {"app": "x"}, "ports": [{"port": 80}]}})).await;
    let front =
        api.until("v1", "Service", "default", "front", |front| front["status"]["loadBalancer"]["ingress"][0]["hostname"].is_string()).await;
    assert_eq!(front["metadata"]["finalizers"], json!(["service.kubernetes.io/load-balancer-cleanup"]));
    assert_eq!(world.live("load-balancer").len(), 1);
    api.delete("v1", "Service", "default", "front").await;
    api.until_gone("v1", "Service", "default", "front").await;
    settle().await;
    assert_eq!(world.ledger().live().expect("live"), vec![]);
}

/// Image, arguments and environment of a started container.
type Started = (String, Vec<String>, BTreeMap<String, String>);

#[derive(Default)]
struct Recorder {
    started: Arc<Mutex<Vec<Started>>>,
    stopped: Arc<Mutex<u32>>,
}

impl PodRuntime for Recorder {
    fn knows(&self, image: &str) -> bool {
        image.starts_with("real/")
    }
    fn start(&self, image: &str, pod: PodStart) -> Option<PodHandle> {
        let (image, started, stopped) = (image.to_owned(), self.started.clone(), self.stopped.clone());
        Some(PodHandle::spawn(move |stop| async move {
            let config =
                kube::Config::from_custom_kubeconfig(pod.kubeconfig, &kube::config::KubeConfigOptions::default()).await.expect("config");
            let client = kube::Client::try_from(config).expect("client");
            client.apiserver_version().await.expect("the pod reaches its own API");
            started.lock().expect("lock").push((image, pod.args, pod.env));
            stop.cancelled().await;
            *stopped.lock().expect("lock") += 1;
        }))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_image_is_run_by_real_code_while_its_pod_lives() {
    let runtime = Recorder::default();
    let (started, stopped) = (runtime.started.clone(), runtime.stopped.clone());
    let world = World::start_with(0.0, Faults::NONE, Arc::new(runtime)).await;
    let api = &world.management;
    let mut agent = deployment("default", "agent", "real/agent:1", false);
    agent["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["agent", "--x"]);
    agent["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "NS", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}, {"name": "A", "value": "b"}]);
    api.create(agent).await;
    api.until_condition("apps/v1", "Deployment", "default", "agent", "Available").await;
    settle().await;
    let seen: Vec<Value> = started.lock().expect("lock").iter().map(|(image, args, env)| json!([image, args, env])).collect();
    assert_eq!(seen, [json!(["real/agent:1", ["agent", "--x"], {"A": "b", "NS": "default"}])]);
    assert_eq!(*stopped.lock().expect("lock"), 0);
    api.delete("apps/v1", "Deployment", "default", "agent").await;
    settle().await;
    assert_eq!(*stopped.lock().expect("lock"), 1);
}
