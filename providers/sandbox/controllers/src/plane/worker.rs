//! Runs controllers: level-triggered, one queue each, a bounded number of keys at once, backing off on errors. Knows no rule.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::access::{Error, Plane, Result};
use super::queue::Queue;
use crate::conditions::holds;
use crate::delays::Delay;
use crate::fleet::Fleet;
use crate::kinds::Kind;
use crate::object::{Fields, Key, Meta, Object};

/// How many keys a controller works on at once.
const PARALLEL: usize = 8;

/// A change of an object.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its kind.
    pub kind: Kind,
    /// The object as it is now, or as it was last when gone.
    pub object: Arc<Object>,
    /// Whether it is gone.
    pub gone: bool,
}

impl Event {
    /// The object of this name in the namespace of the one that changed; an empty name is none.
    pub fn beside(&self, name: Option<&str>) -> Vec<Key> {
        let name = name.filter(|name| !name.is_empty());
        name.map(|name| (self.object.namespace().to_owned(), name.to_owned())).into_iter().collect()
    }
}

/// What a reconcile wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing until something changes.
    Wait,
    /// Another look after this time.
    After(Duration),
}

impl Next {
    /// The earlier of two wishes.
    pub fn or_after(self, other: Duration) -> Next {
        match self {
            Next::Wait => Next::After(other),
            Next::After(mine) => Next::After(mine.min(other)),
        }
    }
}

/// The Deployment that a provider's manager runs in: the manager acts only while it is Available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// Namespace of the Deployment.
    pub namespace: &'static str,
    /// Its name.
    pub name: &'static str,
}

impl Gate {
    /// Whether the manager runs.
    pub fn open(self, plane: &Plane) -> bool {
        let key = (self.namespace.to_owned(), self.name.to_owned());
        let Some(deployment) = plane.get(Kind::Deployment, &key) else { return false };
        // A Deployment scaled to nothing is Available too, and runs nothing.
        let runs = deployment.int("/status/availableReplicas").unwrap_or(0) > 0 && deployment.int("/spec/replicas") != Some(0);
        runs && !deployment.deleting() && holds(&*deployment, "Available")
    }
}

/// One control loop of a plane.
pub trait Controller: Send + Sync + 'static {
    /// Name, for logs.
    fn name(&self) -> &'static str;
    /// The kind whose keys it is given.
    fn kind(&self) -> Kind;
    /// The kinds whose first list must be in before it acts.
    fn needs(&self) -> &'static [Kind];
    /// Keys to look at after a change of another kind.
    fn concerns(&self, _plane: &Plane, _event: &Event) -> Vec<Key> {
        Vec::new()
    }
    /// The manager that it runs in.
    fn gate(&self) -> Option<Gate> {
        None
    }
    /// Looks at one key and makes one step towards what the objects say; called again until nothing changes.
    fn reconcile<'a>(&'a self, fleet: &'a Arc<Fleet>, plane: &'a Arc<Plane>, key: &'a Key) -> BoxFuture<'a, Result<Next>>;
}

/// What a [`Provider`]'s loop does with one key.
pub type Reconcile = for<'a> fn(&'a Arc<Fleet>, &'a Arc<Plane>, &'a Key) -> BoxFuture<'a, Result<Next>>;

/// A control loop over a custom kind in a provider's manager: a controller that is nothing but its own parts.
pub struct Provider {
    /// Name, for logs.
    pub name: &'static str,
    /// The kind that it looks after.
    pub kind: Kind,
    /// The manager that it runs in.
    pub gate: Gate,
    /// Keys to look at after a change of another kind.
    pub concerns: fn(&Plane, &Event) -> Vec<Key>,
    /// Looks at one key.
    pub reconcile: Reconcile,
}

impl Controller for Provider {
    fn name(&self) -> &'static str {
        self.name
    }
    fn kind(&self) -> Kind {
        self.kind
    }
    fn needs(&self) -> &'static [Kind] {
        &Kind::CUSTOM
    }
    fn concerns(&self, plane: &Plane, event: &Event) -> Vec<Key> {
        (self.concerns)(plane, event)
    }
    fn gate(&self) -> Option<Gate> {
        Some(self.gate)
    }
    fn reconcile<'a>(&'a self, fleet: &'a Arc<Fleet>, plane: &'a Arc<Plane>, key: &'a Key) -> BoxFuture<'a, Result<Next>> {
        (self.reconcile)(fleet, plane, key)
    }
}

