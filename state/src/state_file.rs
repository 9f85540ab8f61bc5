//! A state that is held for writing: the lock, the writer thread, and the executor's port in front of them.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::Value as Json;
use tokio::sync::oneshot;
use windlass_core::recorded::{Effect, Phase, Recorded};
use windlass_run::ports::{RunEnd, Store, StoreError};

use crate::file::{Stamp, make_private, open_to_read, open_to_write, recognise, verify};
use crate::lock::Lock;
use crate::network::{FileSystem, file_system_of, refuse_network};
use crate::refusal::{from_io, from_sqlite};
use crate::rows::load_meta;
use crate::schema::migrate;
use crate::writer::{Command, Reply, Write, Writer};
use windlass_core::encode::DigestKey;

/// How a state is opened for writing.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Who we are, for the message that others get: `pid 4711 on build-7, windlass apply, since 14:03:22`.
    pub owner: String,
    /// How long to wait for another writer to end.
    pub lock_timeout: Duration,
    /// What the file lies on; `None` asks the system.
    pub file_system: Option<FileSystem>,
}

impl Opening {
    /// Without waiting for others.
    pub fn new(owner: impl Into<String>) -> Self {
        Self { owner: owner.into(), lock_timeout: Duration::ZERO, file_system: None }
    }
}

/// A state that this process alone writes. Dropped or closed, it folds its log into the file and frees the lock.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    lineage: String,
    digest_key: DigestKey,
    commands: Option<Sender<Command>>,
    writer: Option<JoinHandle<Result<(), StoreError>>>,
}

impl StateFile {
    /// Takes the lock, checks the file, and opens it. Nothing is written before all checks have passed.
    pub fn open(path: &Path, opening: &Opening) -> Result<Self, StoreError> {
        let path = recognise(path)?;
        let found = opening.file_system.map_or_else(|| file_system_of(&path), Ok).map_err(|error| from_io(&path, &error))?;
        refuse_network(&path, found)?;
        let lock = Lock::take(&path, &opening.owner, opening.lock_timeout)?;
        // Again, and whole, now that nobody else writes.
        let path = recognise(&path)?;
        verify(&path, &open_to_read(&path, Stamp::of(&path)?.is_whole())?)?;
        make_private(&path)?;
        let mut connection = open_to_write(&path).map_err(|error| from_sqlite(&path, &error))?;
        migrate(&mut connection).map_err(|error| from_sqlite(&path, &error))?;
        let meta = load_meta(&connection).map_err(|fault| fault.refuse(&path))?;
        let (commands, received) = channel();
        let writer = Writer::new(path.clone(), connection);
        let spawned = thread::Builder::new().name("state-writer".to_owned()).spawn(move || {
            let ended = writer.work(&received);
            drop(lock);
            ended
        });
        let writer = spawned.map_err(|error| StoreError::Io(format!("no thread could be started: {error}")))?;
        Ok(Self { path, lineage: meta.lineage, digest_key: meta.digest_key, commands: Some(commands), writer: Some(writer) })
    }

    /// The real path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Identity of the state.
    pub fn lineage(&self) -> &str {
        &self.lineage
    }

    /// Key of the secret digests.
    pub fn digest_key(&self) -> &DigestKey {
        &self.digest_key
    }

    /// Waits until everything is in the file and the lock is free, and says whether that worked.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.shut()
    }

    fn shut(&mut self) -> Result<(), StoreError> {
        self.commands = None;
        match self.writer.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(ended)) => ended,
            Some(Err(_)) => Err(gone()),
        }
    }

    fn ask<T: Send + 'static>(&self, command: impl FnOnce(Reply<T>) -> Command) -> BoxFuture<'_, Result<T, StoreError>> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.as_ref().is_some_and(|commands| commands.send(command(reply)).is_ok());
        Box::pin(async move { if sent { answer.await.unwrap_or_else(|_| Err(gone())) } else { Err(gone()) } })
    }

    fn write(&self, write: Write) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.ask(|reply| Command::Write(write, reply))
    }
}

impl Drop for StateFile {
    fn drop(&mut self) {
        // Whoever wants to know how it ended calls `close`.
        let _ = self.shut();
    }
}

fn gone() -> StoreError {
    StoreError::Io("the thread that writes the state has ended".to_owned())
}

impl Store for StateFile {
    fn load(&self) -> BoxFuture<'_, Result<Recorded, StoreError>> {
        let answer = self.ask(Command::Load);
        Box::pin(async move { answer.await.map(|recorded| *recorded) })
    }

    fn begin<'a>(&'a self, run: &'a str, plan: &'a str, digest: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        self.write(Write::Begin { run: run.to_owned(), plan: plan.to_owned(), digest: digest.to_owned() })
    }

    fn resume<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        self.write(Write::Resume { run: run.to_owned() })
    }

    fn journal<'a>(
        &'a self,
        run: &'a str,
        step: &'a str,
        phase: Phase,
        evidence: Json,
        effects: Vec<Effect>,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        self.write(Write::Journal { run: run.to_owned(), step: step.to_owned(), phase, evidence, effects })
    }

    fn end<'a>(&'a self, run: &'a str, end: RunEnd) -> BoxFuture<'a, Result<(), StoreError>> {
        let answer = self.write(Write::End { run: run.to_owned(), end });
        Box::pin(async move { answer.await.map(|_| ()) })
    }
}
