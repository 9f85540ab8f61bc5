//! Wording of everything that can be wrong with a state file: what, and what to do.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;
use windlass_run::ports::StoreError;

/// SQLite's `SQLITE_ERROR`: a statement does not fit the tables.
const SQLITE_ERROR: i32 = 1;

const RESTORE: &str = "nothing was changed; put back a copy of the file and remove the -wal and -shm beside it, if there are any; \
    do not create a new one: the objects that this one knows would be nobody's";

/// A refusal with its hint.
pub fn unusable(path: &Path, what: &str, hint: &str) -> StoreError {
    StoreError::Unusable { reason: format!("the state {} {what}", path.display()), hint: hint.to_owned() }
}

/// The content is not what this program wrote.
pub fn damaged(path: &Path, how: &str) -> StoreError {
    unusable(path, &format!("is damaged: {how}"), RESTORE)
}

/// The file system says no.
pub fn from_io(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::NotFound => {
            unusable(path, "does not exist", "`windlass init`, `plan` or `apply` creates it; -state or WL_STATE names another one")
        }
        io::ErrorKind::PermissionDenied => {
            unusable(path, "may not be opened: permission denied", "give this user read and write permission on it and its folder")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            unusable(path, "is on a read-only file system", "commands that change something need a folder that can be written")
        }
        _ => StoreError::Io(format!("{}: {error}", path.display())),
    }
}

/// SQLite says no.
pub fn from_sqlite(path: &Path, error: &rusqlite::Error) -> StoreError {
    let rusqlite::Error::SqliteFailure(failure, message) = error else {
        return damaged(path, &error.to_string());
    };
    let words = message.clone().unwrap_or_else(|| failure.to_string());
    match failure.code {
        ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::TypeMismatch
        | ErrorCode::ConstraintViolation
        | ErrorCode::SchemaChanged => damaged(path, &words),
        // Our statements are right for the tables that we make: one of those, or a column of it, is not there.
        ErrorCode::Unknown if failure.extended_code == SQLITE_ERROR => damaged(path, &words),
        ErrorCode::DiskFull => {
            StoreError::Io(format!("{}: no space is left on the disk; free some and run the same command again", path.display()))
        }
        ErrorCode::CannotOpen => unusable(
            path,
            "cannot be read here: an interrupted run has left a -wal file beside it, and this folder cannot be written",
            "run the command where the folder can be written, or run any apply there once, which folds the -wal into the file",
        ),
        ErrorCode::PermissionDenied | ErrorCode::ReadOnly => {
            unusable(path, "cannot be written", "give this user write permission on it and its folder")
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            StoreError::Io(format!("{}: another process has kept it busy for too long", path.display()))
        }
        _ => StoreError::Io(format!("{}: {words}", path.display())),
    }
}
