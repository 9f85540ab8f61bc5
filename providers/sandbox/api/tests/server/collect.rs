//! Garbage collection and the deletion of namespaces.

use serde_json::{Value, json};

use crate::selfmade::{Reply, World, world};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn map(world: &World, name: &str, owners: Value) -> Value {
    let reply = world.post(MAPS, &json!({"metadata": {"name": name, "ownerReferences": owners}})).await;
    assert_eq!(reply.code, 201, "{}", reply.body);
    reply.body
}

fn owner(object: &Value, block: bool) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "name": object["metadata"]["name"], "uid": object["metadata"]["uid"],
        "blockOwnerDeletion": block,
    })
}

async fn delete(world: &World, name: &str, policy: &str) -> u16 {
    let body = json!({"propagationPolicy": policy}).to_string();
    world.send("DELETE", &format!("{MAPS}/{name}"), &[("content-type", "application/json")], &body).await.code
}

#[tokio::test]
async fn dependents_follow_their_owner_in_the_background() {
    let world = world().await;
    let top = map(&world, "top", json!([])).await;
    let middle = map(&world, "middle", json!([owner(&top, false)])).await;
    map(&world, "leaf", json!([owner(&middle, false)])).await;
    assert_eq!(delete(&world, "top", "Background").await, 200);
    world.until(&format!("{MAPS}/leaf"), 404).await;
    assert_eq!(world.get(&format!("{MAPS}/middle")).await.code, 404);
}

