//! The engine's hands: steps carried out, planes observed and held, over the `kube` client. Fills the executor's `StepRunner`, `Observer`
//! and `PlaneLocks`.
//!
//! Decides nothing: what is to be done stands in the plan. Must not know HCL, the state file, or any cloud.

pub mod apply;
pub mod error;
pub mod kinds;
pub mod kubeconfig;
pub mod layers;
pub mod leases;
pub mod observe;
pub mod pivot;
pub mod plane;
pub mod planes;
pub mod ready;
pub mod remove;
pub mod request;
pub mod send;
pub mod stale;
pub mod steps;
pub mod wait;
pub mod watch;
pub mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value as Json;
use tokio::time::Instant;
use windlass_core::addr::Address;
use windlass_core::encode::DigestKey;
use windlass_core::facts::{Demand, Facts};
use windlass_core::plan::{Action, Fingerprint, Plan, Step};
use windlass_run::ports::{Observer, Outcome, StepContext, StepError, StepRunner};

use crate::leases::Leases;
use crate::observe::Observatory;
use crate::planes::{PlaneSource, Planes};
use crate::wait::Patience;
use crate::watch::Watches;
use crate::work::Work;

/// What the roof gives.
pub struct KubeOptions {
    /// Lineage of the state.
    pub lineage: String,
    /// Key of the state's digests.
    pub digest_key: DigestKey,
    /// Kubeconfigs of management planes, and of clusters whose kubeconfig the user names.
    pub sources: BTreeMap<Address, PlaneSource>,
    /// How long both APIs must have answered without fail before a pivot (a minute on real planes).
    pub stable_for: Duration,
}

/// The hands.
pub struct Kube {
    planes: Arc<Planes>,
    watches: Watches,
    lineage: String,
    digests: DigestKey,
    stable_for: Duration,
    contents: OnceLock<BTreeMap<String, Json>>,
}

impl Kube {
    /// Opens nothing yet.
    pub fn new(options: KubeOptions) -> Self {
        Self {
            planes: Arc::new(Planes::new(options.sources)),
            watches: Watches::default(),
            lineage: options.lineage,
            digests: options.digest_key,
            stable_for: options.stable_for,
            contents: OnceLock::new(),
        }
    }

    /// Remembers large leaves that stand in the plan as digests and that no release carries: schemas of a component repository, by digest.
    pub fn know_contents(&self, contents: BTreeMap<String, Json>) {
        // What is known once stays: a command has one configuration.
        let _ = self.contents.set(contents);
    }

    /// The planes, for what the roof itself asks of them (`windlass kubeconfig`).
    pub fn planes(&self) -> &Arc<Planes> {
        &self.planes
    }

    /// Remembers how the clusters of a plan are reached; needed before a run goes on in another process.
    pub fn know_plan(&self, plan: &Plan) {
        self.planes.know_plan(plan);
    }

    /// The Leases on these planes.
    ///
    /// `ended` are runs that the state knows to be over; `patience` is how long those of others are waited for.
    pub fn leases(&self, ended: BTreeSet<String>, patience: Duration) -> Leases {
        Leases::new(self.planes.clone(), self.lineage.clone(), ended, patience)
    }

    fn work<'a>(&'a self, step: &'a Step, context: &'a StepContext) -> Work<'a> {
        let until = Instant::now() + Duration::from_secs(step.timeout_seconds);
        Work {
            step,
            context,
            planes: &self.planes,
            watches: &self.watches,
            digests: &self.digests,
            patience: Patience { progress: context.progress.as_ref(), stop: context.stop.clone(), until },
            stable_for: self.stable_for,
            contents: self.contents.get_or_init(BTreeMap::new),
        }
    }
}

impl StepRunner for Kube {
    fn run<'a>(&'a self, step: &'a Step, context: StepContext) -> BoxFuture<'a, Result<Outcome, StepError>> {
        async move {
            know_ways(&self.planes, &step.action);
            Box::pin(steps::run(&self.work(step, &context))).await
        }
        .boxed()
    }
}

/// Some actions say how a cluster is reached.
fn know_ways(planes: &Planes, action: &Action) {
    match action {
        Action::OpenPlane { plane, access } | Action::WaitNodes { plane, access, .. } => planes.know(plane, access),
        Action::PivotPreflight { pivot } | Action::Pivot { pivot } | Action::VerifyPivot { pivot } => {
            planes.know(&pivot.cluster, &pivot.access)
        }
        _ => {}
    }
}

impl Observer for Kube {
    fn observe<'a>(&'a self, demands: &'a [Demand]) -> BoxFuture<'a, Facts> {
        let observatory = Observatory { planes: &self.planes, lineage: &self.lineage, digests: &self.digests };
        async move { observatory.observe(demands).await }.boxed()
    }

    fn stale<'a>(&'a self, fingerprints: &'a [&'a Fingerprint]) -> BoxFuture<'a, Vec<StepError>> {
        stale::stale(&self.planes, &self.digests, fingerprints).boxed()
    }
}
