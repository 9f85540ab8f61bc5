//! A program of the caller beside the ground's own, and planes that a process cloud boots.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject};
use serde_json::{Value as Json, json};
use windlass_proving_ground::{
    ClusterName, ComponentRepository, DeploymentRunner, Ground, HostCommand, Plane, PlaneSpec, ProcessCloud, RepositoryFlavour,
};

use super::apply::{CLUSTER_API, apply, apply_providers, until};
use super::webhooks::{answer_webhooks, refusal};
use super::{cluster_api_is_ready, hosted, is_available};
use crate::aws::aws;
use crate::process_cloud::objects;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn planes_of_a_cloud_have_managers_of_their_own() {
    let ground = Arc::new(Ground::begin("components-cloud").unwrap());
    let management = Plane::start(&ground, PlaneSpec::named("management").unwrap()).await.unwrap();
    management.add_node("node-1").await.unwrap();
    let cloud = ProcessCloud::new(&ground).unwrap();
    cloud.watch(&management);
    let runner = DeploymentRunner::new(&ground).unwrap();
    runner.follow(&management);
    runner.follow_cloud(&cloud);
    let mut repository = ComponentRepository::make(&ground, RepositoryFlavour::Static).unwrap();
    repository.add(&aws()).unwrap();
    apply_providers(&management, &repository, &CLUSTER_API).await;
    apply_providers(&management, &repository, &["infrastructure-aws"]).await;
    cluster_api_is_ready(&runner, &management).await;
    // Its manager is the cloud; its Deployment only looks like one that runs.
    is_available(&management, "capa-system", "capa-controller-manager").await;

    for object in objects::cluster("shop") {
        apply(&management, &object).await;
    }
    let name = ClusterName::new(objects::NAMESPACE, "shop");
    let workload = until(180, "a workload plane", || async { cloud.plane(&name).ok_or_else(|| "none".to_owned()) }).await;
    // With a control plane's node alone: that is where managers must fit.
    let begun = Instant::now();
    apply_providers(&workload, &repository, &CLUSTER_API).await;
    cluster_api_is_ready(&runner, &workload).await;
    println!("proving ground: static components on a workload plane: managers ready in {:.1} s", begun.elapsed().as_secs_f64());
    is_available(&workload, "capi-system", "capi-controller-manager").await;
    answer_webhooks(&workload).await;
    assert!(refusal(&management).await.contains("denied the request"));
    assert_eq!(runner.processes().len(), 6, "{:#?}", runner.processes());
    let theirs: Vec<i32> = runner.processes().into_iter().filter(|one| one.plane == workload.name()).filter_map(|one| one.id).collect();

    let clusters = api(&management, "cluster.x-k8s.io", "v1beta2", "Cluster");
    clusters.delete("shop", &DeleteParams::default()).await.unwrap();
    until(180, "the end of the cluster", || async {
        match clusters.get_opt("shop").await.map_err(|error| error.to_string())? {
            None => Ok(()),
            Some(found) => Err(found.data["status"]["conditions"].to_string()),
        }
    })
    .await;
    assert!(cloud.ledger().is_empty(), "{:#?}", cloud.ledger());
    until(30, "the end of its managers", || async {
        let left: Vec<i32> = theirs.iter().copied().filter(|id| hosted::lives(*id)).collect();
        if left.is_empty() && runner.processes().len() == 3 { Ok(()) } else { Err(format!("{left:?}, {:#?}", runner.processes())) }
    })
    .await;
}

fn api(plane: &Plane, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
    let (group, version, plural) = (group.to_owned(), version.to_owned(), format!("{}s", kind.to_lowercase()));
    let resource = ApiResource { api_version: format!("{group}/{version}"), group, version, kind: kind.to_owned(), plural };
    Api::namespaced_with(plane.client(), objects::NAMESPACE, &resource)
}

