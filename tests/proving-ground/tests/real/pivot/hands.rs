//! The engine's hands on two planes, driven as its runner drives them: a step, a journal, and what is said meanwhile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value as Json;
use tokio::sync::watch;
use windlass_core::addr::{Address, Instance};
use windlass_core::encode::DigestKey;
use windlass_core::plan::{Action, Step};
use windlass_core::recorded::{Effect, JournalRecord};
use windlass_kube::plane::Plane;
use windlass_kube::planes::{PlaneSource, Planes};
use windlass_kube::{Kube, KubeOptions};
use windlass_run::ports::{Outcome, Progress, SecretLeaves, StepContext, StepError, StepJournal, StepRunner, StoreError};

pub const LINEAGE: &str = "11111111-2222-3333-4444-555555555555";

pub fn management() -> Address {
    Address::management("m")
}

pub fn cluster(name: &str) -> Address {
    Address::cluster(Instance::new(name))
}

fn source(plane: &windlass_proving_ground::Plane) -> PlaneSource {
    PlaneSource::Text { kubeconfig: plane.kubeconfig().to_owned(), context: None }
}

/// A plane as windlass speaks to it, for what the test itself looks at.
pub async fn open(address: Address, plane: &windlass_proving_ground::Plane) -> Arc<Plane> {
    let planes = Planes::new(BTreeMap::from([(address.clone(), source(plane))]));
    planes.plane(&address).await.expect("an open plane")
}

/// The hands of a run. They are given the management plane only: the way into the cluster they find themselves.
pub fn hands(management_plane: &windlass_proving_ground::Plane) -> Kube {
    Kube::new(KubeOptions {
        lineage: LINEAGE.to_owned(),
        digest_key: DigestKey([7; 32]),
        sources: BTreeMap::from([(management(), source(management_plane))]),
        stable_for: Duration::from_secs(1),
    })
}

/// Runs one step with a journal in memory.
pub async fn run(kube: &Kube, address: &Address, action: Action) -> Result<Outcome, String> {
    run_journalled(kube, address, action, Arc::new(Memory)).await
}

/// Runs one step with this journal.
pub async fn run_journalled(kube: &Kube, address: &Address, action: Action, journal: Arc<dyn StepJournal>) -> Result<Outcome, String> {
    let step = Step {
        id: "step".to_owned(),
        address: address.clone(),
        action,
        needs: Vec::new(),
        expects: Vec::new(),
        timeout_seconds: 240,
        on_start: Vec::new(),
        on_done: Vec::new(),
    };
    let (_keep, stop) = watch::channel(false);
    let said = Arc::new(Said::default());
    let context = StepContext {
        run: "run-1".into(),
        lineage: LINEAGE.into(),
        secrets: SecretLeaves::default(),
        progress: said.clone(),
        journal,
        stop,
    };
    let result: Result<Outcome, StepError> = kube.run(&step, context).await;
    result.map_err(|error| format!("{error}\n{}", said.last(20)))
}

#[derive(Default)]
struct Said {
    lines: Mutex<Vec<String>>,
}

impl Said {
    fn say(&self, line: String) {
        self.lines.lock().expect("no panic").push(line);
    }

    fn last(&self, count: usize) -> String {
        let lines = self.lines.lock().expect("no panic");
        lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect::<Vec<_>>().join("\n")
    }
}

impl Progress for Said {
    fn waiting(&self, what: &str, reason: &str) {
        self.say(format!("{what}: {reason}"));
    }

    fn note(&self, text: &str) {
        self.say(text.to_owned());
    }

    fn asks(&self, what: &str, again: Option<&str>) {
        again.into_iter().for_each(|reason| self.say(format!("{what}: {reason}")));
    }

    fn answered(&self) {}
}

/// Keeps records for nobody: no test of it breaks a step off.
struct Memory;

impl StepJournal for Memory {
    fn earlier(&self) -> &[JournalRecord] {
        &[]
    }

    fn progress<'a>(&'a self, _evidence: Json, _effects: Vec<Effect>) -> BoxFuture<'a, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }
}
