//! A command that runs while the test looks on: waited for by a line, told to end, killed.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::support::Place;

/// Longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A command (`apply`, `destroy`) that has come to a line, and its lines so far; the thread gives all of them.
#[track_caller]
pub fn begun(place: &Place, command: &str, marker: &str) -> (Child, JoinHandle<String>) {
    let mut child =
        place.command(&[command, "-auto-approve"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut seen = String::new();
    for line in lines.by_ref().map_while(Result::ok) {
        seen.push_str(&line);
        seen.push('\n');
        if line.contains(marker) {
            break;
        }
    }
    assert!(seen.contains(marker), "{marker:?} did not come:\n{seen}");
    let rest = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            seen.push_str(&line);
            seen.push('\n');
        }
        seen
    });
    (child, rest)
}

/// Sends a signal to a command that runs.
#[track_caller]
pub fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("the process is there");
}

/// The exit code of a process that has to end by itself; `None`: by a signal.
#[track_caller]
pub fn ends(child: &mut Child) -> Option<i32> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("the process is there");
    panic!("it does not end");
}

/// SIGKILL for the sandbox's own process; it did run.
#[track_caller]
pub fn kill_sandbox(place: &Place) {
    let file = std::fs::read(place.path().join(".windlass/sandbox/server.json")).expect("the sandbox runs");
    let server: serde_json::Value = serde_json::from_slice(&file).expect("JSON");
    let pid = server["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::KILL).expect("the process is there");
}
