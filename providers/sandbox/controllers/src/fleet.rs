//! Everything that the controllers of all planes share: ports, clock, delays, ledger, and the planes themselves. Knows no rule of CAPI.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use kube::config::Kubeconfig;
use tokio_util::sync::CancellationToken;

use crate::delays::{Delay, Delays, Stopwatch};
use crate::faults::Faults;
use crate::kinds::{Kind, unwatched};
use crate::ledger::Ledger;
use crate::object::{Fields, Key, Meta, Object};
use crate::plane::{self, Plane, Queue, Result, watch_built_in};
use crate::ports::{Clock, Planes, PodRuntime};

/// Id of the plane that the simulation was started with.
pub const MANAGEMENT: &str = "management";

/// What the controllers of all planes share.
pub struct Fleet {
    /// The cloud's books.
    pub ledger: Ledger,
    /// How long things take.
    pub delays: Delays,
    /// Since when they go on.
    pub stopwatch: Stopwatch,
    /// What goes wrong.
    pub faults: Faults,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Workload planes.
    pub servers: Arc<dyn Planes>,
    /// Code of known images.
    pub pods: Arc<dyn PodRuntime>,
    /// Instances that the cloud has to look at.
    pub cloud: Queue,
    /// Cancelled when the simulation ends.
    pub stop: CancellationToken,
    planes: RwLock<BTreeMap<String, Arc<Plane>>>,
    reached: Mutex<HashMap<(String, Key), Reached>>,
}

struct Reached {
    secret_version: String,
    plane: Arc<Plane>,
}

/// Ports and settings of a fleet.
pub(crate) struct Parts {
    pub ledger: Ledger,
    pub delays: Delays,
    pub faults: Faults,
    pub clock: Arc<dyn Clock>,
    pub servers: Arc<dyn Planes>,
    pub pods: Arc<dyn PodRuntime>,
}

impl Fleet {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            ledger: parts.ledger,
            delays: parts.delays,
            stopwatch: Stopwatch::default(),
            faults: parts.faults,
            clock: parts.clock,
            servers: parts.servers,
            pods: parts.pods,
            cloud: Queue::default(),
            stop: CancellationToken::new(),
            planes: RwLock::default(),
            reached: Mutex::default(),
        })
    }

    /// Connects to a plane and starts its watches and controllers; a plane that runs already is answered as it is.
    pub async fn start_plane(self: &Arc<Self>, id: &str, kubeconfig: Kubeconfig) -> Result<Arc<Plane>> {
        if let Some(plane) = self.plane(id) {
            return Ok(plane);
        }
        let plane = Plane::connect(id, kubeconfig, self.stop.child_token()).await?;
        let registered = crate::controllers::of(id);
        plane.register(registered.clone());
        self.planes.write().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), plane.clone());
        for one in registered {
            tokio::spawn(plane::run(self.clone(), plane.clone(), one));
        }
        watch_built_in(&plane);
        Ok(plane)
    }

    /// Stops the controllers of a plane.
    pub fn stop_plane(&self, id: &str) {
        let plane = self.planes.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        if let Some(plane) = plane {
            plane.stop.cancel();
        }
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, reached| reached.plane.id != id);
    }

    /// A running plane.
    pub fn plane(&self, id: &str) -> Option<Arc<Plane>> {
        self.planes.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// All running planes.
    pub fn all_planes(&self) -> Vec<Arc<Plane>> {
        self.planes.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The workload plane of a cluster through its own kubeconfig Secret, as CAPI's managers reach it: `Err` says in words why it is out of reach.
    pub async fn reach(&self, from: &Plane, cluster: &Key) -> Result<std::result::Result<Arc<Plane>, String>> {
        let (namespace, name) = cluster;
        let Some(secret) = from.read(&unwatched::secret(), namespace, &format!("{name}-kubeconfig")).await? else {
            return Ok(Err(format!("Secret {namespace}/{name}-kubeconfig not found")));
        };
        let version = secret.metadata.resource_version.clone().unwrap_or_default();
        let known = (from.id.clone(), cluster.clone());
        if let Some(reached) = self.reached.lock().unwrap_or_else(PoisonError::into_inner).get(&known)
            && reached.secret_version == version
            && !reached.plane.stop.is_cancelled()
        {
            return Ok(Ok(reached.plane.clone()));
        }
        let kubeconfig = match secret_text(&secret, "value").map(|text| Kubeconfig::from_yaml(&text)) {
            Some(Ok(kubeconfig)) => kubeconfig,
            _ => {
                return Ok(Err(format!("Secret {namespace}/{name}-kubeconfig holds no kubeconfig")));
            }
        };
        let server = plane::server_of(&kubeconfig).unwrap_or_default();
        let Some(plane) = self.all_planes().into_iter().find(|plane| plane.server == server) else {
            return Ok(Err(format!("{server}: connection refused")));
        };
        let probe = match plane::client_of(&kubeconfig).await {
            Ok(client) => client.apiserver_version().await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = probe {
            return Ok(Err(format!("{server}: {error}")));
        }
        let reached = Reached { secret_version: version, plane: plane.clone() };
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).insert(known, reached);
        Ok(Ok(plane))
    }

    /// Queues objects of a cluster on every plane, because something outside of that plane changed.
    pub fn tell_cluster(&self, cluster: &Key, kinds: &[Kind]) {
        for plane in self.all_planes() {
            for registered in plane.registered().iter().filter(|one| kinds.contains(&one.controller.kind())) {
                let objects = plane.cache().of_cluster(registered.controller.kind(), cluster);
                for object in objects {
                    registered.queue.add(object.key());
                }
            }
        }
    }

    /// What is left of a delay that began when this was first asked for the subject.
    pub fn left(&self, subject: &str, delay: Delay) -> Option<std::time::Duration> {
        self.stopwatch.left(subject, delay, self.delays.of(delay))
    }
}

/// Id of the plane of a cluster.
pub fn plane_id(cluster: &Key) -> String {
    format!("{}.{}", cluster.0, cluster.1)
}

/// Namespace and name of the cluster that a plane id was made from.
pub fn cluster_of(plane_id: &str) -> Option<Key> {
    plane_id.split_once('.').map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
}

/// A Secret's entry as text.
pub fn secret_text(secret: &Object, entry: &str) -> Option<String> {
    let encoded = secret.at("/data").get(entry)?.as_str()?;
    let bytes = data_encoding::BASE64.decode(encoded.as_bytes()).ok()?;
    String::from_utf8(bytes).ok()
}
