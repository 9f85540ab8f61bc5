//! Tables of the ledger; migrations are only ever added.

use std::path::Path;

use rusqlite::{Connection, params};

const MIGRATIONS: &[&str] = &["
CREATE TABLE resources (
  id TEXT PRIMARY KEY, number INTEGER NOT NULL, thing TEXT NOT NULL, token TEXT NOT NULL, cluster TEXT NOT NULL, owner TEXT NOT NULL,
  plane TEXT NOT NULL, state TEXT NOT NULL, created_ms INTEGER NOT NULL, terminated_ms INTEGER, attributes TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX living ON resources (token) WHERE terminated_ms IS NULL;
CREATE INDEX resources_cluster ON resources (cluster) WHERE terminated_ms IS NULL;
CREATE TABLE events (
  seq INTEGER PRIMARY KEY, resource TEXT NOT NULL, plane TEXT NOT NULL, manager TEXT NOT NULL, action TEXT NOT NULL, at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX events_resource ON events (resource, plane);
CREATE TABLE actors (cluster TEXT PRIMARY KEY, plane TEXT NOT NULL, since_ms INTEGER NOT NULL) STRICT;
CREATE TABLE violations (
  cluster TEXT NOT NULL, plane TEXT NOT NULL, other_plane TEXT NOT NULL, at_ms INTEGER NOT NULL, detail TEXT NOT NULL,
  PRIMARY KEY (cluster, plane, other_plane)
) STRICT;
CREATE TABLE user_data (instance TEXT PRIMARY KEY, data TEXT NOT NULL) STRICT;
CREATE TABLE planes (cluster TEXT PRIMARY KEY) STRICT;
"];

/// Brings the file to the newest format.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let done: usize =
        transaction.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).map(|n| usize::try_from(n).unwrap_or(0))?;
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX))?;
    transaction.commit()
}

/// Makes the file before SQLite does, so that it is never readable by others; SQLite's own files take over its mode.
pub(super) fn make_private(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    // A failure shows when SQLite opens the file.
    drop(options.open(path));
}

/// Adds a line to the history.
pub(super) fn event(connection: &Connection, resource: &str, plane: &str, manager: &str, action: &str) -> rusqlite::Result<()> {
    connection
        .execute(
            "INSERT INTO events (resource, plane, manager, action, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![resource, plane, manager, action, now_ms()],
        )
        .map(|_| ())
}

/// Adds `found` to the history unless this plane is in it already.
pub(super) fn found(connection: &Connection, resource: &str, plane: &str, manager: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO events (resource, plane, manager, action, at_ms) SELECT ?1, ?2, ?3, 'found', ?4
        WHERE NOT EXISTS (SELECT 1 FROM events WHERE resource = ?1 AND plane = ?2)";
    connection.execute(sql, params![resource, plane, manager, now_ms()]).map(|_| ())
}

/// Milliseconds since the epoch.
pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
