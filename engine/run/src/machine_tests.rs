use super::*;
use crate::graph::Pace;
use proptest::prelude::*;

const TEN: Limits = Limits { steps: 10, on_one_plane: 10 };

/// A graph from the needs of each step; all steps act on plane 0.
fn graph(needs: &[&[usize]]) -> Graph {
    let mut graph = Graph { dependents: vec![Vec::new(); needs.len()], plane_count: 1, ..Graph::default() };
    for (step, needs) in needs.iter().enumerate() {
        graph.needs.push(needs.len());
        graph.planes.push(vec![0]);
        graph.only_waits.push(false);
        graph.turns.push(None);
        for need in *needs {
            graph.dependents[*need].push(step);
        }
    }
    graph
}

fn begun(graph: Graph, limits: Limits) -> (State, Vec<Command>) {
    transition(State::new(Arc::new(graph), limits), Event::Begin { done: BTreeSet::new() }).unwrap()
}

fn ended(step: usize, end: End) -> Event {
    Event::Ended { step, end }
}

/// Sends events one after the other and collects the commands of each.
fn commands(graph: Graph, limits: Limits, events: Vec<Event>) -> Vec<Vec<Command>> {
    let (mut state, first) = begun(graph, limits);
    let mut all = vec![first];
    for event in events {
        let (next, commands) = transition(state, event).unwrap();
        state = next;
        all.push(commands);
    }
    all
}

#[test]
fn steps_start_when_the_last_step_they_need_is_done() {
    use Command::{Finish, Start};
    let events = vec![ended(1, End::Done), ended(0, End::Done), ended(2, End::Done)];
    let told = commands(graph(&[&[], &[], &[0, 1]]), TEN, events);
    assert_eq!(told, [vec![Start(0), Start(1)], vec![], vec![Start(2)], vec![Finish]]);
}

#[test]
fn what_needs_a_failed_step_is_skipped_and_nothing_else() {
    use Command::{Finish, Skip, Start};
    let events = vec![ended(0, End::NotDone), ended(1, End::Done), ended(4, End::Done)];
    let told = commands(graph(&[&[], &[], &[0, 1], &[2], &[1]]), TEN, events);
    let skips = vec![Skip { step: 2, because: 0 }, Skip { step: 3, because: 0 }];
    assert_eq!(told, [vec![Start(0), Start(1)], skips, vec![Start(4)], vec![Finish]]);
}

#[test]
fn the_first_wish_to_stop_lets_running_steps_end_and_the_second_stops_them() {
    use Command::{Finish, Start, StopRunning};
    let events = vec![Event::StopSoon, ended(0, End::Done), Event::StopSoon, Event::StopNow, Event::StopNow, ended(1, End::Stopped)];
    let told = commands(graph(&[&[], &[], &[0]]), TEN, events);
    assert_eq!(told, [vec![Start(0), Start(1)], vec![], vec![], vec![], vec![StopRunning], vec![], vec![Finish]]);
}

#[test]
fn a_lost_journal_drops_what_runs() {
    use Command::{DropRunning, Finish, Start};
    let told = commands(graph(&[&[], &[0]]), TEN, vec![Event::Abandon]);
    assert_eq!(told, [vec![Start(0)], vec![DropRunning, Finish]]);
}

#[test]
fn a_stopped_step_without_a_wish_to_stop_leaves_the_others_going() {
    use Command::{Finish, Start};
    let told = commands(graph(&[&[], &[], &[0]]), TEN, vec![ended(0, End::Stopped), ended(1, End::Done)]);
    assert_eq!(told, [vec![Start(0), Start(1)], vec![], vec![Finish]]);
}

#[test]
fn what_earlier_attempts_have_done_is_not_started() {
    let state = State::new(Arc::new(graph(&[&[], &[0], &[1]])), TEN);
    let (_, told) = transition(state, Event::Begin { done: [0, 1].into() }).unwrap();
    assert_eq!(told, [Command::Start(2)]);
    let state = State::new(Arc::new(graph(&[&[]])), TEN);
    assert_eq!(transition(state, Event::Begin { done: [0].into() }).unwrap().1, [Command::Finish]);
    assert_eq!(begun(Graph::default(), TEN).1, [Command::Finish]);
}

#[test]
fn a_full_plane_does_not_keep_steps_of_others_from_starting() {
    use Command::Start;
    let mut shape = graph(&[&[], &[], &[], &[]]);
    shape.plane_count = 2;
    shape.planes = vec![vec![0], vec![0, 1], vec![1], vec![0]];
    let one = Limits { steps: 10, on_one_plane: 1 };
    let told = commands(shape, one, vec![ended(0, End::Done), ended(2, End::Done), ended(3, End::Done)]);
    assert_eq!(told, [vec![Start(0), Start(2)], vec![Start(3)], vec![], vec![Start(1)]]);
}

