//! Planes of real processes: they come up, do their work side by side, and leave nothing behind, whatever happens.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "the figures of the README")]

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use serde_json::json;
use windlass_proving_ground::{Authority, Ground, Plane, PlaneSpec, PortLease};

use crate::support::{Holder, processes_that_name, within};

async fn create_namespace(plane: &Plane, name: &str) {
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    Api::all(plane.client()).create(&PostParams::default(), &namespace).await.unwrap();
}

/// Applies a Deployment and waits until all of its replicas are available.
async fn roll_out(plane: &Plane, namespace: &str, replicas: i32) {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}},
        },
    });
    let api: Api<Deployment> = Api::namespaced(plane.client(), namespace);
    api.patch("web", &PatchParams::apply("test"), &Patch::Apply(&deployment)).await.unwrap();
    let rolled_out = move |deployment: Option<&Deployment>| {
        deployment.and_then(|found| found.status.as_ref()).and_then(|status| status.available_replicas) == Some(replicas)
    };
    within(60, "the Deployment", Box::pin(await_condition(api, "web", rolled_out))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn a_deployment_of_five_rolls_out() {
    let ground = Ground::begin("deployment").unwrap();
    let begun = Instant::now();
    let plane = Plane::start(&ground, PlaneSpec::named("management").unwrap()).await.unwrap();
    println!("proving ground: a plane is ready in {:.1} s", begun.elapsed().as_secs_f64());
    let version = plane.client().apiserver_version().await.unwrap();
    assert_eq!(version.git_version, "v1.36.3");

    plane.add_node("node-1").await.unwrap();
    create_namespace(&plane, "shop").await;
    let begun = Instant::now();
    roll_out(&plane, "shop", 5).await;
    println!("proving ground: a Deployment of 5 rolls out in {:.1} s", begun.elapsed().as_secs_f64());
    let pods: Api<Pod> = Api::namespaced(plane.client(), "shop");
    let pods = pods.list(&ListParams::default()).await.unwrap();
    assert_eq!(pods.items.len(), 5);
    assert!(pods.iter().all(|pod| pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some("node-1")));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn two_planes_stand_side_by_side() {
    let ground = Ground::begin("side-by-side").unwrap();
    let one = Plane::start(&ground, PlaneSpec::named("one").unwrap());
    let two = Plane::start(&ground, PlaneSpec::named("two").unwrap());
    let (one, two) = tokio::try_join!(one, two).unwrap();
    assert_ne!(one.port(), two.port());
    for plane in [&one, &two] {
        plane.add_node("node-1").await.unwrap();
        create_namespace(plane, plane.name()).await;
        roll_out(plane, plane.name(), 2).await;
    }
    // Neither knows the other's namespace, and neither takes the other's certificate for its own.
    for (plane, other) in [(&one, "two"), (&two, "one")] {
        assert!(Api::<Namespace>::all(plane.client()).get_opt(other).await.unwrap().is_none());
    }
    let stranger = one.kubeconfig().replace(&one.server(), &two.server());
    let stranger = kube::config::Kubeconfig::from_yaml(&stranger).unwrap();
    let stranger = kube::Config::from_custom_kubeconfig(stranger, &kube::config::KubeConfigOptions::default()).await.unwrap();
    assert!(kube::Client::try_from(stranger).unwrap().apiserver_version().await.is_err());
}

/// Cluster API's control plane provider makes the keys of a cluster's plane, as RSA keys in PKCS#1.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn a_plane_takes_keys_and_a_port_that_somebody_else_chose() {
    let ground = Ground::begin("given-keys").unwrap();
    let authority = Authority::from_pem(include_str!("../authority/ca.crt"), include_str!("../authority/ca.key")).unwrap();
    let port = PortLease::take().unwrap();
    let expected = port.port();
    let spec = PlaneSpec { authority, port: Some(port), ..PlaneSpec::named("workload").unwrap() };
    let plane = Plane::start(&ground, spec).await.unwrap();
    assert_eq!(plane.server(), format!("https://127.0.0.1:{expected}"));
    // The client checks the server by this authority, and the server the client.
    let root: ConfigMap = Api::namespaced(plane.client(), "default").get("kube-root-ca.crt").await.unwrap();
    assert_eq!(root.data.unwrap()["ca.crt"], include_str!("../authority/ca.crt"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn an_api_server_that_was_killed_comes_again_with_its_data() {
    let ground = Ground::begin("comes-again").unwrap();
    let plane = Plane::start(&ground, PlaneSpec::named("management").unwrap()).await.unwrap();
    let api: Api<ConfigMap> = Api::namespaced(plane.client(), "default");
    let config: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "kept"}, "data": BTreeMap::from([("a", "1")])})).unwrap();
    let before = api.create(&PostParams::default(), &config).await.unwrap();

    plane.api_server.kill().await;
    assert!(api.get("kept").await.is_err(), "nobody answers");
    plane.etcd.stop().await;
    plane.start_again().await.unwrap();
    let after = api.get("kept").await.unwrap();
    assert_eq!((before.metadata.uid, before.data), (after.metadata.uid, after.data));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn a_plane_that_is_dropped_is_gone() {
    let ground = Ground::begin("dropped").unwrap();
    let plane = Plane::start(&ground, PlaneSpec::named("management").unwrap()).await.unwrap();
    let folder = plane.kubeconfig_file().parent().unwrap().to_path_buf();
    let mark = folder.display().to_string();
    assert_eq!(processes_that_name(&mark).len(), 5, "etcd, API server, controller manager, scheduler, kubelets");
    drop(plane);
    assert_eq!(processes_that_name(&mark), Vec::<String>::new());
    drop(ground);
    assert!(!folder.exists());
}

#[test]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
fn kill_9_of_the_harness_leaves_no_process() {
    let holder = Holder::start("killed", &["one", "two"]);
    let held = holder.wait_until_ready();
    assert_eq!(held["processes"].as_array().unwrap().len(), 10);
    let mark = held["planes"][0]["kubeconfig"].as_str().unwrap().trim_end_matches("/one/admin.kubeconfig").to_owned();
    assert_eq!(processes_that_name(&mark).len(), 10);

    holder.kill();
    let deadline = Instant::now() + Duration::from_secs(5);
    while !processes_that_name(&mark).is_empty() {
        assert!(Instant::now() < deadline, "these stay: {:#?}", processes_that_name(&mark));
        std::thread::sleep(Duration::from_millis(20));
    }
    // The next ground of any name takes the data away.
    assert!(std::path::Path::new(&mark).is_dir());
    let _ground = Ground::begin("after-killed").unwrap();
    assert!(!std::path::Path::new(&mark).exists());
}

#[test]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
fn a_harness_that_dies_while_it_starts_leaves_no_process() {
    let holder = Holder::start("killed-early", &["one"]);
    let mark = format!("/data/{}/", "killed-early");
    let deadline = Instant::now() + Duration::from_secs(60);
    while processes_that_name(&mark).is_empty() {
        assert!(Instant::now() < deadline, "nothing starts");
        std::thread::sleep(Duration::from_millis(1));
    }
    holder.kill();
    let deadline = Instant::now() + Duration::from_secs(5);
    while !processes_that_name(&mark).is_empty() {
        assert!(Instant::now() < deadline, "these stay: {:#?}", processes_that_name(&mark));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
fn a_ground_is_held_by_one_process_only() {
    let _ground = Ground::begin("held-once").unwrap();
    let mut second = std::process::Command::new(env!("CARGO_BIN_EXE_windlass-proving-ground"))
        .args(["hold", "held-once", "one"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _input = second.stdin.take();
    let output = second.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "error: a proving ground named held-once is in use\n");
}
