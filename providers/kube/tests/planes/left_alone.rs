//! Leaves that are left alone once an object is made: sent with a new one, let go of and not sent to one that is there.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::marks::ANNOTATION_IGNORED;
use windlass_core::plan::{Action, PlannedObject};
use windlass_kube::kinds::ObjectRef;
use windlass_kube::plane::{Force, Persist};

use crate::stage::{Memory, Stage, get, management, marked, namespace, put, run, step};

fn shop() -> Address {
    "cluster.shop".parse().unwrap()
}

/// A Deployment of this size and image; `alone`: its size is left alone.
fn deployment(replicas: u32, image: &str, alone: bool) -> Json {
    let labels = json!({"app": "web"});
    let annotations = if alone { json!({ANNOTATION_IGNORED: "[\"spec.replicas\"]"}) } else { json!({}) };
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "n", "annotations": annotations},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}}}})
}

async fn apply(stage: &Stage, object: Json, create: bool) {
    let reference = ObjectRef::of(&object).unwrap();
    let key = reference.key(&management());
    let objects = vec![PlannedObject { key, api_version: reference.api_version, content: marked(object, &shop()), create }];
    let action = Action::Apply { plane: management(), objects, takeovers: vec![], prune: vec![] };
    run(&stage.kube(&[]), &step(&shop(), action), &Arc::new(Memory::default())).await.unwrap();
}

fn web() -> ObjectRef {
    ObjectRef::new("apps/v1", "Deployment", Some("n"), "web")
}

async fn size_and_image(stage: &Stage) -> (Json, Json) {
    let live = get(&stage.management, &web()).await.unwrap();
    (live["spec"]["replicas"].clone(), live["spec"]["template"]["spec"]["containers"][0]["image"].clone())
}

/// Managers that own the size.
async fn owners(stage: &Stage) -> Vec<String> {
    let live = get(&stage.management, &web()).await.unwrap();
    let entries = live["metadata"]["managedFields"].as_array().unwrap().iter();
    let owning = entries.filter(|entry| entry["fieldsV1"]["f:spec"].get("f:replicas").is_some());
    owning.map(|entry| entry["manager"].as_str().unwrap().to_owned()).collect()
}

async fn stage() -> Stage {
    let stage = Stage::open().await;
    put(&stage.management, marked(namespace("n"), &shop()), "windlass").await;
    stage
}

#[tokio::test]
async fn its_value_stays_when_we_were_its_only_owner() {
    let stage = stage().await;
    apply(&stage, deployment(3, "a", false), true).await;
    assert_eq!(owners(&stage).await, ["windlass"]);
    apply(&stage, deployment(5, "b", true), false).await;
    assert_eq!(size_and_image(&stage).await, (json!(3), json!("b")), "neither the default nor what the configuration says");
    assert!(owners(&stage).await.is_empty());
    // Nobody has to be overruled by whoever looks after it from now on.
    let theirs =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "n"}, "spec": {"replicas": 9}});
    stage.management.apply(&theirs, "autoscaler", Force::No, Persist::Yes).await.unwrap();
    apply(&stage, deployment(5, "c", true), false).await;
    assert_eq!(size_and_image(&stage).await, (json!(9), json!("c")));
    assert_eq!(owners(&stage).await, ["autoscaler"]);
}

#[tokio::test]
async fn it_is_sent_with_an_object_that_is_new_or_was_lost() {
    let stage = stage().await;
    apply(&stage, deployment(3, "a", true), true).await;
    assert_eq!((size_and_image(&stage).await, owners(&stage).await), ((json!(3), json!("a")), vec![]), "sent, and nobody's");
    stage.management.merge(&web(), &json!({"spec": {"replicas": 7}}), "kubectl-scale").await.unwrap();
    // An attempt that was broken off is repeated, and a later one changes something else.
    for (image, create) in [("a", true), ("b", false)] {
        apply(&stage, deployment(3, image, true), create).await;
        assert_eq!(size_and_image(&stage).await, (json!(7), json!(image)));
    }
    stage.management.delete(&web(), Default::default()).await.unwrap();
    apply(&stage, deployment(4, "b", true), false).await;
    assert_eq!((size_and_image(&stage).await, owners(&stage).await), ((json!(4), json!("b")), vec![]));
}

#[tokio::test]
async fn what_is_not_left_alone_any_more_is_ours_again() {
    let stage = stage().await;
    apply(&stage, deployment(3, "a", true), true).await;
    apply(&stage, deployment(3, "b", true), false).await;
    assert!(owners(&stage).await.is_empty());
    apply(&stage, deployment(4, "b", false), false).await;
    assert_eq!((size_and_image(&stage).await.0, owners(&stage).await), (json!(4), vec!["windlass".to_owned()]));
}

/// A controller writes its status again and again while fields are let go of: nothing of it is lost, and the apply comes to its end. Each conflict
/// is one of its writes.
#[tokio::test]
async fn whoever_writes_meanwhile_keeps_what_it_writes() {
    let stage = stage().await;
    apply(&stage, deployment(3, "a", false), true).await;
    let writes = async {
        for count in 0..10 {
            let patch = json!({"metadata": {"annotations": {"controller/count": count.to_string()}}});
            stage.management.merge(&web(), &patch, "controller").await.unwrap();
        }
    };
    tokio::join!(writes, apply(&stage, deployment(3, "b", true), false));
    assert_eq!((size_and_image(&stage).await, owners(&stage).await), ((json!(3), json!("b")), vec![]));
    let live = get(&stage.management, &web()).await.unwrap();
    assert_eq!(live["metadata"]["annotations"]["controller/count"], "9");
}
