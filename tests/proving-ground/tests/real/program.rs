//! The program as a person runs it: what it says when something is missing, and that `down` undoes `up`.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::processes_that_name;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_windlass-proving-ground"))
}

#[track_caller]
fn says(output: &Output, code: i32, text: &str) {
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(text), "{text:?} is missing in\n{said}");
}

#[test]
fn a_build_without_go_says_what_it_needs() {
    let empty = tempfile::tempdir().expect("a folder");
    let output = program().arg("build").env("PATH", empty.path()).env("CARGO_TARGET_DIR", empty.path()).output().expect("it runs");
    says(&output, 1, "error: there is no `go` on PATH\nthe proving ground is built from Go modules and needs Go 1.26 or newer");
}

#[test]
fn what_is_not_built_cannot_be_held() {
    let empty = tempfile::tempdir().expect("a folder");
    let output = program().args(["hold", "nothing", "one"]).env("CARGO_TARGET_DIR", empty.path()).output().expect("it runs");
    says(&output, 1, "error: the proving ground is not built: run `cargo xtask proving-ground build`");
}

#[test]
fn unknown_words_get_the_usage() {
    says(&program().arg("upp").output().expect("it runs"), 1, "usage: cargo xtask proving-ground build");
}

#[test]
fn a_name_is_no_path() {
    for name in ["../x", "a b", "", "-a", "A"] {
        says(&program().args(["down", name]).output().expect("it runs"), 1, "is no name of a plane");
    }
}

#[test]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
fn down_undoes_up() {
    let run = |words: &[&str]| program().args(words).output().expect("it runs");
    says(&run(&["down", "up-and-down"]), 0, "Nothing is up.");

    let up = run(&["up", "up-and-down"]);
    says(&up, 0, "Up in ");
    let said = String::from_utf8_lossy(&up.stdout).into_owned();
    let kubeconfig = said.lines().find_map(|line| line.trim().strip_prefix("export KUBECONFIG=")).expect("a kubeconfig").to_owned();
    let folder = Path::new(&kubeconfig).ancestors().nth(2).expect("the ground's folder");
    let mark = folder.display().to_string();
    // Another test may have the dev provider, which runs once on a host; that is said.
    let managers = if said.contains("without infrastructure-docker: it runs once on a host") { 3 } else { 4 };
    assert_eq!(processes_that_name(&mark).len(), 5 + managers, "a plane and its managers: {said}");

    // Twice is once.
    let again = run(&["up", "up-and-down"]);
    says(&again, 0, "It is up already.");
    says(&again, 0, &kubeconfig);
    assert_eq!(processes_that_name(&mark).len(), 5 + managers);

    says(&run(&["down", "up-and-down"]), 0, "Down.");
    assert_eq!(processes_that_name(&mark), Vec::<String>::new());
    assert!(!folder.exists());
    says(&run(&["down", "up-and-down"]), 0, "Nothing is up.");
}
