//! Making a state file: complete under another name first, so that no half-made one is ever seen.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::params;
use windlass_run::ports::StoreError;

use crate::file::open_to_write;
use crate::lock::Lock;
use crate::network::{file_system_of, refuse_network};
use crate::refusal::{from_io, from_sqlite, unusable};
use crate::rows::meta_sum;
use crate::schema::migrate;
use windlass_core::encode::DigestKey;

const FORMAT: i64 = 1;
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes a state that holds a lineage and a key, readable by this user only. Refuses if there is anything at `path`.
pub fn create(path: &Path, lineage: &str, key: &DigestKey) -> Result<(), StoreError> {
    let folder = folder_of(path);
    let found = file_system_of(&folder).map_err(|error| from_io(&folder, &error))?;
    refuse_network(path, found)?;
    let _lock = Lock::take(path, "a process that is just creating it", PATIENCE)?;
    match fs::symlink_metadata(path) {
        Ok(_) => return Err(unusable(path, "exists already", "it is used as it is; nothing needs to be created")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(from_io(path, &error)),
    }
    let draft = draft_path(path);
    // Left over from a process that was killed right here; the lock says that nobody is at it now.
    let _ = fs::remove_file(&draft);
    let made = draw(&draft, lineage, key)
        .and_then(|()| fs::rename(&draft, path).and_then(|()| File::open(&folder)?.sync_all()).map_err(|error| from_io(path, &error)));
    if made.is_err() {
        let _ = fs::remove_file(&draft);
    }
    made
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn draft_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn draw(draft: &Path, lineage: &str, key: &DigestKey) -> Result<(), StoreError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft).map_err(|error| from_io(draft, &error))?;
    let fill = || -> rusqlite::Result<()> {
        let mut connection = open_to_write(draft)?;
        migrate(&mut connection)?;
        connection.execute(
            "INSERT INTO meta (one, format, lineage, serial, digest_key, sum) VALUES (1, ?1, ?2, 0, ?3, ?4)",
            params![FORMAT, lineage, key.bytes(), meta_sum(FORMAT, lineage, 0, key.bytes())],
        )?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        connection.close().map_err(|(_, error)| error)
    };
    fill().map_err(|error| from_sqlite(draft, &error))
}
