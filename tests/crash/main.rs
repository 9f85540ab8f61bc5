//! The crash table: the process dies right after a journal record of create, pivot and destroy, or at any moment; the sandbox lives on; run again
//! until it ends; the same objects, the same machines, nothing left to do.
//!
//! `cargo test` runs a seeded sample. `cargo xtask crash` runs all: it sets `WL_CRASH=all` for the records (debug binary, which has the hook) and
//! `WL_CRASH=moments` with `WL_TEST_BINARY` for 50 random moments of the release binary.

#![expect(clippy::print_stdout, reason = "its figures are for people")]

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use support::Place;

/// Variable of the debug binary that names the record after which it dies.
const AFTER: &str = "WL_CRASH_AFTER";
/// Records that a life of the quickstart has at most; a run that needs more has stopped getting on.
const MOST: u64 = 2000;
/// Records between two deaths, and lives that begin one record later each: together a death after each record of a life.
const STRIDE: u64 = 12;
const APPLY: [&str; 2] = ["apply", "-auto-approve"];
const DESTROY: [&str; 2] = ["destroy", "-auto-approve"];

/// What a life that was never killed leaves.
struct Baseline {
    objects: Vec<String>,
    ledger: BTreeMap<String, usize>,
}

fn baseline() -> Baseline {
    let place = Place::example("quickstart");
    place.apply();
    place.settled();
    let baseline = Baseline { objects: place.objects(), ledger: place.ledger() };
    assert!(baseline.ledger.get("instance").copied() == Some(5), "{:?}", baseline.ledger);
    baseline
}

/// The cluster is as if nobody had died.
#[track_caller]
fn complete(place: &Place, baseline: &Baseline) {
    assert_eq!(place.objects(), baseline.objects);
    assert_eq!(place.ledger(), baseline.ledger);
    place.settled();
}

/// Nothing is left of it.
#[track_caller]
fn gone(place: &Place) {
    assert_eq!(place.ledger(), BTreeMap::new());
    assert_eq!(place.objects(), Vec::<String>::new());
}

/// Dies after the second record that a process writes (the first one only says again that a step begins), and one record later each time until
/// a step is done; then after the second again. Steps go one by one. Returns how often it died.
#[track_caller]
fn die_everywhere(place: &Place, command: &[&str]) -> u64 {
    let command: Vec<&str> = command.iter().copied().chain(["-parallelism=1"]).collect();
    let (mut deaths, mut after, mut got) = (0, 2u64, 0);
    loop {
        let done = place.run_with(&command, &[(AFTER, &after.to_string())]);
        if let Some(code) = done.code {
            assert_eq!(code, 0, "after {deaths} deaths:\n{}\n{}", done.stdout, done.stderr);
            return deaths;
        }
        deaths += 1;
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

/// Dies after record `first`, and then again and again after `stride` more. Returns how often it died.
#[track_caller]
fn die_every(place: &Place, command: &[&str], first: u64, stride: u64) -> u64 {
    let (mut deaths, mut after) = (0, first);
    loop {
        let done = place.run_with(command, &[(AFTER, &after.to_string())]);
        if let Some(code) = done.code {
            assert_eq!(code, 0, "after {deaths} deaths:\n{}\n{}", done.stdout, done.stderr);
            return deaths;
        }
        (deaths, after) = (deaths + 1, stride);
        assert!(deaths < MOST, "it does not get on:\n{}\n{}", done.stdout, done.stderr);
    }
}

/// Dies once, after one record, and then runs to the end.
#[track_caller]
fn die_once(place: &Place, command: &[&str], after: u64) -> bool {
    let died = place.run_with(command, &[(AFTER, &after.to_string())]).code.is_none();
    place.run(command).expect(0);
    died
}

fn wanted(what: &str) -> bool {
    std::env::var("WL_CRASH").is_ok_and(|value| value == what)
}

/// A sample: one death each in create, in the pivot, in destroy, at seeded records.
#[test]
fn a_death_anywhere_is_no_harm() {
    let baseline = baseline();
    let mut random = StdRng::seed_from_u64(20_261_122);
    for _ in 0..2 {
        let place = Place::example("quickstart");
        let record = random.random_range(1..140);
        assert!(die_once(&place, &APPLY, record), "create has fewer than {record} records");
        complete(&place, &baseline);
        let record = random.random_range(1..200);
        assert!(die_once(&place, &DESTROY, record), "destroy has fewer than {record} records");
        gone(&place);
    }
}

/// A whole life of deaths, step by step; then lives in which one process after the other dies twelve records after the one before it, the first
/// after its first, its second, … its twelfth record.
#[test]
fn a_death_after_every_record_is_no_harm() {
    if !wanted("all") {
        return;
    }
    let baseline = baseline();
    let place = Place::example("quickstart");
    let (mut created, mut destroyed) = (die_everywhere(&place, &APPLY), 0);
    complete(&place, &baseline);
    destroyed += die_everywhere(&place, &DESTROY);
    gone(&place);
    for first in 1..=STRIDE {
        let place = Place::example("quickstart");
        created += die_every(&place, &APPLY, first, STRIDE);
        complete(&place, &baseline);
        destroyed += die_every(&place, &DESTROY, first, STRIDE);
        gone(&place);
    }
    let total = created + destroyed;
    println!("crash table, records: {total}/{total} ({created} deaths in create and pivot, {destroyed} in destroy)");
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
    let mut deaths = 0;
    while deaths < 50 {
        let place = Place::example("quickstart");
        for command in [APPLY, DESTROY] {
            loop {
                let mut child = place.spawn(&command);
                std::thread::sleep(Duration::from_millis(random.random_range(100..2500)));
                if child.try_wait().expect("the child is ours").is_some_and(|status| status.success()) {
                    break;
                }
                // It may end by itself just now.
                let _ = child.kill();
                let _ = child.wait();
                deaths += 1;
            }
            if command == APPLY {
                complete(&place, &baseline);
            } else {
                gone(&place);
            }
        }
    }
    println!("crash table, moments: {deaths}/{deaths}");
}
