//! How a process of the ground is started: by a launcher that ties it to the life of whoever started it, and then becomes it.
//!
//! The kernel kills it when the *thread* that started it ends, so that one thread starts all, and lives as long as its process.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel, sync_channel};

use crate::error::GroundError;

/// The name of this crate's program, which is the launcher.
const LAUNCHER: &str = "windlass-proving-ground";

/// What is needed to start a process, as often as one likes.
#[derive(Debug, Clone)]
pub struct Launch {
    /// What it is called in messages.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment besides `PATH` and `HOME`, which is its folder; nothing is inherited.
    pub environment: BTreeMap<String, String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Where both of its streams are appended.
    pub log: PathBuf,
}

impl Launch {
    /// Starts it, in a process group of its own.
    pub(crate) fn spawn(&self) -> Result<Child, GroundError> {
        let launcher = launcher()?;
        let log = self.open_log()?;
        let second = log.try_clone().map_err(GroundError::io(&self.log))?;
        let mut command = Command::new(&launcher);
        command.arg("run").arg(std::process::id().to_string()).arg(&self.program).args(&self.arguments);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", &self.folder).envs(&self.environment);
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(log).stderr(second).process_group(0);
        spawn_from_the_lasting_thread(command)
            .map_err(|source| GroundError::Io { what: format!("{} ({})", self.name, self.program.display()), source })
    }

    fn open_log(&self) -> Result<File, GroundError> {
        OpenOptions::new().create(true).append(true).open(&self.log).map_err(GroundError::io(&self.log))
    }
}

/// The launcher's half: ties this process to its parent and becomes the program. Returns only if that fails.
pub fn become_launched(parent: &str, program: &str, arguments: &[String]) -> String {
    if let Err(message) = tie_to_parent() {
        return message;
    }
    // The parent may have gone before the tie was made.
    if rustix::process::getppid().map(|pid| pid.as_raw_nonzero().to_string()).as_deref() != Some(parent) {
        return format!("the process {parent} that started {program} is gone");
    }
    format!("{program}: {}", Command::new(program).args(arguments).exec())
}

#[cfg(target_os = "linux")]
fn tie_to_parent() -> Result<(), String> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).map_err(|error| error.to_string())
}

/// Nothing else ends a process with its parent, and a process that stays behind is worse than a test that is not run.
#[cfg(not(target_os = "linux"))]
fn tie_to_parent() -> Result<(), String> {
    Err("the proving ground runs on Linux only".to_owned())
}

type Job = (Command, std::sync::mpsc::SyncSender<std::io::Result<Child>>);

fn spawn_from_the_lasting_thread(command: Command) -> std::io::Result<Child> {
    static THREAD: OnceLock<Sender<Job>> = OnceLock::new();
    let thread = THREAD.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, answer) in jobs {
                // Whoever asked waits for the answer.
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let gone = || std::io::Error::other("the thread that starts processes is gone");
    let (answer, child) = sync_channel(1);
    thread.send((command, answer)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}

/// This program itself, or the one that cargo built beside the test that runs.
fn launcher() -> Result<PathBuf, GroundError> {
    let here = std::env::current_exe().map_err(GroundError::io(Path::new("the running program")))?;
    if here.file_name().is_some_and(|name| name == LAUNCHER) {
        return Ok(here);
    }
    // A test lies in `target/<profile>/deps`.
    let found = here.ancestors().nth(2).unwrap_or_else(|| Path::new(".")).join(LAUNCHER);
    if found.is_file() { Ok(found) } else { Err(GroundError::NoLauncher(found)) }
}
