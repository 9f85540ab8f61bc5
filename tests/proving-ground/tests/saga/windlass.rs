//! The `windlass` binary as a person runs it, and what it said.

use std::path::{Path, PathBuf};
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
    let mut command = Command::new(binary());
    command.arg(format!("-chdir={}", folder.display())).args(arguments).envs(environment.iter().copied()).kill_on_drop(true);
    let output = command.stdin(std::process::Stdio::null()).output().await.expect("windlass starts");
    Done {
        command: arguments.join(" "),
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        time: begun.elapsed(),
    }
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
        println!("proving ground: saga: {what} in {:.1} s", self.time.as_secs_f64());
        self
    }
}
