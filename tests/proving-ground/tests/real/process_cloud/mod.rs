//! Clusters of the process cloud under Cluster API's real managers: they come, grow, go, are moved, and survive faults.

#![expect(clippy::print_stdout, reason = "the figures of the README")]

pub mod objects;
pub mod world;

use std::process::Command;
use std::time::{Duration, Instant};

use kube::api::{Api, ListParams, PostParams};
use serde_json::json;
use windlass_proving_ground::{Fault, Ground, Role};

use crate::support::processes_that_name;
use world::{World, api, change, condition, create, install_providers, list, name, scale};

const CORE: &str = "cluster.x-k8s.io/v1beta2";
const CONTROL_PLANE: &str = "controlplane.cluster.x-k8s.io/v1beta2";
const AWS: &str = "infrastructure.cluster.x-k8s.io/v1beta2";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn a_cluster_comes_grows_and_goes() {
    let world = World::begin("cloud-life").await;
    let begun = Instant::now();
    create(&world.management, &objects::cluster("shop")).await;
    let workload = world.plane_of("shop").await;
    world.machines_run(&world.management, &workload, "shop-control-plane", 1).await;
    let clusters = api(&world.management, CORE, "Cluster");
    world
        .until(120, "an available control plane", || async {
            let cluster = clusters.get("shop").await.map_err(|error| error.to_string())?;
            let says = condition(&cluster, "ControlPlaneAvailable");
            if says == "True" { Ok(()) } else { Err(cluster.data["status"]["conditions"].to_string()) }
        })
        .await;
    println!("proving ground: a control plane of the process cloud is available in {:.1} s", begun.elapsed().as_secs_f64());
    the_kubeconfig_of_cluster_api_opens_the_plane(&world, &workload).await;

    let begun = Instant::now();
    let founder = world.ledger().machines[0].machine.clone();
    let newer = json!({"spec": {"version": objects::NEWER_VERSION}});
    change(&world.management, CONTROL_PLANE, "KubeadmControlPlane", "shop-control-plane", newer).await;
    world
        .until(120, "the end of the first machine", || async {
            let lives = world.ledger().living().any(|machine| machine.machine == founder);
            if lives { Err("it lives".to_owned()) } else { Ok(()) }
        })
        .await;
    world.machines_run(&world.management, &workload, "shop-control-plane", 1).await;
    println!("proving ground: its only machine is replaced by one of another version in {:.1} s", begun.elapsed().as_secs_f64());

    let begun = Instant::now();
    create(&world.management, &objects::pool("shop", "general", objects::NEWER_VERSION, 2)).await;
    scale(&world.management, CONTROL_PLANE, "KubeadmControlPlane", "shop-control-plane", 3).await;
    world.machines_run(&world.management, &workload, "shop-general", 2).await;
    world.machines_run(&world.management, &workload, "shop-control-plane", 3).await;
    println!("proving ground: 3 machines of a control plane and 2 workers run in {:.1} s more", begun.elapsed().as_secs_f64());
    nodes_are_what_kubeadm_makes_of_them(&workload).await;
    let ledger = world.ledger();
    let of = |role| ledger.living().filter(|machine| machine.role == role && machine.joined.is_some()).count();
    assert_eq!((of(Role::ControlPlane), of(Role::Worker)), (3, 2));
    assert!(ledger.living().all(|machine| machine.restarts == 0 && machine.planes == ["management"]), "{ledger:#?}");

    let begun = Instant::now();
    let mark = workload.kubeconfig_file().parent().expect("a folder").display().to_string();
    assert_eq!(processes_that_name(&mark).len(), 5);
    world.delete("shop").await;
    println!("proving ground: it is deleted in {:.1} s", begun.elapsed().as_secs_f64());
    let ledger = world.ledger();
    assert!(ledger.is_empty() && ledger.machines.len() == 6, "{ledger:#?}");
    assert_eq!(processes_that_name(&mark), Vec::<String>::new());
    for kind in ["AWSCluster", "AWSMachine"] {
        assert!(list(&api(&world.management, AWS, kind)).await.expect("listed").is_empty(), "{kind}s are left");
    }
    drop((workload, world));
    assert_eq!(processes_that_name("/data/cloud-life/"), Vec::<String>::new());
}