/// A Deployment with all that a container can get from others.
fn echo() -> [Json; 4] {
    let metadata = |name: &str| json!({"name": name, "namespace": "default"});
    let container = json!({
        "name": "echo", "image": "registry.example/echo:1", "args": ["$(GREETING) from $(NAMESPACE)", "--file=/etc/login/password"],
        "env": [
            {"name": "GREETING", "valueFrom": {"configMapKeyRef": {"name": "greeting", "key": "text"}}},
            {"name": "NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "ports": [{"name": "web", "containerPort": 80}],
        "volumeMounts": [{"name": "login", "mountPath": "/etc/login"}],
    });
    [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata("echo")}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("greeting"), "data": {"text": "hello"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata("login"), "stringData": {"password": "one"}}),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata("echo"),
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "echo"}}, "template": {
                "metadata": {"labels": {"app": "echo"}},
                "spec": {
                    "serviceAccountName": "echo", "containers": [container],
                    "volumes": [{"name": "login", "secret": {"secretName": "login"}}],
                },
            }},
        }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn a_program_of_the_caller_gets_what_its_pod_would() {
    let ground = Arc::new(Ground::begin("components-echo").unwrap());
    let plane = Plane::start(&ground, PlaneSpec::named("management").unwrap()).await.unwrap();
    let kubectl = ground.components().program("kubectl");
    // Says what it was given, writes down who it is, and stays.
    let script = "echo \"$1\"; cat \"${2#--file=}\"; echo; echo \"port $PORT\"; \"$KUBECTL\" auth whoami; \
                  exec sleep 1000";
    let runner = DeploymentRunner::new(&ground).unwrap().with_program("registry.example/echo:", move |pod| {
        let words = ["-c", script, "echo"].map(str::to_owned).into_iter();
        let environment: BTreeMap<String, String> =
            [("KUBECTL".to_owned(), kubectl.display().to_string()), ("PORT".to_owned(), pod.ports["web"].to_string())].into();
        HostCommand { program: "/bin/sh".into(), arguments: words.chain(pod.arguments.clone()).collect(), environment }
    });
    runner.follow(&plane);
    let [account, greeting, login, deployment] = echo();
    // A pod waits for what it needs, whatever comes first.
    for object in [&deployment, &account, &greeting] {
        apply(&plane, object).await;
    }
    let missing = runner.wait_until_ready("management", "default", "echo", Duration::from_secs(3)).await.unwrap_err();
    assert!(missing.to_string().contains("waits for Secret login"), "{missing}");
    apply(&plane, &login).await;
    runner.wait_until_ready("management", "default", "echo", Duration::from_secs(30)).await.unwrap();
    let log = runner.processes()[0].log.clone();
    let said = until(30, "its words", || async {
        let said = std::fs::read_to_string(&log).map_err(|error| error.to_string())?;
        if said.contains("system:serviceaccount:") { Ok(said) } else { Err(said) }
    })
    .await;
    assert!(said.starts_with("hello from default\none\nport "), "{said}");
    assert!(said.contains("system:serviceaccount:default:echo"), "{said}");

    // A Secret that changes changes its file, and the process stays.
    let id = hosted::process(&runner, &plane, "default", "echo");
    let mut other = login.clone();
    other["stringData"]["password"] = "two".into();
    apply(&plane, &other).await;
    let file = ground.data_folder("pods-of-management/default.echo/mounts/login").unwrap().join("password");
    until(30, "the new password", || async {
        let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
        if text == "two" { Ok(()) } else { Err(text) }
    })
    .await;
    assert_eq!(hosted::process(&runner, &plane, "default", "echo"), id);

    // Stopped by a test, it stays so until the test starts it again.
    let service = runner.service("management", "default", "echo").expect("it runs");
    service.kill().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(runner.processes()[0].id, None);
    service.start_again().unwrap();
    let again = hosted::process(&runner, &plane, "default", "echo");
    assert_ne!(again, id);

    let deployments: Api<Deployment> = Api::namespaced(plane.client(), "default");
    deployments.delete("echo", &DeleteParams::default()).await.unwrap();
    hosted::is_gone(&runner, "default", "echo").await;
    assert!(!hosted::lives(again));
}
