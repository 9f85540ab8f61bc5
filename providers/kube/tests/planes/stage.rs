//! Two planes, a journal in memory that can fail, and steps to run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use windlass_core::addr::Address;
use windlass_core::encode::DigestKey;
use windlass_core::plan::{Action, Step};
use windlass_core::recorded::{Effect, JournalRecord, Phase};
use windlass_kube::kinds::ObjectRef;
use windlass_kube::plane::{Force, Persist, Plane};
use windlass_kube::planes::PlaneSource;
use windlass_kube::{Kube, KubeOptions};
use windlass_run::ports::{Outcome, Progress, SecretLeaves, StepContext, StepError, StepJournal, StepRunner, StoreError};
use windlass_sandbox_api::{Options, Sandbox};

pub const LINEAGE: &str = "11111111-2222-3333-4444-555555555555";

/// Two sandboxes with one plane each: what the management plane is, and what a cluster's own API is.
pub struct Stage {
    pub management: Arc<Plane>,
    pub workload: Arc<Plane>,
    pub management_kubeconfig: String,
    pub workload_kubeconfig: String,
    pub sandboxes: [Sandbox; 2],
    _folders: [tempfile::TempDir; 2],
}

impl Stage {
    pub async fn open() -> Self {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let first = Sandbox::open(folders[0].path(), Options::default()).await.unwrap();
        let second = Sandbox::open(folders[1].path(), Options::default()).await.unwrap();
        let servers = [first.management().await.unwrap(), second.management().await.unwrap()];
        let [management_kubeconfig, workload_kubeconfig] = [servers[0].admin_kubeconfig(), servers[1].admin_kubeconfig()];
        // What tests do themselves is spared by faults.
        let [ours, theirs] = servers.map(|server| text(&server.internal_kubeconfig("stage")));
        let sources = BTreeMap::from([(management(), ours), ("cluster.stage".parse().unwrap(), theirs)]);
        let planes = windlass_kube::planes::Planes::new(sources);
        Self {
            management: planes.plane(&management()).await.unwrap(),
            workload: planes.plane(&"cluster.stage".parse().unwrap()).await.unwrap(),
            management_kubeconfig,
            workload_kubeconfig,
            sandboxes: [first, second],
            _folders: folders,
        }
    }

    /// The hands, with the second plane as the API of these clusters.
    pub fn kube(&self, clusters: &[&Address]) -> Kube {
        let mut sources = BTreeMap::from([(management(), text(&self.management_kubeconfig))]);
        sources.extend(clusters.iter().map(|cluster| ((*cluster).clone(), text(&self.workload_kubeconfig))));
        Kube::new(KubeOptions {
            lineage: LINEAGE.to_owned(),
            digest_key: DigestKey([7; 32]),
            sources,
            stable_for: Duration::from_millis(100),
        })
    }
}

pub fn text(kubeconfig: &str) -> PlaneSource {
    PlaneSource::Text { kubeconfig: kubeconfig.to_owned(), context: None }
}

pub fn management() -> Address {
    Address::management("m")
}

pub fn step(address: &Address, action: Action) -> Step {
    Step {
        id: "step".to_owned(),
        address: address.clone(),
        action,
        needs: Vec::new(),
        expects: Vec::new(),
        timeout_seconds: 30,
        on_start: Vec::new(),
        on_done: Vec::new(),
    }
}

pub async fn run(kube: &Kube, step: &Step, journal: &Arc<Memory>) -> Result<Outcome, StepError> {
    run_with(kube, step, journal, SecretLeaves::default()).await
}

pub async fn run_with(kube: &Kube, step: &Step, journal: &Arc<Memory>, secrets: SecretLeaves) -> Result<Outcome, StepError> {
    run_heard(kube, step, journal, secrets).await.0
}

/// What it ended with, and what it said it waits for.
pub async fn run_heard(
    kube: &Kube,
    step: &Step,
    journal: &Arc<Memory>,
    secrets: SecretLeaves,
) -> (Result<Outcome, StepError>, Vec<String>) {
    let heard = Arc::new(Heard::default());
    (run_telling(kube, step, journal, secrets, &heard).await, heard.lines())
}

