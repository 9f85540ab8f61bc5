//! A journal that costs what the state file's does: a step goes on only when its record is on the disk, and records that come together are
//! written together.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value as Json, json};
use tokio::sync::oneshot;
use windlass_core::recorded::{Effect, JournalRecord};
use windlass_run::ports::{StepJournal, StoreError};

type Entry = (String, oneshot::Sender<Result<(), String>>);

/// Its writer ends with it.
pub struct OnDisk {
    entries: Sender<Entry>,
}

impl OnDisk {
    pub fn begin(path: &Path) -> std::io::Result<OnDisk> {
        let file = File::create(path)?;
        let (entries, waiting) = channel();
        std::thread::spawn(move || write(file, &waiting));
        Ok(OnDisk { entries })
    }
}

fn write(mut file: File, waiting: &Receiver<Entry>) {
    while let Ok(first) = waiting.recv() {
        let entries: Vec<Entry> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let lines: String = entries.iter().map(|(line, _)| line.as_str()).collect();
        let written = file.write_all(lines.as_bytes()).and_then(|()| file.sync_data()).map_err(|error| error.to_string());
        for (_, answer) in entries {
            // A step that was dropped waits for no answer.
            let _ = answer.send(written.clone());
        }
    }
}

impl StepJournal for OnDisk {
    fn earlier(&self) -> &[JournalRecord] {
        &[]
    }

    fn progress<'a>(&'a self, evidence: Json, effects: Vec<Effect>) -> BoxFuture<'a, Result<(), StoreError>> {
        let (answer, written) = oneshot::channel();
        let line = format!("{}\n", json!({"evidence": evidence, "effects": effects.len()}));
        let sent = self.entries.send((line, answer));
        async move {
            sent.map_err(|_| StoreError::Io("the journal has ended".to_owned()))?;
            written.await.map_err(|error| StoreError::Io(error.to_string()))?.map_err(StoreError::Io)
        }
        .boxed()
    }
}
