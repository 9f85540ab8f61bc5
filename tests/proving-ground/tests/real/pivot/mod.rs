//! The pivot beside its oracle: two clusters of one description under Cluster API's real managers, one moved by windlass, the other
//! by `clusterctl move`; what both leave on either side is compared object by object.

#![expect(clippy::print_stdout, reason = "the figures of the README")]

mod belongings;
mod compare;
mod direction;
mod dump;
mod hands;
mod inventory;
mod reasons;
mod twin;

use std::time::{Duration, Instant, SystemTime};

use windlass_core::plan::Action;
use windlass_kube::Kube;
use windlass_proving_ground::{Ledger, MachineRecord};

use crate::process_cloud::world::scale;
use crate::process_cloud::{objects, world};
use belongings::CLUSTER;
use compare::{differences, explained};
use direction::pivot;
use dump::{Dump, Times, dead_owners, dump, plain, provider_ids};
use hands::{cluster, hands, run};
use twin::{Side, Twin};

const CONTROL_PLANE: &str = "controlplane.cluster.x-k8s.io/v1beta2";

async fn step(kube: &Kube, what: &str, action: Action) -> Duration {
    let begun = Instant::now();
    if let Err(error) = run(kube, &cluster(CLUSTER), action).await {
        panic!("{what}: {error}");
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn what_windlass_moves_is_what_clusterctl_moves() {
    let (ours, theirs) = tokio::join!(Box::pin(Twin::begin("pivot", 2)), Box::pin(Twin::begin("pivot-oracle", 2)));
    let kube = hands(&ours.world.management);
    let before = [dump(&ours.here).await, dump(&theirs.here).await];
    compare("the twins", &before, &before, &[]);
    let ledgers = [ours.world.ledger(), theirs.world.ledger()];

    let there = pivot(Side::Management);
    step(&kube, "preflight", Action::PivotPreflight { pivot: there.clone() }).await;
    let took = step(&kube, "pivot", Action::Pivot { pivot: there.clone() }).await;
    step(&kube, "verification", Action::VerifyPivot { pivot: there }).await;
    let clusterctl = theirs.clusterctl_move(Side::Management);
    say("into the cluster", &before[0], took, clusterctl);

    let (left, right) = tokio::join!(ours.runs(Side::Workload, 1), theirs.runs(Side::Workload, 1));
    let after = [left, right];
    compare_targets("into the cluster", &before, &after, reasons::INTO, reasons::TRUE_TO_SOURCE);
    let sources = [dump(&ours.here).await, dump(&theirs.here).await];
    compare("what stays behind", &sources, &before, reasons::LEFT_BEHIND);
    for (twin, (before, ledger)) in [&ours, &theirs].into_iter().zip(before.iter().zip(&ledgers)) {
        no_machine_was_touched(before, &dump(&twin.there).await, ledger, &twin.world.ledger(), &["management", twin.workload.name()]);
    }

    // The cluster's own managers go on.
    for twin in [&ours, &theirs] {
        assert_eq!(twin.its_own.managers.len(), 3);
        scale(&twin.workload, CONTROL_PLANE, "KubeadmControlPlane", "shop-control-plane", 3).await;
    }
    let (left, right) = tokio::join!(ours.runs(Side::Workload, 3), theirs.runs(Side::Workload, 3));
    let before = [left, right];
    let ledgers = [ours.world.ledger(), theirs.world.ledger()];
    assert!(ledgers.iter().all(|ledger| ledger.machines.len() == 5 && ledger.living().count() == 5), "{ledgers:#?}");

    // Back, as before the end of a cluster.
    let back = pivot(Side::Workload);
    let took = step(&kube, "pivot back", Action::Pivot { pivot: back.clone() }).await;
    step(&kube, "verification", Action::VerifyPivot { pivot: back }).await;
    let clusterctl = theirs.clusterctl_move(Side::Workload);
    say("back", &before[0], took, clusterctl);
    let (left, right) = tokio::join!(ours.runs(Side::Management, 3), theirs.runs(Side::Management, 3));
    let after = [left, right];
    compare_targets("back", &before, &after, reasons::BACK, reasons::TRUE_TO_SOURCE_BACK);
    let sources = [dump(&ours.there).await, dump(&theirs.there).await];
    compare("what stays behind in the cluster", &sources, &before, reasons::LEFT_BEHIND_BACK);
    for (twin, (before, ledger)) in [&ours, &theirs].into_iter().zip(before.iter().zip(&ledgers)) {
        assert_eq!(provider_ids(before), provider_ids(&dump(&twin.here).await));
        assert_eq!(lives(ledger), lives(&twin.world.ledger()));
        twin.world.delete(CLUSTER).await;
        assert!(twin.world.ledger().is_empty(), "{:#?}", twin.world.ledger());
    }
}

/// Both targets are alike but for reasons; ours is like its source but for reasons; all owners live.
fn compare_targets(what: &str, before: &[Dump; 2], after: &[Dump; 2], reasons: &[compare::Reason], own: &[compare::Reason]) {
    compare(&format!("{what}: ours beside clusterctl's"), after, before, reasons);
    let [source, target] = [&before[0], &after[0]].map(|dump| plain(dump, &before[0], Times::Count));
    explained(&format!("{what}: the source beside our target"), &differences(&source, &target), own);
    for dump in after {
        assert_eq!(dead_owners(dump), Vec::<String>::new(), "{what}");
    }
}

/// Two dumps of one plane each, of which each has a truth of its own about Secrets.
fn compare(what: &str, dumps: &[Dump; 2], truths: &[Dump; 2], reasons: &[compare::Reason]) {
    let [left, right] = [0, 1].map(|n| plain(&dumps[n], &truths[n], Times::AreChance));
    explained(what, &differences(&left, &right), reasons);
}

fn no_machine_was_touched(before: &Dump, after: &Dump, then: &Ledger, now: &Ledger, planes: &[&str]) {
    assert_eq!(provider_ids(before), provider_ids(after));
    assert_eq!(lives(then), lives(now));
    assert!(now.machines.iter().all(|machine| machine.restarts == 0 && machine.planes == planes), "{now:#?}");
}

/// Each machine that there is or was: name, id, made and taken away when, and how often anew.
fn lives(ledger: &Ledger) -> Vec<(String, String, SystemTime, Option<SystemTime>, u32)> {
    let life = |machine: &MachineRecord| {
        (machine.machine.clone(), machine.provider_id.clone(), machine.created, machine.deleted, machine.restarts)
    };
    ledger.machines.iter().map(life).collect()
}

fn say(way: &str, objects: &Dump, ours: Duration, clusterctl: Duration) {
    let (ours, clusterctl) = (ours.as_secs_f64(), clusterctl.as_secs_f64());
    println!(
        "proving ground: pivot {way}, of {} objects there: windlass {ours:.2} s, clusterctl {clusterctl:.2} s, {:.1} times as long",
        objects.len(),
        clusterctl / ours
    );
}
