//! A world in memory: planes with objects, a state that can die, locks, time that stands still until it is told to go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, watch};
use windlass_core::addr::{Address, Instance};
use windlass_core::facts::{Demand, Facts, PlaneFact, PlaneIdentity};
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Action, Fingerprint, Mode, PLAN_FORMAT, Plan, PlanPlane, PlannedObject, Step};
use windlass_core::recorded::{Effect, JournalRecord, Phase, Recorded, RecordedObject, RecordedResource, ResourceStatus, UnfinishedRun};
use windlass_run::event::RunEvent;
use windlass_run::execute::{Ports, RunOptions, Start, StopRequest, execute};
use windlass_run::ports::{Clock, Ensured, Observer, Outcome, PlaneLocks, RunEnd, StepContext, StepError, StepRunner, Store, StoreError};
use windlass_run::summary::Summary;

pub fn management() -> Address {
    Address::management("m")
}

pub fn shop() -> Address {
    Address::cluster(Instance::new("shop"))
}

pub fn object(plane: &Address, name: &str) -> ObjectKey {
    ObjectKey { plane: plane.clone(), group: String::new(), kind: "ConfigMap".into(), namespace: Some("n".into()), name: name.into() }
}

pub fn apply(plane: &Address, names: &[&str]) -> Action {
    let planned = |name: &&str| PlannedObject { key: object(plane, name), api_version: "v1".into(), content: Json::Null, create: true };
    Action::Apply { plane: plane.clone(), objects: names.iter().map(planned).collect(), takeovers: Vec::new(), prune: Vec::new() }
}

/// A plan on planes `management.m` and `cluster.shop`, both there. Each step's id is its name; each object that a step applies is
/// expected not to exist.
pub fn plan(steps: Vec<(&str, &[u32], Action)>) -> Plan {
    let mut fingerprints = Vec::new();
    let mut made = Vec::new();
    for (id, needs, action) in steps {
        let mut expects = Vec::new();
        for key in action.writes() {
            expects.push(u32::try_from(fingerprints.len()).unwrap());
            fingerprints.push(Fingerprint {
                object: key,
                api_version: "v1".into(),
                uid: None,
                hash: "absent".into(),
                deleting: None,
                leaves: BTreeMap::new(),
            });
        }
        let address = shop();
        let resource = |status| RecordedResource {
            status,
            input_digest: id.to_owned(),
            render_revision: 1,
            protect: false,
            needs: BTreeSet::new(),
            facts: Json::Null,
        };
        made.push(Step {
            id: id.to_owned(),
            address: address.clone(),
            action,
            needs: needs.to_vec(),
            expects,
            timeout_seconds: 600,
            on_start: vec![Effect::Output { name: id.to_owned(), value: Some(json!("begun")) }],
            on_done: vec![
                Effect::Output { name: id.to_owned(), value: Some(json!("done")) },
                Effect::Resource { address, resource: RecordedResource { input_digest: String::new(), ..resource(ResourceStatus::Ready) } },
            ],
        });
    }
    let plane = |address| PlanPlane { address, uid: Some("here".into()), sandbox: false, context: None, access: None };
    Plan {
        windlass_plan: PLAN_FORMAT,
        tool_version: "0".into(),
        lineage: "lineage".into(),
        serial: 0,
        mode: Mode::Apply,
        desired_digest: "wish".into(),
        planes: vec![plane(management()), plane(shop())],
        changes: Vec::new(),
        steps: made,
        fingerprints,
        turns: None,
        outputs: BTreeMap::new(),
        warnings: Vec::new(),
        unplanned: Vec::new(),
    }
}

/// How a step behaves that does not simply succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Fails,
    /// Waits for something that never comes; ends when it is stopped.
    Waits,
    /// The same, and hears nothing.
    IsDeaf,
    Unreachable,
}

#[derive(Default)]
pub struct World {
    pub objects: Mutex<BTreeMap<ObjectKey, String>>,
    /// How often each object was made.
    pub made: Mutex<BTreeMap<ObjectKey, u32>>,
    pub manners: Mutex<BTreeMap<String, Manner>>,
    pub planes: Mutex<BTreeMap<Address, PlaneFact>>,
    /// What happened, in order.
    pub log: Mutex<Vec<String>>,
    pub acting: Mutex<usize>,
    pub most_acting: Mutex<usize>,
    /// Another holds this plane.
    pub held: Mutex<Option<String>>,
    /// Who holds the planes came after the look.
    pub held_unseen: AtomicBool,
    pub lease_lost: AtomicBool,
}

