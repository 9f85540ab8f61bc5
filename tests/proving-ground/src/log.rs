//! What a part of the ground did and what kept it from it, one line each, beside the logs of its processes.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::error::GroundError;

/// A file that lines are appended to, each with the seconds since the log began.
#[derive(Debug)]
pub(crate) struct Log {
    file: Mutex<File>,
    begun: Instant,
}

impl Log {
    pub fn open(path: &Path) -> Result<Log, GroundError> {
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(GroundError::io(path))?;
        Ok(Log { file: Mutex::new(file), begun: Instant::now() })
    }

    pub fn say(&self, line: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written is no reason to stop.
        let _ = writeln!(file, "{:8.3} {}", self.begun.elapsed().as_secs_f64(), line.replace('\n', " | "));
    }
}
