//! The ground of one test: its folders, and the promise that nothing of it stays behind.

use std::path::{Path, PathBuf};

use crate::components::Components;
use crate::error::GroundError;
use crate::folder_lock::FolderLock;
use crate::workspace::{logs_folder, proving_ground_folder};

/// Logs and data of one test. Data goes when this is dropped; logs stay until a ground of the same name begins.
///
/// Drop it after its planes and managers: a struct that holds both names it last.
#[derive(Debug)]
pub struct Ground {
    name: String,
    components: Components,
    logs: PathBuf,
    data: PathBuf,
    _lock: FolderLock,
}

impl Ground {
    /// Begins a ground with empty folders. What a ground that was killed left in its folders is removed, of whatever name.
    ///
    /// # Errors
    /// The components are not built, a ground of this name is in use, or a folder cannot be written.
    pub fn begin(name: &str) -> Result<Ground, GroundError> {
        // Any TLS client of this process uses it; a second call finds it set.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let components = Components::find()?;
        let grounds = proving_ground_folder();
        let lock = FolderLock::try_take(&lock_file(name))?.ok_or_else(|| GroundError::InUse(name.to_owned()))?;
        lock.write(&std::process::id().to_string())?;
        remove_data_of_the_dead(&grounds.join("data"));
        let (logs, data) = (logs_folder().join(name), grounds.join("data").join(name));
        for folder in [&logs, &data] {
            if folder.is_dir() {
                std::fs::remove_dir_all(folder).map_err(GroundError::io(folder))?;
            }
            std::fs::create_dir_all(folder).map_err(GroundError::io(folder))?;
        }
        Ok(Ground { name: name.to_owned(), components, logs, data, _lock: lock })
    }

    /// The id of the process that holds a ground of this name now.
    ///
    /// # Errors
    /// Its lock cannot be looked at.
    pub fn holder(name: &str) -> Result<Option<i32>, GroundError> {
        match FolderLock::try_take(&lock_file(name))? {
            Some(_free) => Ok(None),
            None => Ok(FolderLock::read(&lock_file(name))?.trim().parse().ok()),
        }
    }

    /// Waits until nobody holds a ground of this name.
    ///
    /// # Errors
    /// Its lock cannot be looked at.
    pub fn wait_until_free(name: &str) -> Result<(), GroundError> {
        FolderLock::take(&lock_file(name)).map(drop)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The built programs.
    pub fn components(&self) -> &Components {
        &self.components
    }

    /// Where its processes log.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// A folder for data below it, made if need be.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn data_folder(&self, name: &str) -> Result<PathBuf, GroundError> {
        made(self.data.join(name))
    }

    /// A folder for logs below it, made if need be.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn log_folder(&self, name: &str) -> Result<PathBuf, GroundError> {
        made(self.logs.join(name))
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // If this fails, the next ground does it.
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

fn made(folder: PathBuf) -> Result<PathBuf, GroundError> {
    std::fs::create_dir_all(&folder).map_err(GroundError::io(&folder))?;
    Ok(folder)
}

fn lock_file(name: &str) -> PathBuf {
    proving_ground_folder().join("locks").join(name)
}

fn remove_data_of_the_dead(data: &Path) {
    for entry in std::fs::read_dir(data).into_iter().flatten().flatten() {
        let free = FolderLock::try_take(&lock_file(&entry.file_name().to_string_lossy()));
        if let Ok(Some(_lock)) = free {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
