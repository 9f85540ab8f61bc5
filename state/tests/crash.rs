//! The executor on a real state file, killed by SIGKILL after every record: run again, the world is as if nothing had happened.
//!
//! The world is a folder with a file for each object; making one that exists is an error. The test program starts itself again as the
//! process that dies.
#![cfg(debug_assertions)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, watch};
use windlass_core::addr::Address;
use windlass_core::facts::{Demand, Facts};
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Action, Fingerprint, Plan, PlannedObject, Step};
use windlass_core::recorded::{Effect, Recorded, RecordedObject};
use windlass_run::clock::TokioClock;
use windlass_run::execute::{Ports, RunOptions, Start, StopRequest, execute};
use windlass_run::ports::{Observer, Outcome, StepContext, StepError, StepRunner, Store};
use windlass_run::summary::Verdict;
use windlass_state::{DigestKey, Opening, RunStatus, StateFile, create, read};

#[path = "support/planes.rs"]
mod planes;

use planes::FreeLocks;

const STEPS: u32 = 6;

struct Folder(PathBuf);

impl Folder {
    fn file(&self, key: &ObjectKey) -> PathBuf {
        self.0.join(&key.name)
    }
}

impl StepRunner for Folder {
    fn run<'a>(&'a self, step: &'a Step, context: StepContext) -> BoxFuture<'a, Result<Outcome, StepError>> {
        Box::pin(async move {
            for key in step.action.writes() {
                if !self.file(&key).exists() {
                    fs::File::create_new(self.file(&key)).expect("made once");
                }
                let object =
                    RecordedObject { resource: step.address.clone(), uid: "u".into(), api_version: "v1".into(), applied: Json::Null };
                let evidence = json!({"made": key.name});
                context.journal.progress(evidence, vec![Effect::Object { key, object }]).await.map_err(Arc::new)?;
            }
            Ok(Outcome::default())
        })
    }
}

impl Observer for Folder {
    fn observe<'a>(&'a self, demands: &'a [Demand]) -> BoxFuture<'a, Facts> {
        Box::pin(async { planes::all_answer(demands) })
    }

    fn stale<'a>(&'a self, fingerprints: &'a [&'a Fingerprint]) -> BoxFuture<'a, Vec<StepError>> {
        let there = fingerprints.iter().filter(|fingerprint| self.file(&fingerprint.object).exists());
        let stale = |fingerprint: &&Fingerprint| StepError::Stale {
            object: fingerprint.object.to_string(),
            field: "the object".into(),
            then: "absent".into(),
            now: "there".into(),
        };
        let errors = there.map(stale).collect();
        Box::pin(async { errors })
    }
}

/// A diamond chain: each step needs the two before it, and makes one object that must not have been there.
fn plan() -> Plan {
    let plane = Address::management("m");
    let key = |number: u32| ObjectKey {
        plane: plane.clone(),
        group: String::new(),
        kind: "ConfigMap".into(),
        namespace: Some("n".into()),
        name: format!("o{number}"),
    };
    let step = |number: u32| {
        let object = PlannedObject { key: key(number), api_version: "v1".into(), content: Json::Null, create: true };
        Step {
            id: format!("s{number}"),
            address: plane.clone(),
            action: Action::Apply { plane: plane.clone(), objects: vec![object], takeovers: Vec::new(), prune: Vec::new() },
            needs: (number.saturating_sub(3)..number.saturating_sub(1)).collect(),
            expects: vec![number],
            timeout_seconds: 60,
            on_start: vec![Effect::Output { name: format!("s{number}"), value: Some(json!("begun")) }],
            on_done: vec![Effect::Output { name: format!("s{number}"), value: Some(json!("done")) }],
        }
    };
    let fingerprint = |number: u32| Fingerprint {
        object: key(number),
        api_version: "v1".into(),
        uid: None,
        hash: "absent".into(),
        deleting: None,
        leaves: BTreeMap::new(),
    };
    planes::plan((0..STEPS).map(step).collect(), (0..STEPS).map(fingerprint).collect())
}

/// One process's attempt: begins, or goes on with what is unfinished, and dies after its `last` record.
#[test]
#[ignore = "started by the other test"]
fn child() {
    let Ok(folder) = std::env::var("WL_STATE_TEST_PATH").map(PathBuf::from) else { return };
    let last: u64 = std::env::var("WL_STATE_TEST_LAST").unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let state = Arc::new(StateFile::open(&folder.join("s.wlstate"), &Opening::new("test")).unwrap());
        let world = Arc::new(Folder(folder.join("world")));
        let ports = Ports {
            store: state.clone(),
            runner: world.clone(),
            observer: world,
            locks: Arc::new(FreeLocks),
            clock: Arc::new(TokioClock::start()),
        };
        let recorded = state.load().await.unwrap();
        let (events, _told) = mpsc::unbounded_channel();
        let stop = watch::Sender::new(StopRequest::None);
        let mut options = RunOptions::new(events, stop.subscribe());
        let count = std::sync::atomic::AtomicU64::new(0);
        options.after_record = Some(Arc::new(move |_, _| {
            if count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 == last {
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
            }
        }));
        let start = if recorded.unfinished.is_some() { Start::GoOn } else { Start::New { run: "r", text: "plan", digest: "d" } };
        let summary = execute(&plan(), &recorded, start, &ports, options).await;
        assert_eq!(summary.verdict, Verdict::Done, "{summary:?}");
        drop(ports);
        Arc::into_inner(state).unwrap().close().unwrap();
    });
}

fn attempt(folder: &Path, last: u64) -> ExitStatus {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--test-threads=1"])
        .env("WL_STATE_TEST_PATH", folder)
        .env("WL_STATE_TEST_LAST", last.to_string())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap()
}

fn fresh() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("world")).unwrap();
    create(&folder.path().join("s.wlstate"), "l", &DigestKey::new([0; 32])).unwrap();
    folder
}

/// The state, and the names in the world. The serial counts how often the run went on.
fn remains(folder: &Path) -> (Recorded, Vec<String>) {
    let snapshot = read(&folder.join("s.wlstate")).unwrap();
    assert_eq!(snapshot.runs.iter().map(|run| run.status).collect::<Vec<_>>(), [RunStatus::Done]);
    let names = fs::read_dir(folder.join("world")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    (Recorded { serial: 0, ..snapshot.recorded }, names)
}

#[test]
fn killed_after_every_record_and_run_again_is_the_same_as_never_killed() {
    let untouched = fresh();
    assert!(attempt(untouched.path(), u64::MAX).success());
    let expected = remains(untouched.path());
    assert_eq!(expected.1.len(), STEPS as usize);
    let mut killed = 0;
    for last in 1..=u64::from(3 * STEPS) {
        let folder = fresh();
        // Twice: the second process dies in the middle of going on.
        for last in [last, 2] {
            let status = attempt(folder.path(), last);
            if status.signal() == Some(9) {
                killed += 1;
            } else {
                assert!(status.success(), "{last}: {status}");
                break;
            }
        }
        // After the last record only the end of the run may be left.
        if read(&folder.path().join("s.wlstate")).unwrap().recorded.unfinished.is_some() {
            assert!(attempt(folder.path(), u64::MAX).success(), "{last}");
        }
        assert_eq!(remains(folder.path()), expected, "killed after record {last}");
    }
    assert!(killed >= 3 * STEPS, "{killed}");
}
