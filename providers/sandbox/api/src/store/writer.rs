//! The one thread that writes SQLite. Everything that waits when it wakes goes into one transaction (group commit), and each
//! writer is told when that transaction is committed. With WAL and synchronous=NORMAL a commit survives the death of the
//! process (not a power cut), which is the sandbox's promise. Knows nothing of what objects mean.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread::JoinHandle;

use rusqlite::{Connection, params};
use serde_json::Value;
use tokio::sync::oneshot;

use super::PlaneRecord;
use crate::error::Error;
use crate::world::Place;

/// Handle of the writer; clones share it. When the last one is dropped the thread ends and the lock is released.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    sender: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Job {
    task: Task,
    done: oneshot::Sender<Result<(), String>>,
}

#[derive(Debug)]
enum Task {
    Object { plane: Arc<str>, place: Place, version: u64, body: Option<Vec<u8>> },
    Plane(Box<PlaneRecord>),
    Forget(String),
}

/// Resolves when the write is on disk.
#[derive(Debug)]
pub(crate) struct Acknowledgement(oneshot::Receiver<Result<(), String>>);

impl Acknowledgement {
    /// Waits for the commit.
    pub async fn committed(self) -> Result<(), Error> {
        match self.0.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(Error::Stopped(reason)),
            Err(_) => Err(Error::Stopped("the writer has ended".to_owned())),
        }
    }
}

const BATCH: usize = 512;

impl Store {
    pub(super) fn start(connection: Connection, lock: File) -> Store {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            run(connection, &receiver);
            drop(lock);
        });
        Store { shared: Arc::new(Shared { sender: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) }) }
    }

    /// Queues a changed (`Some`) or deleted (`None`) object; calls are committed in order.
    pub fn write(&self, plane: &Arc<str>, place: &Place, version: u64, body: Option<Vec<u8>>) -> Acknowledgement {
        self.send(Task::Object { plane: plane.clone(), place: place.clone(), version, body })
    }

    /// Queues a plane's record.
    pub fn write_plane(&self, record: PlaneRecord) -> Acknowledgement {
        self.send(Task::Plane(Box::new(record)))
    }

    /// Queues the removal of a plane with all its objects.
    pub fn forget_plane(&self, id: &str) -> Acknowledgement {
        self.send(Task::Forget(id.to_owned()))
    }

    /// Ends the writer; later writes are refused.
    pub fn close(&self) {
        self.shared.close();
    }

    fn send(&self, task: Task) -> Acknowledgement {
        let (done, receiver) = oneshot::channel();
        if let Some(sender) = &*lock(&self.shared.sender) {
            // If the thread has ended, `done` is dropped and the acknowledgement says so.
            let _ = sender.send(Job { task, done });
        }
        Acknowledgement(receiver)
    }
}

impl Shared {
    /// Commits what is queued, ends the thread and releases the lock.
    fn close(&self) {
        drop(lock(&self.sender).take());
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // A panic of the writer has been reported to everybody who waited for it.
            let _ = thread.join();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn run(mut connection: Connection, receiver: &mpsc::Receiver<Job>) {
    let mut failure: Option<String> = None;
    while let Ok(first) = receiver.recv() {
        let mut jobs = vec![first];
        while jobs.len() < BATCH {
            match receiver.try_recv() {
                Ok(job) => jobs.push(job),
                Err(_) => break,
            }
        }
        // After a failed commit memory is ahead of the disk: nothing may be acknowledged any more until a restart.
        if failure.is_none() {
            failure = commit(&mut connection, &jobs).err().map(|error| error.to_string());
        }
        for job in jobs {
            let _ = job.done.send(failure.clone().map_or(Ok(()), Err));
        }
    }
    let _ = connection.pragma_update(None, "wal_checkpoint", "TRUNCATE");
}

fn commit(connection: &mut Connection, jobs: &[Job]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
    for job in jobs {
        match &job.task {
            Task::Object { plane, place, version, body } => {
                versions.insert(plane, *version);
                write_object(&transaction, plane, place, *version, body.as_deref())?;
            }
            Task::Plane(record) => record.write(&transaction)?,
            Task::Forget(id) => {
                transaction.execute("DELETE FROM objects WHERE plane = ?1", params![id])?;
                transaction.execute("DELETE FROM planes WHERE id = ?1", params![id])?;
            }
        }
    }
    for (plane, version) in versions {
        transaction
            .prepare_cached("UPDATE planes SET resource_version = max(resource_version, ?2) WHERE id = ?1")?
            .execute(params![plane, version as i64])?;
    }
    transaction.commit()
}

fn write_object(connection: &Connection, plane: &str, place: &Place, version: u64, body: Option<&[u8]>) -> rusqlite::Result<()> {
    let resource = place.resource.to_column();
    let (namespace, name) = (&place.key.namespace, &place.key.name);
    match body {
        Some(body) => connection
            .prepare_cached(
                "INSERT INTO objects (plane, resource, namespace, name, version, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET version = ?5, body = ?6",
            )?
            .execute(params![plane, resource, namespace, name, version as i64, body])?,
        None => connection
            .prepare_cached("DELETE FROM objects WHERE plane = ?1 AND resource = ?2 AND namespace = ?3 AND name = ?4")?
            .execute(params![plane, resource, namespace, name])?,
    };
    Ok(())
}

/// The bytes of an object; its resourceVersion is a column of its own because it is not known yet when this runs.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    // A Value has only string keys, so this cannot fail.
    serde_json::to_vec(value).unwrap_or_default()
}

pub(super) fn decode(body: &[u8], version: u64) -> Result<Value, serde_json::Error> {
    let mut value: Value = serde_json::from_slice(body)?;
    if let Some(meta) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.insert("resourceVersion".into(), version.to_string().into());
    }
    Ok(value)
}
