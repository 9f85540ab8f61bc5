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
/// Time between two looks at whether it has been killed.
const KEEP: Duration = Duration::from_secs(2);
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
    /// The data folder that it serves, without links: a copy of the folder holds a copy of this file, which is not about it.
    pub data: String,
}

impl Server {
    /// What the file of a data folder says, whoever wrote it.
    fn recorded(data: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(data.join(SERVER)).ok()?).ok()
    }

    /// Whether it serves this data folder, and still runs.
    fn serves(&self, data: &Path) -> bool {
        real_path(data).as_ref() == Some(&self.data) && self.process().is_some_and(is_alive)
    }

    fn process(&self) -> Option<rustix::process::Pid> {
        i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw)
    }
}

/// A folder's path without links; `None` if it is not there.
pub fn real_path(data: &Path) -> Option<String> {
    Some(std::fs::canonicalize(data).ok()?.to_string_lossy().into_owned())
}

/// The running sandbox of another data folder that this one is a copy of. A folder that was moved is no copy.
fn original(data: &Path) -> Option<Server> {
    let copied = Server::recorded(data).filter(|server| Some(&server.data) != real_path(data).as_ref())?;
    let place = Path::new(&copied.data);
    Server::recorded(place).filter(|there| there.pid == copied.pid && there.serves(place))
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
    let server = Server::recorded(data).filter(|server| server.serves(data))?;
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
    if let Some(original) = original(data) {
        return Err(is_a_copy(data, &original));
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

/// Starts the sandbox again when it is killed, for as long as this lives. One that was told to end stays away.
pub struct Keeper(tokio::task::JoinHandle<()>);

impl Keeper {
    /// Looks after the sandbox of a data folder.
    pub fn of(data: PathBuf) -> Self {
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(KEEP).await;
                if was_killed(&data) {
                    // Its log says why it does not start; whoever waits for it tells meanwhile that it does not answer.
                    let _ = ensure(&data).await;
                }
            }
        }))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether the process has gone and has left its record behind, which it removes when it ends in order.
fn was_killed(data: &Path) -> bool {
    let own = Server::recorded(data).filter(|server| real_path(data).as_ref() == Some(&server.data));
    own.is_some_and(|server| !server.process().is_some_and(is_alive))
}

/// Ports and certificates are part of the data: two of the same cannot run at a time.
fn is_a_copy(data: &Path, original: &Server) -> Failure {
    Failure::new(Code::SANDBOX, format!("{} is a copy of {}, whose sandbox runs", data.display(), original.data))
        .detail(format!("Both would listen on the same ports. Process {} serves the original only; nothing was done to it.", original.pid))
        .hint("run `windlass sandbox stop` where the original is, or begin anew here: `windlass sandbox reset`, and remove the state file")
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
    let Some(pid) = found.server.process() else { return Ok(false) };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_record_is_of_the_original() {
        let place = tempfile::tempdir().expect("a folder");
        let (first, second) = (place.path().join("first"), place.path().join("second"));
        let write = |at: &Path, of: &Path, pid: u32| {
            let server = Server { pid, address: String::new(), ca: String::new(), data: real_path(of).unwrap_or_default() };
            std::fs::write(at.join(SERVER), serde_json::to_vec(&server).expect("JSON")).expect("a file");
        };
        for folder in [&first, &second] {
            std::fs::create_dir(folder).expect("a folder");
        }
        assert!(original(&second).is_none(), "there is no record");
        let (own, none) = (std::process::id(), u32::MAX);
        for (pid, runs) in [(own, true), (none, false)] {
            write(&first, &first, pid);
            write(&second, &first, pid);
            let serves = |folder: &Path| Server::recorded(folder).is_some_and(|server| server.serves(folder));
            assert_eq!((serves(&first), serves(&second)), (runs, false));
            assert_eq!(original(&second).map(|server| server.pid), runs.then_some(own));
            assert!(original(&first).is_none());
            assert_eq!((was_killed(&first), was_killed(&second)), (!runs, false), "a copied record is about another folder");
        }
        std::fs::remove_file(first.join(SERVER)).expect("a file");
        assert!(!was_killed(&first), "it has ended in order");
        // Started again: the copy is of what was before.
        write(&first, &first, own);
        write(&second, &first, none);
        assert!(original(&second).is_none());
        // Moved: nothing is left that could be disturbed.
        write(&second, &first, own);
        std::fs::remove_dir_all(&first).expect("it is there");
        assert!(original(&second).is_none());
    }
}
