//! The wait for the agent: whose heartbeat is believed, and which pods cannot send one any more.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Part};
use windlass_core::agent_objects::agent_objects;
use windlass_core::layer::LayerKind;
use windlass_core::plan::Action;
use windlass_core::plan::action::LayerContent;
use windlass_kube::kinds::ObjectRef;
use windlass_kube::plane::Plane;
use windlass_run::ports::{Ensured, SecretLeaves};

use crate::stage::{Memory, Stage, get, put, run, run_heard, step};

const SYSTEM: &str = "windlass-system";
const AGENT: &str = "windlass-agent";
/// Creation times are in whole seconds.
const A_SECOND: Duration = Duration::from_millis(1100);

fn reference(api_version: &str, kind: &str, name: &str) -> ObjectRef {
    ObjectRef::new(api_version, kind, Some(SYSTEM), name)
}

/// The agent's objects and a Deployment that is well.
async fn install(plane: &Plane) {
    for object in agent_objects("windlass:test") {
        put(plane, object, "windlass").await;
    }
    let status =
        json!({"status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1}});
    plane.merge_status(&reference("apps/v1", "Deployment", AGENT), &status, "controller").await.unwrap();
}

async fn pod(plane: &Plane, name: &str, label: &str) {
    let object = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": SYSTEM, "labels": {"app.kubernetes.io/name": label}},
        "spec": {"serviceAccountName": AGENT, "containers": [{"name": "agent", "image": "windlass:test"}]},
    });
    put(plane, object, "controller").await;
}

async fn beat(plane: &Plane, pod: &str) {
    let renewed = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": AGENT, "namespace": SYSTEM},
        "spec": {"holderIdentity": pod, "leaseDurationSeconds": 90, "renewTime": renewed},
    });
    put(plane, lease, AGENT).await;
}

#[tokio::test]
async fn an_agent_with_a_token_of_a_former_account_is_replaced_before_it_is_believed() {
    let stage = Stage::open().await;
    let plane = stage.workload.clone();
    let shop: Address = "cluster.shop".parse().unwrap();
    let kube = stage.kube(&[&shop]);
    let journal = Arc::new(Memory::default());
    let wait = step(&shop, Action::WaitAgent { plane: shop.clone() });
    install(&plane).await;
    pod(&plane, "agent-1", AGENT).await;
    pod(&plane, "other", "other").await;
    beat(&plane, "agent-1").await;
    let healthy = run(&kube, &wait, &journal).await.unwrap();
    assert_eq!(healthy.ensured, Ensured::NotNeeded);
    assert!(get(&plane, &reference("v1", "Pod", "agent-1")).await.is_some());

    tokio::time::sleep(A_SECOND).await;
    let account = reference("v1", "ServiceAccount", AGENT);
    let old: Json = get(&plane, &account).await.unwrap();
    plane.delete(&account, Default::default()).await.unwrap();
    install(&plane).await;
    assert_ne!(get(&plane, &account).await.unwrap()["metadata"]["uid"], old["metadata"]["uid"]);

    let controller = async {
        while get(&plane, &reference("v1", "Pod", "agent-1")).await.is_some_and(|pod| pod["metadata"]["deletionTimestamp"].is_null()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The heartbeat that is there is as fresh as before, and counts no more.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        pod(&plane, "agent-2", AGENT).await;
        beat(&plane, "agent-2").await;
    };
    let ((done, heard), ()) = tokio::join!(run_heard(&kube, &wait, &journal, SecretLeaves::default()), controller);
    let done = done.unwrap();
    assert_eq!(done.ensured, Ensured::Updated);
    assert_eq!(done.evidence["replaced_pods"], json!(["agent-1"]));
    for words in [
        "the agent on cluster.shop: its pod agent-1 is replaced, since its ServiceAccount was made anew",
        "the agent on cluster.shop: its last heartbeat is of a pod that does not run any more: agent-1",
    ] {
        assert!(heard.iter().any(|line| line == words), "{words}: {heard:?}");
    }
    assert!(get(&plane, &reference("v1", "Pod", "other")).await.is_some(), "of another Deployment");
    assert_eq!(run(&kube, &wait, &journal).await.unwrap().ensured, Ensured::NotNeeded, "the new pod stays");
}

/// A run that was killed between the account and the wait leaves nothing to plan but layers.
#[tokio::test]
async fn a_layer_replaces_such_an_agent_too_and_tells_its_silence() {
    let stage = Stage::open().await;
    let plane = stage.workload.clone();
    let shop: Address = "cluster.shop".parse().unwrap();
    let address = shop.with(Part::Layer("base".into()));
    install(&plane).await;
    pod(&plane, "agent-1", AGENT).await;
    tokio::time::sleep(A_SECOND).await;
    plane.delete(&reference("v1", "ServiceAccount", AGENT), Default::default()).await.unwrap();
    install(&plane).await;

    let layer = LayerContent {
        name: "base".into(),
        kind: LayerKind::Addon,
        depends_on: Default::default(),
        objects: vec![],
        digest: "sha256:1".into(),
        prune: vec![],
        takeovers: vec![],
        address: address.clone(),
        mode: "report".into(),
    };
    let mut publish = step(&address, Action::PublishLayer { plane: shop.clone(), layer, repair: None });
    publish.timeout_seconds = 3;
    let journal = Arc::new(Memory::default());
    let (ended, heard) = run_heard(&stage.kube(&[&shop]), &publish, &journal, SecretLeaves::default()).await;
    assert!(ended.is_err(), "nobody is there who would apply it");
    for words in ["its pod agent-1 is replaced, since its ServiceAccount was made anew", "(agent: it has not sent a heartbeat yet)"] {
        assert!(heard.iter().any(|line| line.ends_with(words)), "{words}: {heard:?}");
    }
    assert!(get(&plane, &reference("v1", "Pod", "agent-1")).await.is_none_or(|pod| !pod["metadata"]["deletionTimestamp"].is_null()));
}
