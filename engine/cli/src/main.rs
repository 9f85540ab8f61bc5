//! The `windlass` binary: the roof of the house. Only this crate prints, reads the environment and the clock, and names concrete types.

mod arguments;
mod argv;
mod command;
#[cfg(debug_assertions)]
mod crash;
mod exit;
mod failure;
mod module;
mod prompt;
mod repository;
mod sandbox;
mod session;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Parsing and evaluation recurse over what users write: they get a stack that the limits of the language fit into, in debug builds too.
    std::thread::Builder::new().stack_size(64 << 20).spawn(run).ok().and_then(|thread| thread.join().ok()).unwrap_or(exit::ERROR)
}

fn run() -> ExitCode {
    let arguments = match arguments::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(answer) => return answer.print(),
    };
    let view = view::View::new(&arguments);
    let done = command::run(&arguments, &view);
    let told = view::flushed();
    // A command that has something to say by its exit code (2: changes) may not say it of a result that was cut.
    match done.and_then(|code| told.map(|()| code)) {
        Ok(code) => code,
        Err(failure) => {
            view.failure(&failure);
            failure.exit()
        }
    }
}