#[test]
fn steps_that_only_wait_take_no_place() {
    use Command::Start;
    let mut shape = graph(&[&[], &[], &[]]);
    shape.only_waits = vec![true, false, false];
    shape.planes = vec![vec![], vec![0], vec![0]];
    let one = Limits { steps: 1, on_one_plane: 1 };
    let told = commands(shape, one, vec![ended(0, End::Done), ended(1, End::Done)]);
    assert_eq!(told, [vec![Start(0), Start(1)], vec![], vec![Start(2)]]);
}

/// A graph whose steps are of these clusters, which take turns.
fn in_turns(needs: &[&[usize]], turns: &[Option<usize>], at_once: usize, failures: usize) -> Graph {
    let clusters = turns.iter().flatten().max().map_or(0, |last| last + 1);
    Graph { turns: turns.to_vec(), pace: Some(Pace { clusters, at_once, failures }), ..graph(needs) }
}

#[test]
fn living_clusters_take_turns_and_what_is_none_of_theirs_goes_on() {
    use Command::{Finish, Start};
    // Two steps of cluster 0, two of cluster 1, one of nobody.
    let shape = || in_turns(&[&[], &[0], &[], &[2], &[]], &[Some(0), Some(0), Some(1), Some(1), None], 1, 1);
    let all = [0, 1, 2, 3, 4].map(|step| ended(step, End::Done));
    let told = commands(shape(), TEN, vec![all[4].clone(), all[0].clone(), all[1].clone(), all[2].clone(), all[3].clone()]);
    assert_eq!(told, [vec![Start(0), Start(4)], vec![], vec![Start(1)], vec![Start(2)], vec![Start(3)], vec![Finish]]);
    let told = commands(Graph { pace: Some(Pace { clusters: 2, at_once: 2, failures: 1 }), ..shape() }, TEN, vec![]);
    assert_eq!(told, [vec![Start(0), Start(2), Start(4)]]);
}

#[test]
fn a_failed_cluster_keeps_those_from_beginning_that_have_not_and_nobody_else() {
    use Command::{Finish, Skip, Start};
    // Of three clusters two work at a time; each has two steps.
    let needs: &[&[usize]] = &[&[], &[0], &[], &[2], &[], &[4]];
    let shape = |failures| in_turns(needs, &[Some(0), Some(0), Some(1), Some(1), Some(2), Some(2)], 2, failures);
    let events = || vec![ended(0, End::NotDone), ended(2, End::Done), ended(3, End::Done)];
    let skip = Skip { step: 1, because: 0 };
    let told = commands(shape(1), TEN, events());
    assert_eq!(told, [vec![Start(0), Start(2)], vec![skip.clone()], vec![Start(3)], vec![Finish]]);
    let told = commands(shape(2), TEN, events());
    assert_eq!(told, [vec![Start(0), Start(2)], vec![skip, Start(4)], vec![Start(3)], vec![]]);
}

#[test]
fn clusters_that_need_each_other_do_not_keep_each_other_waiting() {
    use Command::{Finish, Start};
    // The second step of cluster 0 needs the one of cluster 1.
    let shape = in_turns(&[&[], &[], &[0, 1]], &[Some(0), Some(1), Some(0)], 1, 1);
    let told = commands(shape, TEN, vec![ended(0, End::Done), ended(1, End::Done), ended(2, End::Done)]);
    assert_eq!(told, [vec![Start(0)], vec![Start(1)], vec![Start(2)], vec![Finish]]);
}

#[test]
fn a_cluster_that_an_earlier_attempt_has_begun_goes_on() {
    let shape = in_turns(&[&[], &[], &[1], &[]], &[Some(0), Some(1), Some(1), Some(2)], 1, 1);
    let (_, told) = transition(State::new(Arc::new(shape), TEN), Event::Begin { done: [1].into() }).unwrap();
    assert_eq!(told, [Command::Start(2)]);
}

#[test]
fn what_cannot_come_is_an_error() {
    let fresh = || State::new(Arc::new(graph(&[&[], &[0]])), TEN);
    let begin = || Event::Begin { done: BTreeSet::new() };
    let going = || transition(fresh(), begin()).unwrap().0;
    let over = || transition(going(), Event::Abandon).unwrap().0;
    let table: [(State, Event); 9] = [
        (fresh(), ended(0, End::Done)),
        (fresh(), Event::StopSoon),
        (fresh(), Event::Abandon),
        (going(), begin()),
        (going(), ended(1, End::Done)),
        (going(), ended(7, End::Done)),
        (over(), ended(0, End::Done)),
        (over(), Event::StopNow),
        (over(), begin()),
    ];
    for (state, event) in table {
        let course = state.course();
        assert_eq!(transition(state, event.clone()), Err(Illegal { event, course }));
    }
}

