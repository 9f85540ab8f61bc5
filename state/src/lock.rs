//! The OS lock beside the state: one writer, freed by the kernel when its process ends in any way.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use windlass_run::ports::StoreError;

use crate::refusal::from_io;

const POLL: Duration = Duration::from_millis(50);
const LONGEST_OWNER: u64 = 400;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// The lock file of a state: `<state>.lock`.
pub fn lock_path(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

impl Lock {
    /// Takes the lock, trying again until `timeout` has passed. `owner` is what others are told meanwhile.
    pub fn take(state: &Path, owner: &str, timeout: Duration) -> Result<Self, StoreError> {
        let path = lock_path(state);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| from_io(&path, &error))?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(from_io(&path, &error)),
                Err(TryLockError::WouldBlock) if waited >= timeout => return Err(StoreError::Locked { owner: read_owner(&mut file) }),
                Err(TryLockError::WouldBlock) => {
                    let pause = POLL.min(timeout.saturating_sub(waited));
                    thread::sleep(pause);
                    waited += pause;
                }
            }
        }
        write_owner(&mut file, owner).map_err(|error| from_io(&path, &error))?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A text that stays behind is harmless: only the kernel's lock counts.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

fn write_owner(file: &mut File, owner: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(owner.as_bytes())
}

/// The owner's text is for people only, and somebody else wrote it: bounded, one line, no control characters.
fn read_owner(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(LONGEST_OWNER).read_to_end(&mut bytes));
    let text: String = String::from_utf8_lossy(&bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match (read, text.trim()) {
        (Err(_), _) | (_, "") => "another process".to_owned(),
        (Ok(_), owner) => owner.to_owned(),
    }
}
