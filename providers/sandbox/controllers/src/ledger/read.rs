//! Questions to the ledger, for the controllers and for tests in other processes.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use serde::Serialize;
use serde_json::Value;

/// One thing in the cloud.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resource {
    /// `i-…`, `lb-…`, `eipalloc-…`, `vol-…`, `vpc-…`.
    pub id: String,
    /// How many were ordered before it.
    pub number: i64,
    /// `instance`, `load-balancer`, `address`, `volume`, `network`.
    pub thing: String,
    /// Idempotency token.
    pub token: String,
    /// `<namespace>/<name>` of its cluster.
    pub cluster: String,
    /// `Kind/namespace/name` of the object that it is for.
    pub owner: String,
    /// The plane whose manager ordered it.
    pub plane: String,
    /// State in its kind's words.
    pub state: String,
    /// When it was ordered.
    pub created_ms: i64,
    /// When it ended.
    pub terminated_ms: Option<i64>,
    /// Facts of its kind.
    pub attributes: Value,
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Id of the thing.
    pub resource: String,
    /// The plane that acted.
    pub plane: String,
    /// Its manager.
    pub manager: String,
    /// `create`, `found`, a state, `terminate`.
    pub action: String,
    /// When.
    pub at_ms: i64,
}

/// Two planes' managers acted on one unpaused cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// `<namespace>/<name>`.
    pub cluster: String,
    /// One plane.
    pub plane: String,
    /// The other.
    pub other_plane: String,
    /// When it was first seen.
    pub at_ms: i64,
    /// What was done.
    pub detail: String,
}

/// A ledger open for questions only.
pub struct Reader {
    connection: Connection,
}

impl Reader {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        Ok(Self { connection })
    }

    /// Living things, oldest first.
    pub fn live(&self) -> rusqlite::Result<Vec<Resource>> {
        live(&self.connection)
    }

    /// Everything that ever was, oldest first.
    pub fn all(&self) -> rusqlite::Result<Vec<Resource>> {
        many(&self.connection, "SELECT * FROM resources ORDER BY number", [])
    }

    /// What was done to what by whom, oldest first.
    pub fn history(&self) -> rusqlite::Result<Vec<Event>> {
        let mut statement = self.connection.prepare("SELECT resource, plane, manager, action, at_ms FROM events ORDER BY seq")?;
        let rows = statement.query_map([], |row| {
            Ok(Event { resource: row.get(0)?, plane: row.get(1)?, manager: row.get(2)?, action: row.get(3)?, at_ms: row.get(4)? })
        })?;
        rows.collect()
    }

    /// Violations; empty in every good run.
    pub fn violations(&self) -> rusqlite::Result<Vec<Violation>> {
        violations(&self.connection)
    }
}

pub(super) fn live(connection: &Connection) -> rusqlite::Result<Vec<Resource>> {
    many(connection, "SELECT * FROM resources WHERE terminated_ms IS NULL ORDER BY number", [])
}

pub(super) fn live_of(connection: &Connection, cluster: &str) -> rusqlite::Result<Vec<Resource>> {
    many(connection, "SELECT * FROM resources WHERE terminated_ms IS NULL AND cluster = ?1 ORDER BY number", params![cluster])
}

pub(super) fn living(connection: &Connection, token: &str) -> rusqlite::Result<Option<Resource>> {
    connection.query_row("SELECT * FROM resources WHERE terminated_ms IS NULL AND token = ?1", params![token], resource).optional()
}

pub(super) fn by_id(connection: &Connection, id: &str) -> rusqlite::Result<Option<Resource>> {
    connection.query_row("SELECT * FROM resources WHERE id = ?1", params![id], resource).optional()
}

pub(super) fn violations(connection: &Connection) -> rusqlite::Result<Vec<Violation>> {
    let mut statement = connection.prepare("SELECT cluster, plane, other_plane, at_ms, detail FROM violations ORDER BY at_ms, cluster")?;
    let rows = statement.query_map([], |row| {
        Ok(Violation { cluster: row.get(0)?, plane: row.get(1)?, other_plane: row.get(2)?, at_ms: row.get(3)?, detail: row.get(4)? })
    })?;
    rows.collect()
}

fn many(connection: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<Vec<Resource>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map(params, resource)?;
    rows.collect()
}

fn resource(row: &Row<'_>) -> rusqlite::Result<Resource> {
    let attributes: String = row.get("attributes")?;
    Ok(Resource {
        id: row.get("id")?,
        number: row.get("number")?,
        thing: row.get("thing")?,
        token: row.get("token")?,
        cluster: row.get("cluster")?,
        owner: row.get("owner")?,
        plane: row.get("plane")?,
        state: row.get("state")?,
        created_ms: row.get("created_ms")?,
        terminated_ms: row.get("terminated_ms")?,
        attributes: serde_json::from_str(&attributes).unwrap_or(Value::Null),
    })
}
