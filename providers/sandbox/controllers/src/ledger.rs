//! The simulated cloud's own books: what exists, who ordered it, which plane's manager acts on which cluster. Knows no Kubernetes object.

mod read;
mod tables;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use read::{Event, Reader, Resource, Violation};

/// What a thing in the cloud is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A machine.
    Instance,
    /// A load balancer of a cluster's API or of a Service.
    LoadBalancer,
    /// A public address.
    Address,
    /// A disk.
    Volume,
    /// A network with its subnets.
    Network,
}

impl Thing {
    /// The word in the ledger.
    pub const fn word(self) -> &'static str {
        match self {
            Thing::Instance => "instance",
            Thing::LoadBalancer => "load-balancer",
            Thing::Address => "address",
            Thing::Volume => "volume",
            Thing::Network => "network",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Thing::Instance => "i-0",
            Thing::LoadBalancer => "lb-0",
            Thing::Address => "eipalloc-0",
            Thing::Volume => "vol-0",
            Thing::Network => "vpc-0",
        }
    }
}

/// An order for one thing. `token` names it among the living: a second order with the same token finds the first one's.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// What is ordered.
    pub thing: Thing,
    /// Idempotency token.
    pub token: &'a str,
    /// `<namespace>/<name>` of the cluster, or of the plane for things that no cluster owns.
    pub cluster: &'a str,
    /// The object that it is for, `Kind/namespace/name`.
    pub owner: &'a str,
    /// Who orders: the plane and its manager.
    pub plane: &'a str,
    /// Name of the manager.
    pub manager: &'a str,
    /// State at first.
    pub state: &'a str,
    /// Facts of its kind.
    pub attributes: Value,
}

/// The ledger, open for writing by the one sandbox process.
pub struct Ledger {
    connection: Mutex<Connection>,
}

type Sql<T> = rusqlite::Result<T>;

impl Ledger {
    /// Opens or makes the file, mode 0600.
    pub fn open(path: &Path) -> Sql<Self> {
        tables::make_private(path);
        let mut connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        tables::migrate(&mut connection)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Opens an existing ledger for questions only.
    pub fn open_read(path: &Path) -> Sql<Reader> {
        Reader::open(path)
    }

    /// The living thing of this token, ordered now if there is none; `true` if it is new.
    pub fn ensure(&self, order: &Order<'_>) -> Sql<(Resource, bool)> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        if let Some(found) = read::living(&transaction, order.token)? {
            tables::found(&transaction, &found.id, order.plane, order.manager)?;
            transaction.commit()?;
            return Ok((found, false));
        }
        let number: i64 = transaction.query_row("SELECT COUNT(*) FROM resources", [], |row| row.get(0))?;
        let digest = Sha256::digest(format!("{number}/{}", order.token));
        let hex = data_encoding::HEXLOWER.encode(&digest);
        let id = format!("{}{}", order.thing.prefix(), hex.get(..16).unwrap_or(&hex));
        transaction.execute(
            "INSERT INTO resources (id, number, thing, token, cluster, owner, plane, state, created_ms, attributes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![id, number, order.thing.word(), order.token, order.cluster, order.owner, order.plane, order.state, tables::now_ms(), order.attributes.to_string()],
        )?;
        tables::event(&transaction, &id, order.plane, order.manager, "create")?;
        let made = read::by_id(&transaction, &id)?;
        transaction.commit()?;
        made.map(|made| (made, true)).ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    /// Notes that a plane's manager works with a thing that it did not order; once per plane.
    pub fn touch(&self, id: &str, plane: &str, manager: &str) -> Sql<()> {
        tables::found(&self.lock(), id, plane, manager)
    }

    /// Moves a living thing to another state.
    pub fn set_state(&self, id: &str, state: &str, plane: &str, manager: &str) -> Sql<()> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let changed = transaction
            .execute("UPDATE resources SET state = ?2 WHERE id = ?1 AND terminated_ms IS NULL AND state <> ?2", params![id, state])?;
        if changed > 0 {
            tables::event(&transaction, id, plane, manager, state)?;
        }
        transaction.commit()
    }

    /// Replaces the facts of a thing.
    pub fn set_attributes(&self, id: &str, attributes: &Value) -> Sql<()> {
        self.lock().execute("UPDATE resources SET attributes = ?2 WHERE id = ?1", params![id, attributes.to_string()]).map(|_| ())
    }

