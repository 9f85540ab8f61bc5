//! The port through which the language reads files: `file`, `fileset`, `templatefile`, manifests. The roof fills it; core
//! itself never touches a disk. Paths are what the user wrote, relative to the module folder, with `/` between names.

use std::fmt;
use std::sync::Arc;

/// Files below one module folder.
pub trait Files {
    /// The bytes of a file. `path` is relative to the module folder, or absolute; it may not lead out of that folder.
    ///
    /// # Errors
    /// Whatever keeps the file from being read, as data.
    fn read(&self, path: &str) -> Result<Arc<[u8]>, FileError>;

    /// The paths of the regular files below folder `dir` that match `pattern` (`*`, `?`, `[a-z]`, `{a,b}`, `**` for any
    /// number of folders), relative to `dir`, sorted, with `/` between names. `dir` is `.` for the module folder itself.
    ///
    /// # Errors
    /// Whatever keeps the folder from being listed; a folder that does not exist is [`FileErrorKind::NotFound`].
    fn list(&self, dir: &str, pattern: &str) -> Result<Vec<String>, FileError>;
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The path as it was asked for.
    pub path: String,
    /// The kind of fault, for the wording of the hint.
    pub kind: FileErrorKind,
    /// The operating system's words, may be empty.
    pub detail: String,
}

/// The faults that lead to different advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileErrorKind {
    /// There is no such file or folder.
    NotFound,
    /// It is there, but may not be read.
    Denied,
    /// It is a folder where a file is needed, or the other way round.
    WrongKind,
    /// It is bigger than the limit for configuration files.
    TooLarge,
    /// The pattern cannot be understood.
    BadPattern,
    /// It lies outside of the module folder, by its path or by a link.
    Outside,
    /// Anything else.
    Other,
}

impl FileError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self.kind {
            FileErrorKind::NotFound => "paths are relative to the module folder; `${path.module}` names it",
            FileErrorKind::Denied => "let this user read it",
            FileErrorKind::WrongKind => "name a file, not a folder or a device",
            FileErrorKind::TooLarge => "name a smaller file",
            FileErrorKind::BadPattern => "write a pattern such as `manifests/*.yaml`",
            FileErrorKind::Outside => "copy it into the folder, or give its content by a variable",
            FileErrorKind::Other => "check the file and the disk that it is on",
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            FileErrorKind::NotFound => "does not exist",
            FileErrorKind::Denied => "may not be read",
            FileErrorKind::WrongKind => "is not a regular file",
            FileErrorKind::TooLarge => "is too large",
            FileErrorKind::Outside => "lies outside of the module folder",
            FileErrorKind::BadPattern => "is not a valid pattern",
            FileErrorKind::Other => "cannot be read",
        };
        write!(f, "{} {what}", self.path)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for FileError {}

/// Files that do not exist: for expressions that may not read any.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, FileError> {
        Err(FileError { path: path.into(), kind: FileErrorKind::NotFound, detail: String::new() })
    }

    fn list(&self, dir: &str, _pattern: &str) -> Result<Vec<String>, FileError> {
        Err(FileError { path: dir.into(), kind: FileErrorKind::NotFound, detail: String::new() })
    }
}