/// Up to 30 steps that need some of those before them, on up to 4 planes.
fn any_graph() -> impl Strategy<Value = (Vec<Vec<usize>>, Graph)> {
    let step = (
        proptest::collection::vec(any::<proptest::sample::Index>(), 0..4),
        proptest::collection::btree_set(0_usize..4, 0..3),
        0..5_u8,
        proptest::option::of(0_usize..4),
    );
    (proptest::collection::vec(step, 1..30), 1_usize..4, 1_usize..4).prop_map(|(steps, at_once, failures)| {
        let pace = Some(Pace { clusters: 4, at_once, failures });
        let mut graph = Graph { dependents: vec![Vec::new(); steps.len()], plane_count: 4, pace, ..Graph::default() };
        let mut all = Vec::new();
        for (index, (needs, planes, waits, turn)) in steps.into_iter().enumerate() {
            graph.turns.push(turn);
            let needs: BTreeSet<usize> = needs.into_iter().filter(|_| index > 0).map(|need| need.index(index.max(1))).collect();
            needs.iter().for_each(|need| graph.dependents[*need].push(index));
            graph.needs.push(needs.len());
            graph.only_waits.push(waits == 0);
            graph.planes.push(if waits == 0 { Vec::new() } else { planes.into_iter().collect() });
            all.push(needs.into_iter().collect());
        }
        (all, graph)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_run_keeps_its_promises(
        (needs, graph) in any_graph(),
        (steps, on_one_plane) in (1_usize..5, 1_usize..4),
        picks in proptest::collection::vec((any::<proptest::sample::Index>(), 0..8_u8), 30),
    ) {
        let (mut state, mut told) = begun(graph.clone(), Limits { steps, on_one_plane });
        let mut running: BTreeSet<usize> = BTreeSet::new();
        let mut done: BTreeSet<usize> = BTreeSet::new();
        let (mut failed, mut skipped, mut started): (BTreeSet<usize>, BTreeSet<usize>, usize) = Default::default();
        let mut begun = vec![false; 4];
        let mut picks = picks.into_iter();
        loop {
            for command in &told {
                match command {
                    Command::Start(step) => {
                        prop_assert!(needs[*step].iter().all(|need| done.contains(need)), "{step} started too early");
                        running.insert(*step);
                        started += 1;
                    }
                    Command::Skip { step, because } => {
                        prop_assert!(failed.contains(because));
                        prop_assert!(needs[*step].iter().any(|need| failed.contains(need) || skipped.contains(need)));
                        skipped.insert(*step);
                    }
                    Command::Finish => {}
                    other => prop_assert!(false, "{other:?}"),
                }
            }
            prop_assert!(running.iter().filter(|step| !graph.only_waits[**step]).count() <= steps);
            for plane in 0..4 {
                prop_assert!(running.iter().filter(|step| graph.planes[**step].contains(&plane)).count() <= on_one_plane);
            }
            if told.last() == Some(&Command::Finish) {
                break;
            }
            prop_assert!(!running.is_empty(), "it hangs");
            let (now, open) = state.turns.begun();
            if now != begun {
                let pace = graph.pace.as_ref().unwrap();
                let over: BTreeSet<usize> = failed.iter().filter_map(|step| graph.turns[*step]).collect();
                prop_assert!(open <= pace.at_once && over.len() < pace.failures, "{open} at work, {} failed", over.len());
                begun = now.to_vec();
            }
            let (pick, luck) = picks.next().unwrap();
            let step = *running.iter().nth(pick.index(running.len())).unwrap();
            running.remove(&step);
            let end = if luck == 0 { End::NotDone } else { End::Done };
            if end == End::Done { done.insert(step) } else { failed.insert(step) };
            (state, told) = transition(state, ended(step, end)).unwrap();
        }
        prop_assert!(running.is_empty());
        prop_assert_eq!(started, done.len() + failed.len());
        // Only a cluster that was kept from beginning is not reached, and what needs it.
        let kept_back = (0..needs.len()).filter(|step| state.steps()[*step] == StepState::Waiting);
        let mut unreached = BTreeSet::new();
        for step in kept_back {
            let own = graph.turns[step].is_some_and(|turn| !begun[turn]);
            prop_assert!(own || needs[step].iter().any(|need| unreached.contains(need)), "{step} was forgotten");
            unreached.insert(step);
        }
        prop_assert!(unreached.is_empty() || !failed.is_empty());
        prop_assert_eq!(done.len() + failed.len() + skipped.len() + unreached.len(), needs.len());
        prop_assert_eq!(state.course(), Course::Over);
    }
}