/// The Secret `<cluster>-kubeconfig` is signed by Cluster API with the keys that it made.
async fn the_kubeconfig_of_cluster_api_opens_the_plane(world: &World, workload: &windlass_proving_ground::Plane) {
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(world.management.client(), objects::NAMESPACE);
    let secret = secrets.get("shop-kubeconfig").await.expect("a kubeconfig");
    let text = String::from_utf8(secret.data.expect("data")["value"].0.clone()).expect("text");
    let config = kube::config::Kubeconfig::from_yaml(&text).expect("a kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(config, &kube::config::KubeConfigOptions::default()).await.expect("usable");
    assert_eq!(config.cluster_url.to_string().trim_end_matches('/'), workload.server());
    let client = kube::Client::try_from(config).expect("a client");
    assert_eq!(client.apiserver_version().await.expect("an answer").git_version, "v1.36.3");
}

async fn nodes_are_what_kubeadm_makes_of_them(workload: &windlass_proving_ground::Plane) {
    let nodes = list(&api(workload, "v1", "Node")).await.expect("nodes");
    assert_eq!(nodes.len(), 5, "machines that are gone left no node");
    for node in nodes {
        let labels = node.metadata.labels.as_ref().expect("labels");
        let control_plane = labels.contains_key("node-role.kubernetes.io/control-plane");
        assert_ne!(control_plane, labels.contains_key("tier"), "a label of kubelet's flag: {labels:?}");
        assert_eq!(node.data["status"]["nodeInfo"]["kubeletVersion"], objects::NEWER_VERSION);
        let taints = node.data["spec"]["taints"].as_array().cloned().unwrap_or_default();
        let keys: Vec<&str> = taints.iter().filter_map(|taint| taint["key"].as_str()).collect();
        let expected: &[&str] = if control_plane { &["node-role.kubernetes.io/control-plane"] } else { &[] };
        assert_eq!(keys, expected, "Cluster API takes its own taint away: {}", name(&node));
    }
    let services: Api<k8s_openapi::api::core::v1::Service> = Api::namespaced(workload.client(), "default");
    let address = services.get("kubernetes").await.expect("a Service").spec.expect("a spec").cluster_ip;
    assert_eq!(address.as_deref(), Some("10.128.0.1"), "the cluster's own addresses of Services");
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(workload.client(), "kube-system");
    let pods = pods.list(&ListParams::default().labels("tier=control-plane")).await.expect("pods");
    assert_eq!(pods.items.len(), 9, "three mirror pods of each machine of the control plane");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn each_fault_is_one_that_cluster_api_sees() {
    let world = World::begin("cloud-faults").await;
    create(&world.management, &objects::cluster("shop")).await;
    create(&world.management, &objects::pool("shop", "general", objects::VERSION, 0)).await;
    let workload = world.plane_of("shop").await;
    world.machines_run(&world.management, &workload, "shop-control-plane", 1).await;
    let pool = "shop-general";
    let scale_pool = |replicas| scale(&world.management, CORE, "MachineDeployment", pool, replicas);

    // A machine that is slow.
    world.cloud.set_fault(pool, Fault::Slow(Duration::from_secs(4)));
    scale_pool(1).await;
    world.machines_run(&world.management, &workload, pool, 1).await;
    let ledger = world.ledger();
    let slow = ledger.living().find(|machine| machine.role == Role::Worker).expect("a worker").clone();
    let took = slow.joined.expect("joined").duration_since(slow.created).expect("later");
    assert!(took >= Duration::from_secs(4), "{took:?}");

    // A machine that never comes, until it does.
    world.cloud.set_fault(pool, Fault::NeverComes);
    scale_pool(2).await;
    let infrastructure = api(&world.management, AWS, "AWSMachine");
    let pending = world
        .until(60, "a pending machine", || async {
            let found = list(&infrastructure).await?;
            let pending = found.iter().find(|machine| machine.data["status"]["instanceState"] == "pending");
            pending.map(|machine| name(machine).to_owned()).ok_or_else(|| format!("{} machines", found.len()))
        })
        .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let waits = api(&world.management, CORE, "Machine").get(&pending).await.expect("a Machine");
    assert_eq!((waits.data["status"]["phase"].as_str(), condition(&waits, "InfrastructureReady")), (Some("Provisioning"), "False"));
    world.cloud.clear_fault(pool);
    world.machines_run(&world.management, &workload, pool, 2).await;

    // A machine that vanishes is replaced by the health check.
    assert_eq!(world.cloud.vanish(&slow.machine).await, 1);
    world
        .until(120, "another machine", || async {
            let running = world.ledger().living().filter(|machine| machine.role == Role::Worker && machine.joined.is_some()).count();
            let machines = list(&api(&world.management, CORE, "Machine")).await?;
            let replaced = machines.iter().all(|machine| name(machine) != slow.machine) && running == 2;
            replaced.then_some(()).ok_or_else(|| format!("{running} run"))
        })
        .await;
    world.machines_run(&world.management, &workload, pool, 2).await;

    // The API server of the cluster is away: a machine has to wait for its bootstrap token, and joins when the server is back.
    workload.api_server.kill().await;
    scale_pool(3).await;
    let third = world
        .until(60, "a third machine", || async {
            let found = list(&infrastructure).await?;
            let waits = found.iter().find(|machine| condition(machine, "InstanceReady") == "False");
            waits.map(|machine| machine.data["status"]["conditions"].to_string()).ok_or_else(|| format!("{} machines", found.len()))
        })
        .await;
    assert!(third.contains("WaitingForBootstrapData"), "{third}");
    assert!(api(&workload, "v1", "Node").list(&ListParams::default()).await.is_err(), "nobody answers");
    workload.start_again().await.expect("it starts");
    world.machines_run(&world.management, &workload, pool, 3).await;

    // The webhooks of Cluster API's core are down.
    let core = &world.cluster_api.managers[0];
    core.service.kill().await;
    let other = json!({
        "apiVersion": CORE, "kind": "Cluster", "metadata": {"name": "other"},
        "spec": {"paused": true, "infrastructureRef": {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "AWSCluster", "name": "other"}},
    });
    let other = serde_json::from_value(other).expect("a Cluster");
    let clusters = api(&world.management, CORE, "Cluster");
    let refused = clusters.create(&PostParams::default(), &other).await.expect_err("nobody answers");
    assert!(refused.to_string().contains("failed calling webhook"), "{refused}");
    core.start_again().await.expect("it starts");
    clusters.create(&PostParams::default(), &other).await.expect("created");

    // The only machine of the control plane vanishes, and the plane with it. The cluster can still be deleted.
    let mark = workload.kubeconfig_file().parent().expect("a folder").display().to_string();
    assert_eq!(processes_that_name(&mark).len(), 5);
    let only = world.ledger().living().find(|machine| machine.role == Role::ControlPlane).expect("a machine").machine.clone();
    assert_eq!(world.cloud.vanish(&only).await, 1);
    assert_eq!(processes_that_name(&mark), Vec::<String>::new());
    world
        .until(30, "a terminated machine", || async {
            let found = infrastructure.get(&only).await.map_err(|error| error.to_string())?;
            let status = &found.data["status"];
            if status["instanceState"] == "terminated" && status["ready"] == false { Ok(()) } else { Err(status.to_string()) }
        })
        .await;
    world.delete("shop").await;
    assert!(world.ledger().is_empty(), "{:#?}", world.ledger());
    assert!(world.ledger().machines.iter().all(|machine| machine.restarts == 0), "{:#?}", world.ledger());
}

/// The oracle's own move into the cluster and back: the cloud goes on with the same machines on either side.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn a_cluster_that_was_moved_keeps_its_machines() {
    let world = World::begin("cloud-move").await;
    create(&world.management, &objects::cluster("shop")).await;
    create(&world.management, &objects::pool("shop", "general", objects::VERSION, 1)).await;
    let workload = world.plane_of("shop").await;
    world.machines_run(&world.management, &workload, "shop-control-plane", 1).await;
    world.machines_run(&world.management, &workload, "shop-general", 1).await;
    let before = world.ledger();

    let _its_own = install_providers(&world.ground, &workload).await;
    move_objects(&world, &world.management, &workload);
    assert!(list(&api(&world.management, AWS, "AWSMachine")).await.expect("listed").is_empty());
    world.machines_run(&workload, &workload, "shop-control-plane", 1).await;
    scale(&workload, CONTROL_PLANE, "KubeadmControlPlane", "shop-control-plane", 3).await;
    world.machines_run(&workload, &workload, "shop-control-plane", 3).await;
    let after = world.ledger();
    for machine in &before.machines {
        let now = after.living().find(|now| now.machine == machine.machine).expect("it lives");
        assert_eq!((now.created, &now.provider_id, now.restarts), (machine.created, &machine.provider_id, 0));
        assert_eq!(now.planes, ["management", workload.name()]);
    }
    assert_eq!(after.machines.len(), before.machines.len() + 2);

    move_objects(&world, &workload, &world.management);
    world.machines_run(&world.management, &workload, "shop-control-plane", 3).await;
    world.delete("shop").await;
    let ledger = world.ledger();
    assert!(ledger.is_empty() && ledger.machines.iter().all(|machine| machine.restarts == 0), "{ledger:#?}");
    for machine in &before.machines {
        let planes = ledger.machines.iter().find(|now| now.machine == machine.machine).map(|now| now.planes.as_slice());
        assert_eq!(planes.expect("a record"), ["management", workload.name(), "management"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn a_cloud_that_ends_while_a_machine_boots_leaves_no_process() {
    let world = World::begin("cloud-ends").await;
    create(&world.management, &objects::cluster("shop")).await;
    let booting = "/data/cloud-ends/default-shop/";
    world
        .until(120, "a machine that boots", || async {
            let found = processes_that_name(booting);
            if found.is_empty() { Err("nothing starts".to_owned()) } else { Ok(()) }
        })
        .await;
    assert!(world.ledger().machines.iter().all(|machine| machine.joined.is_none()), "it has booted: {:#?}", world.ledger());
    drop(world);
    let deadline = Instant::now() + Duration::from_secs(10);
    // The cloud's tasks end by themselves; the last one gives the ground back.
    while !processes_that_name("/data/cloud-ends/").is_empty() || Ground::begin("cloud-ends").is_err() {
        assert!(Instant::now() < deadline, "these stay: {:#?}", processes_that_name("/data/cloud-ends/"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// `clusterctl move`.
fn move_objects(world: &World, from: &windlass_proving_ground::Plane, to: &windlass_proving_ground::Plane) {
    let home = world.ground.data_folder("clusterctl").expect("a folder");
    let mut command = Command::new(world.ground.components().program("clusterctl"));
    command.env_clear().env("HOME", &home).env("XDG_CONFIG_HOME", &home).env("CLUSTERCTL_DISABLE_VERSIONCHECK", "true");
    command.arg("move").arg("--namespace=default");
    command.arg("--kubeconfig").arg(from.kubeconfig_file()).arg("--to-kubeconfig").arg(to.kubeconfig_file());
    let begun = Instant::now();
    // The cloud works meanwhile.
    let output = tokio::task::block_in_place(|| command.output()).expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("proving ground: clusterctl moves a cluster in {:.1} s", begun.elapsed().as_secs_f64());
}
