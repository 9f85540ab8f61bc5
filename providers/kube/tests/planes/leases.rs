//! One writer at a time, and no older copy of the state.

use std::collections::BTreeSet;
use std::time::Duration;

use windlass_core::plan::PlanPlane;
use windlass_kube::kinds::ObjectRef;
use windlass_kube::leases::Leases;
use windlass_run::ports::PlaneLocks;

use crate::stage::{LINEAGE, Stage, get, management};

fn leases(stage: &Stage, patience: u64) -> Leases {
    stage.kube(&[]).leases(BTreeSet::new(), Duration::from_secs(patience))
}

/// `-lock-timeout`: the end of the other run is waited for, and no longer than asked.
#[tokio::test]
async fn the_end_of_another_run_is_waited_for() {
    let stage = Stage::open().await;
    let planes = [PlanPlane { address: management(), uid: None, sandbox: true, context: None, access: None }];
    let theirs = leases(&stage, 0);
    theirs.acquire(&planes, "run-a", 5).await.unwrap();
    let error = leases(&stage, 1).look(&planes, "run-b", 6).await.unwrap_err().to_string();
    assert!(error.contains("run run-a on management.m"), "{error}");
    let patient = leases(&stage, 60);
    let (looked, ()) = tokio::join!(patient.look(&planes, "run-b", 6), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        theirs.release("run-a").await;
    });
    looked.unwrap();
}

#[tokio::test]
async fn a_plane_is_held_by_one_run() {
    let stage = Stage::open().await;
    let planes = [PlanPlane { address: management(), uid: None, sandbox: true, context: None, access: None }];
    let (ours, theirs) = (leases(&stage, 0), leases(&stage, 0));
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
    assert!(error.contains("older than the one that management.m has seen"), "{error}");
    theirs.acquire(&planes, "run-c", 6).await.unwrap();
    let lease = ObjectRef::new("coordination.k8s.io/v1", "Lease", Some("windlass-system"), &format!("windlass-{LINEAGE}"));
    assert_eq!(get(&stage.management, &lease).await.unwrap()["spec"]["holderIdentity"], "run-c");
}
