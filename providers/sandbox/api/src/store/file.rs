//! Opening the store: folder and file modes, the lock that forbids a second process, migrations, reading all of it.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::Value;

use super::PlaneRecord;
use super::writer::{Store, decode};
use crate::error::Error;
use crate::world::{GroupResource, ObjectKey};

/// One stored object.
#[derive(Debug)]
pub(crate) struct Row {
    pub resource: GroupResource,
    pub key: ObjectKey,
    pub version: u64,
    pub value: Value,
}

/// A plane as it was left.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub record: PlaneRecord,
    pub version: u64,
    pub rows: Vec<Row>,
}

/// Append-only; the format number is the count of those that were run.
const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE planes (
  id TEXT PRIMARY KEY, port INTEGER NOT NULL, booted INTEGER NOT NULL, serving INTEGER NOT NULL,
  ca_cert_pem TEXT NOT NULL, ca_key_pem TEXT NOT NULL, service_account_key TEXT NOT NULL, token_key TEXT NOT NULL,
  version TEXT NOT NULL, resource_version INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE objects (
  plane TEXT NOT NULL, resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  version INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (plane, resource, namespace, name)
) WITHOUT ROWID;
",
    "ALTER TABLE planes ADD COLUMN service_cidr TEXT NOT NULL DEFAULT '';",
];

/// Locks and opens the store in `dir`, which is made (0700) if it is not there.
pub(crate) fn open(dir: &Path) -> Result<(Store, Vec<Loaded>), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|source| io(dir, source))?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(|source| io(dir, source))?;
    let lock = lock(dir)?;
    let path = dir.join("planes.sqlite");
    // SQLite gives -wal and -shm the mode of the main file, so that must be right before SQLite sees it.
    private_file(&path)?;
    let mut connection = Connection::open(&path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    migrate(&mut connection)?;
    let loaded = load(&connection)?;
    Ok((Store::start(connection, lock), loaded))
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("lock");
    let file = private_file(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked(dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(Error::Io { path, source }),
    }
}

fn private_file(path: &PathBuf) -> Result<File, Error> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(|source| io(path, source))?;
    file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(|source| io(path, source))?;
    Ok(file)
}

fn migrate(connection: &mut Connection) -> Result<(), Error> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(Error::NewerFormat { found, known });
    }
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", index as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

fn load(connection: &Connection) -> Result<Vec<Loaded>, Error> {
    let mut planes: BTreeMap<String, Loaded> = BTreeMap::new();
    let mut statement = connection.prepare("SELECT * FROM planes")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let record = PlaneRecord::read(row)?;
        let version: i64 = row.get("resource_version")?;
        planes.insert(record.id.clone(), Loaded { record, version: version.unsigned_abs(), rows: Vec::new() });
    }
    let mut statement = connection.prepare("SELECT plane, resource, namespace, name, version, body FROM objects")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let plane: String = row.get(0)?;
        let resource: String = row.get(1)?;
        let key = ObjectKey { namespace: row.get(2)?, name: row.get(3)? };
        let version: i64 = row.get(4)?;
        let version = version.unsigned_abs();
        let body: Vec<u8> = row.get(5)?;
        let Some(loaded) = planes.get_mut(&plane) else { continue };
        let value = decode(&body, version).map_err(|source| Error::Damaged {
            plane: plane.clone(),
            object: format!("{resource} {}/{}", key.namespace, key.name),
            source,
        })?;
        loaded.rows.push(Row { resource: GroupResource::from_column(&resource), key, version, value });
    }
    Ok(planes.into_values().collect())
}

fn io(path: &Path, source: std::io::Error) -> Error {
    Error::Io { path: path.to_owned(), source }
}
