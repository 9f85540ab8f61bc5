//! The repository's own chores, one subcommand each; it knows the work tree and no running system.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore reports to the person who started it")]

mod bench;
mod cargo;
mod crash;
mod crds;
mod docs;
mod proving_ground;
mod wire;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask crds [--check]   generate (or compare) engine/kubeschema/facts
       cargo xtask docs [--check]   generate (or compare) docs/reference
       cargo xtask wire [--check]   generate (or compare) providers/sandbox/api/facts
       cargo xtask crash [--release]
                                    run the whole crash table; random moments with the release binary
       cargo xtask bench real [layers|pivot]
                                    the engine beside kubectl and clusterctl, on those real servers (benches/README.md)
       cargo xtask proving-ground build|up|down|test
                                    real Kubernetes and Cluster API as processes of this host (tests/proving-ground)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["crds"] => crds::run(crds::Mode::Write),
        ["crds", "--check"] => crds::run(crds::Mode::Check),
        ["crash"] => crash::run(crash::Build::Tests),
        ["crash", "--release"] => crash::run(crash::Build::Release),
        ["bench", "real", words @ ..] => bench::real(words),
        ["proving-ground", "test"] => proving_ground::test(),
        ["proving-ground", words @ ..] => proving_ground::run(words),
        ["docs"] => docs::run(crds::Mode::Write),
        ["docs", "--check"] => docs::run(crds::Mode::Check),
        ["wire"] => wire::run(crds::Mode::Write),
        ["wire", "--check"] => wire::run(crds::Mode::Check),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
