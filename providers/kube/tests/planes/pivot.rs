//! The pivot between two planes: killed after each record, in both directions, and turned back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use windlass_core::plan::{Action, PivotSpec};
use windlass_core::recorded::Effect;
use windlass_kube::kinds::ObjectRef;
use windlass_run::ports::SecretLeaves;

use crate::cluster::{acknowledge, address, create, install_kinds, owners_live, pivot, snapshot};
use crate::stage::{Heard, Memory, Stage, get, put, run, run_telling, step};

/// Two planes with the kinds of Cluster API, whose controllers acknowledge pauses.
pub async fn stage() -> Stage {
    let stage = Stage::open().await;
    for plane in [&stage.management, &stage.workload] {
        install_kinds(plane).await;
        tokio::spawn(acknowledge(plane.clone()));
    }
    stage
}

fn back(pivot: &PivotSpec) -> PivotSpec {
    PivotSpec { from: pivot.to.clone(), to: pivot.from.clone(), ..pivot.clone() }
}

fn cluster(name: &str) -> ObjectRef {
    ObjectRef::new("cluster.x-k8s.io/v1beta2", "Cluster", Some(name), name)
}

/// Names of what a journal says has moved.
pub fn moved(journal: &Memory) -> Vec<String> {
    let mut names: Vec<String> = journal
        .effects()
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::ObjectMoved { key, .. } if key.kind != "Namespace" => Some(key.short()),
            _ => None,
        })
        .collect();
    names.sort();
    names
}

pub fn names(objects: &[ObjectRef]) -> Vec<String> {
    objects.iter().map(ObjectRef::short).collect::<BTreeSet<_>>().into_iter().collect()
}

#[tokio::test]
async fn a_cluster_moves_and_comes_back() {
    let stage = stage().await;
    let objects = create(&stage, "shop").await;
    let before = snapshot(&stage.management, &objects).await;
    assert_eq!(before.len(), objects.len());
    let there = pivot("shop");
    let kube = stage.kube(&[&there.cluster]);

    let journal = Arc::new(Memory::default());
    run(&kube, &step(&there.cluster, Action::Pivot { pivot: there.clone() }), &journal).await.unwrap();
    assert_eq!(snapshot(&stage.workload, &objects).await, before);
    assert!(owners_live(&stage.workload, &objects).await);
    assert!(snapshot(&stage.management, &objects).await.is_empty(), "nothing is left on the source");
    assert_eq!(moved(&journal), names(&objects));
    let live = get(&stage.workload, &cluster("shop")).await.unwrap();
    assert!(live["spec"].get("paused").is_none() && live["metadata"]["annotations"].get("windlass.dev/pivot-copy-of").is_none());
    let identity = ObjectRef::new("infrastructure.cluster.x-k8s.io/v1beta2", "AWSClusterStaticIdentity", None, "main");
    let credentials = ObjectRef::new("v1", "Secret", Some("capa-system"), "creds");
    for shared in [&identity, &credentials] {
        for plane in [&stage.management, &stage.workload] {
            assert!(get(plane, shared).await.is_some(), "{} on {}", shared.short(), plane.address);
        }
    }
    let access = get(&stage.management, &ObjectRef::new("v1", "Secret", Some("windlass-system"), "windlass-access-shop")).await;
    assert!(access.is_some(), "the way in is kept");
    let text = format!("{:?}", journal.records());
    for canary in ["canary-bootstrap-token", "aHVudGVyMg==", "hunter2"] {
        assert!(!text.contains(canary), "{canary} stands in the journal");
    }
    // Twice is once.
    let again = run(&kube, &step(&there.cluster, Action::Pivot { pivot: there.clone() }), &Arc::new(Memory::default())).await.unwrap();
    assert!(again.effects.is_empty());
    assert_eq!(snapshot(&stage.workload, &objects).await, before);

    let journal = Arc::new(Memory::default());
    run(&kube, &step(&there.cluster, Action::Pivot { pivot: back(&there) }), &journal).await.unwrap();
    assert_eq!(snapshot(&stage.management, &objects).await, before);
    assert!(owners_live(&stage.management, &objects).await);
    assert!(snapshot(&stage.workload, &objects).await.is_empty());
    assert_eq!(moved(&journal), names(&objects));
}

