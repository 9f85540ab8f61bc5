//! Answers that pass by themselves: whichever request they hit, the step ends as if they had not been; what is final is not asked again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::plan::{Action, PlannedObject};
use windlass_kube::kinds::ObjectRef;
use windlass_kube::pivot::strip::entries_of_main_resource;
use windlass_run::ports::{SecretLeaves, StepError};
use windlass_sandbox_api::{Faults, Turn};

use crate::cluster::{create, owners_live, pivot, snapshot};
use crate::pivot::{moved, names, stage};
use crate::stage::{Memory, Stage, get, management, marked, namespace, put, run, run_heard, step};

/// In each round one request of so many is hit.
const ROUND: u64 = 12;

fn fail(stage: &Stage, faults: &Faults) {
    stage.sandboxes.iter().for_each(|sandbox| sandbox.fail(faults.clone()));
}

#[tokio::test]
async fn whichever_request_of_a_pivot_is_hit_it_ends_the_same() {
    let stage = stage().await;
    let shared = [
        ObjectRef::new("infrastructure.cluster.x-k8s.io/v1beta2", "AWSClusterStaticIdentity", None, "main"),
        ObjectRef::new("v1", "Secret", Some("capa-system"), "creds"),
    ];
    for at in 0..ROUND {
        let place = format!("request {at} of {ROUND}");
        let name = format!("f{at}");
        let objects = create(&stage, &name).await;
        let before = snapshot(&stage.management, &objects).await;
        let there = pivot(&name);
        let journal = Arc::new(Memory::default());
        // Which of them is drawn by the seed and the request's number.
        let faults = Faults {
            seed: 1,
            too_many_requests: 0.02,
            internal_error: 0.33,
            conflict: 0.25,
            close_before: 0.15,
            close_after: 0.25,
            turn: Some(Turn { of: ROUND, at }),
            ..Faults::default()
        };
        fail(&stage, &faults);
        let moving = step(&there.cluster, Action::Pivot { pivot: there.clone() });
        let done = run(&stage.kube(&[&there.cluster]), &moving, &journal).await;
        fail(&stage, &Faults::default());
        done.unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(snapshot(&stage.workload, &objects).await, before, "{place}");
        assert!(owners_live(&stage.workload, &objects).await, "{place}");
        assert!(snapshot(&stage.management, &objects).await.is_empty(), "{place}: something is left");
        assert_eq!(moved(&journal), names(&objects), "{place}");
        for reference in &shared {
            let (ours, theirs) = (get(&stage.management, reference).await.unwrap(), get(&stage.workload, reference).await.unwrap());
            assert_eq!(entries_of_main_resource(&ours), entries_of_main_resource(&theirs), "{place}: owners of {}", reference.short());
            // The next round copies it again.
            stage.workload.delete(reference, Default::default()).await.unwrap();
        }
    }
}

fn planned(object: Json, address: &Address, create: bool) -> PlannedObject {
    let reference = ObjectRef::of(&object).unwrap();
    PlannedObject { key: reference.key(&management()), api_version: reference.api_version, content: marked(object, address), create }
}

fn apply(objects: Vec<PlannedObject>) -> Action {
    Action::Apply { plane: management(), objects, takeovers: vec![], prune: vec![] }
}

#[tokio::test]
async fn a_passing_answer_is_told_and_borne_until_the_steps_time_is_over() {
    let stage = Stage::open().await;
    let kube = stage.kube(&[]);
    let shop: Address = "cluster.shop".parse().unwrap();
    put(&stage.management, marked(namespace("n"), &shop), "windlass").await;
    let secret = |name: &str| {
        let data = json!({"k": {"$wl": "secret", "digest": "hmac-sha256:0", "source": "cluster.shop.k"}});
        planned(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "n"}, "data": data}), &shop, false)
    };
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "n"}, "data": {"a": "1"}});
    let leaves = SecretLeaves::new(BTreeMap::from([("cluster.shop.k".to_owned(), json!("aHVudGVyMg=="))]));
    let journal = Arc::new(Memory::default());

    fail(&stage, &Faults { internal_error: 1.0, turn: Some(Turn { of: 2, at: 0 }), ..Faults::default() });
    let objects = vec![planned(map, &shop, false), secret("s")];
    let (done, heard) = run_heard(&kube, &step(&shop, apply(objects)), &journal, leaves.clone()).await;
    done.unwrap();
    assert!(heard[0].starts_with("management.m to apply ConfigMap n/m: ") && heard[0].contains("fault"), "{heard:?}");
    assert!(heard.contains(&"management.m to apply Secret n/s: 500 InternalError".to_owned()), "no words that could quote it: {heard:?}");

    fail(&stage, &Faults { internal_error: 1.0, ..Faults::default() });
    let mut never = step(&shop, apply(vec![secret("t")]));
    never.timeout_seconds = 2;
    let begun = Instant::now();
    let error = run_heard(&kube, &never, &journal, leaves).await.0.unwrap_err();
    assert!(matches!(&error, StepError::TimedOut { what, .. } if what == "management.m to apply Secret n/t"), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_final_answer_is_not_asked_for_again() {
    let stage = Stage::open().await;
    let kube = stage.kube(&[]);
    let shop: Address = "cluster.shop".parse().unwrap();
    put(&stage.management, marked(namespace("n"), &shop), "windlass").await;
    let wrong = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "n"}, "data": {"not a key": "1"}});
    let begun = Instant::now();
    let (refused, heard) =
        run_heard(&kube, &step(&shop, apply(vec![planned(wrong, &shop, true)])), &Arc::default(), SecretLeaves::default()).await;
    assert!(matches!(refused, Err(StepError::Refused { .. })), "{refused:?}");
    assert!(begun.elapsed() < Duration::from_secs(5) && heard.is_empty(), "{:?} {heard:?}", begun.elapsed());
}