impl World {
    pub fn new() -> Arc<Self> {
        let world = Self::default();
        for plane in [management(), shop()] {
            world.planes.lock().unwrap().insert(plane, answers("here", None));
        }
        Arc::new(world)
    }

    pub fn say(&self, text: impl Into<String>) {
        self.log.lock().unwrap().push(text.into());
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub fn behave(&self, step: &str, manner: Manner) {
        self.manners.lock().unwrap().insert(step.to_owned(), manner);
    }
}

pub fn answers(uid: &str, last_serial: Option<u64>) -> PlaneFact {
    PlaneFact::Reachable(PlaneIdentity {
        uid: uid.to_owned(),
        version: String::new(),
        endpoint: String::new(),
        ca_certificate: String::new(),
        last_serial,
        agent_heartbeat_age: None,
        certificate_days: None,
        access_outdated: false,
    })
}

pub struct Runner(pub Arc<World>);

impl StepRunner for Runner {
    fn run<'a>(&'a self, step: &'a Step, mut context: StepContext) -> BoxFuture<'a, Result<Outcome, StepError>> {
        Box::pin(async move {
            let world = &self.0;
            let manner = world.manners.lock().unwrap().get(&step.id).copied();
            world.say(format!("run {}", step.id));
            let _acting = Acting::enter(world);
            tokio::task::yield_now().await;
            match manner {
                Some(Manner::Fails) => return Err(StepError::Failed { summary: "403".into(), hint: Some("ask".into()) }),
                Some(Manner::Unreachable) => return Err(StepError::Unreachable { plane: shop(), reason: "no route".into() }),
                Some(Manner::Waits) => {
                    context.progress.waiting("Deployment x", "0 of 1 available");
                    context.progress.waiting("Deployment x", "0 of 1 available");
                    context.stop.wait_for(|stop| *stop).await.unwrap();
                    return Err(StepError::Stopped);
                }
                Some(Manner::IsDeaf) => std::future::pending().await,
                None => {}
            }
            let mut outcome = Outcome { evidence: json!({"of": step.id}), ..Outcome::default() };
            for earlier in context.journal.earlier() {
                assert_eq!(earlier.step, step.id);
            }
            match &step.action {
                Action::Apply { objects, .. } => {
                    for planned in objects {
                        if !world.objects.lock().unwrap().contains_key(&planned.key) {
                            world.objects.lock().unwrap().insert(planned.key.clone(), "made".into());
                            *world.made.lock().unwrap().entry(planned.key.clone()).or_default() += 1;
                            outcome.ensured = Ensured::Added;
                        }
                        tokio::task::yield_now().await;
                        let object = RecordedObject { resource: shop(), uid: "u".into(), api_version: "v1".into(), applied: Json::Null };
                        let effect = Effect::Object { key: planned.key.clone(), object };
                        context.journal.progress(json!({"made": planned.key.name}), vec![effect]).await.map_err(Arc::new)?;
                    }
                }
                Action::OpenPlane { plane, .. } => {
                    world.planes.lock().unwrap().insert(plane.clone(), answers("here", None));
                    outcome.effects.push(Effect::PlaneKnown { address: plane.clone(), uid: "here".into() });
                }
                _ => {}
            }
            Ok(outcome)
        })
    }
}

struct Acting<'a>(&'a World);

impl<'a> Acting<'a> {
    fn enter(world: &'a World) -> Self {
        let mut acting = world.acting.lock().unwrap();
        *acting += 1;
        let mut most = world.most_acting.lock().unwrap();
        *most = (*most).max(*acting);
        Self(world)
    }
}

impl Drop for Acting<'_> {
    fn drop(&mut self) {
        *self.0.acting.lock().unwrap() -= 1;
    }
}

pub struct Looker(pub Arc<World>);

