//! One writer at a time, and no older copy of the state.

use std::collections::BTreeSet;

use windlass_core::plan::PlanPlane;
use windlass_kube::kinds::ObjectRef;
use windlass_run::ports::PlaneLocks;

use crate::stage::{LINEAGE, Stage, get, management};

#[tokio::test]
async fn a_plane_is_held_by_one_run() {
    let stage = Stage::open().await;
    let planes = [PlanPlane { address: management(), uid: None, sandbox: true, context: None, access: None }];
    let (ours, theirs) = (stage.kube(&[]).leases(BTreeSet::new()), stage.kube(&[]).leases(BTreeSet::new()));
    assert!(!ours.fresh(&management()));
    ours.acquire(&planes, "run-a", 5).await.unwrap();
    assert!(ours.fresh(&management()));
    let error = theirs.acquire(&planes, "run-b", 6).await.unwrap_err().to_string();
    assert!(error.contains("run run-a on management.m"), "{error}");
    // Whoever resumes the run has it.
    theirs.acquire(&planes, "run-a", 5).await.unwrap();
    ours.release("run-a").await;
    assert!(!ours.fresh(&management()));
    let error = theirs.acquire(&planes, "run-c", 4).await.unwrap_err().to_string();
    assert!(error.contains("written by serial 5"), "{error}");
    theirs.acquire(&planes, "run-c", 6).await.unwrap();
    let lease = ObjectRef::new("coordination.k8s.io/v1", "Lease", Some("windlass-system"), &format!("windlass-{LINEAGE}"));
    assert_eq!(get(&stage.management, &lease).await.unwrap()["spec"]["holderIdentity"], "run-c");
}
