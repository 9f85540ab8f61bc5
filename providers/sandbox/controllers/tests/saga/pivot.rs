//! Two planes: paused there and copied here, a cluster is found again; unpaused on both, it is a violation.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Plane, World, settle};
use crate::objects::{
    BOOTSTRAP, CONTROL_PLANE, CORE, INFRASTRUCTURE, cloud_controller, cluster, install_providers, namespace, network_plugin,
};

const MOVED: [(&str, &str); 9] = [
    (CORE, "Cluster"),
    (INFRASTRUCTURE, "AWSMachineTemplate"),
    (INFRASTRUCTURE, "AWSCluster"),
    (CONTROL_PLANE, "KubeadmControlPlane"),
    ("v1", "Secret"),
    (CORE, "Machine"),
    (BOOTSTRAP, "KubeadmConfig"),
    (INFRASTRUCTURE, "AWSMachine"),
    (BOOTSTRAP, "KubeadmConfigTemplate"),
];

/// A cluster that hosts the providers itself, its objects copied there as `clusterctl move` does: paused, owners by their new uids, no status.
async fn copied(pause: bool) -> (World, Plane) {
    let world = World::start().await;
    let source = world.management.clone();
    install_providers(&source).await;
    source.create(namespace("shop")).await;
    source.create_all(cluster("shop", "shop", 1)).await;
    source.until_condition(CONTROL_PLANE, "KubeadmControlPlane", "shop", "shop-control-plane", "Initialized").await;
    let target = world.workload("shop", "shop").await;
    target.create(network_plugin()).await;
    target.create(cloud_controller()).await;
    source.until_condition(CORE, "Cluster", "shop", "shop", "Available").await;
    install_providers(&target).await;
    if pause {
        source.patch(CORE, "Cluster", "shop", "shop", json!({"spec": {"paused": true}})).await;
        for kind in ["Cluster", "Machine"] {
            for name in source.names(CORE, kind, "shop").await {
                source.until_condition(CORE, kind, "shop", &name, "Paused").await;
            }
        }
    }
    target.create(namespace("shop")).await;
    let mut waiting = Vec::new();
    for (version, kind) in MOVED {
        waiting.extend(source.list(version, kind, "shop").await.into_iter().map(|object| (version, kind, object)));
    }
    let mut uids = BTreeMap::new();
    while !waiting.is_empty() {
        let known = |object: &Value| owners(object).iter().all(|uid| uids.contains_key(uid));
        let (next, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, _, object)| known(object));
        assert!(!next.is_empty(), "owners that do not move: {rest:?}");
        waiting = rest;
        for (version, kind, object) in next {
            let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            let made = target.create(copy(object, version, kind, &uids)).await;
            uids.insert(uid, made["metadata"]["uid"].clone());
        }
    }
    (world, target)
}

fn owners(object: &Value) -> Vec<String> {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.filter_map(|owner| owner["uid"].as_str().map(str::to_owned)).collect()
}

fn copy(mut object: Value, version: &str, kind: &str, uids: &BTreeMap<String, Value>) -> Value {
    object["apiVersion"] = json!(version);
    object["kind"] = json!(kind);
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in ["resourceVersion", "uid", "creationTimestamp", "generation", "managedFields"] {
            metadata.remove(field);
        }
    }
    if kind == "Cluster" {
        object["spec"]["paused"] = json!(true);
    }
    for owner in object["metadata"]["ownerReferences"].as_array_mut().into_iter().flatten() {
        let old = owner["uid"].as_str().unwrap_or_default().to_owned();
        owner["uid"] = uids.get(&old).cloned().unwrap_or_default();
    }
    object
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_cluster_finds_its_instances_again() {
    let (world, target) = copied(true).await;
    let source = &world.management;
    let before = (world.live("instance"), source.names(CORE, "Machine", "shop").await);
    for (version, kind) in MOVED.into_iter().rev() {
        for name in source.names(version, kind, "shop").await {
            source.delete(version, kind, "shop", &name).await;
            if source.get(version, kind, "shop", &name).await.is_some() {
                source.patch(version, kind, "shop", &name, json!({"metadata": {"finalizers": null}})).await;
            }
        }
    }
    target.patch(CORE, "Cluster", "shop", "shop", json!({"spec": {"paused": null}})).await;
    target.until_condition(CORE, "Cluster", "shop", "shop", "Available").await;
    target
        .until(CONTROL_PLANE, "KubeadmControlPlane", "shop", "shop-control-plane", |plane| plane["status"]["availableReplicas"] == 1)
        .await;
    settle().await;
    assert_eq!((world.live("instance"), target.names(CORE, "Machine", "shop").await), before);
    assert_eq!(world.ledger().violations().expect("violations"), vec![]);
    let history = world.ledger().history().expect("history");
    assert!(history.iter().any(|event| event.plane == "shop.shop" && event.action == "found"), "{history:?}");

    target.patch(CONTROL_PLANE, "KubeadmControlPlane", "shop", "shop-control-plane", json!({"spec": {"replicas": 3}})).await;
    target
        .until(CONTROL_PLANE, "KubeadmControlPlane", "shop", "shop-control-plane", |plane| plane["status"]["availableReplicas"] == 3)
        .await;
    assert_eq!(world.live("instance").len(), 3);
    assert_eq!(world.ledger().violations().expect("violations"), vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_planes_on_one_unpaused_cluster_are_a_violation() {
    let (world, target) = copied(false).await;
    assert_eq!(world.ledger().violations().expect("violations"), vec![]);
    target.patch(CORE, "Cluster", "shop", "shop", json!({"spec": {"paused": null}})).await;
    target.until_condition(CORE, "Cluster", "shop", "shop", "InfrastructureReady").await;
    let violations = world.ledger().violations().expect("violations");
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert_eq!(
        (violations[0].cluster.as_str(), violations[0].plane.as_str(), violations[0].other_plane.as_str()),
        ("shop/shop", "management", "shop.shop")
    );
}
