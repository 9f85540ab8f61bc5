//! Tables of the state file and their migrations. Append-only: a migration that was released is never edited.

use rusqlite::{Connection, TransactionBehavior};

/// `PRAGMA application_id`: "WLST".
pub const APPLICATION_ID: i32 = 0x574c_5354;

/// The migration at index n leads from `user_version` n to n + 1.
///
/// `sum` is the checksum of a row's other fields. A cluster-scoped object has namespace `''`. `runs.plan` and the journal of old runs are
/// emptied; the row itself stays, so that a plan that was applied is known again.
const MIGRATIONS: &[&str] = &[
    r#"
CREATE TABLE meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  format INTEGER NOT NULL, lineage TEXT NOT NULL, serial INTEGER NOT NULL, digest_key BLOB NOT NULL, sum INTEGER NOT NULL
) STRICT;
CREATE TABLE planes (
  id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE, uid TEXT NOT NULL, sum INTEGER NOT NULL
) STRICT;
CREATE TABLE resources (
  address TEXT PRIMARY KEY, status TEXT NOT NULL CHECK (status IN ('absent', 'creating', 'ready', 'deleting')),
  input_digest TEXT NOT NULL, render_revision INTEGER NOT NULL, protect INTEGER NOT NULL, needs TEXT NOT NULL, facts TEXT NOT NULL,
  row_version INTEGER NOT NULL DEFAULT 1, sum INTEGER NOT NULL
) STRICT;
CREATE TABLE objects (
  resource TEXT NOT NULL, plane TEXT NOT NULL, "group" TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  uid TEXT NOT NULL, api_version TEXT NOT NULL, applied TEXT NOT NULL, sum INTEGER NOT NULL,
  PRIMARY KEY (plane, "group", kind, namespace, name)
) STRICT;
CREATE INDEX objects_by_resource ON objects (resource);
CREATE TABLE outputs (name TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;
CREATE TABLE runs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, serial INTEGER NOT NULL, plan TEXT NOT NULL, plan_digest TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('running', 'partial', 'done', 'superseded')), sum INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_unfinished_run ON runs ((1)) WHERE status IN ('running', 'partial');
CREATE TABLE journal (
  run TEXT NOT NULL, seq INTEGER NOT NULL, step TEXT NOT NULL, phase TEXT NOT NULL, evidence TEXT NOT NULL, sum INTEGER NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
"#,
    r#"
CREATE TABLE machines (
  cluster TEXT NOT NULL, provider_id TEXT NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (cluster, provider_id)
) STRICT;
"#,
];

/// The `user_version` from which on there is a table of machines; an older file is read without one, since reading changes nothing.
pub const WITH_MACHINES: i32 = 2;

/// The `user_version` that this program writes.
pub fn newest() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// Brings a file to [`newest`], in one transaction. A file that is there already is not written.
pub fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let from: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if from >= newest() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(from).unwrap_or(0)) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", newest())?;
    transaction.commit()
}
