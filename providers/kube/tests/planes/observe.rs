//! Facts: lists by lineage, single objects, planes that are there, absent or silent; Secrets as digests.

use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::facts::{ClusterAccess, Demand, PlaneFact};
use windlass_kube::kinds::ObjectRef;
use windlass_run::ports::Observer;

use crate::stage::{Stage, management, marked, namespace, put};

#[tokio::test]
async fn an_access_secret_that_is_gone_or_other_is_told() {
    let stage = Stage::open().await;
    let shop: Address = "cluster.shop".parse().unwrap();
    let secret = |namespace: &str, name: &str, data: Json| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": data});
    for (plane, name) in [(&stage.management, "windlass-system"), (&stage.workload, "shop")] {
        put(plane, namespace(name), "test").await;
    }
    let kube = stage.kube(&[&shop]);
    let access = ClusterAccess { name: "shop".into(), namespace: "shop".into(), management: management() };
    let outdated = async || {
        let facts = kube.observe(&[Demand::Plane { plane: shop.clone(), access: Some(access.clone()) }]).await;
        facts.reachable(&shop).map(|identity| identity.access_outdated)
    };
    // Before a pivot the cluster has no kubeconfig of its own, and needs no access Secret.
    assert_eq!(outdated().await, Some(false));
    put(&stage.workload, secret("shop", "shop-kubeconfig", json!({"value": "YQ=="})), "test").await;
    assert_eq!(outdated().await, Some(true), "gone");
    for (data, expected) in [(json!({}), true), (json!({"value": "Yg=="}), true), (json!({"value": "YQ=="}), false)] {
        put(&stage.management, secret("windlass-system", "windlass-access-shop", data), "test").await;
        assert_eq!(outdated().await, Some(expected));
    }
}

#[tokio::test]
async fn demands_are_answered() {
    let stage = Stage::open().await;
    let shop: Address = "cluster.shop".parse().unwrap();
    let new: Address = "cluster.new".parse().unwrap();
    put(&stage.management, marked(namespace("n"), &shop), "windlass").await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}, "data": {"k": "aHVudGVyMg=="}});
    put(&stage.management, marked(secret, &shop), "windlass").await;
    let foreign = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "f", "namespace": "n"}, "data": {}});
    put(&stage.management, foreign, "kubectl").await;

    let kube = stage.kube(&[&shop]);
    let access = ClusterAccess { name: "new".into(), namespace: "new".into(), management: management() };
    let missing = ObjectRef::new("v1", "ConfigMap", Some("n"), "missing").key(&management());
    let demands = [
        Demand::Plane { plane: management(), access: None },
        Demand::Plane { plane: new.clone(), access: Some(access) },
        Demand::Plane { plane: shop.clone(), access: None },
        Demand::List { plane: management(), api_version: "v1".into(), kind: "Secret".into() },
        Demand::List { plane: management(), api_version: "no.such/v1".into(), kind: "Thing".into() },
        Demand::Get { key: missing.clone(), api_version: "v1".into() },
        Demand::Get { key: ObjectRef::new("v1", "Namespace", None, "n").key(&management()), api_version: "v1".into() },
    ];
    let facts = kube.observe(&demands).await;
    assert_eq!(facts.failed, Default::default());
    assert_eq!(facts.planes[&new], PlaneFact::Absent);
    let identity = facts.reachable(&management()).unwrap();
    assert_eq!(identity.uid, stage.sandboxes[0].management().await.unwrap().uid_of_kube_system());
    assert!(identity.version.starts_with("v1."), "{}", identity.version);
    assert!(identity.ca_certificate.starts_with("-----BEGIN CERTIFICATE-----"));
    let names: Vec<String> = facts.objects.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["Namespace n on management.m", "Secret n/s on management.m"]);
    let text = format!("{:?}", facts.objects);
    assert!(text.contains("hmac-sha256:") && !text.contains("aHVudGVyMg=="), "{text}");

    stage.sandboxes[1].close().await;
    let facts =
        kube.observe(&[Demand::Plane { plane: shop.clone(), access: None }, Demand::Plane { plane: management(), access: None }]).await;
    assert!(matches!(&facts.planes[&shop], PlaneFact::Unreachable { .. }), "{:?}", facts.planes[&shop]);
    assert!(facts.reachable(&management()).is_some());
}
