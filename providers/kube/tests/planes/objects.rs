//! Apply, prune and delete against a server: whose things are touched, and in which words it is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::plan::action::{DoomedObject, Takeover};
use windlass_core::plan::{Action, PlannedObject};
use windlass_core::recorded::Effect;
use windlass_kube::kinds::ObjectRef;
use windlass_kube::plane::{Force, Persist};
use windlass_run::ports::{Ensured, SecretLeaves};
use windlass_sandbox_api::{Faults, Turn};

use crate::only_new;
use crate::stage::{Memory, Stage, get, management, marked, namespace, put, run, run_with, step};

fn planned(object: Json, address: &Address, create: bool) -> PlannedObject {
    let reference = ObjectRef::of(&object).unwrap();
    PlannedObject { key: reference.key(&management()), api_version: reference.api_version, content: marked(object, address), create }
}

fn map(name: &str, data: Json) -> Json {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "n"}, "data": data})
}

fn apply(objects: Vec<PlannedObject>, takeovers: Vec<Takeover>, prune: Vec<DoomedObject>) -> Action {
    Action::Apply { plane: management(), objects, takeovers, prune }
}

#[tokio::test]
async fn objects_are_applied_once_and_never_over_others() {
    let stage = Stage::open().await;
    let kube = stage.kube(&[]);
    let shop: Address = "cluster.shop".parse().unwrap();
    let objects = vec![planned(namespace("n"), &shop, true), planned(map("ours", json!({"a": "1"})), &shop, true)];
    let step_one = step(&shop, apply(objects.clone(), vec![], vec![]));
    let journal = Arc::new(Memory::default());
    let first = run(&kube, &step_one, &journal).await.unwrap();
    assert_eq!(first.ensured, Ensured::Added);
    let uid = get(&stage.management, &ObjectRef::new("v1", "ConfigMap", Some("n"), "ours")).await.unwrap()["metadata"]["uid"].clone();
    assert!(matches!(&first.effects[1], Effect::Object { object, .. } if uid == json!(object.uid) && object.resource == shop));
    assert_eq!(run(&kube, &step_one, &journal).await.unwrap().ensured, Ensured::NotNeeded);

    let foreign = put(&stage.management, map("foreign", json!({"a": "1"})), "kubectl").await;
    let step_two = step(&shop, apply(vec![planned(map("foreign", json!({"a": "1"})), &shop, true)], vec![], vec![]));
    let error = run(&kube, &step_two, &journal).await.unwrap_err().to_string();
    assert_eq!(error, "ConfigMap n/foreign exists already on management.m, and windlass did not make it: it was written by kubectl");
    let left = get(&stage.management, &ObjectRef::new("v1", "ConfigMap", Some("n"), "foreign")).await.unwrap();
    assert_eq!(left, foreign, "it was not touched");
    let pool: Address = "cluster.other".parse().unwrap();
    let error =
        run(&kube, &step(&pool, apply(vec![planned(map("ours", json!({})), &pool, true)], vec![], vec![])), &journal).await.unwrap_err();
    assert!(error.to_string().ends_with("it belongs to cluster.shop of this state"), "{error}");
}

#[tokio::test]
async fn what_is_there_is_not_touched_by_what_should_be_new() {
    only_new::check(&Stage::open().await.management).await;
}

#[tokio::test]
async fn a_new_object_whose_answer_was_lost_is_known_again() {
    let stage = Stage::open().await;
    let kube = stage.kube(&[]);
    let shop: Address = "cluster.shop".parse().unwrap();
    put(&stage.management, marked(namespace("n"), &shop), "windlass").await;
    let apply = step(&shop, apply(vec![planned(map("m", json!({"a": "1"})), &shop, true)], vec![], vec![]));
    // Made, and not heard of; made again, which is refused; looked at, and found to be ours.
    stage.sandboxes[0].fail(Faults { close_after: 1.0, turn: Some(Turn { of: 4, at: 0 }), ..Faults::default() });
    let done = run(&kube, &apply, &Arc::new(Memory::default())).await.unwrap();
    assert_eq!(stage.sandboxes[0].requests(), 4);
    assert_eq!(done.ensured, Ensured::NotNeeded);
    stage.sandboxes[0].fail(Faults::default());
    let another = marked(map("m", json!({"a": "1"})), &"cluster.other".parse().unwrap());
    assert!(stage.management.apply_new(&another, "windlass").await.unwrap().is_none());
}

