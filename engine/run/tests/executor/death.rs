//! The law of the journal: killed at any record and run again, the world is as if nothing had happened.

use proptest::prelude::*;
use windlass_core::plan::{Action, Plan};
use windlass_core::recorded::Recorded;
use windlass_run::ports::RunEnd;
use windlass_run::summary::Verdict;

use crate::world::{Bench, Death, World, apply, management, plan, shop};

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// Up to eight steps with up to three objects each, on two planes.
fn any_plan() -> impl Strategy<Value = Plan> {
    let step = (proptest::collection::vec(any::<proptest::sample::Index>(), 0..3), any::<bool>(), 0..4_usize);
    proptest::collection::vec(step, 1..8).prop_map(|steps| {
        let ids: Vec<String> = (0..steps.len()).map(|index| format!("s{index}")).collect();
        let mut made: Vec<(&str, Vec<u32>, Action)> = Vec::new();
        for (index, (needs, on_shop, objects)) in steps.into_iter().enumerate() {
            let needs: Vec<u32> = needs.into_iter().filter(|_| index > 0).map(|need| need.index(index.max(1)) as u32).collect();
            let plane = if on_shop { shop() } else { management() };
            let names: Vec<String> = (0..objects).map(|object| format!("{}-{object}", ids[index])).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            made.push((&ids[index], needs, if names.is_empty() { Action::Record } else { apply(&plane, &names) }));
        }
        plan(made.iter().map(|(id, needs, action)| (*id, needs.as_slice(), action.clone())).collect())
    })
}

/// What is left of a run: the state, and the world with how often each thing was made. The serial counts how often the run went on.
fn remains(bench: &Bench) -> (Recorded, String) {
    let World { objects, made, .. } = &*bench.world;
    (Recorded { serial: 0, ..bench.state.recorded() }, format!("{:?} {:?}", objects.lock().unwrap(), made.lock().unwrap()))
}

async fn end_after(plan: &Plan, deaths: &[Death]) -> (Recorded, String) {
    let bench = Bench::new();
    for death in deaths {
        bench.state.revive(*death);
        if let Some(summary) = bench.run_until_death(plan).await {
            assert_eq!(summary.verdict, Verdict::Done);
            return remains(&bench);
        }
        if bench.state.ended.lock().unwrap().last() == Some(&RunEnd::Done) {
            return remains(&bench);
        }
    }
    bench.state.revive(Death::Never);
    let summary = bench.run(plan).await;
    assert_eq!(summary.verdict, Verdict::Done, "{deaths:?}: {summary:?}");
    assert_eq!(summary.done.len(), plan.steps.len());
    remains(&bench)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn killed_anywhere_and_run_again_is_the_same_as_never_killed(plan in any_plan(), again in any::<proptest::sample::Index>()) {
        block_on(async {
            let untouched = Bench::new();
            let summary = untouched.run(&plan).await;
            assert_eq!(summary.verdict, Verdict::Done, "{summary:?}");
            let expected = remains(&untouched);
            assert!(untouched.world.made.lock().unwrap().values().all(|times| *times == 1));
            let commits = untouched.state.commits();
            for commit in 0..commits {
                let second = again.index(commits as usize) as u64;
                for deaths in [
                    vec![Death::Before(commit)],
                    vec![Death::After(commit)],
                    vec![Death::After(commit), Death::Before(second)],
                    vec![Death::Before(commit), Death::After(second), Death::Before(1)],
                ] {
                    assert_eq!(end_after(&plan, &deaths).await, expected, "{deaths:?}");
                }
            }
        });
    }
}
