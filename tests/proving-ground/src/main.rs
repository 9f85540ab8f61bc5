//! `cargo xtask proving-ground …`: builds the components, and holds planes to play with. Decides nothing about processes itself.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore reports to the person who started it")]

mod hold;
mod up;

use std::process::ExitCode;

use windlass_proving_ground::{Components, become_launched, build};

const USAGE: &str = "usage: cargo xtask proving-ground build         build the Go components once, below target/proving-ground
       cargo xtask proving-ground up [NAME]     a management plane with Cluster API; prints its kubeconfig
       cargo xtask proving-ground down [NAME]   stop it; nothing is left behind
       cargo xtask proving-ground test          run the tests that need it";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["build"] => build_and_tell(),
        ["up"] => build_and_tell().and_then(|()| up::up(up::NAME)),
        ["up", name] => build_and_tell().and_then(|()| up::up(name)),
        ["down"] => up::down(up::NAME),
        ["down", name] => up::down(name),
        ["hold", name, planes @ ..] => hold::hold(name, planes),
        ["run", parent, program, rest @ ..] => {
            let rest: Vec<String> = rest.iter().map(ToString::to_string).collect();
            Err(become_launched(parent, program, &rest))
        }
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn build_and_tell() -> Result<(), String> {
    let report = build(&|line| println!("{line}")).map_err(|error| error.to_string())?;
    let folder = Components::find().map_err(|error| error.to_string())?.program("");
    let seconds = report.took.as_secs_f64();
    match report.built {
        0 => println!("The components are built: {}", folder.display()),
        built => println!("{built} components built in {seconds:.1} s: {}", folder.display()),
    }
    Ok(())
}