#[tokio::test]
async fn killed_after_any_record_it_goes_on_and_ends_the_same() {
    let stage = stage().await;
    let mut record = 0;
    loop {
        let name = format!("c{record}");
        let objects = create(&stage, &name).await;
        let before = snapshot(&stage.management, &objects).await;
        let there = pivot(&name);
        let journal = Memory::failing_at(record);
        let step = step(&there.cluster, Action::Pivot { pivot: there.clone() });
        let first = run(&stage.kube(&[&there.cluster]), &step, &journal).await;
        let killed = first.is_err();
        if let Err(error) = first {
            assert_eq!(error.to_string(), "the state could not be written: the process was killed");
            journal.revive();
            run(&stage.kube(&[&there.cluster]), &step, &journal).await.unwrap_or_else(|error| panic!("record {record}: {error}"));
        }
        assert_eq!(snapshot(&stage.workload, &objects).await, before, "record {record}");
        assert!(owners_live(&stage.workload, &objects).await, "record {record}");
        assert!(snapshot(&stage.management, &objects).await.is_empty(), "record {record}: something is left");
        assert_eq!(moved(&journal), names(&objects), "record {record}");
        if !killed {
            assert!(record > 40, "only {record} records");
            return;
        }
        // The beginning record by record, the rest in steps that meet every kind of record.
        record += if record < 5 { 1 } else { 7 };
    }
}

#[tokio::test]
async fn an_old_copy_of_the_journal_touches_nothing_of_a_pivot_that_went_on() {
    let stage = stage().await;
    for record in [1, 5, 14] {
        let name = format!("o{record}");
        let objects = create(&stage, &name).await;
        let before = snapshot(&stage.management, &objects).await;
        let there = pivot(&name);
        let kube = stage.kube(&[&there.cluster]);
        let forward = step(&there.cluster, Action::Pivot { pivot: there.clone() });
        let journal = Memory::failing_at(record);
        run(&kube, &forward, &journal).await.unwrap_err();
        let copy = journal.copy();
        journal.revive();
        run(&kube, &forward, &journal).await.unwrap();
        let refused = run(&kube, &forward, &copy).await.unwrap_err().to_string();
        assert!(refused.contains("is no longer the one on management.m"), "record {record}: {refused}");
        assert_eq!(snapshot(&stage.workload, &objects).await, before, "record {record}: the living cluster was touched");
        let live = get(&stage.workload, &cluster(&name)).await.unwrap();
        assert!(live["spec"].get("paused").is_none(), "record {record}: it was paused");
    }
}

#[tokio::test]
async fn what_has_not_switched_is_turned_back() {
    let stage = stage().await;
    for record in [0, 1, 2, 5, 9, 14] {
        let name = format!("b{record}");
        let objects = create(&stage, &name).await;
        let before = snapshot(&stage.management, &objects).await;
        let there = pivot(&name);
        let kube = stage.kube(&[&there.cluster]);
        let forward = step(&address(&name), Action::Pivot { pivot: there.clone() });
        run(&kube, &forward, &Memory::failing_at(record)).await.unwrap_err();
        let turned = step(&address(&name), Action::Pivot { pivot: back(&there) });
        run(&kube, &turned, &Arc::new(Memory::default())).await.unwrap_or_else(|error| panic!("record {record}: {error}"));
        assert_eq!(snapshot(&stage.management, &objects).await, before, "record {record}");
        assert!(snapshot(&stage.workload, &objects).await.is_empty(), "record {record}: a copy is left");
        let live = get(&stage.management, &cluster(&name)).await.unwrap();
        assert!(live["spec"].get("paused").is_none(), "record {record}: still paused");
    }
}

#[tokio::test]
async fn what_stands_in_the_way_on_the_target_is_named_and_nothing_is_touched() {
    let stage = stage().await;
    let objects = create(&stage, "shop").await;
    let before = snapshot(&stage.management, &objects).await;
    put(&stage.workload, crate::stage::namespace("shop"), "kubectl").await;
    let foreign = json!({
        "apiVersion": "infrastructure.cluster.x-k8s.io/v1beta2", "kind": "AWSMachineTemplate", "metadata": {"name": "t", "namespace": "shop"},
        "spec": {"template": {"spec": {"instanceType": "other"}}},
    });
    put(&stage.workload, foreign, "kubectl").await;
    let there = pivot("shop");
    let kube = stage.kube(&[&there.cluster]);
    let error = run(&kube, &step(&there.cluster, Action::Pivot { pivot: there.clone() }), &Arc::new(Memory::default())).await.unwrap_err();
    assert_eq!(error.to_string(), "AWSMachineTemplate shop/t exists already on cluster.shop");
    assert_eq!(snapshot(&stage.management, &objects).await, before);
    let live = get(&stage.management, &cluster("shop")).await.unwrap();
    assert!(live["spec"].get("paused").is_none());
}

