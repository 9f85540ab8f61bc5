//! A cluster moved into itself and back: by the engine's steps, its twin by `clusterctl move`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use windlass_core::plan::Action;

use super::belongings::CLUSTER;
use super::direction::pivot;
use super::hands::{cluster, hands, run_journalled};
use super::journal::OnDisk;
use super::table::{Contestant, Goal, head};
use super::twin::{Side, Twin};

/// One way of moving.
struct Way {
    from: Side,
    words: &'static str,
    objects: usize,
    ours: Contestant,
    /// The steps before and after it, which look only.
    around: Contestant,
    theirs: Contestant,
}

impl Way {
    fn new(from: Side, words: &'static str) -> Way {
        let ours = Contestant::new(format!("windlass, {words}: the pivot, journalled"));
        let around = Contestant::new(format!("windlass, {words}: with preflight and verification"));
        let theirs = Contestant::new(format!("clusterctl move, {words}"));
        Way { from, words, objects: 0, ours, around, theirs }
    }
}

/// Measures both ways of a cluster with so many workers, prints the table, and gives what is to be reached.
pub async fn measure(workers: usize, rounds: usize) -> Vec<Goal> {
    let (ours, theirs) = tokio::join!(Box::pin(Twin::begin("bench-pivot", workers)), Box::pin(Twin::begin("bench-pivot-oracle", workers)));
    let mut ways = [Way::new(Side::Management, "into the cluster"), Way::new(Side::Workload, "back")];
    for round in 0..rounds {
        for way in &mut ways {
            if round % 2 == 0 {
                engine(&ours, way, round).await;
                way.theirs.took.push(theirs.clusterctl_move(way.from));
            } else {
                way.theirs.took.push(theirs.clusterctl_move(way.from));
                engine(&ours, way, round).await;
            }
            let to = if way.from == Side::Management { Side::Workload } else { Side::Management };
            tokio::join!(Box::pin(ours.runs(to, 1)), Box::pin(theirs.runs(to, 1)));
        }
    }
    head();
    for way in &ways {
        [&way.ours, &way.around, &way.theirs].into_iter().for_each(|contestant| contestant.row(way.objects));
    }
    let goal = |way: &Way| {
        let what = format!("a pivot of {} objects {} beside clusterctl move", way.objects, way.words);
        Goal { what, ratio: way.theirs.median() / way.ours.median(), at_least: 3.0 }
    };
    ways.iter().map(goal).collect()
}

async fn engine(twin: &Twin, way: &mut Way, round: usize) {
    let pivot = pivot(way.from);
    let kube = hands(&twin.world.management);
    let folder = twin.world.ground.data_folder("journals").expect("a folder");
    let journal = Arc::new(OnDisk::begin(&folder.join(format!("{round}-{}", pivot.to))).expect("a journal"));
    let mut took = Vec::new();
    for action in [
        Action::PivotPreflight { pivot: pivot.clone() },
        Action::Pivot { pivot: pivot.clone() },
        Action::VerifyPivot { pivot: pivot.clone() },
    ] {
        let begun = Instant::now();
        let moves = matches!(action, Action::Pivot { .. });
        let done = run_journalled(&kube, &cluster(CLUSTER), action, journal.clone()).await;
        let outcome = done.unwrap_or_else(|error| panic!("{error}"));
        took.push(begun.elapsed());
        if moves {
            way.ours.took.push(begun.elapsed());
            way.objects = outcome.evidence["objects"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
        }
    }
    way.around.took.push(took.iter().sum::<Duration>());
}
