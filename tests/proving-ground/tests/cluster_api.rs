//! Real Cluster API managers on a real plane: definitions are served, webhooks answer, versions are converted.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "the figures of the README")]

mod support;

use std::time::Instant;

use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use serde_json::json;
use windlass_proving_ground::{Ground, MANAGERS, Plane, PlaneSpec, install_cluster_api};

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

fn cluster(spec: serde_json::Value) -> DynamicObject {
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
    let mut installed = install_cluster_api(&ground, &plane, &MANAGERS).await.unwrap();
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
