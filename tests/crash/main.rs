//! The crash table: the process dies right after a journal record of create, pivot and destroy, or at any moment; the sandbox lives on; run again
//! until it ends; the same objects on every plane, the same machines, nothing left to do.
//!
//! `cargo test` runs a seeded sample. `cargo xtask crash` runs all: it sets `WL_CRASH=all` for the records (debug binary, which has the hook) and
//! `WL_CRASH=moments` for 50 random moments; with `--release` those are the release binary's (`WL_TEST_BINARY`).

#[path = "../support/mod.rs"]
mod support;
mod table;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use support::Place;
use table::{Life, Table};

/// Variable of the debug binary that names the record after which it dies.
const AFTER: &str = "WL_CRASH_AFTER";
/// Variable of the debug binary that names the kind of step whose records count.
const STEP: &str = "WL_CRASH_STEP";
/// Records that a life of the quickstart has at most; a run that needs more has stopped getting on.
const MOST: u64 = 2000;
/// Records between two deaths, and lives that begin one record later each: together a death after each record of a life.
const STRIDE: u64 = 12;
/// Records that a process at least writes until the quickstart is made (it has some 140), and of how many the cluster is given up after one.
const MAKING: u64 = 130;
const GIVEN_UP: usize = 14;
/// Deaths at random moments.
const MOMENTS: u64 = 50;
/// Lives that may fail before the moments are given up.
const HOPELESS: usize = 5;
const APPLY: [&str; 2] = ["apply", "-auto-approve"];
const DESTROY: [&str; 2] = ["destroy", "-auto-approve"];

/// What a life that was never killed leaves: after apply, and after destroy.
struct Baseline {
    objects: Vec<String>,
    ledger: BTreeMap<String, usize>,
    up: Vec<String>,
    down: Vec<String>,
}

fn baseline() -> Baseline {
    let place = Place::example("quickstart");
    place.apply();
    place.settled();
    let (objects, ledger, up) = (place.objects(), place.ledger(), place.world());
    assert!(ledger.get("instance").copied() == Some(5), "{ledger:?}");
    let seen = |what: &str| up.iter().any(|line| line.starts_with(what));
    assert!(seen("shop: Machine shop/") && seen("shop: Secret shop/shop-kubeconfig") && seen(": Secret windlass-system/"), "{up:#?}");
    place.run(&DESTROY).expect(0);
    Baseline { objects, ledger, up, down: place.world() }
}

/// The cluster is as if nobody had died.
#[track_caller]
fn complete(place: &Place, baseline: &Baseline) {
    assert_eq!(place.objects(), baseline.objects);
    assert_eq!(place.ledger(), baseline.ledger);
    place.world_is(&baseline.up);
    place.settled();
}

/// What is left of it is what is left of one that was never killed: no machine, nothing in the state.
#[track_caller]
fn gone(place: &Place, baseline: &Baseline) {
    assert_eq!(place.ledger(), BTreeMap::new());
    assert_eq!(place.objects(), Vec::<String>::new());
    place.world_is(&baseline.down);
}

/// Given up before it was whole: nothing of it is left, and of the providers as much as was made.
#[track_caller]
fn given_up(place: &Place, baseline: &Baseline) {
    place.run(&DESTROY).expect(0);
    assert_eq!(place.ledger(), BTreeMap::new());
    assert_eq!(place.objects(), Vec::<String>::new());
    place.world_is_within(&baseline.down);
}

/// Dies after the second record that a process writes (the first one only says again that a step begins), and one record later each time until
/// a step is done; then after the second again. Steps go one by one.
#[track_caller]
fn die_everywhere(place: &Place, command: &[&str], life: &mut Life) {
    let command: Vec<&str> = command.iter().copied().chain(["-parallelism=1"]).collect();
    let (mut deaths, mut after, mut got) = (0, 2u64, 0);
    loop {
        let done = place.run_with(&command, &[(AFTER, &after.to_string())]);
        if let Some(code) = done.code {
            assert_eq!(code, 0, "after {deaths} deaths:\n{}\n{}", done.stdout, done.stderr);
            return;
        }
        deaths += 1;
        life.died();
        let before = steps_done_before(&done.stdout);
        after = if before > got { 2 } else { after + 1 };
        got = before;
        assert!(deaths < MOST, "it does not get on:\n{}\n{}", done.stdout, done.stderr);
    }
}

