//! Commands: thin. Each takes arguments, calls what does the work, and hands the result to the view.

mod agent;
mod apply;
mod approval;
mod destroy;
mod drift;
mod execution;
mod graph;
mod init;
mod inspect;
mod kubeconfig;
mod lockfile;
mod plan;
mod prepare;
mod providers;
mod sandbox;
mod saved;
mod secrets;
mod state;
mod validate;
mod version;
mod world;

pub use plan::TOOL_VERSION;

use std::process::ExitCode;

use windlass_core::diag::Code;

use crate::arguments::{Arguments, Command, Providers, State};
use crate::failure::Failure;
use crate::view::View;

/// Runs the command.
pub fn run(arguments: &Arguments, view: &View) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Code::FILE_SYSTEM, format!("no threads could be started: {error}")))?;
    // Only one TLS provider is linked; naming it keeps rustls from guessing. A second call finds it set.
    let _ = rustls::crypto::ring::default_provider().install_default();
    raise_open_files();
    view.begins();
    let work = async {
        match &arguments.command {
            Command::Init(command) => init::run(arguments, command, view),
            Command::Validate(command) => validate::run(arguments, command, view),
            Command::Plan(command) => plan::run(arguments, command, view).await,
            Command::Apply(command) => apply::run(arguments, command, view).await,
            Command::Destroy(command) => destroy::run(arguments, command, view).await,
            Command::Show(command) => inspect::show(arguments, command, view),
            Command::Output(command) => inspect::output(arguments, command, view),
            Command::Graph(command) => graph::run(arguments, command, view).await,
            Command::State(State::List(command)) => state::list(arguments, command, view),
            Command::State(State::Show(command)) => state::show(arguments, command, view),
            Command::Drift(command) => drift::run(arguments, command, view).await,
            Command::Kubeconfig(command) => kubeconfig::run(arguments, command, view).await,
            Command::Providers(Providers::Show(command)) => providers::show(arguments, command, view),
            Command::Sandbox(command) => sandbox::run(arguments, command, view).await,
            Command::Agent(command) => agent::run(command).await,
            Command::Version(command) => version::run(command, view),
        }
    };
    runtime.block_on(work)
}

/// A cluster's waits hold many connections: the soft limit is raised to the hard one (design section 6, Concurrency).
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // A system that refuses leaves us with what we had, which is enough for a few clusters.
    let _ = setrlimit(Resource::Nofile, limit);
}