/// A controller with its queue on one plane.
pub struct Registered {
    /// The controller.
    pub controller: Box<dyn Controller>,
    /// Its queue.
    pub queue: Queue,
    open: AtomicBool,
    rounds: AtomicU64,
}

impl Registered {
    /// A controller that has seen nothing yet.
    pub fn new(controller: impl Controller) -> Arc<Self> {
        Arc::new(Self {
            controller: Box::new(controller),
            queue: Queue::default(),
            open: AtomicBool::new(false),
            rounds: AtomicU64::new(0),
        })
    }

    pub(super) fn hear(&self, plane: &Plane, event: &Event) {
        if let Some(gate) = self.controller.gate()
            && event.kind == Kind::Deployment
            && event.object.name() == gate.name
        {
            let open = gate.open(plane);
            if open != self.open.swap(open, Ordering::SeqCst) && open {
                plane.look_at_all(self);
            }
        }
        let now = Instant::now();
        if event.kind == self.controller.kind() {
            self.queue.add_at(event.object.key(), now);
        }
        for key in self.controller.concerns(plane, event) {
            self.queue.add_at(key, now);
        }
    }
}

/// Runs a controller until its plane stops.
pub async fn run(fleet: Arc<Fleet>, plane: Arc<Plane>, registered: Arc<Registered>) {
    let failures: std::sync::Mutex<HashMap<Key, u32>> = std::sync::Mutex::default();
    let work = |key: Key| {
        let (fleet, plane, registered, failures) = (fleet.clone(), plane.clone(), registered.clone(), &failures);
        async move {
            let next = turn(&fleet, &plane, &registered, &key).await;
            let mut failures = failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match next {
                Ok(next) => {
                    failures.remove(&key);
                    next
                }
                Err(error) => {
                    let tries = failures.entry(key.clone()).or_default();
                    *tries += 1;
                    tracing::debug!(plane = plane.id, controller = registered.controller.name(), ?key, %error, "reconcile");
                    Next::After(backoff(&error, *tries))
                }
            }
        }
        .boxed()
    };
    drive(&registered.queue, &plane.stop, work).await;
}

async fn turn(fleet: &Arc<Fleet>, plane: &Arc<Plane>, registered: &Registered, key: &Key) -> Result<Next> {
    let controller = &registered.controller;
    if !plane.cache().synced(controller.needs()) {
        return Ok(Next::Wait);
    }
    if let Some(gate) = controller.gate() {
        if !gate.open(plane) {
            return Ok(Next::Wait);
        }
        let nth = registered.rounds.fetch_add(1, Ordering::SeqCst);
        if fleet.faults.restarts(&format!("{}/{}", plane.id, controller.name()), nth) {
            tracing::info!(plane = plane.id, controller = controller.name(), "fault: the manager restarts");
            tokio::time::sleep(fleet.delays.of(Delay::Restart)).await;
            plane.look_at_all(registered);
        }
    }
    controller.reconcile(fleet, plane, key).await
}

/// Conflicts are retried at once; everything else ever more slowly, up to 5 s.
fn backoff(error: &Error, tries: u32) -> Duration {
    match error.code() {
        Some(409) if tries < 5 => Duration::from_millis(10),
        _ => Duration::from_millis(50 << tries.min(7)).min(Duration::from_secs(5)),
    }
}

/// Takes keys from a queue as they become due, until `stop`.
pub async fn drive<'a>(queue: &Queue, stop: &CancellationToken, work: impl Fn(Key) -> BoxFuture<'a, Next>) {
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < PARALLEL {
            let Some(key) = queue.take(Instant::now()) else {
                break;
            };
            let turn = work(key.clone());
            running.push(async move { (key, turn.await) });
        }
        let full = running.len() >= PARALLEL;
        let due = queue.next_due();
        let sleep = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            Some((key, next)) = running.next(), if !running.is_empty() => {
                if let Next::After(delay) = next {
                    queue.add_at(key.clone(), Instant::now() + delay);
                }
                queue.done(&key);
            }
            () = queue.changed(), if !full => {}
            () = sleep, if !full => {}
        }
    }
}
