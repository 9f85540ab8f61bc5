use super::*;
use proptest::prelude::*;

const TEN: Limits = Limits { steps: 10, on_one_plane: 10 };

/// A graph from the needs of each step; all steps act on plane 0.
fn graph(needs: &[&[usize]]) -> Graph {
    let mut graph = Graph { dependents: vec![Vec::new(); needs.len()], plane_count: 1, ..Graph::default() };
    for (step, needs) in needs.iter().enumerate() {
        graph.needs.push(needs.len());
        graph.planes.push(vec![0]);
        graph.only_waits.push(false);
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
    let step =
        (proptest::collection::vec(any::<proptest::sample::Index>(), 0..4), proptest::collection::btree_set(0_usize..4, 0..3), 0..5_u8);
    proptest::collection::vec(step, 1..30).prop_map(|steps| {
        let mut graph = Graph { dependents: vec![Vec::new(); steps.len()], plane_count: 4, ..Graph::default() };
        let mut all = Vec::new();
        for (index, (needs, planes, waits)) in steps.into_iter().enumerate() {
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
            let (pick, luck) = picks.next().unwrap();
            let step = *running.iter().nth(pick.index(running.len())).unwrap();
            running.remove(&step);
            let end = if luck == 0 { End::NotDone } else { End::Done };
            if end == End::Done { done.insert(step) } else { failed.insert(step) };
            (state, told) = transition(state, ended(step, end)).unwrap();
        }
        prop_assert!(running.is_empty());
        prop_assert_eq!(started, done.len() + failed.len());
        prop_assert_eq!(done.len() + failed.len() + skipped.len(), needs.len());
        prop_assert_eq!(state.course(), Course::Over);
    }
}
