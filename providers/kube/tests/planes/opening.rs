//! Waits for a cluster that does not come: the cause stands first, whoever it is that holds it up.

use std::sync::Arc;

use data_encoding::BASE64;
use serde_json::{Value as Json, json};
use windlass_core::facts::ClusterAccess;
use windlass_core::plan::{Action, Readiness, WaitFor};
use windlass_kube::kinds::ObjectRef;
use windlass_kube::plane::Plane;
use windlass_run::ports::{SecretLeaves, StepError};

use crate::cluster::{address, create, install_kinds};
use crate::stage::{Memory, Stage, management, put, run_heard, step};

const AWS: &str = "infrastructure.cluster.x-k8s.io/v1beta2";
const CAPI: &str = "cluster.x-k8s.io/v1beta2";
const KCP: &str = "controlplane.cluster.x-k8s.io/v1beta2";

/// A management plane with the objects of a cluster `late`, and the way to its API.
async fn stage() -> (Stage, ClusterAccess) {
    let stage = Stage::open().await;
    install_kinds(&stage.management).await;
    create(&stage, "late").await;
    (stage, ClusterAccess { name: "late".into(), namespace: "late".into(), management: management() })
}

async fn says(plane: &Plane, api_version: &str, kind: &str, name: &str, conditions: &[(&str, &str, &str)]) {
    let conditions: Vec<Json> = conditions
        .iter()
        .map(|(of, reason, message)| {
            json!({"type": of, "status": "False", "reason": reason, "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"})
        })
        .collect();
    let status = json!({"status": {"conditions": conditions, "nodeRef": null}});
    plane.merge_status(&ObjectRef::new(api_version, kind, Some("late"), name), &status, "controller").await.unwrap();
}

/// What a step of two seconds ends with, and what it said at last.
async fn times_out(stage: &Stage, action: Action) -> (String, String) {
    let mut step = step(&address("late"), action);
    step.timeout_seconds = 2;
    let (result, heard) = run_heard(&stage.kube(&[]), &step, &Arc::new(Memory::default()), SecretLeaves::default()).await;
    let error = result.unwrap_err();
    assert!(matches!(error, StepError::TimedOut { .. }), "{error:?}");
    (error.to_string(), heard.last().cloned().unwrap_or_default())
}

#[tokio::test]
async fn without_a_kubeconfig_the_infrastructure_and_the_control_plane_say_why() {
    let (stage, access) = stage().await;
    let secret = ObjectRef::new("v1", "Secret", Some("late"), "late-kubeconfig");
    stage.management.delete(&secret, Default::default()).await.unwrap();
    says(&stage.management, AWS, "AWSCluster", "late", &[("LoadBalancerReady", "LoadBalancerFailed", "too many load balancers")]).await;
    stage.management.delete(&ObjectRef::new(CAPI, "Machine", Some("late"), "late-abc"), Default::default()).await.unwrap();
    let gone = json!({"metadata": {"finalizers": null}});
    stage.management.merge(&ObjectRef::new(CAPI, "Machine", Some("late"), "late-abc"), &gone, "test").await.unwrap();
    says(&stage.management, KCP, "KubeadmControlPlane", "late", &[("Initialized", "NotInitialized", "Waiting for infrastructure")]).await;
    let (error, heard) = times_out(&stage, Action::OpenPlane { plane: address("late"), access }).await;
    let expected = "the kubeconfig of cluster.late: AWSCluster late: LoadBalancerFailed: too many load balancers; \
        KubeadmControlPlane late has no machine yet: NotInitialized: Waiting for infrastructure; \
        Secret late/late-kubeconfig has not been written yet by the control plane provider";
    assert_eq!(error, expected);
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn while_an_api_does_not_answer_the_cloud_speaks_first() {
    let (stage, access) = stage().await;
    // Nothing listens there.
    let kubeconfig = stage.workload_kubeconfig.replace("https://127.0.0.1:", "https://127.0.0.1:1/");
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "cluster.x-k8s.io/secret", "metadata": {"name": "late-kubeconfig", "namespace": "late"},
        "data": {"value": BASE64.encode(kubeconfig.as_bytes())},
    });
    put(&stage.management, secret, "kcp").await;
    let full = "InsufficientInstanceCapacity: there is no m6i.large left in eu-west-1a";
    let waits = [("InfrastructureReady", "NotReady", full), ("NodeReady", "NodeInspectionPending", "Waiting")];
    says(&stage.management, CAPI, "Machine", "late-abc", &waits).await;
    put(
        &stage.management,
        json!({"apiVersion": AWS, "kind": "AWSMachine", "metadata": {"name": "late-abc", "namespace": "late"}, "spec": {"instanceType": "m6i.large"}}),
        "kcp",
    )
    .await;
    says(&stage.management, AWS, "AWSMachine", "late-abc", &[("Ready", "InstanceProvisionFailed", full)]).await;
    says(&stage.management, AWS, "AWSCluster", "late", &[]).await;
    let ready = json!({"status": {"ready": true}});
    stage.management.merge_status(&ObjectRef::new(AWS, "AWSCluster", Some("late"), "late"), &ready, "capa").await.unwrap();
    let (error, heard) = times_out(&stage, Action::OpenPlane { plane: address("late"), access }).await;
    let begins = format!(
        "the API of cluster.late: AWSMachine late-abc: InstanceProvisionFailed: {full}; Machine late-abc has no node yet; Connection refused"
    );
    assert!(error.starts_with(&begins) && error.len() < begins.len() + 20, "{error}");
    assert_eq!(heard, error);
}

#[tokio::test]
async fn a_wait_below_a_paused_cluster_names_the_pause_and_goes_on_after_it() {
    let (stage, _) = stage().await;
    let cluster = ObjectRef::new(CAPI, "Cluster", Some("late"), "late");
    stage.management.merge(&cluster, &json!({"spec": {"paused": true}}), "kubectl-patch").await.unwrap();
    let control_plane = ObjectRef::new(KCP, "KubeadmControlPlane", Some("late"), "late");
    let ready = Readiness::ControlPlaneInitialized;
    let condition = WaitFor { key: control_plane.key(&management()), api_version: KCP.into(), ready };
    let wait = Action::Wait { plane: management(), conditions: vec![condition] };
    let (error, _) = times_out(&stage, wait.clone()).await;
    let words = "KubeadmControlPlane late/late on management.m: Cluster late/late is paused (spec.paused), by kubectl-patch at ";
    assert!(error.starts_with(words), "{error}");

    stage.management.merge(&cluster, &json!({"spec": {"paused": null}}), "kubectl-patch").await.unwrap();
    let (error, _) = times_out(&stage, wait).await;
    assert!(!error.contains("paused"), "{error}");
}
