//! A process that can be stopped and started again, and how it is known to be ready. Does not know what it serves.

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::error::GroundError;
use crate::launch::Launch;
use crate::process::Process;

/// How long a process may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);
/// A process of another program tells nobody that it is ready: it is asked this often.
const ASK_AGAIN: Duration = Duration::from_millis(25);
const LINES_OF_LOG: usize = 20;

/// A program with its arguments and, while it runs, its process.
#[derive(Debug)]
pub struct Service {
    launch: Launch,
    process: Mutex<Option<Arc<Process>>>,
}

impl Service {
    /// A service that runs from now on.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(launch: Launch) -> Result<Service, GroundError> {
        let process = Arc::new(Process::start(&launch)?);
        Ok(Service { launch, process: Mutex::new(Some(process)) })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.launch.name
    }

    /// Where it logs.
    pub fn log(&self) -> &Path {
        &self.launch.log
    }

    /// Its process, unless it was stopped.
    pub fn process(&self) -> Option<Arc<Process>> {
        self.held().clone()
    }

    /// Starts it again with the same arguments; one that runs is left alone.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start_again(&self) -> Result<(), GroundError> {
        let mut process = self.held();
        if process.as_ref().is_none_or(|process| process.ended().is_some()) {
            *process = Some(Arc::new(Process::start(&self.launch)?));
        }
        Ok(())
    }

    /// Asks it to end and waits for that.
    pub async fn stop(&self) {
        let process = self.held().take();
        if let Some(process) = process {
            process.terminate(GRACE).await;
        }
    }

    /// Kills it at once, as a power cut would.
    pub async fn kill(&self) {
        let process = self.held().take();
        if let Some(process) = process {
            process.signal(Signal::KILL);
            process.wait().await;
        }
    }

    /// Freezes it: it holds its connections and answers nothing.
    pub fn freeze(&self) {
        self.held().iter().for_each(|process| process.signal(Signal::STOP));
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.held().iter().for_each(|process| process.signal(Signal::CONT));
    }

    /// Waits until `ready` says yes.
    ///
    /// # Errors
    /// The process ended, or the time is over; both with the end of the log.
    pub async fn wait_until<F: Future<Output = bool>>(&self, within: Duration, ready: impl Fn() -> F) -> Result<(), GroundError> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.process().and_then(|process| process.ended()) {
                return Err(GroundError::Ended {
                    name: self.launch.name.clone(),
                    status: status.to_string(),
                    log: self.launch.log.clone(),
                    tail: self.tail(),
                });
            }
            if ready().await {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.not_ready(within));
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Arc<Process>>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn not_ready(&self, within: Duration) -> GroundError {
        GroundError::NotReady { name: self.launch.name.clone(), seconds: within.as_secs(), log: self.launch.log.clone(), tail: self.tail() }
    }

    /// The last lines of its log.
    pub fn tail(&self) -> String {
        let bytes = std::fs::read(&self.launch.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(LINES_OF_LOG)..).unwrap_or_default().join("\n")
    }
}

/// Whether `GET path` on a port of this host answers 200, without TLS.
pub(crate) async fn answers_ok(port: u16, path: &str) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(64).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(Duration::from_secs(1), asked).await;
    answer.is_ok_and(|answer| answer.is_ok_and(|text| text.split(|byte| *byte == b' ').nth(1) == Some(b"200")))
}
