//! What can be told of a state file before SQLite sees it, and how it is opened then. Nothing here writes its content.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use windlass_run::ports::StoreError;

use crate::refusal::{damaged, from_io, from_sqlite, unusable};
use crate::schema::{APPLICATION_ID, newest};

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const BUSY: Duration = Duration::from_secs(10);
/// Files up to this size are checked whole when they are opened: 5 ms per 6 MB.
const CHECKED_WHOLE: i64 = 16 << 20;

/// The real path of a state that exists, looks like one of ours, and is not from a later format.
pub fn recognise(path: &Path) -> Result<PathBuf, StoreError> {
    let path = fs::canonicalize(path).map_err(|error| from_io(path, &error))?;
    let found = fs::metadata(&path).map_err(|error| from_io(&path, &error))?;
    if !found.is_file() {
        return Err(unusable(&path, "is not a file", "-state or WL_STATE names the state file itself"));
    }
    let mut header = Vec::new();
    File::open(&path).and_then(|file| file.take(100).read_to_end(&mut header)).map_err(|error| from_io(&path, &error))?;
    if header.is_empty() {
        let hint = "an empty file is never taken for an empty world: put back a copy, or remove it if nothing was ever made with it";
        return Err(unusable(&path, "is empty (0 bytes)", hint));
    }
    if !MAGIC.starts_with(header.get(..16).unwrap_or(&header)) || header.len() < 100 {
        return Err(match header.len() {
            100 => unusable(&path, "is not a windlass state", "-state or WL_STATE names the right file"),
            _ => damaged(&path, &format!("it ends after {} bytes", header.len())),
        });
    }
    if number(&header, 68) != APPLICATION_ID.cast_unsigned() {
        return Err(unusable(&path, "is a SQLite file, but not a windlass state", "-state or WL_STATE names the right file"));
    }
    refuse_newer(&path, number(&header, 60))?;
    refuse_short(&path, &header, found.len())?;
    Ok(path)
}

fn number(header: &[u8], at: usize) -> u32 {
    let bytes = header.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    u32::from_be_bytes(bytes.unwrap_or_default())
}

fn refuse_newer(path: &Path, version: u32) -> Result<(), StoreError> {
    if version <= newest().cast_unsigned() {
        return Ok(());
    }
    let what = format!("has format {version}; this windlass knows formats up to {}", newest());
    Err(unusable(path, &what, "use the windlass that wrote it, or a newer one"))
}

/// The header's page count (offset 28) is binding if no log is beside the file that could hold the rest.
fn refuse_short(path: &Path, header: &[u8], length: u64) -> Result<(), StoreError> {
    let page = match u64::from(number(header, 16) >> 16) {
        1 => 65_536,
        size => size,
    };
    let expected = page * u64::from(number(header, 28));
    if length < expected && wal_length(path) == 0 {
        return Err(damaged(path, &format!("it has {length} bytes of {expected}")));
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn wal_length(path: &Path) -> u64 {
    fs::metadata(beside(path, "-wal")).map_or(0, |found| found.len())
}

/// Takes from others what they may do with a state, since it holds a key: a copy that came by hand or by CI is often readable for all.
pub fn make_private(path: &Path) -> Result<(), StoreError> {
    let mode = fs::metadata(path).map_err(|error| from_io(path, &error))?.permissions().mode();
    if mode & 0o077 != 0 {
        // Only the owner can; whoever else may write the file was let in on purpose.
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700));
    }
    Ok(())
}

/// What changes when somebody writes the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    wal: u64,
}

impl Stamp {
    /// Of a file, now.
    pub fn of(path: &Path) -> Result<Self, StoreError> {
        let found = fs::metadata(path).map_err(|error| from_io(path, &error))?;
        Ok(Self { inode: found.ino(), length: found.len(), modified: (found.mtime(), found.mtime_nsec()), wal: wal_length(path) })
    }

    /// Whether all of the state is in the file itself, so that it can be read without a log.
    pub fn is_whole(&self) -> bool {
        self.wal == 0
    }
}

/// Opens for reading. `whole`: by the file alone, which works in a folder that cannot be written.
pub fn open_to_read(path: &Path, whole: bool) -> Result<Connection, StoreError> {
    let name = path.to_str().ok_or_else(|| unusable(path, "has a name that is not UTF-8", "rename it"))?;
    let escaped = name.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let uri = if whole { format!("file:{escaped}?immutable=1") } else { format!("file:{escaped}?mode=ro") };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri, flags).map_err(|error| from_sqlite(path, &error))?;
    distrust(&connection).map_err(|error| from_sqlite(path, &error))?;
    Ok(connection)
}

/// Opens for writing a file that exists.
pub fn open_to_write(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // SQLite opens what may not be written for reading, without a word.
    if connection.is_readonly("main")? {
        let readonly = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY);
        return Err(rusqlite::Error::SqliteFailure(readonly, None));
    }
    distrust(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    Ok(connection)
}

/// The file may come from anywhere: its schema may call nothing, and pages are checked as they are read.
fn distrust(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cell_size_check", true)
}

/// Whether the file is sound, as far as this can be told cheaply.
pub fn verify(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let ask = |name: &str| -> Result<i64, StoreError> {
        connection.pragma_query_value(None, name, |row| row.get(0)).map_err(|error| from_sqlite(path, &error))
    };
    if ask("application_id")? != i64::from(APPLICATION_ID) {
        return Err(unusable(path, "is a SQLite file, but not a windlass state", "-state or WL_STATE names the right file"));
    }
    refuse_newer(path, u32::try_from(ask("user_version")?).unwrap_or(u32::MAX))?;
    if ask("page_count")?.saturating_mul(ask("page_size")?) > CHECKED_WHOLE {
        return Ok(());
    }
    let verdict: String =
        connection.pragma_query_value(None, "integrity_check", |row| row.get(0)).map_err(|error| from_sqlite(path, &error))?;
    if verdict == "ok" { Ok(()) } else { Err(damaged(path, verdict.lines().next().unwrap_or(&verdict))) }
}