#[tokio::test]
async fn a_second_owner_keeps_a_dependent() {
    let world = world().await;
    let one = map(&world, "one", json!([])).await;
    let two = map(&world, "two", json!([])).await;
    map(&world, "child", json!([owner(&one, false), owner(&two, false)])).await;
    delete(&world, "one", "Background").await;
    for _ in 0..200 {
        let child = world.get(&format!("{MAPS}/child")).await;
        assert_eq!(child.code, 200);
        if child.at("/metadata/ownerReferences").as_array().unwrap().len() == 1 {
            assert_eq!(child.text("/metadata/ownerReferences/0/name"), "two");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the reference to the deleted owner stayed");
}

#[tokio::test]
async fn a_dependent_of_nobody_is_collected() {
    let world = world().await;
    let ghost = json!({"metadata": {"name": "ghost", "uid": "00000000-0000-0000-0000-000000000000"}});
    world.post(MAPS, &json!({"metadata": {"name": "child", "ownerReferences": [owner(&ghost, false)]}})).await;
    world.until(&format!("{MAPS}/child"), 404).await;
    let unknown = json!([{"apiVersion": "no.io/v1", "kind": "Nothing", "name": "x", "uid": "u"}]);
    map(&world, "kept", unknown).await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(world.get(&format!("{MAPS}/kept")).await.code, 200, "an owner of an unknown kind may exist");
}

#[tokio::test]
async fn foreground_waits_for_dependents_that_block() {
    let world = world().await;
    let top = map(&world, "top", json!([])).await;
    let held = json!({"metadata": {"name": "held", "finalizers": ["a.io/hold"], "ownerReferences": [owner(&top, true)]}});
    world.post(MAPS, &held).await;
    map(&world, "loose", json!([owner(&top, false)])).await;
    assert_eq!(delete(&world, "top", "Foreground").await, 200);
    for _ in 0..200 {
        if !world.get(&format!("{MAPS}/held")).await.text("/metadata/deletionTimestamp").is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let top = world.get(&format!("{MAPS}/top")).await;
    assert_eq!((top.code, top.at("/metadata/finalizers")), (200, &json!(["foregroundDeletion"])));
    world.merge(&format!("{MAPS}/held"), &json!({"metadata": {"finalizers": null}})).await;
    world.until(&format!("{MAPS}/top"), 404).await;
    world.until(&format!("{MAPS}/loose"), 404).await;
}

#[tokio::test]
async fn orphans_stay_without_their_owner() {
    let world = world().await;
    let top = map(&world, "top", json!([])).await;
    map(&world, "child", json!([owner(&top, true)])).await;
    assert_eq!(delete(&world, "top", "Orphan").await, 200);
    world.until(&format!("{MAPS}/top"), 404).await;
    let child = world.get(&format!("{MAPS}/child")).await;
    assert_eq!((child.code, child.at("/metadata/ownerReferences")), (200, &Value::Null));
}

#[tokio::test]
async fn a_namespace_goes_after_its_objects() {
    let world = world().await;
    world.post("/api/v1/namespaces", &json!({"metadata": {"name": "n"}})).await;
    let maps = "/api/v1/namespaces/n/configmaps";
    for index in 0..20 {
        world.post(maps, &json!({"metadata": {"name": format!("m{index}")}})).await;
    }
    world.post(maps, &json!({"metadata": {"name": "held", "finalizers": ["a.io/hold"]}})).await;
    let marked = world.delete("/api/v1/namespaces/n").await;
    assert_eq!((marked.code, marked.text("/status/phase")), (200, "Terminating"));
    let refused = world.post(maps, &json!({"metadata": {"name": "late"}})).await;
    assert_eq!(
        (refused.code, refused.text("/message")),
        (403, "configmaps \"late\" is forbidden: unable to create new content in namespace n because it is being terminated")
    );
    world.until(&format!("{maps}/m19"), 404).await;
    let remains = |found: &Reply| found.at("/status/conditions/3/status") == "True";
    let found = world.until_so("/api/v1/namespaces/n", remains).await;
    let conditions: Vec<[&str; 4]> = found
        .at("/status/conditions")
        .as_array()
        .unwrap()
        .iter()
        .map(|one| ["type", "status", "reason", "message"].map(|field| one[field].as_str().unwrap()))
        .collect();
    let all = "All content successfully deleted, may be waiting on finalization";
    let expected = [
        ["NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", "All resources successfully discovered"],
        ["NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions", "All legacy kube types successfully parsed"],
        ["NamespaceDeletionContentFailure", "False", "ContentDeleted", all],
        ["NamespaceContentRemaining", "True", "SomeResourcesRemain", "Some resources are remaining: configmaps. has 1 resource instances"],
        [
            "NamespaceFinalizersRemaining",
            "True",
            "SomeFinalizersRemain",
            "Some content in the namespace has finalizers remaining: a.io/hold in 1 resource instances",
        ],
    ];
    assert_eq!(conditions, expected);
    world.merge(&format!("{maps}/held"), &json!({"metadata": {"finalizers": []}})).await;
    world.until("/api/v1/namespaces/n", 404).await;
    assert_eq!(world.delete("/api/v1/namespaces/kube-system").await.code, 403);
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let world = world().await;
    for (name, tier) in [("a", "x"), ("b", "x"), ("c", "y")] {
        world.post(MAPS, &json!({"metadata": {"name": name, "labels": {"tier": tier}}})).await;
    }
    let reply = world.delete(&format!("{MAPS}?labelSelector=tier%3Dx")).await;
    assert_eq!((reply.code, reply.at("/items").as_array().unwrap().len()), (200, 2));
    let left = world.get(&format!("{MAPS}?labelSelector=tier")).await;
    assert_eq!(left.at("/items").as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_running_pod_waits_for_its_kubelet_or_the_end_of_its_node() {
    let world = world().await;
    let pods = "/api/v1/namespaces/default/pods";
    world.post("/api/v1/nodes", &json!({"metadata": {"name": "n"}})).await;
    for name in ["bound", "orphaned", "free"] {
        let pod = json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
        assert_eq!(world.post(pods, &pod).await.code, 201);
    }
    for name in ["bound", "orphaned"] {
        let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": {"kind": "Node", "name": "n"}});
        assert_eq!(world.post(&format!("{pods}/{name}/binding"), &binding).await.code, 201);
        assert_eq!(world.post(&format!("{pods}/{name}/binding"), &binding).await.code, 409);
    }
    assert_eq!(world.delete(&format!("{pods}/free")).await.text("/status"), "Success");
    for name in ["bound", "orphaned"] {
        let marked = world.delete(&format!("{pods}/{name}")).await;
        assert_eq!(marked.at("/metadata/deletionGracePeriodSeconds"), &json!(30));
        assert_eq!(marked.text("/metadata/deletionTimestamp"), "2026-01-02T03:04:35Z");
    }
    let now = json!({"gracePeriodSeconds": 0}).to_string();
    let done = world.send("DELETE", &format!("{pods}/bound"), &[("content-type", "application/json")], &now).await;
    assert_eq!(done.code, 200);
    assert_eq!(world.get(&format!("{pods}/bound")).await.code, 404);
    world.delete("/api/v1/nodes/n").await;
    world.until(&format!("{pods}/orphaned"), 404).await;
}