#[tokio::test]
async fn fields_of_others_are_taken_only_if_the_plan_says_so() {
    let stage = Stage::open().await;
    let kube = stage.kube(&[]);
    let shop: Address = "cluster.shop".parse().unwrap();
    let journal = Arc::new(Memory::default());
    let object = |value: &str, create| planned(map("m", json!({"a": value})), &shop, create);
    run(&kube, &step(&shop, apply(vec![planned(namespace("n"), &shop, true), object("1", true)], vec![], vec![])), &journal).await.unwrap();
    stage.management.apply(&map("m", json!({"a": "2"})), "kubectl", Force::Yes, Persist::Yes).await.unwrap();

    let error = run(&kube, &step(&shop, apply(vec![object("1", false)], vec![], vec![])), &journal).await.unwrap_err().to_string();
    assert_eq!(error, "ConfigMap n/m on management.m: data.a is owned by kubectl");
    let take = Takeover { key: object("1", false).key, path: "data.a".into(), manager: "kubectl".into() };
    run(&kube, &step(&shop, apply(vec![object("1", false)], vec![take], vec![])), &journal).await.unwrap();
    let live = get(&stage.management, &ObjectRef::new("v1", "ConfigMap", Some("n"), "m")).await.unwrap();
    assert_eq!(live["data"]["a"], "1");
}

#[tokio::test]
async fn only_what_is_meant_is_deleted() {
    let stage = Stage::open().await;
    let kube = stage.kube(&[]);
    let shop: Address = "cluster.shop".parse().unwrap();
    let journal = Arc::new(Memory::default());
    put(&stage.management, marked(namespace("n"), &shop), "windlass").await;
    let ours = put(&stage.management, marked(map("ours", json!({})), &shop), "windlass").await;
    put(&stage.management, map("foreign", json!({})), "kubectl").await;
    let doomed = |name: &str, kind: &str, uid: Option<&str>| DoomedObject {
        key: ObjectRef::new("v1", kind, (kind != "Namespace").then_some("n"), name).key(&management()),
        api_version: "v1".into(),
        uid: uid.map(str::to_owned),
    };
    let delete = |objects| step(&shop, Action::Delete { plane: management(), objects });
    let there = |name: &'static str| get(&stage.management, Box::leak(Box::new(ObjectRef::new("v1", "ConfigMap", Some("n"), name))));

    let error = run(&kube, &delete(vec![doomed("foreign", "ConfigMap", None)]), &journal).await.unwrap_err().to_string();
    assert_eq!(error, "ConfigMap n/foreign on management.m is not marked as ours and is not deleted");
    let error = run(&kube, &delete(vec![doomed("n", "Namespace", None)]), &journal).await.unwrap_err().to_string();
    assert_eq!(error, "Namespace n on management.m holds objects that are not ours: ConfigMap n/foreign");
    // A namesake of what was recorded is another object.
    run(&kube, &delete(vec![doomed("ours", "ConfigMap", Some("other-uid"))]), &journal).await.unwrap();
    assert!(there("ours").await.is_some());
    let gone = run(&kube, &delete(vec![doomed("ours", "ConfigMap", ours["metadata"]["uid"].as_str())]), &journal).await.unwrap();
    assert_eq!(gone.ensured, Ensured::Updated);
    assert!(matches!(gone.effects[0], Effect::ObjectGone { .. }));
    assert!(there("ours").await.is_none() && there("foreign").await.is_some());
    run(&kube, &delete(vec![doomed("ours", "ConfigMap", None)]), &journal).await.unwrap();

    // A namespace that others use stays when leftovers are removed, and goes when nobody does.
    let leftovers = step(&shop, Action::RemoveLeftovers { plane: management(), objects: vec![doomed("n", "Namespace", None)] });
    let kept = run(&kube, &leftovers, &journal).await.unwrap();
    assert_eq!(kept.evidence["kept"], json!(["Namespace n"]));
    stage.management.delete(&ObjectRef::new("v1", "ConfigMap", Some("n"), "foreign"), Default::default()).await.unwrap();
    run(&kube, &leftovers, &journal).await.unwrap();
    assert!(get(&stage.management, &ObjectRef::new("v1", "Namespace", None, "n")).await.is_none());
}

