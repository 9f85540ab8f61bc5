//! A folder that one living process holds. The kernel frees the lock when the holder dies, however it dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::GroundError;

/// Holds the lock file of a folder until it is dropped.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
    path: PathBuf,
}

impl FolderLock {
    /// The lock of `<path>`, or `None` if somebody has it. The file is made if need be and stays.
    ///
    /// # Errors
    /// The file cannot be made or locked.
    pub fn try_take(path: &Path) -> Result<Option<FolderLock>, GroundError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(FolderLock { file, path: path.to_path_buf() })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(GroundError::Io { what: path.display().to_string(), source }),
        }
    }

    /// The lock of `<path>`; waits for whoever has it.
    ///
    /// # Errors
    /// The file cannot be made or locked.
    pub fn take(path: &Path) -> Result<FolderLock, GroundError> {
        let file = open(path)?;
        file.lock().map_err(GroundError::io(path))?;
        Ok(FolderLock { file, path: path.to_path_buf() })
    }

    /// Leaves a note in the file, for whoever does not get the lock.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, note: &str) -> Result<(), GroundError> {
        self.file.set_len(0).and_then(|()| (&self.file).write_all(note.as_bytes())).map_err(GroundError::io(&self.path))
    }

    /// The note of whoever has the lock.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(path: &Path) -> Result<String, GroundError> {
        std::fs::read_to_string(path).map_err(GroundError::io(path))
    }
}

fn open(path: &Path) -> Result<File, GroundError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(GroundError::io(folder))?;
    }
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).map_err(GroundError::io(path))
}
