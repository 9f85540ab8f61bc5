//! The journal of one run: every record goes through here, and after the first that cannot be written nothing more does.

use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use serde_json::Value as Json;
use tokio::sync::watch;
use windlass_core::object::ObjectKey;
use windlass_core::recorded::{Effect, JournalRecord, Phase};

use crate::ports::{StepJournal, Store, StoreError};

/// Called after each committed record with its number and its step; exists for crash tests.
#[cfg(debug_assertions)]
pub type AfterRecord = Arc<dyn Fn(u64, &str) + Send + Sync>;

/// Writes the records of one run.
pub(crate) struct RunJournal {
    store: Arc<dyn Store>,
    run: Arc<str>,
    lost: watch::Sender<Option<Arc<StoreError>>>,
    #[cfg(debug_assertions)]
    after_record: Option<AfterRecord>,
}

impl RunJournal {
    pub fn new(store: Arc<dyn Store>, run: Arc<str>, #[cfg(debug_assertions)] after_record: Option<AfterRecord>) -> Self {
        Self {
            store,
            run,
            lost: watch::Sender::new(None),
            #[cfg(debug_assertions)]
            after_record,
        }
    }

    /// Becomes `Some` when a record could not be written.
    pub fn lost(&self) -> watch::Receiver<Option<Arc<StoreError>>> {
        self.lost.subscribe()
    }

    /// Commits a record with its effects.
    pub async fn record(&self, step: &str, phase: Phase, evidence: Json, effects: Vec<Effect>) -> Result<(), Arc<StoreError>> {
        if let Some(error) = self.lost.borrow().clone() {
            return Err(error);
        }
        match self.store.journal(&self.run, step, phase, evidence, effects).await {
            Ok(seq) => {
                self.committed(seq, step);
                Ok(())
            }
            Err(error) => {
                let error = Arc::new(error);
                self.lost.send_replace(Some(Arc::clone(&error)));
                Err(error)
            }
        }
    }

    #[cfg(debug_assertions)]
    fn committed(&self, seq: u64, step: &str) {
        if let Some(after_record) = &self.after_record {
            after_record(seq, step);
        }
    }

    #[cfg(not(debug_assertions))]
    fn committed(&self, _seq: u64, _step: &str) {}
}

/// The journal as one step sees it.
pub(crate) struct JournalOfStep {
    journal: Arc<RunJournal>,
    step: String,
    earlier: Vec<JournalRecord>,
    touched: Mutex<Vec<ObjectKey>>,
}

impl JournalOfStep {
    pub fn new(journal: Arc<RunJournal>, step: &str, earlier: Vec<JournalRecord>) -> Self {
        Self { journal, step: step.to_owned(), earlier, touched: Mutex::new(Vec::new()) }
    }

    /// Commits a record of this step.
    pub async fn record(&self, phase: Phase, evidence: Json, effects: Vec<Effect>) -> Result<(), Arc<StoreError>> {
        let touched: Vec<ObjectKey> = effects.iter().flat_map(objects_of).collect();
        self.journal.record(&self.step, phase, evidence, effects).await?;
        if let Ok(mut all) = self.touched.lock() {
            all.extend(touched);
        }
        Ok(())
    }

    /// The objects that its effects named.
    pub fn touched(&self) -> Vec<ObjectKey> {
        self.touched.lock().map(|touched| touched.clone()).unwrap_or_default()
    }
}

impl StepJournal for JournalOfStep {
    fn earlier(&self) -> &[JournalRecord] {
        &self.earlier
    }

    fn progress<'a>(&'a self, evidence: Json, effects: Vec<Effect>) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.record(Phase::Progress, evidence, effects).await.map_err(|error| StoreError::clone(&error)) })
    }
}

fn objects_of(effect: &Effect) -> Vec<ObjectKey> {
    match effect {
        Effect::Object { key, .. } | Effect::ObjectGone { key } => vec![key.clone()],
        Effect::ObjectMoved { key, plane, .. } => vec![key.clone(), key.on(plane)],
        Effect::PlaneKnown { .. }
        | Effect::PlaneGone { .. }
        | Effect::Resource { .. }
        | Effect::ResourceGone { .. }
        | Effect::Machines { .. }
        | Effect::Output { .. } => Vec::new(),
    }
}
