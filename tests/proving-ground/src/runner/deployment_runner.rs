//! The runner as a test holds it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::follower::follow;
use super::host_pod::{HostCommand, HostPod};
use super::life::Stage;
use super::programs::{Row, rows};
use super::running::{Key, Running};
use crate::cloud::ProcessCloud;
use crate::error::GroundError;
use crate::ground::Ground;
use crate::log::Log;
use crate::plane::{Plane, PlaneAccess};
use crate::service::{Service, answers_ok};

const ASK_AGAIN: Duration = Duration::from_millis(25);

/// Runs Deployments of the planes that it follows, where it knows a program for the image of a container. All of it ends when
/// this is dropped.
///
/// It knows the managers of Cluster API and cert-manager, from whatever registry. Such a process waits until its pod's Secrets,
/// ConfigMaps and service account are there, ends when the Deployment is deleted or scaled to none, starts anew when its template
/// changes and when it ends by itself, and stands behind the Services that select its pod. There is one of it, however many replicas
/// are asked for. What the runner did is in `deployment-runner.log` among the ground's logs; each process logs into
/// `<plane>/<namespace>.<deployment>.log`.
pub struct DeploymentRunner {
    ground: Arc<Ground>,
    rows: Vec<Row>,
    running: Arc<Running>,
    log: Arc<Log>,
    tasks: Mutex<Vec<AbortOnDropHandle<()>>>,
}

/// A process that stands for a Deployment's pod now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostProcess {
    /// The plane's name on the ground.
    pub plane: String,
    /// The Deployment's namespace.
    pub namespace: String,
    /// The Deployment's name.
    pub deployment: String,
    /// The process's id, unless a test has stopped it.
    pub id: Option<i32>,
    /// How often it was started again after it had ended by itself.
    pub restarts: u32,
    /// Where it logs.
    pub log: PathBuf,
}

impl std::fmt::Debug for DeploymentRunner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DeploymentRunner").field(&self.processes()).finish()
    }
}

impl DeploymentRunner {
    /// A runner that follows nothing yet. It belongs to the runtime that it is used in.
    ///
    /// # Errors
    /// Its log cannot be written.
    pub fn new(ground: &Arc<Ground>) -> Result<DeploymentRunner, GroundError> {
        let log = Arc::new(Log::open(&ground.logs().join("deployment-runner.log"))?);
        let rows = rows(ground.components());
        Ok(DeploymentRunner { ground: Arc::clone(ground), rows, running: Arc::default(), log, tasks: Mutex::default() })
    }

    /// Runs images that begin with this, too, by the command that the closure makes of the pod. Of two rows that know an image, the
    /// one that was added later runs it.
    #[must_use]
    pub fn with_program(mut self, image_prefix: &str, command: impl Fn(&HostPod) -> HostCommand + Send + Sync + 'static) -> Self {
        self.rows.insert(0, Row::beginning(image_prefix, command));
        self
    }

    /// Runs the Deployments of this plane from now on.
    pub fn follow(&self, plane: &Plane) {
        let stage = self.stages();
        self.keep(tokio::spawn(follow(stage(plane.access()))));
    }

    /// Runs the Deployments of every plane that a machine of this cloud has booted or will boot, as long as it is there.
    pub fn follow_cloud(&self, cloud: &ProcessCloud) {
        self.keep(tokio::spawn(follow_booted(cloud.booted(), self.stages())));
    }

    /// What runs now.
    pub fn processes(&self) -> Vec<HostProcess> {
        let of = |((plane, namespace, deployment), entry): (Key, super::running::Entry)| HostProcess {
            plane,
            namespace,
            deployment,
            id: entry.service.process().map(|process| process.id()),
            restarts: entry.restarts,
            log: entry.service.log().to_path_buf(),
        };
        self.running.all().into_iter().map(of).collect()
    }

    /// The process of a Deployment, to stop, kill or freeze: one that was stopped so stays so until it is started again.
    pub fn service(&self, plane: &str, namespace: &str, deployment: &str) -> Option<Arc<Service>> {
        self.running.get(&key(plane, namespace, deployment)).map(|entry| entry.service)
    }

    /// Waits until the process of a Deployment runs and says that it is ready, where its pod's readiness probe asks.
    ///
    /// # Errors
    /// It is not ready in time; with what keeps it, or the end of its log.
    pub async fn wait_until_ready(&self, plane: &str, namespace: &str, deployment: &str, within: Duration) -> Result<(), GroundError> {
        let key = key(plane, namespace, deployment);
        let deadline = Instant::now() + within;
        loop {
            let found = self.running.get(&key);
            if let Some(entry) = &found {
                let ready = match &entry.probe {
                    Some((port, path)) => answers_ok(*port, path).await,
                    None => entry.service.process().is_some(),
                };
                if ready {
                    return Ok(());
                }
            }
            if Instant::now() > deadline {
                let log = found.as_ref().map_or(Path::new("deployment-runner.log"), |entry| entry.service.log()).to_path_buf();
                let tail = found.map(|entry| entry.service.tail()).or_else(|| self.running.reason(&key)).unwrap_or_default();
                let name = format!("{namespace}/{deployment} of {plane}");
                return Err(GroundError::NotReady { name, seconds: within.as_secs(), log, tail });
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    fn stages(&self) -> impl Fn(PlaneAccess) -> Arc<Stage> + Send + 'static {
        let (ground, rows): (_, Arc<[Row]>) = (Arc::clone(&self.ground), Arc::from(self.rows.clone()));
        let (running, log) = (Arc::clone(&self.running), Arc::clone(&self.log));
        move |plane| {
            let (ground, rows, running, log) = (Arc::clone(&ground), Arc::clone(&rows), Arc::clone(&running), Arc::clone(&log));
            Arc::new(Stage { ground, plane, rows, running, log })
        }
    }

    fn keep(&self, task: tokio::task::JoinHandle<()>) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(AbortOnDropHandle::new(task));
    }
}

fn key(plane: &str, namespace: &str, deployment: &str) -> Key {
    (plane.to_owned(), namespace.to_owned(), deployment.to_owned())
}

async fn follow_booted(mut booted: watch::Receiver<BTreeMap<String, PlaneAccess>>, stage: impl Fn(PlaneAccess) -> Arc<Stage>) {
    let mut followed: BTreeMap<String, AbortOnDropHandle<()>> = BTreeMap::new();
    loop {
        let planes = booted.borrow_and_update().clone();
        followed.retain(|name, _| planes.contains_key(name));
        for (name, plane) in planes {
            followed.entry(name).or_insert_with(|| AbortOnDropHandle::new(tokio::spawn(follow(stage(plane)))));
        }
        if booted.changed().await.is_err() {
            return;
        }
    }
}