/// What the garbage collector is about to take is no use of a Namespace; what it will keep is.
#[tokio::test]
async fn leftovers_do_not_wait_for_the_garbage_collector() {
    let stage = Stage::open().await;
    let kube = stage.kube(&[]);
    let shop: Address = "cluster.shop".parse().unwrap();
    let journal = Arc::new(Memory::default());
    let owned = |name: &str, owners: &[(&str, &str, &str)]| {
        let owners: Vec<Json> = owners
            .iter()
            .map(|(kind, owner, uid)| json!({"apiVersion": if *kind == "Thing" { "nobody.example/v1" } else { "v1" }, "kind": kind, "name": owner, "uid": uid}))
            .collect();
        let mut object = map(name, json!({}));
        object["metadata"]["ownerReferences"] = json!(owners);
        object
    };
    let leftovers = || {
        let key = ObjectRef::new("v1", "Namespace", None, "n").key(&management());
        let namespace = DoomedObject { key, api_version: "v1".into(), uid: None };
        step(&shop, Action::RemoveLeftovers { plane: management(), objects: vec![namespace] })
    };
    put(&stage.management, marked(namespace("n"), &shop), "windlass").await;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}});
    let node = put(&stage.management, node, "kubelet").await["metadata"]["uid"].as_str().unwrap().to_owned();
    let garbage = put(&stage.management, owned("garbage", &[("ConfigMap", "gone", "0")]), "kcp").await;
    put(&stage.management, owned("of-garbage", &[("ConfigMap", "garbage", garbage["metadata"]["uid"].as_str().unwrap())]), "kcp").await;
    for (name, owners) in [
        ("of-a-node", vec![("Node", "node", node.as_str())]),
        ("of-both", vec![("ConfigMap", "gone", "0"), ("Node", "node", node.as_str())]),
        ("of-a-kind-that-nobody-serves", vec![("Thing", "x", "0")]),
    ] {
        let reference = ObjectRef::new("v1", "ConfigMap", Some("n"), name);
        put(&stage.management, owned(name, &owners), "kcp").await;
        let kept = run(&kube, &leftovers(), &journal).await.unwrap();
        assert_eq!(kept.evidence["kept"], json!(["Namespace n"]), "{name}");
        stage.management.delete(&reference, Default::default()).await.unwrap();
    }
    let done = run(&kube, &leftovers(), &journal).await.unwrap();
    assert_eq!(done.evidence["kept"], json!([]));
    assert!(get(&stage.management, &ObjectRef::new("v1", "Namespace", None, "n")).await.is_none());
}

#[tokio::test]
async fn what_no_update_puts_right_makes_way_for_what_is_applied_next() {
    let stage = Stage::open().await;
    let kube = stage.kube(&[]);
    let shop: Address = "cluster.shop".parse().unwrap();
    let journal = Arc::new(Memory::default());
    let binding = |role: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}, "subjects": [],
        })
    };
    let reference = ObjectRef::of(&binding("view")).unwrap();
    // Somebody has put an object without our marks in the place of ours.
    let other = put(&stage.management, binding("cluster-admin"), "kubectl").await;
    let again = step(&shop, apply(vec![planned(binding("view"), &shop, false)], vec![], vec![]));
    let error = run(&kube, &again, &journal).await.unwrap_err().to_string();
    assert!(error.contains("ClusterRoleBinding reader"), "{error}");

    let make_way = |uid: &Json| {
        let uid = uid.as_str().map(str::to_owned);
        let doomed = DoomedObject { key: reference.key(&management()), api_version: reference.api_version.clone(), uid };
        step(&shop, Action::MakeWay { plane: management(), objects: vec![doomed] })
    };
    // Only the one that the plan has read.
    run(&kube, &make_way(&json!("another-uid")), &journal).await.unwrap();
    assert!(get(&stage.management, &reference).await.is_some());
    let gone = run(&kube, &make_way(&other["metadata"]["uid"]), &journal).await.unwrap();
    assert_eq!((gone.ensured, gone.effects.len()), (Ensured::Updated, 0), "the state keeps it");
    run(&kube, &again, &journal).await.unwrap();
    assert_eq!(get(&stage.management, &reference).await.unwrap()["roleRef"]["name"], "view");
    assert_eq!(run(&kube, &make_way(&other["metadata"]["uid"]), &journal).await.unwrap().ensured, Ensured::NotNeeded);
}

#[tokio::test]
async fn secrets_are_filled_in_and_never_told() {
    let stage = Stage::open().await;
    let kube = stage.kube(&[]);
    let shop: Address = "cluster.shop".parse().unwrap();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"},
        "data": {"k": {"$wl": "secret", "digest": "hmac-sha256:0", "source": "cluster.shop.k"}},
    });
    let objects = vec![planned(namespace("n"), &shop, true), planned(secret, &shop, true)];
    let leaves = SecretLeaves::new(BTreeMap::from([("cluster.shop.k".to_owned(), json!("aHVudGVyMg=="))]));
    let journal = Arc::new(Memory::default());
    let done = run_with(&kube, &step(&shop, apply(objects, vec![], vec![])), &journal, leaves).await.unwrap();
    let live = get(&stage.management, &ObjectRef::new("v1", "Secret", Some("n"), "s")).await.unwrap();
    assert_eq!(live["data"]["k"], "aHVudGVyMg==");
    assert!(!format!("{done:?}").contains("aHVudGVyMg=="));
}
