//! How fast the engine itself is: plans of steps that do nothing, with the real state file. Prints a table.
//!
//! `cargo bench -p windlass-state --bench throughput`. The figure to reach is 1,000 steps in less than 1 s (design section 9).
//! Without `--bench` it runs once, small, and measures nothing.
#![expect(clippy::print_stdout, reason = "its table is for people")]

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, watch};
use windlass_core::addr::{Address, Instance, Part};
use windlass_core::facts::{Demand, Facts};
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Action, Fingerprint, Plan, PlannedObject, Step};
use windlass_core::recorded::{Effect, RecordedObject, RecordedResource, ResourceStatus};
use windlass_run::clock::TokioClock;
use windlass_run::execute::{Ports, RunOptions, Start, StopRequest, execute};
use windlass_run::ports::{Observer, Outcome, StepContext, StepError, StepRunner, Store};
use windlass_run::summary::Verdict;
use windlass_state::{DigestKey, Opening, StateFile, create, read};

#[path = "../state/tests/support/planes.rs"]
mod planes;

use planes::FreeLocks;

/// Answers at once and remembers nothing.
struct Trivial;

impl StepRunner for Trivial {
    fn run<'a>(&'a self, step: &'a Step, _: StepContext) -> BoxFuture<'a, Result<Outcome, StepError>> {
        Box::pin(async move {
            let object = |key| {
                let applied = json!({"data": {"key": "x".repeat(800)}, "metadata": {"labels": {"windlass.dev/lineage": "l"}}});
                Effect::Object {
                    key,
                    object: RecordedObject { resource: step.address.clone(), uid: "u".into(), api_version: "v1".into(), applied },
                }
            };
            Ok(Outcome { effects: step.action.writes().into_iter().map(object).collect(), ..Outcome::default() })
        })
    }
}

impl Observer for Trivial {
    fn observe<'a>(&'a self, demands: &'a [Demand]) -> BoxFuture<'a, Facts> {
        Box::pin(async { planes::all_answer(demands) })
    }

    fn stale<'a>(&'a self, _: &'a [&'a Fingerprint]) -> BoxFuture<'a, Vec<StepError>> {
        Box::pin(async { Vec::new() })
    }
}

/// How steps hang together.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// All at once.
    Wide,
    /// Each needs the hundred of the wave before.
    Waves,
    /// Each needs the one before.
    Chain,
}

fn needs(shape: Shape, step: u32) -> Vec<u32> {
    match shape {
        Shape::Wide => Vec::new(),
        Shape::Waves => {
            let wave = step / 100 * 100;
            (wave.saturating_sub(100)..wave).collect()
        }
        Shape::Chain => step.checked_sub(1).into_iter().collect(),
    }
}

fn plan(shape: Shape, count: u32) -> Plan {
    let plane = Address::management("m");
    let step = |number: u32| {
        let address = Address::cluster(Instance::new("shop")).with(Part::Layer(format!("l{number}")));
        let key = ObjectKey {
            plane: plane.clone(),
            group: String::new(),
            kind: "ConfigMap".into(),
            namespace: Some("n".into()),
            name: format!("o{number}"),
        };
        let object = PlannedObject { key, api_version: "v1".into(), content: Json::Null, create: true };
        let resource = |status| Effect::Resource {
            address: address.clone(),
            resource: RecordedResource {
                status,
                input_digest: "sha256:0".into(),
                render_revision: 1,
                protect: false,
                needs: BTreeSet::new(),
                facts: Json::Null,
            },
        };
        Step {
            id: format!("s{number}"),
            action: Action::Apply { plane: plane.clone(), objects: vec![object], takeovers: Vec::new(), prune: Vec::new() },
            needs: needs(shape, number),
            expects: Vec::new(),
            timeout_seconds: 600,
            on_start: vec![resource(ResourceStatus::Creating)],
            on_done: vec![resource(ResourceStatus::Ready)],
            address,
        }
    };
    planes::plan((0..count).map(step).collect(), Vec::new())
}

/// Applies a plan to a new state. Returns the time of the run, and of reading the state afterwards.
async fn measure(plan: &Plan, parallelism: usize) -> Result<(Duration, Duration), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("s.wlstate");
    create(&path, "l", &DigestKey::new([0; 32]))?;
    let text = serde_json::to_string(plan)?;
    let state = Arc::new(StateFile::open(&path, &Opening::new("bench"))?);
    let ports = Ports {
        store: state.clone(),
        runner: Arc::new(Trivial),
        observer: Arc::new(Trivial),
        locks: Arc::new(FreeLocks),
        clock: Arc::new(TokioClock::start()),
    };
    let (events, _told) = mpsc::unbounded_channel();
    let stop = watch::Sender::new(StopRequest::None);
    let mut options = RunOptions::new(events, stop.subscribe());
    options.limits.steps = parallelism;
    options.limits.on_one_plane = parallelism;
    let recorded = state.load().await?;
    let start = Instant::now();
    let summary = execute(plan, &recorded, Start::New { run: "r", text: &text, digest: "d" }, &ports, options).await;
    let ran = start.elapsed();
    if summary.verdict != Verdict::Done {
        return Err(format!("{summary:?}").into());
    }
    drop(ports);
    Arc::into_inner(state).ok_or("the state is still held")?.close()?;
    let start = Instant::now();
    let held = read(&path)?.recorded.objects.len();
    if held != plan.steps.len() {
        return Err(format!("{held} objects of {}", plan.steps.len()).into());
    }
    Ok((ran, start.elapsed()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("| steps | shape | at once | run | steps/s | read the state |");
    println!("|---|---|---|---|---|---|");
    let real = std::env::args().any(|argument| argument == "--bench");
    let sizes = [
        (Shape::Wide, 1_000, 10),
        (Shape::Waves, 1_000, 10),
        (Shape::Chain, 1_000, 10),
        (Shape::Wide, 1_000, 100),
        (Shape::Waves, 10_000, 10),
        (Shape::Wide, 10_000, 100),
    ];
    for (shape, count, parallelism) in sizes {
        let count = if real { count } else { count / 20 };
        let plan = plan(shape, count);
        let (ran, read) = runtime.block_on(measure(&plan, parallelism))?;
        let rate = f64::from(count) / ran.as_secs_f64();
        println!("| {count} | {shape:?} | {parallelism} | {} ms | {rate:.0} | {} ms |", ran.as_millis(), read.as_millis());
    }
    Ok(())
}