/// The same for somebody who listens while it runs.
pub async fn run_telling(
    kube: &Kube,
    step: &Step,
    journal: &Arc<Memory>,
    secrets: SecretLeaves,
    heard: &Arc<Heard>,
) -> Result<Outcome, StepError> {
    let (_keep, stop) = watch::channel(false);
    let context = StepContext {
        run: "run-1".into(),
        lineage: LINEAGE.into(),
        secrets,
        progress: heard.clone(),
        journal: Arc::new(Attempt { earlier: journal.records(), memory: journal.clone() }),
        stop,
    };
    kube.run(step, context).await
}

/// Keeps what a step waits for.
#[derive(Default)]
pub struct Heard {
    lines: Mutex<Vec<String>>,
}

impl Heard {
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    fn hear(&self, what: &str, reason: &str) {
        let line = format!("{what}: {reason}");
        if std::env::var("SAY").is_ok() {
            #[expect(clippy::print_stderr, reason = "asked for")]
            {
                eprintln!("waiting for {line}");
            }
        }
        self.lines.lock().unwrap().push(line);
    }
}

impl Progress for Heard {
    fn waiting(&self, what: &str, reason: &str) {
        self.hear(what, reason);
    }

    fn note(&self, _text: &str) {}

    fn asks(&self, what: &str, again: Option<&str>) {
        again.into_iter().for_each(|reason| self.hear(what, reason));
    }

    fn answered(&self) {}
}

/// A journal in memory; from the record `fails_at` on nothing is stored, as if the process were dead.
#[derive(Default)]
pub struct Memory {
    records: Mutex<Vec<JournalRecord>>,
    effects: Mutex<Vec<Effect>>,
    fails_at: Mutex<Option<usize>>,
}

impl Memory {
    pub fn failing_at(record: usize) -> Arc<Self> {
        Arc::new(Self { fails_at: Mutex::new(Some(record)), ..Self::default() })
    }

    /// The same records, as a copy of the state file has them.
    pub fn copy(&self) -> Arc<Self> {
        let (records, effects) = (Mutex::new(self.records()), Mutex::new(self.effects()));
        Arc::new(Self { records, effects, fails_at: Mutex::new(None) })
    }

    pub fn revive(&self) {
        *self.fails_at.lock().unwrap() = None;
    }

    pub fn records(&self) -> Vec<JournalRecord> {
        self.records.lock().unwrap().clone()
    }

    pub fn effects(&self) -> Vec<Effect> {
        self.effects.lock().unwrap().clone()
    }
}

struct Attempt {
    earlier: Vec<JournalRecord>,
    memory: Arc<Memory>,
}

impl StepJournal for Attempt {
    fn earlier(&self) -> &[JournalRecord] {
        &self.earlier
    }

    fn progress<'a>(&'a self, evidence: Json, effects: Vec<Effect>) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let mut records = self.memory.records.lock().unwrap();
            if self.memory.fails_at.lock().unwrap().is_some_and(|n| records.len() >= n) {
                return Err(StoreError::Io("the process was killed".to_owned()));
            }
            let seq = u64::try_from(records.len()).unwrap() + 1;
            records.push(JournalRecord { seq, step: "step".to_owned(), phase: Phase::Progress, evidence });
            self.memory.effects.lock().unwrap().extend(effects);
            Ok(())
        }
        .boxed()
    }
}

/// Applies an object as some manager.
pub async fn put(plane: &Plane, object: Json, manager: &str) -> Json {
    plane.apply(&object, manager, Force::Yes, Persist::Yes).await.unwrap_or_else(|error| panic!("{error}: {object}"))
}

pub async fn get(plane: &Plane, reference: &ObjectRef) -> Option<Json> {
    plane.get(reference).await.unwrap()
}

/// Adds our marks.
pub fn marked(mut object: Json, address: &Address) -> Json {
    windlass_kube::apply::mark(&mut object, LINEAGE, &address.to_string());
    object
}

pub fn namespace(name: &str) -> Json {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}
