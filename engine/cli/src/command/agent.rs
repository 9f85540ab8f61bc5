//! `windlass agent`: the in-cluster controller, as its Deployment runs it.

use std::process::ExitCode;

use tokio::sync::watch;
use windlass_agent::AgentOptions;
use windlass_core::diag::Code;

use crate::arguments;
use crate::exit::OK;
use crate::failure::{Failure, io};

/// Runs the command until the process is told to end.
pub async fn run(command: &arguments::Agent) -> Result<ExitCode, Failure> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let unusable =
        |error: &dyn std::fmt::Display| Failure::new(Code::PLANE_UNREACHABLE, format!("the agent has no way to its API: {error}"));
    let client = match &command.kubeconfig {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| io(path, "cannot be read", &error))?;
            let config = kube::config::Kubeconfig::from_yaml(&text).map_err(|error| unusable(&error))?;
            windlass_kube::kubeconfig::client(config, None).await.map_err(|error| unusable(&error))?
        }
        None => {
            let config = kube::Config::incluster().map_err(|error| unusable(&error))?;
            windlass_kube::kubeconfig::client_of(config).map_err(|error| unusable(&error))?
        }
    };
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(async move {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
        let terminated = async {
            match &mut terminate {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated => {}
        }
        // The agent may have ended already.
        let _ = stop.send(true);
    });
    let identity = std::env::var("HOSTNAME").unwrap_or_else(|_| "windlass-agent".to_owned());
    windlass_agent::run(client, AgentOptions { identity, ..AgentOptions::default() }, stopping).await;
    Ok(OK)
}