impl Observer for Looker {
    fn observe<'a>(&'a self, demands: &'a [Demand]) -> BoxFuture<'a, Facts> {
        Box::pin(async move {
            let planes = self.0.planes.lock().unwrap();
            let mut facts = Facts::default();
            for demand in demands {
                let Demand::Plane { plane, .. } = demand else { panic!("{demand:?}") };
                facts.planes.insert(plane.clone(), planes.get(plane).cloned().unwrap_or(PlaneFact::Absent));
            }
            facts
        })
    }

    fn stale<'a>(&'a self, fingerprints: &'a [&'a Fingerprint]) -> BoxFuture<'a, Vec<StepError>> {
        Box::pin(async move {
            let objects = self.0.objects.lock().unwrap();
            let mut errors = Vec::new();
            for fingerprint in fingerprints {
                let now = objects.get(&fingerprint.object).map_or("absent", String::as_str);
                if now != fingerprint.hash {
                    errors.push(StepError::Stale {
                        object: fingerprint.object.to_string(),
                        field: "data".into(),
                        then: fingerprint.hash.clone(),
                        now: now.to_owned(),
                    });
                }
            }
            errors
        })
    }
}

pub struct Locks(pub Arc<World>);

impl PlaneLocks for Locks {
    fn look<'a>(&'a self, _: &'a [PlanPlane], _: &'a str, _: u64) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(async move {
            let seen = !self.0.held_unseen.load(Ordering::SeqCst);
            match self.0.held.lock().unwrap().clone().filter(|_| seen) {
                Some(owner) => Err(StepError::Store(Arc::new(StoreError::Locked { owner }))),
                None => Ok(()),
            }
        })
    }

    fn acquire<'a>(&'a self, planes: &'a [PlanPlane], run: &'a str, serial: u64) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(async move {
            if let Some(owner) = self.0.held.lock().unwrap().clone() {
                return Err(StepError::Store(Arc::new(StoreError::Locked { owner })));
            }
            let names: Vec<_> = planes.iter().map(|plane| plane.address.to_string()).collect();
            self.0.say(format!("hold {} for {run} at {serial}", names.join(" ")));
            Ok(())
        })
    }

    fn join<'a>(&'a self, plane: &'a Address, _: &'a str, serial: u64) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(async move {
            self.0.say(format!("join {plane} at {serial}"));
            Ok(())
        })
    }

    fn fresh(&self, _: &Address) -> bool {
        !self.0.lease_lost.load(Ordering::SeqCst)
    }

    fn release<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.0.say("release") })
    }
}

/// When a state dies: it answers no more, as if the process had been killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    Never,
    /// Before the commit with this number, from 0.
    Before(u64),
    /// After it.
    After(u64),
    /// It does not die, but from this commit on the disk is full.
    DiskFull(u64),
}

pub struct MemoryState {
    pub recorded: Mutex<Recorded>,
    pub ended: Mutex<Vec<RunEnd>>,
    commits: Mutex<u64>,
    pub death: Mutex<Death>,
    died: watch::Sender<bool>,
}

impl MemoryState {
    pub fn new() -> Arc<Self> {
        let recorded = Recorded { lineage: "lineage".into(), ..Recorded::default() };
        Arc::new(Self {
            recorded: Mutex::new(recorded),
            ended: Mutex::new(Vec::new()),
            commits: Mutex::new(0),
            death: Mutex::new(Death::Never),
            died: watch::Sender::new(false),
        })
    }

    /// Alive again, with the commits counted from 0.
    pub fn revive(&self, death: Death) {
        *self.commits.lock().unwrap() = 0;
        *self.death.lock().unwrap() = death;
        self.died.send_replace(false);
    }

    pub fn recorded(&self) -> Recorded {
        self.recorded.lock().unwrap().clone()
    }

    pub fn commits(&self) -> u64 {
        *self.commits.lock().unwrap()
    }

    async fn die<T>(&self) -> T {
        self.died.send_replace(true);
        std::future::pending().await
    }

    async fn commit<T>(&self, change: impl FnOnce(&mut Recorded) -> T) -> Result<T, StoreError> {
        tokio::task::yield_now().await;
        let (number, death) = (self.commits(), *self.death.lock().unwrap());
        *self.commits.lock().unwrap() += 1;
        match death {
            _ if *self.died.borrow() => self.die().await,
            Death::Before(last) if number >= last => self.die().await,
            Death::DiskFull(first) if number >= first => Err(StoreError::Io("no space is left".into())),
            _ => {
                let answer = change(&mut self.recorded.lock().unwrap());
                if death == Death::After(number) { self.die().await } else { Ok(answer) }
            }
        }
    }
}

