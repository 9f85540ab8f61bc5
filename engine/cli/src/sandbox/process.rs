//! One background process for each data folder: started by the first command that needs it, found by later ones (design section 7, Sandbox).

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kube::config::Kubeconfig;
use serde::{Deserialize, Serialize};
use windlass_core::diag::Code;

use super::settings::Settings;
use super::{KUBECONFIG, SERVER};
use crate::failure::{Failure, io};

/// How long the process may take to answer after it was started.
const START: Duration = Duration::from_secs(30);
/// How long it may take to end.
const STOP: Duration = Duration::from_secs(30);
/// Time between two looks while it starts or ends.
const LOOK: Duration = Duration::from_millis(20);
/// Time before it is started again if it has ended at once.
const AGAIN: Duration = Duration::from_millis(500);
/// Longest wait for the answer to one request.
const REQUEST: Duration = Duration::from_secs(2);

/// What `server.json` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Server {
    /// Process.
    pub pid: u32,
    /// `https://127.0.0.1:port` of the management plane.
    pub address: String,
    /// Certificate of its CA, PEM.
    pub ca: String,
}

/// A sandbox that answers.
#[derive(Debug, Clone)]
pub struct Found {
    /// What the file says.
    pub server: Server,
    /// Kubeconfig of its management plane, as text.
    pub kubeconfig: String,
}

/// The sandbox of a data folder if it runs and answers.
pub async fn find(data: &Path) -> Option<Found> {
    let server: Server = serde_json::from_slice(&std::fs::read(data.join(SERVER)).ok()?).ok()?;
    let kubeconfig = std::fs::read_to_string(data.join(KUBECONFIG)).ok()?;
    let answers = tokio::time::timeout(REQUEST, answers(&kubeconfig)).await;
    matches!(answers, Ok(true)).then_some(Found { server, kubeconfig })
}

/// Whether an API answers and knows us.
async fn answers(kubeconfig: &str) -> bool {
    let Ok(config) = Kubeconfig::from_yaml(kubeconfig) else { return false };
    match windlass_kube::kubeconfig::client(config, None).await {
        Ok(client) => client.apiserver_version().await.is_ok(),
        Err(_) => false,
    }
}

/// The sandbox of a data folder, started if it does not run.
pub async fn ensure(data: &Path) -> Result<Found, Failure> {
    if let Some(found) = find(data).await {
        return Ok(found);
    }
    let mut process = start(data)?;
    let begun = Instant::now();
    loop {
        if let Some(found) = find(data).await {
            return Ok(found);
        }
        // It ends at once if the one before still holds the store (it was told to end, or was idle): that takes a moment.
        if matches!(process.try_wait(), Ok(Some(_))) && begun.elapsed() < START {
            tokio::time::sleep(AGAIN).await;
            process = start(data)?;
        }
        if begun.elapsed() > START {
            return Err(Failure::new(Code::SANDBOX, format!("the sandbox did not answer within {} s", START.as_secs()))
                .hint(format!("{} says why; `windlass sandbox serve` runs it in the foreground", log(data).display())));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn log(data: &Path) -> PathBuf {
    data.join("sandbox.log")
}

/// Makes the data folder readable for its owner only.
pub fn private_folder(data: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|error| io(data, "cannot be made", &error))?;
    std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o700)).map_err(|error| io(data, "cannot be made private", &error))
}

fn start(data: &Path) -> Result<Child, Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    // It would end at once, and say why in its log only.
    Settings::from_environment()?;
    private_folder(data)?;
    let log = log(data);
    let out = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&log)
        .map_err(|error| io(&log, "cannot be written", &error))?;
    let error = out.try_clone().map_err(|error| io(&log, "cannot be written", &error))?;
    let data = std::path::absolute(data).map_err(|error| io(data, "has no absolute path", &error))?;
    let program = std::env::current_exe().map_err(|error| io(Path::new("windlass"), "cannot be found", &error))?;
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(crate::module::ENVIRONMENT)) {
        // It outlives this command: values of variables, which may be secret, are none of its business.
        command.env_remove(name);
    }
    command
        .args(["sandbox", "serve", "--detached", "--data"])
        .arg(&data)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(error)
        .spawn()
        .map_err(|error| io(&data, "cannot be served", &error))
}

/// Ends the process. Says whether it ran.
pub async fn stop(data: &Path) -> Result<bool, Failure> {
    let Some(found) = find(data).await else { return Ok(false) };
    let pid = i32::try_from(found.server.pid).ok().and_then(rustix::process::Pid::from_raw);
    let Some(pid) = pid else { return Ok(false) };
    rustix::process::kill_process(pid, rustix::process::Signal::TERM)
        .map_err(|error| Failure::new(Code::SANDBOX, format!("process {} cannot be ended: {error}", found.server.pid)))?;
    let begun = Instant::now();
    // Not only until it does not answer any more: it writes until it has ended.
    while is_alive(pid) {
        if begun.elapsed() > STOP {
            return Err(Failure::new(Code::SANDBOX, format!("process {} has not ended within {} s", found.server.pid, STOP.as_secs())));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(true)
}

/// Whether a process runs. One that has ended and was not waited for by its parent does not.
fn is_alive(pid: rustix::process::Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    // The name stands in parentheses and may hold anything; the state comes after it.
    let ended = status.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']));
    rustix::process::test_kill_process(pid).is_ok() && !ended
}

/// Ends the process and forgets everything.
pub async fn reset(data: &Path) -> Result<(), Failure> {
    stop(data).await?;
    match std::fs::remove_dir_all(data) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(data, "cannot be removed", &error)),
        _ => Ok(()),
    }
}