/// A machine more, which somebody deletes and its controller's finalizer holds.
async fn lose_a_machine(stage: &Stage, cluster: &str) -> ObjectRef {
    let machine = json!({
        "apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Machine",
        "metadata": {
            "name": "extra", "namespace": cluster, "labels": {"cluster.x-k8s.io/cluster-name": cluster}, "finalizers": ["machine.cluster.x-k8s.io"],
        },
        "spec": {"clusterName": cluster, "bootstrap": {"dataSecretName": "b"},
            "infrastructureRef": {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "AWSMachine", "name": "extra"}},
    });
    let reference = ObjectRef::of(&put(&stage.management, machine, "capi").await).unwrap();
    stage.management.delete(&reference, Default::default()).await.unwrap();
    reference
}

async fn let_go(stage: &Stage, object: &ObjectRef) {
    stage.management.merge(object, &json!({"metadata": {"finalizers": null}}), "capi").await.unwrap();
}

async fn is_paused(stage: &Stage, name: &str) -> bool {
    get(&stage.management, &cluster(name)).await.is_some_and(|live| live["spec"]["paused"] == true)
}

#[tokio::test]
async fn a_machine_that_goes_is_waited_for_before_its_cluster_is_paused() {
    let stage = stage().await;
    let objects = create(&stage, "shop").await;
    let machine = lose_a_machine(&stage, "shop").await;
    let there = pivot("shop");
    let kube = stage.kube(&[&there.cluster]);
    let moves = step(&there.cluster, Action::Pivot { pivot: there.clone() });
    let journal = Arc::new(Memory::default());
    let heard = Arc::new(Heard::default());
    let pivot = run_telling(&kube, &moves, &journal, SecretLeaves::default(), &heard);
    let freed = async {
        while heard.lines().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!is_paused(&stage, "shop").await, "who is paused deletes no machine");
        let_go(&stage, &machine).await;
    };
    tokio::join!(async { pivot.await.unwrap() }, freed);
    let said = heard.lines().concat();
    assert!(
        said.starts_with("what is being deleted of Cluster shop/shop on management.m to be gone: Machine extra is being deleted"),
        "{said}"
    );
    assert_eq!(moved(&journal), names(&objects));
}

#[tokio::test]
async fn a_machine_lost_while_its_cluster_comes_to_a_stop_is_let_go_first() {
    let stage = Stage::open().await;
    for plane in [&stage.management, &stage.workload] {
        install_kinds(plane).await;
    }
    let objects = create(&stage, "shop").await;
    let there = pivot("shop");
    let kube = stage.kube(&[&there.cluster]);
    let moves = step(&there.cluster, Action::Pivot { pivot: there.clone() });
    let journal = Arc::new(Memory::default());
    let until_paused = async |wanted: bool| {
        while is_paused(&stage, "shop").await != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let deleted_in_between = async {
        until_paused(true).await;
        let machine = lose_a_machine(&stage, "shop").await;
        let controllers = tokio::spawn(acknowledge(stage.management.clone()));
        until_paused(false).await;
        let_go(&stage, &machine).await;
        controllers.abort_handle()
    };
    let (_, controllers) = tokio::join!(async { run(&kube, &moves, &journal).await.unwrap() }, deleted_in_between);
    controllers.abort();
    assert_eq!(moved(&journal), names(&objects));
}

#[tokio::test]
async fn stopped_controllers_need_not_acknowledge_a_pause() {
    let stage = Stage::open().await;
    for plane in [&stage.management, &stage.workload] {
        install_kinds(plane).await;
    }
    let objects = create(&stage, "shop").await;
    let there = pivot("shop");
    // A manager that is scaled to none, as its controller has seen.
    let labels = json!({"app": "capa"});
    let manager = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "capa-controller-manager", "namespace": "capa-system"},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "manager", "image": "i"}]}}},
    });
    let live = put(&stage.management, manager, "windlass").await;
    let status = json!({"status": {"observedGeneration": live["metadata"]["generation"]}});
    stage.management.merge_status(&ObjectRef::of(&live).unwrap(), &status, "kcm").await.unwrap();
    let kube = stage.kube(&[&there.cluster]);
    run(&kube, &step(&there.cluster, Action::Pivot { pivot: there.clone() }), &Arc::new(Memory::default())).await.unwrap();
    assert_eq!(snapshot(&stage.workload, &objects).await.len(), objects.len());
}
