//! Components of a repository on real planes, and their Deployments as processes: webhooks by Service answer, with and without
//! cert-manager, and what is taken away ends.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "the figures of the README")]

mod apply;
mod hosted;
mod oracle;
mod webhooks;
mod workload;

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::runtime::wait::{await_condition, conditions};
use serde_json::json;
use windlass_proving_ground::{ComponentRepository, DeploymentRunner, Ground, HostProcess, Plane, PlaneSpec, RepositoryFlavour};

use crate::support::within;
use apply::{CLUSTER_API, DEPLOYMENTS, apply_file, apply_providers, until};
use webhooks::{answer_webhooks, cert_manager_answers, command_line, refusal, user};

const PATIENCE: Duration = Duration::from_secs(90);
/// The dev provider's manager may run once on a host; another test may have it for as long as it lasts.
const PATIENCE_TO_BE_ALONE: Duration = Duration::from_secs(900);

/// A ground with one plane that has a node, and a runner that follows it.
async fn begin(name: &str) -> (DeploymentRunner, Plane, Arc<Ground>) {
    let ground = Arc::new(Ground::begin(name).unwrap());
    let plane = Plane::start(&ground, PlaneSpec::named("management").unwrap()).await.unwrap();
    plane.add_node("node-1").await.unwrap();
    let runner = DeploymentRunner::new(&ground).unwrap();
    runner.follow(&plane);
    (runner, plane, ground)
}

async fn cluster_api_is_ready(runner: &DeploymentRunner, plane: &Plane) {
    for (namespace, name) in DEPLOYMENTS {
        runner.wait_until_ready(plane.name(), namespace, name, PATIENCE).await.unwrap();
    }
}

async fn is_available(plane: &Plane, namespace: &str, name: &str) {
    let deployments: Api<Deployment> = Api::namespaced(plane.client(), namespace);
    let available = conditions::is_deployment_completed();
    within(60, name, Box::pin(await_condition(deployments, name, available))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn components_without_cert_manager_run_and_answer() {
    let (runner, plane, ground) = begin("components-static").await;
    let repository = ComponentRepository::make(&ground, RepositoryFlavour::Static).unwrap();
    assert_eq!(repository.cert_manager(), None);
    let begun = Instant::now();
    apply_providers(&plane, &repository, &CLUSTER_API).await;
    let applied = begun.elapsed().as_secs_f64();
    cluster_api_is_ready(&runner, &plane).await;
    println!("proving ground: static components: applied in {applied:.1} s, managers ready in {:.2} s", begun.elapsed().as_secs_f64());
    for (namespace, name) in DEPLOYMENTS {
        is_available(&plane, namespace, name).await;
    }
    answer_webhooks(&plane).await;

    // Each speaks for its own account, and no more than that.
    let (namespace, name) = DEPLOYMENTS[0];
    let process = hosted::process(&runner, &plane, namespace, name);
    assert_eq!(user(&ground, &plane, namespace, name).await, "system:serviceaccount:capi-system:capi-manager");

    // Another template is another process with the new arguments.
    assert!(command_line(process).contains("ClusterTopology=false"), "{}", command_line(process));
    let deployments: Api<Deployment> = Api::namespaced(plane.client(), namespace);
    let arguments = json!(["--leader-elect", "--diagnostics-address=:8443", "--feature-gates=ClusterTopology=true"]);
    let container = json!({"name": "manager", "args": arguments});
    let template = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
    deployments.patch(name, &PatchParams::default(), &Patch::Strategic(template)).await.unwrap();
    until(60, "another process", || async {
        let found = runner.processes().into_iter().find(|found| found.deployment == name).and_then(|found| found.id);
        found.filter(|id| *id != process).ok_or_else(|| format!("{found:?}"))
    })
    .await;
    runner.wait_until_ready(plane.name(), namespace, name, PATIENCE).await.unwrap();
    let other = command_line(hosted::process(&runner, &plane, namespace, name));
    assert!(other.contains("--feature-gates=ClusterTopology=true"), "{other}");
    assert!(refusal(&plane).await.contains("denied the request"));

    // One that dies is started again. It may have died before: a manager ends when a kind that it needs is not served yet.
    let died = hosted::found(&runner, namespace, name).expect("it runs");
    hosted::kill(died.id.expect("it runs"));
    let restarted = |found: &HostProcess| found.restarts > died.restarts && found.id.is_some();
    until(60, "the process again", || async {
        hosted::found(&runner, namespace, name).filter(restarted).map(drop).ok_or_else(|| format!("{:?}", runner.processes()))
    })
    .await;
    runner.wait_until_ready(plane.name(), namespace, name, PATIENCE).await.unwrap();
    assert!(refusal(&plane).await.contains("denied the request"));

    // Scaled to none, nobody answers; deleted, nothing is left.
    deployments.patch(name, &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 0}}))).await.unwrap();
    hosted::is_gone(&runner, namespace, name).await;
    let nobody = refusal(&plane).await;
    assert!(nobody.contains("no process stands behind the Service capi-system/capi-webhook-service"), "{nobody}");
    deployments.patch(name, &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 1}}))).await.unwrap();
    runner.wait_until_ready(plane.name(), namespace, name, PATIENCE).await.unwrap();
    assert!(refusal(&plane).await.contains("denied the request"));
    let last = hosted::process(&runner, &plane, namespace, name);
    let begun = Instant::now();
    deployments.delete(name, &DeleteParams::default()).await.unwrap();
    hosted::is_gone(&runner, namespace, name).await;
    assert!(!hosted::lives(last));
    println!("proving ground: a deleted Deployment's process is gone in {:.1} s", begun.elapsed().as_secs_f64());
}

