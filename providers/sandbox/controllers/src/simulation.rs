//! Starting and stopping the whole simulation.

use std::path::PathBuf;
use std::sync::Arc;

use kube::config::Kubeconfig;
use serde_json::json;

use crate::cloud;
use crate::delays::Delays;
use crate::faults::Faults;
use crate::fleet::{Fleet, MANAGEMENT, Parts, plane_id};
use crate::kinds::Kind;
use crate::ledger::Ledger;
use crate::node::SELF_CONTAINED;
use crate::object::{Fields, Meta, Object};
use crate::plane::{Plane, Result};
use crate::ports::{Clock, Planes, PodRuntime};

/// What a simulation runs on.
pub struct SimulationConfig {
    /// Access to the management plane.
    pub management_kubeconfig: Kubeconfig,
    /// API servers of workload planes.
    pub planes: Arc<dyn Planes>,
    /// Code of known images.
    pub pods: Arc<dyn PodRuntime>,
    /// File of the cloud's ledger; made if missing, 0600.
    pub ledger_path: PathBuf,
    /// Delays are divided by it; 0 = no delay at all.
    pub speed: f64,
    /// What goes wrong.
    pub faults: Faults,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A running simulation; dropping it stops every controller.
pub struct Simulation {
    fleet: Arc<Fleet>,
}

impl Simulation {
    /// Starts the controllers of the management plane, of every workload plane that the ledger knows, and the cloud.
    ///
    /// # Errors
    /// When the ledger cannot be opened or the management kubeconfig leads nowhere; an API that does not answer yet is waited for.
    pub async fn start(config: SimulationConfig) -> Result<Self> {
        let fleet = Fleet::new(Parts {
            ledger: Ledger::open(&config.ledger_path)?,
            delays: Delays::new(config.speed),
            faults: config.faults,
            clock: config.clock,
            servers: config.planes,
            pods: config.pods,
        });
        let management = fleet.start_plane(MANAGEMENT, config.management_kubeconfig).await?;
        tokio::spawn(keep_node(fleet.clone(), management));
        for cluster in fleet.ledger.planes()? {
            let Some((namespace, name)) = cluster.split_once('/') else {
                continue;
            };
            let id = plane_id(&(namespace.to_owned(), name.to_owned()));
            match fleet.servers.attach(&id).await {
                Ok(Some(kubeconfig)) => drop(fleet.start_plane(&id, kubeconfig).await?),
                Ok(None) => fleet.ledger.set_plane(&cluster, false)?,
                Err(error) => tracing::error!(plane = id, %error, "attach"),
            }
        }
        tokio::spawn(cloud::run(fleet.clone()));
        Ok(Self { fleet })
    }

    /// Ids of the planes whose controllers run: `management` and `<namespace>.<cluster>`.
    pub fn planes(&self) -> Vec<String> {
        self.fleet.all_planes().into_iter().map(|plane| plane.id.clone()).collect()
    }

    /// Stops all controllers; what they wrote stays.
    pub fn stop(&self) {
        self.fleet.stop.cancel();
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The management plane's one node, always Ready, so that Deployments run there.
async fn keep_node(fleet: Arc<Fleet>, plane: Arc<Plane>) {
    loop {
        match make_node(&plane).await {
            Ok(()) => return,
            Err(error) => tracing::debug!(%error, "management node"),
        }
        tokio::select! {
            () = fleet.stop.cancelled() => return,
            () = tokio::time::sleep(std::time::Duration::from_millis(200)) => {}
        }
    }
}

const NODE: &str = "sandbox-management";

async fn make_node(plane: &Plane) -> Result<()> {
    let version = plane.client.apiserver_version().await?.git_version;
    let labels = json!({"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"});
    let node = json!({"metadata": {"name": NODE, "labels": labels, "annotations": {SELF_CONTAINED: "true"}}, "spec": {}});
    plane.ensure(&Kind::Node.resource(), node, "kubelet").await?;
    let Some(node) = plane.read(&Kind::Node.resource(), "", NODE).await? else {
        return Ok(());
    };
    let node: Arc<Object> = plane.observe(Kind::Node, node);
    if node.text("/status/nodeInfo/kubeletVersion") == version {
        return Ok(());
    }
    let capacity = json!({"cpu": "8", "memory": "32Gi", "pods": "250"});
    let mut status = if node.at("/status").is_object() { node.at("/status").clone() } else { json!({}) };
    let facts = json!({
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": NODE}],
        "capacity": capacity, "allocatable": capacity, "nodeInfo": cloud::node_info(&version, node.uid()),
    });
    crate::capi::overlay(&mut status, &facts);
    plane.set_status(Kind::Node, &node, status, "kubelet").await
}
