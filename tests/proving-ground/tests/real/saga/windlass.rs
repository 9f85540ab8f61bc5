//! The `windlass` binary as a person runs it, and what it said.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

/// The binary of the same build as this test.
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a program");
    // target/<profile>/deps/<test>
    let path = own.parent().and_then(Path::parent).expect("a folder").join("windlass");
    assert!(path.is_file(), "{} is not built: `cargo xtask proving-ground test` builds it", path.display());
    path
}

/// A command may take this long, other tests beside it.
const PATIENCE: Duration = Duration::from_secs(1200);

/// What a command did.
pub struct Done {
    command: String,
    code: Option<i32>,
    pub stdout: String,
    stderr: String,
    time: Duration,
}

/// Runs a command in a folder. `environment` beside that of the test.
pub async fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Done {
    let begun = Instant::now();
    // Files, so that what a command said is told when it takes too long.
    let files = ["stdout", "stderr"].map(|name| folder.join(format!("windlass.{name}")));
    let [stdout, stderr] = files.each_ref().map(|path| std::fs::File::create(path).expect("a file"));
    let mut command = Command::new(binary());
    command.arg(format!("-chdir={}", folder.display())).args(arguments).envs(environment.iter().copied()).kill_on_drop(true);
    let mut child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().expect("windlass starts");
    let status = tokio::time::timeout(PATIENCE, child.wait()).await;
    let [stdout, stderr] = files.map(|path| String::from_utf8_lossy(&std::fs::read(path).expect("a file")).into_owned());
    let command = arguments.join(" ");
    let Ok(status) = status else { panic!("windlass {command} has not ended in {} s\n{stdout}\n{stderr}", PATIENCE.as_secs()) };
    Done { command, code: status.expect("it ran").code(), stdout, stderr, time: begun.elapsed() }
}

impl Done {
    /// It ended with this exit code.
    #[track_caller]
    pub fn ends(self, code: i32) -> Done {
        assert_eq!(self.code, Some(code), "windlass {}\n{}\n{}", self.command, self.stdout, self.stderr);
        self
    }

    /// One of its streams holds this.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Done {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "windlass {}: {text:?} is missing\n{}\n{}",
            self.command,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Tells how long it took.
    pub fn took(&self, what: &str) -> &Done {
        println!("proving ground: windlass: {what} in {:.1} s", self.time.as_secs_f64());
        self
    }
}
