//! One process that we started: it is known by its id while it is ours to wait for, and it is gone when this value is.

use std::process::ExitStatus;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::error::GroundError;
use crate::launch::Launch;

/// A process in a process group of its own; dropping it kills the group and waits for the end.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    life: Arc<Life>,
}

/// `None` while the id is ours. It is given back to the system under this lock, so that no signal reaches a stranger.
#[derive(Debug, Default)]
struct Life {
    status: Mutex<Option<ExitStatus>>,
    over: Condvar,
    told: tokio::sync::Notify,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// The program or its log cannot be opened.
    pub fn start(launch: &Launch) -> Result<Process, GroundError> {
        let mut child = launch.spawn()?;
        let unknown = || GroundError::Io { what: launch.name.clone(), source: std::io::Error::other("a process without an id") };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(unknown)?;
        let life = Arc::new(Life::default());
        let seen = Arc::clone(&life);
        std::thread::spawn(move || {
            // Waits without taking the id back.
            while waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).is_err_and(|error| error == Errno::INTR) {}
            let mut status = seen.status();
            *status = Some(child.wait().unwrap_or_default());
            drop(status);
            seen.over.notify_all();
            seen.told.notify_waiters();
        });
        Ok(Process { pid, life })
    }

    /// Its id.
    pub fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        *self.life.status()
    }

    /// Sends a signal to its group; one that has ended gets none.
    pub fn signal(&self, signal: Signal) {
        if self.life.status().is_none() {
            // It may have ended by now, but its id is still ours.
            let _ = kill_process_group(self.pid, signal);
        }
    }

    /// Waits for its end.
    pub async fn wait(&self) -> ExitStatus {
        loop {
            let told = self.life.told.notified();
            if let Some(status) = self.ended() {
                return status;
            }
            told.await;
        }
    }

    /// Asks it to end, and kills it after the grace time.
    pub async fn terminate(&self, grace: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        if let Ok(status) = tokio::time::timeout(grace, self.wait()).await {
            return status;
        }
        self.signal(Signal::KILL);
        self.wait().await
    }
}

impl Life {
    fn status(&self) -> MutexGuard<'_, Option<ExitStatus>> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let mut status = self.life.status();
        while status.is_none() {
            status = self.life.over.wait(status).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
