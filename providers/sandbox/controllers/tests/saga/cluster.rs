//! A cluster applied by hand: it comes up, waits for what is missing and says so, rolls by CAPI's rules, and leaves nothing behind.

use std::sync::Arc;

use serde_json::json;
use windlass_sandbox_controllers::{Faults, NoPods};

use crate::harness::{World, message_of, settle, status_of};
use crate::objects::{
    CONTROL_PLANE, CORE, INFRASTRUCTURE, cloud_controller, cluster, install_providers, machine_template, namespace, network_plugin, pool,
};

async fn applied(replicas: i64) -> World {
    let world = World::start().await;
    install_providers(&world.management).await;
    world.management.create(namespace("shop")).await;
    world.management.create_all(cluster("shop", "shop", replicas)).await;
    world
}

async fn up(replicas: i64) -> World {
    let world = applied(replicas).await;
    let api = &world.management;
    api.until_condition(CONTROL_PLANE, "KubeadmControlPlane", "shop", "shop-control-plane", "Initialized").await;
    let workload = world.workload("shop", "shop").await;
    workload.create(network_plugin()).await;
    workload.create(cloud_controller()).await;
    api.until_condition(CORE, "Cluster", "shop", "shop", "Available").await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_comes_up_and_goes_without_a_trace() {
    let world = up(1).await;
    let api = &world.management;
    let shop = api.get(CORE, "Cluster", "shop", "shop").await.expect("cluster");
    assert_eq!(shop["status"]["phase"], "Provisioned");
    assert_eq!(shop["spec"]["controlPlaneEndpoint"]["host"], "127.0.0.1");
    assert_eq!(world.live("instance").len(), 1);

    api.create_all(pool("shop", "shop", "general", 2)).await;
    api.patch(CONTROL_PLANE, "KubeadmControlPlane", "shop", "shop-control-plane", json!({"spec": {"replicas": 3}})).await;
    api.until(CORE, "MachineDeployment", "shop", "shop-general", |pool| pool["status"]["availableReplicas"] == 2).await;
    api.until(CONTROL_PLANE, "KubeadmControlPlane", "shop", "shop-control-plane", |plane| plane["status"]["availableReplicas"] == 3).await;
    api.until_condition(CORE, "Cluster", "shop", "shop", "Available").await;
    assert_eq!(world.live("instance").len(), 5);
    let workload = world.workload("shop", "shop").await;
    let nodes = workload.list("v1", "Node", "").await;
    assert_eq!(nodes.len(), 5);
    for node in &nodes {
        assert_eq!(status_of(node, "Ready"), "True");
        assert!(node["spec"]["providerID"].as_str().is_some_and(|id| id.starts_with("aws:///eu-west-1")), "{node}");
    }

    api.delete(CORE, "Cluster", "shop", "shop").await;
    api.until_gone(CORE, "Cluster", "shop", "shop").await;
    assert_eq!(world.ledger().live().expect("live"), vec![]);
    assert_eq!(world.ledger().violations().expect("violations"), vec![]);
    for (version, kind) in
        [(CORE, "Machine"), (INFRASTRUCTURE, "AWSMachine"), (INFRASTRUCTURE, "AWSCluster"), (CONTROL_PLANE, "KubeadmControlPlane")]
    {
        assert_eq!(api.names(version, kind, "shop").await, Vec::<String>::new(), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kubeconfig_that_somebody_deletes_is_written_again() {
    let world = up(1).await;
    let api = &world.management;
    let before = api.get("v1", "Secret", "shop", "shop-kubeconfig").await.expect("Secret");
    api.delete("v1", "Secret", "shop", "shop-kubeconfig").await;
    // A Machine of the cluster makes the control plane's manager look, long before its sync period.
    api.create_all(pool("shop", "shop", "general", 1)).await;
    let again = api.until("v1", "Secret", "shop", "shop-kubeconfig", |secret| secret["metadata"]["uid"] != before["metadata"]["uid"]).await;
    assert_eq!(again["metadata"]["ownerReferences"], before["metadata"]["ownerReferences"]);
    api.until(CORE, "MachineDeployment", "shop", "shop-general", |pool| pool["status"]["availableReplicas"] == 1).await;
    assert!(!world.workload("shop", "shop").await.list("v1", "Node", "").await.is_empty(), "it leads to the cluster");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_cloud_controller_no_machine_finds_its_node() {
    let world = applied(1).await;
    let api = &world.management;
    api.until_condition(CONTROL_PLANE, "KubeadmControlPlane", "shop", "shop-control-plane", "Initialized").await;
    let workload = world.workload("shop", "shop").await;
    workload.create(network_plugin()).await;
    let machine = api.names(CORE, "Machine", "shop").await.pop().expect("machine");
    let machine = api
        .until(CORE, "Machine", "shop", &machine, |machine| {
            message_of(machine, "NodeHealthy").contains("Waiting for a Node with spec.providerID aws:///")
        })
        .await;
    assert!(machine["status"]["nodeRef"].is_null());
    let node = first_node(&workload).await;
    assert!(node["spec"]["providerID"].is_null());
    assert!(node["spec"]["taints"].to_string().contains("node.cloudprovider.kubernetes.io/uninitialized"));

    workload.create(cloud_controller()).await;
    api.until_condition(CORE, "Cluster", "shop", "shop", "Available").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_network_plugin_the_node_is_not_ready() {
    let world = applied(1).await;
    let api = &world.management;
    api.until_condition(CONTROL_PLANE, "KubeadmControlPlane", "shop", "shop-control-plane", "Initialized").await;
    let workload = world.workload("shop", "shop").await;
    workload.create(cloud_controller()).await;
    let name = api.names(CORE, "Machine", "shop").await.pop().expect("machine");
    let machine = api.until(CORE, "Machine", "shop", &name, |machine| !machine["status"]["nodeRef"].is_null()).await;
    assert!(message_of(&machine, "Ready").contains("cni plugin not initialized"), "{}", machine["status"]);
    workload
        .until("v1", "Pod", "kube-system", &dns_pod(&workload).await, |pod| message_of(pod, "PodScheduled") == "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.")
        .await;
    workload.create(network_plugin()).await;
    api.until_condition(CORE, "Cluster", "shop", "shop", "Available").await;
    workload.until_condition("apps/v1", "Deployment", "kube-system", "coredns", "Available").await;
}

/// Its kubelet registers it after kubeadm has written its configuration, by which a control plane counts as initialized.
async fn first_node(workload: &crate::harness::Plane) -> serde_json::Value {
    loop {
        if let Some(node) = workload.list("v1", "Node", "").await.pop() {
            return node;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn dns_pod(workload: &crate::harness::Plane) -> String {
    loop {
        let names = workload.names("v1", "Pod", "kube-system").await;
        if let Some(name) = names.into_iter().find(|name| name.starts_with("coredns-")) {
            return name;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pools_and_control_planes_roll_by_reference_name_and_not_by_label() {
    let world = up(1).await;
    let api = &world.management;
    api.create_all(pool("shop", "shop", "general", 2)).await;
    api.until(CORE, "MachineDeployment", "shop", "shop-general", |pool| pool["status"]["availableReplicas"] == 2).await;
    let before = api.names(CORE, "Machine", "shop").await;
    api.patch(CORE, "MachineDeployment", "shop", "shop-general", json!({"spec": {"template": {"metadata": {"labels": {"tier": "web"}}}}}))
        .await;
    settle().await;
    assert_eq!(api.names(CORE, "Machine", "shop").await, before);
    assert!(api.list(CORE, "Machine", "shop").await.iter().filter(|machine| machine["metadata"]["labels"]["tier"] == "web").count() == 2);

    api.create(machine_template("shop", "shop-general-2")).await;
    api.patch(
        CORE,
        "MachineDeployment",
        "shop",
        "shop-general",
        json!({"spec": {"template": {"spec": {"infrastructureRef": {"name": "shop-general-2"}}}}}),
    )
    .await;
    api.until(CORE, "MachineDeployment", "shop", "shop-general", |pool| {
        pool["status"]["observedGeneration"] == pool["metadata"]["generation"]
            && pool["status"]["upToDateReplicas"] == 2
            && pool["status"]["availableReplicas"] == 2
            && pool["status"]["replicas"] == 2
            && status_of(pool, "RollingOut") == "False"
    })
    .await;
    let after = api.names(CORE, "Machine", "shop").await;
    assert_eq!(
        after.iter().filter(|name| before.contains(name)).count(),
        1,
        "only the control plane's Machine stays: {before:?} {after:?}"
    );

    api.create(machine_template("shop", "shop-control-plane-2")).await;
    api.patch(
        CONTROL_PLANE,
        "KubeadmControlPlane",
        "shop",
        "shop-control-plane",
        json!({"spec": {"machineTemplate": {"spec": {"infrastructureRef": {"name": "shop-control-plane-2"}}}}}),
    )
    .await;
    api.until(CONTROL_PLANE, "KubeadmControlPlane", "shop", "shop-control-plane", |plane| {
        plane["status"]["observedGeneration"] == plane["metadata"]["generation"]
            && plane["status"]["upToDateReplicas"] == 1
            && plane["status"]["availableReplicas"] == 1
            && plane["status"]["replicas"] == 1
    })
    .await;
    let last = api.names(CORE, "Machine", "shop").await;
    assert!(last.iter().all(|name| !before.contains(name)), "{before:?} {last:?}");
    assert_eq!(world.live("instance").len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_identity_is_said_and_waited_for() {
    let world = World::start().await;
    let api = &world.management;
    install_providers(api).await;
    api.create(namespace("shop")).await;
    let mut objects = cluster("shop", "shop", 1);
    objects[1]["spec"]["identityRef"] = json!({"kind": "AWSClusterStaticIdentity", "name": "shop"});
    api.create_all(objects).await;
    let shop = api
        .until(CORE, "Cluster", "shop", "shop", |shop| {
            message_of(shop, "InfrastructureReady").contains("AWSClusterStaticIdentity shop not found")
        })
        .await;
    assert_eq!(status_of(&shop, "InfrastructureReady"), "False");
    api.create(json!({"apiVersion": INFRASTRUCTURE, "kind": "AWSClusterStaticIdentity", "metadata": {"name": "shop"}, "spec": {"secretRef": "shop-identity", "allowedNamespaces": {}}})).await;
    api.until(CORE, "Cluster", "shop", "shop", |shop| {
        message_of(shop, "InfrastructureReady").contains("Secret capa-system/shop-identity of AWSClusterStaticIdentity shop not found")
    })
    .await;
    api.create(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shop-identity", "namespace": "capa-system"}, "stringData": {"AccessKeyID": "a", "SecretAccessKey": "b"}})).await;
    api.until_condition(CORE, "Cluster", "shop", "shop", "InfrastructureReady").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_simulation_makes_nothing_twice() {
    let mut world = applied(1).await;
    world
        .management
        .until(CORE, "Cluster", "shop", "shop", |shop| shop["status"]["initialization"]["infrastructureProvisioned"] == true)
        .await;
    world.restart_simulation().await;
    world.management.until_condition(CONTROL_PLANE, "KubeadmControlPlane", "shop", "shop-control-plane", "Initialized").await;
    let workload = world.workload("shop", "shop").await;
    workload.create(network_plugin()).await;
    workload.create(cloud_controller()).await;
    world.restart_simulation().await;
    world.management.until_condition(CORE, "Cluster", "shop", "shop", "Available").await;
    assert_eq!(world.live("instance").len(), 1);
    assert_eq!(world.live("load-balancer").len(), 1);
    assert_eq!(world.ledger().all().expect("all").iter().filter(|one| one.thing == "instance").count(), 1);
    assert_eq!(world.ledger().violations().expect("violations"), vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_happens_while_the_managers_are_away() {
    let world = World::start().await;
    let api = &world.management;
    install_providers(api).await;
    let scale = async |replicas: i64| {
        for (namespace, name) in crate::objects::MANAGERS {
            api.patch("apps/v1", "Deployment", namespace, name, json!({"spec": {"replicas": replicas}})).await;
        }
    };
    scale(0).await;
    for (namespace, name) in crate::objects::MANAGERS {
        let idle = |one: &serde_json::Value| one["status"]["availableReplicas"].is_null();
        api.until("apps/v1", "Deployment", namespace, name, idle).await;
    }
    settle().await;
    api.create(namespace("shop")).await;
    api.create_all(cluster("shop", "shop", 1)).await;
    settle().await;
    let shop = api.get(CORE, "Cluster", "shop", "shop").await.expect("cluster");
    assert!(shop["status"].is_null() && shop["metadata"]["finalizers"].is_null(), "{shop}");
    assert_eq!(world.ledger().all().expect("all"), vec![]);
    scale(1).await;
    api.until_condition(CORE, "Cluster", "shop", "shop", "InfrastructureReady").await;
    for (namespace, name) in crate::objects::MANAGERS {
        api.delete("apps/v1", "Deployment", namespace, name).await;
    }
    settle().await;
    api.patch(CORE, "Cluster", "shop", "shop", json!({"spec": {"paused": true}})).await;
    settle().await;
    let shop = api.get(CORE, "Cluster", "shop", "shop").await.expect("cluster");
    assert_eq!(status_of(&shop, "Paused"), "False", "nobody is there to say otherwise");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_machines_and_restarting_managers_change_nothing_but_the_time() {
    let faults = Faults { seed: 7, late_boot: 60, manager_restart: 20, ..Faults::NONE };
    let world = World::start_with(40.0, faults, Arc::new(NoPods)).await;
    let api = &world.management;
    install_providers(api).await;
    api.create(namespace("shop")).await;
    api.create_all(cluster("shop", "shop", 3)).await;
    let name = "shop-control-plane";
    api.until_condition(CONTROL_PLANE, "KubeadmControlPlane", "shop", name, "Initialized").await;
    let workload = world.workload("shop", "shop").await;
    workload.create(network_plugin()).await;
    workload.create(cloud_controller()).await;
    api.until(CONTROL_PLANE, "KubeadmControlPlane", "shop", name, |plane| plane["status"]["availableReplicas"] == 3).await;
    assert_eq!(world.live("instance").len(), 3);
    let all = world.ledger().all().expect("all");
    assert_eq!(all.iter().filter(|one| one.thing == "instance").count(), 3, "{all:?}");
    assert_eq!(world.ledger().violations().expect("violations"), vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_never_boots_is_waited_for_with_its_reason() {
    let faults = Faults { seed: 1, never_boot: 100, ..Faults::NONE };
    let world = World::start_with(0.0, faults, Arc::new(NoPods)).await;
    let api = &world.management;
    install_providers(api).await;
    api.create(namespace("shop")).await;
    api.create_all(cluster("shop", "shop", 1)).await;
    let shop = api.until(CORE, "Cluster", "shop", "shop", |shop| shop["status"]["controlPlane"]["replicas"] == 1).await;
    assert_eq!(status_of(&shop, "Available"), "False");
    let machine = api.names(CORE, "Machine", "shop").await.pop().expect("machine");
    api.until(CORE, "Machine", "shop", &machine, |machine| {
        message_of(machine, "NodeHealthy") == "Waiting for Cluster control plane to be initialized"
    })
    .await;
    assert_eq!(world.live("instance").len(), 1);
    api.delete(CORE, "Cluster", "shop", "shop").await;
    api.until_gone(CORE, "Cluster", "shop", "shop").await;
    assert_eq!(world.ledger().live().expect("live"), vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, with RUST_LOG=saga=info: how long a cluster takes at speed 1, and what the sandbox costs while nothing happens"]
async fn time_at_speed_one() {
    let world = World::start_with(1.0, Faults::NONE, Arc::new(NoPods)).await;
    let api = &world.management;
    let began = std::time::Instant::now();
    let mut marks = Vec::new();
    let mut mark = |what: &str| marks.push(format!("{what} {:.1} s", began.elapsed().as_secs_f64()));
    install_providers(api).await;
    mark("providers");
    api.create(namespace("shop")).await;
    api.create_all(cluster("shop", "shop", 1)).await;
    api.until_condition(CONTROL_PLANE, "KubeadmControlPlane", "shop", "shop-control-plane", "Initialized").await;
    mark("initialized");
    let workload = world.workload("shop", "shop").await;
    workload.create(network_plugin()).await;
    workload.create(cloud_controller()).await;
    api.until_condition(CORE, "Cluster", "shop", "shop", "Available").await;
    mark("available");
    install_providers(&workload).await;
    mark("providers again");
    api.create_all(pool("shop", "shop", "general", 2)).await;
    let three = json!({"spec": {"replicas": 3}});
    let name = "shop-control-plane";
    api.patch(CONTROL_PLANE, "KubeadmControlPlane", "shop", name, three).await;
    api.until(CORE, "MachineDeployment", "shop", "shop-general", |pool| pool["status"]["availableReplicas"] == 2).await;
    mark("pool");
    api.until(CONTROL_PLANE, "KubeadmControlPlane", "shop", name, |plane| plane["status"]["availableReplicas"] == 3).await;
    mark("three");
    settle().await;
    let ticks = || {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let fields: Vec<u64> = stat.split(' ').filter_map(|field| field.parse().ok()).collect();
        fields.iter().skip(9).take(2).sum::<u64>()
    };
    let before = ticks();
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    mark(&format!("idle: {} ticks of 10 ms in 10 s;", ticks() - before));
    tracing::info!("{}", marks.join(", "));
    assert!(began.elapsed().as_secs() < 90, "{}", marks.join(", "));
}