/// The dev provider has fixed ports, so that its manager waits for that of another test.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn the_dev_provider_runs_from_its_components() {
    let (runner, plane, ground) = begin("components-dev").await;
    let repository = ComponentRepository::make(&ground, RepositoryFlavour::Static).unwrap();
    apply_providers(&plane, &repository, &["cluster-api", "infrastructure-docker"]).await;
    let (namespace, name) = ("capd-system", "capd-controller-manager");
    runner.wait_until_ready(plane.name(), namespace, name, PATIENCE_TO_BE_ALONE).await.unwrap();
    let process = hosted::process(&runner, &plane, namespace, name);
    assert_eq!(hosted::environment(process, "POD_IP").as_deref(), Some("127.0.0.1"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn components_with_cert_manager_run_and_answer() {
    let (runner, plane, ground) = begin("components-upstream").await;
    let repository = ComponentRepository::make(&ground, RepositoryFlavour::Upstream).unwrap();
    let begun = Instant::now();
    apply_file(&plane, &repository.cert_manager().unwrap()).await;
    for name in ["cert-manager", "cert-manager-cainjector", "cert-manager-webhook"] {
        runner.wait_until_ready(plane.name(), "cert-manager", name, PATIENCE).await.unwrap();
        is_available(&plane, "cert-manager", name).await;
    }
    cert_manager_answers(&plane).await;
    println!("proving ground: cert-manager is ready in {:.1} s", begun.elapsed().as_secs_f64());

    let begun = Instant::now();
    apply_providers(&plane, &repository, &CLUSTER_API).await;
    let applied = begun.elapsed().as_secs_f64();
    // Pods wait for Secrets that only cert-manager makes.
    cluster_api_is_ready(&runner, &plane).await;
    println!("proving ground: upstream components: applied in {applied:.1} s, managers ready in {:.2} s", begun.elapsed().as_secs_f64());
    let secrets: Api<Secret> = Api::namespaced(plane.client(), "capi-system");
    let secret = secrets.get("capi-webhook-service-cert").await.unwrap();
    let annotations = secret.metadata.annotations.unwrap_or_default();
    assert_eq!(annotations.get("cert-manager.io/certificate-name").map(String::as_str), Some("capi-serving-cert"));
    answer_webhooks(&plane).await;
    assert!(runner.processes().iter().all(|process| process.restarts == 0), "{:#?}", runner.processes());
}