    /// Ends the life of a thing; its token is free again.
    pub fn terminate(&self, id: &str, plane: &str, manager: &str) -> Sql<()> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let changed = transaction.execute(
            "UPDATE resources SET state = 'terminated', terminated_ms = ?2 WHERE id = ?1 AND terminated_ms IS NULL",
            params![id, tables::now_ms()],
        )?;
        if changed > 0 {
            tables::event(&transaction, id, plane, manager, "terminate")?;
            transaction.execute("DELETE FROM user_data WHERE instance = ?1", params![id])?;
        }
        transaction.commit()
    }

    /// A thing by id, living or not.
    pub fn get(&self, id: &str) -> Sql<Option<Resource>> {
        read::by_id(&self.lock(), id)
    }

    /// The living thing of a token.
    pub fn living(&self, token: &str) -> Sql<Option<Resource>> {
        read::living(&self.lock(), token)
    }

    /// Living things, oldest first.
    pub fn live(&self) -> Sql<Vec<Resource>> {
        read::live(&self.lock())
    }

    /// Living things of a cluster, oldest first.
    pub fn live_of(&self, cluster: &str) -> Sql<Vec<Resource>> {
        read::live_of(&self.lock(), cluster)
    }

    /// Keeps what a machine boots with, until it has booted.
    pub fn put_user_data(&self, instance: &str, data: &str) -> Sql<()> {
        self.lock().execute("INSERT OR REPLACE INTO user_data (instance, data) VALUES (?1, ?2)", params![instance, data]).map(|_| ())
    }

    /// What a machine boots with.
    pub fn user_data(&self, instance: &str) -> Sql<Option<String>> {
        self.lock().query_row("SELECT data FROM user_data WHERE instance = ?1", params![instance], |row| row.get(0)).optional()
    }

    /// Forgets what a machine booted with.
    pub fn drop_user_data(&self, instance: &str) -> Sql<()> {
        self.lock().execute("DELETE FROM user_data WHERE instance = ?1", params![instance]).map(|_| ())
    }

    /// Notes that a cluster's plane was booted (or is no more).
    pub fn set_plane(&self, cluster: &str, booted: bool) -> Sql<()> {
        let sql = if booted { "INSERT OR REPLACE INTO planes (cluster) VALUES (?1)" } else { "DELETE FROM planes WHERE cluster = ?1" };
        self.lock().execute(sql, params![cluster]).map(|_| ())
    }

    /// Clusters whose plane was booted.
    pub fn planes(&self) -> Sql<Vec<String>> {
        let connection = self.lock();
        let mut statement = connection.prepare("SELECT cluster FROM planes ORDER BY cluster")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        rows.collect()
    }

    /// The plane whose managers act on a cluster now.
    pub fn actor(&self, cluster: &str) -> Sql<Option<String>> {
        self.lock().query_row("SELECT plane FROM actors WHERE cluster = ?1", params![cluster], |row| row.get(0)).optional()
    }

    /// From now on `plane`'s managers act on the cluster.
    pub fn set_actor(&self, cluster: &str, plane: &str) -> Sql<()> {
        self.lock()
            .execute(
                "INSERT OR REPLACE INTO actors (cluster, plane, since_ms) VALUES (?1, ?2, ?3)",
                params![cluster, plane, tables::now_ms()],
            )
            .map(|_| ())
    }

    /// `plane`'s managers no longer act on the cluster.
    pub fn drop_actor(&self, cluster: &str, plane: &str) -> Sql<()> {
        self.lock().execute("DELETE FROM actors WHERE cluster = ?1 AND plane = ?2", params![cluster, plane]).map(|_| ())
    }

    /// Records that two planes' managers act on one unpaused cluster; once per pair.
    pub fn violate(&self, cluster: &str, one: &str, other: &str, detail: &str) -> Sql<()> {
        let (first, second) = if one < other { (one, other) } else { (other, one) };
        self.lock()
            .execute(
                "INSERT OR IGNORE INTO violations (cluster, plane, other_plane, at_ms, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![cluster, first, second, tables::now_ms(), detail],
            )
            .map(|_| ())
    }

    /// All violations.
    pub fn violations(&self) -> Sql<Vec<Violation>> {
        read::violations(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(token: &str) -> Order<'_> {
        Order {
            thing: Thing::Instance,
            token,
            cluster: "n/c",
            owner: "AWSMachine/n/m",
            plane: "management",
            manager: "capa",
            state: "pending",
            attributes: serde_json::json!({"az": "a"}),
        }
    }

    #[test]
    fn one_living_thing_per_token_and_a_history_of_all() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("ledger.db");
        let ledger = Ledger::open(&path).expect("ledger");
        let (first, new) = ledger.ensure(&order("a")).expect("order");
        assert!(new);
        let other_plane = Order { plane: "n.c", ..order("a") };
        assert_eq!(ledger.ensure(&other_plane).expect("order"), (first.clone(), false));
        ledger.terminate(&first.id, "n.c", "capa").expect("terminate");
        let (second, _) = ledger.ensure(&order("a")).expect("order");
        assert_ne!(first.id, second.id);

        let reader = Ledger::open_read(&path).expect("reader");
        assert_eq!(reader.live().expect("live"), vec![second]);
        let actions: Vec<String> =
            reader.history().expect("history").into_iter().map(|event| format!("{}:{}", event.plane, event.action)).collect();
        assert_eq!(actions, ["management:create", "n.c:found", "n.c:terminate", "management:create"]);
        assert_eq!(reader.violations().expect("violations"), vec![]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).expect("file").permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_violation_is_recorded_once_per_pair() {
        let folder = tempfile::tempdir().expect("folder");
        let ledger = Ledger::open(&folder.path().join("l")).expect("ledger");
        ledger.violate("n/c", "a", "b", "first").expect("write");
        ledger.violate("n/c", "b", "a", "second").expect("write");
        let all = ledger.violations().expect("read");
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].plane.as_str(), all[0].other_plane.as_str()), ("a", "b"));
    }
}