impl Store for MemoryState {
    fn load(&self) -> BoxFuture<'_, Result<Recorded, StoreError>> {
        Box::pin(async move { Ok(self.recorded()) })
    }

    fn begin<'a>(&'a self, run: &'a str, plan: &'a str, digest: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(self.commit(move |recorded| {
            recorded.serial += 1;
            recorded.unfinished =
                Some(UnfinishedRun { id: run.into(), plan_digest: digest.into(), plan: plan.into(), journal: Vec::new() });
            recorded.serial
        }))
    }

    fn resume<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(self.commit(move |recorded| {
            assert!(recorded.unfinished.as_ref().is_some_and(|unfinished| unfinished.id == run), "the run is there");
            recorded.serial += 1;
            recorded.serial
        }))
    }

    fn journal<'a>(
        &'a self,
        run: &'a str,
        step: &'a str,
        phase: Phase,
        evidence: Json,
        effects: Vec<Effect>,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(self.commit(move |recorded| {
            effects.iter().for_each(|effect| recorded.apply(effect));
            let unfinished = recorded.unfinished.as_mut().filter(|unfinished| unfinished.id == run).expect("the run is there");
            let seq = unfinished.journal.len() as u64 + 1;
            unfinished.journal.push(JournalRecord { seq, step: step.into(), phase, evidence });
            seq
        }))
    }

    fn end<'a>(&'a self, _: &'a str, end: RunEnd) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.commit(move |recorded| {
            self.ended.lock().unwrap().push(end);
            if end != RunEnd::Partial {
                recorded.unfinished = None;
            }
        }))
    }
}

/// Time that stands still until it is told to go on.
pub struct Standing(pub watch::Sender<Duration>);

impl Standing {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(Duration::ZERO)))
    }

    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now += by);
    }
}

impl Clock for Standing {
    fn elapsed(&self) -> Duration {
        *self.0.borrow()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        let until = self.elapsed() + duration;
        Box::pin(async move {
            self.0.subscribe().wait_for(|now| *now >= until).await.expect("the clock outlives its sleepers");
        })
    }
}

/// Everything that a run needs, and its events.
pub struct Bench {
    pub world: Arc<World>,
    pub state: Arc<MemoryState>,
    pub clock: Arc<Standing>,
    pub stop: watch::Sender<StopRequest>,
    pub events: Mutex<Vec<RunEvent>>,
    pub parallelism: usize,
}

impl Bench {
    pub fn new() -> Self {
        Self {
            world: World::new(),
            state: MemoryState::new(),
            clock: Standing::new(),
            stop: watch::Sender::new(StopRequest::None),
            events: Mutex::new(Vec::new()),
            parallelism: 10,
        }
    }

    /// Begins the plan, or goes on with it if the state has an unfinished run.
    pub async fn run(&self, plan: &Plan) -> Summary {
        let start = if self.state.recorded().unfinished.is_some() {
            Start::GoOn
        } else {
            Start::New { run: "run", text: "text", digest: "digest" }
        };
        self.start(plan, start).await
    }

    pub async fn start(&self, plan: &Plan, start: Start<'_>) -> Summary {
        let ports = Ports {
            store: self.state.clone(),
            runner: Arc::new(Runner(self.world.clone())),
            observer: Arc::new(Looker(self.world.clone())),
            locks: Arc::new(Locks(self.world.clone())),
            clock: self.clock.clone(),
        };
        let (events, mut told) = mpsc::unbounded_channel();
        let mut options = RunOptions::new(events, self.stop.subscribe());
        options.limits.steps = self.parallelism;
        let recorded = self.state.recorded();
        let summary = execute(plan, &recorded, start, &ports, options).await;
        while let Ok(event) = told.try_recv() {
            self.events.lock().unwrap().push(event);
        }
        summary
    }

    /// `None`: the state died.
    pub async fn run_until_death(&self, plan: &Plan) -> Option<Summary> {
        let mut died = self.state.died.subscribe();
        tokio::select! {
            biased;
            _ = died.wait_for(|died| *died) => None,
            summary = self.run(plan) => Some(summary),
        }
    }
}
