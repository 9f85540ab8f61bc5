//! A layer applied by the engine: order, inventory, pruning; killed in between it is applied again.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Part};
use windlass_core::layer::LayerKind;
use windlass_core::plan::action::LayerContent;
use windlass_core::plan::{Action, PlannedObject};
use windlass_core::recorded::Effect;
use windlass_kube::kinds::ObjectRef;
use windlass_kube::layers::inventory;
use windlass_run::ports::StepError;
use windlass_sandbox_api::Faults;

use crate::stage::{Memory, Stage, get, marked, run, step};

fn shop() -> Address {
    "cluster.shop".parse().unwrap()
}

fn layer(objects: Vec<Json>) -> LayerContent {
    let address = shop().with(Part::Layer("base".into()));
    let planned = |object: Json| {
        let reference = ObjectRef::of(&object).unwrap();
        PlannedObject { key: reference.key(&shop()), api_version: reference.api_version, content: marked(object, &address), create: true }
    };
    LayerContent {
        name: "base".into(),
        kind: LayerKind::Addon,
        depends_on: Default::default(),
        objects: objects.into_iter().map(planned).collect(),
        digest: "sha256:1".into(),
        prune: vec![],
        takeovers: vec![],
        address,
        mode: "report".into(),
    }
}

fn crd() -> Json {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "toys.example.org"},
        "spec": {
            "group": "example.org", "scope": "Namespaced", "names": {"kind": "Toy", "listKind": "ToyList", "plural": "toys", "singular": "toy"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}],
        },
    })
}

fn toy() -> Json {
    json!({"apiVersion": "example.org/v1", "kind": "Toy", "metadata": {"name": "bear", "namespace": "play"}, "spec": {"soft": true}})
}

fn space() -> Json {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "play"}})
}

#[tokio::test]
async fn a_layer_is_applied_in_order_and_pruned_by_its_inventory() {
    let stage = Stage::open().await;
    let kube = stage.kube(&[&shop()]);
    let journal = Arc::new(Memory::default());
    // The custom resource stands first, and needs all that follows.
    let content = layer(vec![toy(), space(), crd()]);
    let apply = |layer| step(&shop(), Action::ApplyLayer { plane: shop(), layer });
    let done = run(&kube, &apply(content.clone()), &journal).await.unwrap();
    assert_eq!(done.effects.len(), 3);
    assert!(done.effects.iter().all(|effect| matches!(effect, Effect::Object { object, .. } if !object.uid.is_empty())));
    let listed = inventory::read(&stage.workload, "base").await.unwrap();
    assert_eq!(listed.len(), 3);
    assert!(listed.values().all(|uid| !uid.is_empty()));
    run(&kube, &apply(content), &journal).await.unwrap();

    run(&kube, &apply(layer(vec![space(), crd()])), &journal).await.unwrap();
    assert!(get(&stage.workload, &ObjectRef::of(&toy()).unwrap()).await.is_none(), "what is no longer rendered goes");
    assert_eq!(inventory::read(&stage.workload, "base").await.unwrap().len(), 2);

    let objects = layer(vec![space(), crd()]).objects;
    let objects = objects
        .into_iter()
        .map(|object| windlass_core::plan::action::DoomedObject { key: object.key, api_version: object.api_version, uid: None })
        .collect();
    run(&kube, &step(&shop(), Action::DeleteLayer { plane: shop(), layer: "base".into(), objects, later: Vec::new() }), &journal)
        .await
        .unwrap();
    assert!(get(&stage.workload, &ObjectRef::of(&space()).unwrap()).await.is_none());
    assert!(get(&stage.workload, &inventory::reference("base")).await.is_none());
}

#[tokio::test]
async fn waiting_for_many_objects_lists_each_kind_once() {
    let stage = Stage::open().await;
    let kube = stage.kube(&[&shop()]);
    let maps = |count: usize| {
        let map = |i| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("m{i}"), "namespace": "default"}});
        layer((0..count).map(map).collect())
    };
    let mut asked = Vec::new();
    for count in [10, 110, 10] {
        stage.sandboxes[1].fail(Faults::default());
        run(&kube, &step(&shop(), Action::ApplyLayer { plane: shop(), layer: maps(count) }), &Arc::new(Memory::default())).await.unwrap();
        asked.push(stage.sandboxes[1].requests());
    }
    let [ten, many, fewer] = asked[..] else { unreachable!("three rounds") };
    // Each is applied, new or not, and that is all; each of 100 that go is read, deleted, and looked for.
    assert!((95..105).contains(&(many - ten)), "{asked:?}");
    assert!((300..330).contains(&fewer), "{asked:?}");
}

#[tokio::test]
async fn after_a_refusal_nothing_more_of_the_layer_is_begun() {
    let stage = Stage::open().await;
    let kube = stage.kube(&[&shop()]);
    let map = |i| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("m{i:03}"), "namespace": "default"}});
    let mut objects: Vec<Json> = (0..100).map(map).collect();
    objects[3]["data"] = json!({"k": 1});
    let apply = step(&shop(), Action::ApplyLayer { plane: shop(), layer: layer(objects) });
    let error = run(&kube, &apply, &Arc::new(Memory::default())).await.unwrap_err();
    let StepError::Refused { summary, .. } = &error else { panic!("{error:?}") };
    assert!(summary.contains("ConfigMap default/m003"), "{summary}");
    let there = |i: usize| {
        let reference = ObjectRef::new("v1", "ConfigMap", Some("default"), &format!("m{i:03}"));
        let plane = stage.workload.clone();
        async move { get(&plane, &reference).await.is_some() }
    };
    assert!(there(0).await && !there(50).await && !there(99).await);
}

#[tokio::test]
async fn what_is_refused_for_good_fails_at_once() {
    let stage = Stage::open().await;
    let kube = stage.kube(&[&shop()]);
    let journal = Arc::new(Memory::default());
    let web = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "play"},
        "spec": {
            "selector": {"matchLabels": {"app": "other"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    });
    let begun = std::time::Instant::now();
    let error =
        run(&kube, &step(&shop(), Action::ApplyLayer { plane: shop(), layer: layer(vec![space(), web]) }), &journal).await.unwrap_err();
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    let StepError::Refused { summary, .. } = &error else { panic!("{error:?}") };
    assert!(summary.contains("Deployment play/web") && summary.contains("spec.template.metadata.labels"), "{summary}");
}
