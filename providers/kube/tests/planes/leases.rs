//! One writer at a time, and no older copy of the state.

use std::collections::BTreeSet;
use std::time::Duration;

use windlass_core::plan::PlanPlane;
use windlass_kube::kinds::ObjectRef;
use windlass_kube::leases::Leases;
use windlass_run::ports::PlaneLocks;

use windlass_sandbox_api::{Faults, Turn};

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

#[tokio::test]
async fn a_passing_answer_at_the_lease_ends_nothing() {
    let stage = Stage::open().await;
    let planes = [PlanPlane { address: management(), uid: None, sandbox: true, context: None, access: None }];
    let lease = ObjectRef::new("coordination.k8s.io/v1", "Lease", Some("windlass-system"), &format!("windlass-{LINEAGE}"));
    let none = Faults::default();
    let kinds = [
        Faults { internal_error: 1.0, ..none.clone() },
        Faults { conflict: 1.0, ..none.clone() },
        Faults { close_before: 1.0, ..none.clone() },
        Faults { close_after: 1.0, ..none.clone() },
    ];
    let mut serial = 0;
    for faults in kinds {
        for at in 0..3 {
            serial += 1;
            let run = format!("run-{serial}");
            stage.sandboxes[0].fail(Faults { turn: Some(Turn { of: 3, at }), ..faults.clone() });
            let ours = leases(&stage, 0);
            let taken = ours.acquire(&planes, &run, serial).await;
            taken.unwrap_or_else(|error| panic!("{faults:?} at {at}: {error}"));
            stage.sandboxes[0].fail(none.clone());
            let live = get(&stage.management, &lease).await.unwrap();
            assert_eq!(live["spec"]["holderIdentity"], run, "{faults:?} at {at}");
            ours.release(&run).await;
            // A Lease that is made and one that is there already are held alike.
            if at == 1 {
                stage.management.delete(&lease, Default::default()).await.unwrap();
            }
        }
    }
}
