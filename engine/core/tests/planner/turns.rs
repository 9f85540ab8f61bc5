//! Which clusters take turns: those that live and change, and no others.

use windlass_core::desired::Desired;
use windlass_core::plan::{Pace, Plan};

use crate::cases::good;
use crate::laws::up;
use crate::wish::{Wanted, cluster, desired};

const NAMES: [&str; 3] = ["one", "two", "three"];

/// Clusters of these names with so many workers each.
fn fleet(names: &[&str], workers: u32, pace: Pace) -> Desired {
    let wanted: Vec<Wanted> =
        names.iter().map(|name| Wanted { pools: [("general".to_owned(), workers)].into(), ..Wanted::new(name) }).collect();
    Desired { pace, ..desired(&wanted) }
}

fn in_turn(plan: &Plan) -> Vec<String> {
    plan.turns.iter().flat_map(|turns| &turns.clusters).map(ToString::to_string).collect()
}

#[test]
fn living_clusters_change_in_turns() {
    let world = up(&fleet(&NAMES, 1, Pace::default()));
    // A new one is made beside them, and one that does not change is not counted.
    let mut wish = fleet(&["one", "two", "three", "four"], 2, Pace::default());
    let plan = good(&world, &wish);
    assert_eq!(in_turn(&plan), ["cluster.one", "cluster.three", "cluster.two"]);
    assert_eq!(plan.turns.as_ref().unwrap().words(), "3 living clusters change, one at a time; no other one begins once one has failed");
    for (max_concurrent_clusters, turns) in [(2, true), (3, false), (4, false)] {
        wish.pace = Pace { max_concurrent_clusters, stop_after_failures: 2 };
        let plan = good(&world, &wish);
        assert_eq!(plan.turns.is_some(), turns, "{max_concurrent_clusters}");
        let words = plan.turns.as_ref().map(windlass_core::plan::Turns::words);
        assert_eq!(words.as_deref(), turns.then_some("3 living clusters change, 2 at a time; no other one begins once 2 have failed"));
    }
}

#[test]
fn what_is_made_or_goes_takes_no_turn() {
    let made = good(&crate::world::World::empty(), &fleet(&NAMES, 1, Pace::default()));
    assert!(!made.steps.is_empty() && made.turns.is_none());
    // One changes, the others go.
    let world = up(&fleet(&NAMES, 1, Pace::default()));
    let plan = good(&world, &fleet(&["one"], 2, Pace::default()));
    assert!(plan.steps.iter().any(|step| step.address.root() == cluster("two")) && plan.turns.is_none());
}