/// The number in `Going on with run …: 7 of 36 steps were done before.`
fn steps_done_before(stdout: &str) -> u64 {
    let line = stdout.lines().find(|line| line.starts_with("Going on with run")).unwrap_or_default();
    line.rsplit(": ").next().and_then(|rest| rest.split(' ').next()).and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Dies after record `first`, and then again and again after `stride` more.
#[track_caller]
fn die_every(place: &Place, command: &[&str], first: u64, stride: u64, life: &mut Life) {
    let (mut deaths, mut after) = (0, first);
    loop {
        let done = place.run_with(command, &[(AFTER, &after.to_string())]);
        if let Some(code) = done.code {
            assert_eq!(code, 0, "after {deaths} deaths:\n{}\n{}", done.stdout, done.stderr);
            return;
        }
        (deaths, after) = (deaths + 1, stride);
        life.died();
        assert!(deaths < MOST, "it does not get on:\n{}\n{}", done.stdout, done.stderr);
    }
}

/// Dies again and again at random moments of its life, until it ends by itself, which must be well.
#[track_caller]
fn die_sometimes(place: &Place, command: &[&str], random: &mut StdRng, life: &mut Life) {
    let log = place.path().join("out.log");
    let ends_well = |status: std::process::ExitStatus| {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(status.success(), "it ends by itself, and not well ({status}):\n{said}");
    };
    for _ in 0..MOST {
        let file = std::fs::File::create(&log).expect("a file");
        let mut command = place.command(command);
        let mut child = command.stdout(file.try_clone().expect("a file")).stderr(file).spawn().expect("the binary runs");
        std::thread::sleep(Duration::from_millis(random.random_range(100..2500)));
        if let Some(status) = child.try_wait().expect("the child is ours") {
            return ends_well(status);
        }
        // It may end by itself just now.
        let _ = child.kill();
        let status = child.wait().expect("the child is ours");
        if status.signal().is_none() {
            return ends_well(status);
        }
        life.died();
    }
    panic!("it does not get on:\n{}", std::fs::read_to_string(&log).unwrap_or_default());
}

/// Dies after a record: of any step, or of those with this action. There must be such a record.
#[track_caller]
fn dies(place: &Place, command: &[&str], step: Option<&str>, after: u64) {
    let after = after.to_string();
    let mut environment = vec![(AFTER, after.as_str())];
    environment.extend(step.map(|step| (STEP, step)));
    let done = place.run_with(command, &environment);
    assert_eq!(done.code, None, "it has fewer than {after} records (of {step:?}):\n{}\n{}", done.stdout, done.stderr);
}

/// Dies at a random moment of its making, or ends before that.
fn die_once(place: &Place, command: &[&str], random: &mut StdRng) {
    let null = std::process::Stdio::null;
    let mut child = place.command(command).stdout(null()).stderr(null()).spawn().expect("the binary runs");
    std::thread::sleep(Duration::from_millis(random.random_range(100..6000)));
    // It may have ended by itself.
    let _ = child.kill();
    child.wait().expect("the child is ours");
}

fn wanted(what: &str) -> bool {
    std::env::var("WL_CRASH").is_ok_and(|value| value == what)
}

/// A sample: a seeded death before, in and after the pivot and the pivot back.
#[test]
fn a_death_anywhere_is_no_harm() {
    let baseline = baseline();
    let mut random = StdRng::seed_from_u64(20_261_122);
    for _ in 0..2 {
        let place = Place::example("quickstart");
        dies(&place, &APPLY, None, random.random_range(1..=40));
        dies(&place, &APPLY, Some("pivot"), random.random_range(2..=60));
        dies(&place, &APPLY, None, random.random_range(1..=15));
        place.run(&APPLY).expect(0);
        complete(&place, &baseline);
        dies(&place, &DESTROY, None, random.random_range(1..=15));
        dies(&place, &DESTROY, Some("pivot"), random.random_range(2..=150));
        dies(&place, &DESTROY, None, random.random_range(1..=15));
        place.run(&DESTROY).expect(0);
        gone(&place, &baseline);
    }
    let place = Place::example("quickstart");
    dies(&place, &APPLY, None, random.random_range(1..=60));
    given_up(&place, &baseline);
}

/// A whole life of deaths, step by step; then lives in which one process after the other dies twelve records after the one before it, the first
/// after its first, its second, … its twelfth record.
#[test]
fn a_death_after_every_record_is_no_harm() {
    if !wanted("all") {
        return;
    }
    let baseline = baseline();
    let mut table = Table::new("records");
    table.live("a death after every record", |life| {
        let place = Place::example("quickstart");
        die_everywhere(&place, &APPLY, life);
        complete(&place, &baseline);
        life.verified();
        die_everywhere(&place, &DESTROY, life);
        gone(&place, &baseline);
        life.verified();
    });
    for first in 1..=STRIDE {
        table.live(&format!("deaths after record {first} and every {STRIDE} more"), |life| {
            let place = Place::example("quickstart");
            die_every(&place, &APPLY, first, STRIDE, life);
            complete(&place, &baseline);
            life.verified();
            die_every(&place, &DESTROY, first, STRIDE, life);
            gone(&place, &baseline);
            life.verified();
        });
    }
    for after in (1..MAKING).step_by(GIVEN_UP) {
        table.live(&format!("given up after record {after}"), |life| {
            let place = Place::example("quickstart");
            dies(&place, &APPLY, None, after);
            life.died();
            given_up(&place, &baseline);
            life.verified();
        });
    }
    let total = table.end();
    assert!(total > 200, "so many lives have more records than {total}");
}

/// Fifty deaths at random moments.
#[test]
fn a_death_at_any_moment_is_no_harm() {
    if !wanted("moments") {
        return;
    }
    let baseline = baseline();
    let mut random = StdRng::seed_from_u64(7);
    let mut table = Table::new("moments");
    while table.deaths() < MOMENTS && table.failures() < HOPELESS {
        table.live("deaths at random moments", |life| {
            let place = Place::example("quickstart");
            die_sometimes(&place, &APPLY, &mut random, life);
            complete(&place, &baseline);
            life.verified();
            die_sometimes(&place, &DESTROY, &mut random, life);
            gone(&place, &baseline);
            life.verified();
        });
        table.live("given up at a random moment", |life| {
            let place = Place::example("quickstart");
            die_once(&place, &APPLY, &mut random);
            life.died();
            given_up(&place, &baseline);
            life.verified();
        });
    }
    table.end();
}
