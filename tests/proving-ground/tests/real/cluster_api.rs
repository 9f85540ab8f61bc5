//! Real Cluster API managers on a real plane: definitions are served, webhooks answer, versions are converted.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "the figures of the README")]

use std::time::Instant;

use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, PostParams};
use kube::runtime::wait::{await_condition, conditions};
use serde_json::{Value as Json, json};
use windlass_proving_ground::{Ground, MANAGERS, Plane, PlaneSpec, install_cluster_api};

use crate::support::within;

fn clusters(plane: &Plane, version: &str) -> Api<DynamicObject> {
    let resource = ApiResource {
        group: "cluster.x-k8s.io".to_owned(),
        version: version.to_owned(),
        api_version: format!("cluster.x-k8s.io/{version}"),
        kind: "Cluster".to_owned(),
        plural: "clusters".to_owned(),
    };
    Api::namespaced_with(plane.client(), "default", &resource)
}

fn cluster(spec: Json) -> DynamicObject {
    let cluster = json!({
        "apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "metadata": {"name": "shop"}, "spec": spec,
    });
    serde_json::from_value(cluster).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn the_managers_of_cluster_api_answer() {
    let ground = Ground::begin("cluster-api").unwrap();
    let plane = Plane::start(&ground, PlaneSpec::named("management").unwrap()).await.unwrap();
    let begun = Instant::now();
    let installed = install_cluster_api(&ground, &plane, &MANAGERS).await.unwrap();
    println!("proving ground: Cluster API is ready in {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!(installed.managers.len(), 4);
    assert_eq!(installed.definitions.len(), 29);

    // The validating webhook of core speaks.
    let wrong = cluster(json!({
        "paused": true,
        "infrastructureRef": {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "DevCluster", "name": "shop"},
        "clusterNetwork": {"pods": {"cidrBlocks": ["no network"]}},
    }));
    let refused = clusters(&plane, "v1beta2").create(&PostParams::default(), &wrong).await.unwrap_err();
    assert!(refused.to_string().contains("admission webhook \"validation.cluster.cluster.x-k8s.io\" denied the request"), "{refused}");

    // The conversion webhook of core speaks.
    let right = cluster(json!({
        "paused": true,
        "infrastructureRef": {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "DevCluster", "name": "shop"},
    }));
    clusters(&plane, "v1beta2").create(&PostParams::default(), &right).await.unwrap();
    let old = clusters(&plane, "v1beta1").get("shop").await.unwrap();
    assert_eq!(old.data["spec"]["infrastructureRef"]["apiVersion"], "infrastructure.cluster.x-k8s.io/v1beta2", "{:#}", old.data);

    // The fault that later tests need: a webhook that is down refuses, and comes again at the same address.
    installed.managers[0].service.kill().await;
    let refused = clusters(&plane, "v1beta2").create(&PostParams::default(), &wrong).await.unwrap_err();
    assert!(refused.to_string().contains("failed calling webhook"), "{refused}");
    installed.managers[0].start_again().await.unwrap();
    let refused = clusters(&plane, "v1beta2").create(&PostParams::default(), &wrong).await.unwrap_err();
    assert!(refused.to_string().contains("denied the request"), "{refused}");
}

/// All four managers at work: a cluster of the dev provider, whose machines are entries in memory.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn a_cluster_in_memory_comes_and_goes() {
    let ground = Ground::begin("in-memory").unwrap();
    let plane = Plane::start(&ground, PlaneSpec::named("management").unwrap()).await.unwrap();
    let _installed = install_cluster_api(&ground, &plane, &MANAGERS).await.unwrap();
    let begun = Instant::now();
    for object in in_memory_cluster() {
        create(&plane, &object).await;
    }
    let available = |cluster: Option<&DynamicObject>| {
        let conditions = cluster.and_then(|cluster| cluster.data.pointer("/status/conditions")).and_then(Json::as_array);
        conditions.is_some_and(|list| list.iter().any(|one| one["type"] == "ControlPlaneAvailable" && one["status"] == "True"))
    };
    let waited = Box::pin(await_condition(clusters(&plane, "v1beta2"), "memory", available));
    within(180, "an available control plane", waited).await.unwrap();
    println!("proving ground: a control plane in memory is available in {:.1} s", begun.elapsed().as_secs_f64());

    let begun = Instant::now();
    let found = clusters(&plane, "v1beta2").delete("memory", &DeleteParams::default()).await.unwrap();
    let uid = found.left().and_then(|cluster| cluster.metadata.uid).expect("finalizers hold it");
    let gone = Box::pin(await_condition(clusters(&plane, "v1beta2"), "memory", conditions::is_deleted(&uid)));
    within(120, "the end of the cluster", gone).await.unwrap();
    println!("proving ground: it is deleted in {:.1} s", begun.elapsed().as_secs_f64());
}

fn in_memory_cluster() -> Vec<Json> {
    let infrastructure = "infrastructure.cluster.x-k8s.io";
    let metadata = json!({"name": "memory", "namespace": "default"});
    let quick = json!({"provisioning": {"startupDuration": "1s"}});
    vec![
        json!({
            "apiVersion": format!("{infrastructure}/v1beta2"), "kind": "DevCluster",
            // The provider writes into its annotations without looking whether there are any.
            "metadata": {"name": "memory", "namespace": "default", "annotations": {"example.com/any": ""}},
            "spec": {"backend": {"inMemory": {}}},
        }),
        json!({
            "apiVersion": format!("{infrastructure}/v1beta2"), "kind": "DevMachineTemplate", "metadata": metadata,
            "spec": {"template": {"spec": {"backend": {"inMemory": {
                "vm": quick, "node": quick, "apiServer": quick, "etcd": quick,
            }}}}},
        }),
        json!({
            "apiVersion": "controlplane.cluster.x-k8s.io/v1beta2", "kind": "KubeadmControlPlane", "metadata": metadata,
            "spec": {
                "replicas": 1, "version": "v1.34.3", "kubeadmConfigSpec": {"clusterConfiguration": {"certificateValidityPeriodDays": 90}},
                "machineTemplate": {"spec": {"infrastructureRef": {
                    "apiGroup": infrastructure, "kind": "DevMachineTemplate", "name": "memory",
                }}},
            },
        }),
        json!({
            "apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster", "metadata": metadata,
            "spec": {
                "controlPlaneRef": {"apiGroup": "controlplane.cluster.x-k8s.io", "kind": "KubeadmControlPlane", "name": "memory"},
                "infrastructureRef": {"apiGroup": infrastructure, "kind": "DevCluster", "name": "memory"},
            },
        }),
    ]
}

async fn create(plane: &Plane, object: &Json) {
    let text = |name: &str| object[name].as_str().unwrap().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let (group, version) = api_version.split_once('/').unwrap();
    let plural = format!("{}s", kind.to_lowercase());
    let resource = ApiResource { group: group.into(), version: version.into(), api_version: api_version.clone(), kind, plural };
    let api: Api<DynamicObject> = Api::namespaced_with(plane.client(), "default", &resource);
    api.create(&PostParams::default(), &serde_json::from_value(object.clone()).unwrap()).await.unwrap();
}
