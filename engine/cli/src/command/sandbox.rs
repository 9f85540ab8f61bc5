//! `windlass sandbox …`

use std::process::ExitCode;

use serde_json::json;
use windlass_core::diag::Code;

use crate::arguments::{self, Arguments, Module, Sandbox};
use crate::exit::OK;
use crate::failure::Failure;
use crate::prompt;
use crate::sandbox;
use crate::session::Session;
use crate::view::View;

/// Runs the command.
pub async fn run(arguments: &Arguments, command: &Sandbox, view: &View) -> Result<ExitCode, Failure> {
    let data = Session::new(arguments, &Module::default(), None)?.sandbox();
    match command {
        Sandbox::Serve(serve) => return sandbox::serve(serve.data.as_deref().unwrap_or(&data), serve.detached).await.map(|()| OK),
        Sandbox::Status(status) => return self::status(&data, status, view).await,
        Sandbox::Stop => {
            let ran = sandbox::stop(&data).await?;
            view.out(if ran { "The sandbox has ended. Everything in it stays.\n" } else { "The sandbox was not running.\n" });
        }
        Sandbox::Reset(reset) => {
            let question = "This forgets every object and machine of the sandbox. Type 'yes' to confirm: ";
            if !reset.auto_approve && prompt::ask(view, question)?.as_deref() != Some("yes") {
                return Err(Failure::new(Code::NOT_APPROVED, "the sandbox was not reset").hint("-auto-approve approves it"));
            }
            sandbox::reset(&data).await?;
            view.out("The sandbox is empty. The state file still tells of what was in it: remove it too, or use another one.\n");
        }
        Sandbox::Kubeconfig => {
            let found = sandbox::ensure(&data).await?;
            view.data(&found.kubeconfig);
        }
    }
    Ok(OK)
}

async fn status(data: &std::path::Path, command: &arguments::SandboxStatus, view: &View) -> Result<ExitCode, Failure> {
    let found = sandbox::find(data).await;
    let report = sandbox::report(data)?;
    if command.json {
        let server = found.as_ref().map(|found| json!({"pid": found.server.pid, "address": found.server.address}));
        view.data(&format!("{:#}\n", json!({"running": found.is_some(), "server": server, "ledger": report.json})));
        return Ok(OK);
    }
    match &found {
        Some(found) => view.out(&format!("The sandbox runs (process {}) at {}.\n", found.server.pid, found.server.address)),
        None => view.out("The sandbox does not run; the next command that needs it starts it.\n"),
    }
    view.out(&report.text);
    Ok(OK)
}
