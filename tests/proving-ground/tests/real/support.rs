//! What the tests of the proving ground share: a harness in a process of its own, and a look at what runs on this host.

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde_json::Value as Json;

/// Waits for something of the API, with patience for a machine that has other work.
pub async fn within<T>(seconds: u64, what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(seconds), future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not come to pass in {seconds} s"),
    }
}

/// Command lines of the processes that name this text; zombies have none.
pub fn processes_that_name(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("Linux").flatten() {
        let Ok(line) = std::fs::read(entry.path().join("cmdline")) else { continue };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(text) && entry.file_name().to_string_lossy() != std::process::id().to_string() {
            found.push(format!("{} {line}", entry.file_name().display()));
        }
    }
    found
}

/// A harness in a process of its own, which can be killed.
pub struct Holder {
    child: Child,
    _input: ChildStdin,
}

impl Holder {
    /// Starts it with planes of these names.
    pub fn start(name: &str, planes: &[&str]) -> Holder {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass-proving-ground"));
        command.args(["hold", name]).args(planes).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the harness starts");
        let input = child.stdin.take().expect("a pipe");
        Holder { child, _input: input }
    }

    /// What it says when all is ready.
    pub fn wait_until_ready(&self) -> Json {
        let mut line = String::new();
        let out = self.child.stdout.as_ref().expect("a pipe");
        let out = std::os::fd::AsFd::as_fd(out).try_clone_to_owned().expect("a file descriptor");
        BufReader::new(std::fs::File::from(out)).read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
