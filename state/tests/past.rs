//! What past runs did: read beside everything else, by plan and step, for as long as the state keeps it.

use std::time::Duration;

use futures::executor::block_on;
use serde_json::{Value as Json, json};
use windlass_core::recorded::Phase;
use windlass_run::ports::{RunEnd, Store};
use windlass_state::{DigestKey, Opening, PastWork, StateFile, create, past_work};

fn run(state: &StateFile, name: &str, plan: &str, records: &[(&str, Phase, Json)], end: Option<RunEnd>) {
    block_on(state.begin(name, plan, "sha256:1")).unwrap();
    for (step, phase, evidence) in records {
        block_on(state.journal(name, step, *phase, evidence.clone(), Vec::new())).unwrap();
    }
    end.into_iter().for_each(|end| block_on(state.end(name, end)).unwrap());
}

#[test]
fn how_long_steps_took_is_known_of_the_runs_that_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.wlstate");
    create(&path, "lineage", &DigestKey::new([1; 32])).unwrap();
    assert_eq!(past_work(&path, 100).unwrap(), []);
    let state = StateFile::open(&path, &Opening::new("test")).unwrap();
    let done = |took: u64| json!({"took_ms": took, "other": 1});
    let first = [
        ("a", Phase::Started, Json::Null),
        ("a", Phase::Progress, json!({"took_ms": 7})),
        ("a", Phase::Done, done(1500)),
        ("b", Phase::Done, json!({"from": "an older windlass"})),
        ("c", Phase::Failed, done(9)),
    ];
    run(&state, "r1", "plan one", &first, Some(RunEnd::Done));
    run(&state, "r2", &"a long plan ".repeat(10), &[("x", Phase::Done, done(1))], Some(RunEnd::Done));
    run(&state, "r3", "plan three", &[("a", Phase::Done, done(20)), ("d", Phase::Done, done(30))], None);
    let work = |plan: &str, took: &[(&str, u64)]| PastWork {
        plan: plan.to_owned(),
        took: took.iter().map(|(step, took)| ((*step).to_owned(), Duration::from_millis(*took))).collect(),
    };
    let expected = [work("plan one", &[("a", 1500)]), work("plan three", &[("a", 20), ("d", 30)])];
    assert_eq!(past_work(&path, 100).unwrap(), expected, "beside the writer, without the long plan");
    for number in 4..9 {
        run(&state, &format!("r{number}"), "later", &[], Some(RunEnd::Done));
    }
    state.close().unwrap();
    assert!(past_work(&path, 100).unwrap().iter().all(|work| work.plan == "later"), "what is no longer kept is not told");
}
