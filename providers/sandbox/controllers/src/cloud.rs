//! The simulated cloud itself: takes instances of the ledger from ordered to running to gone, boots them from their user data. Knows no manager.

mod boot;
mod kubeadm;
mod node;

pub use node::node_info;

use std::sync::Arc;

use futures::FutureExt;

use crate::delays::Delay;
use crate::fleet::{Fleet, plane_id};
use crate::kinds::Kind;
use crate::ledger::Resource;
use crate::object::{Fields, Key};
use crate::plane::{Next, Result, drive};

/// Who the cloud is in the ledger's history.
const CLOUD: &str = "cloud";

const CONFLICT: std::time::Duration = std::time::Duration::from_millis(10);

/// Runs the cloud until the fleet stops; instances that live already are looked at first.
pub async fn run(fleet: Arc<Fleet>) {
    match fleet.ledger.live() {
        Ok(live) => live.into_iter().filter(|one| one.thing == "instance").for_each(|one| fleet.cloud.add((String::new(), one.id))),
        Err(error) => tracing::error!(%error, "ledger"),
    }
    let work = |key: Key| {
        let fleet = fleet.clone();
        async move {
            match look(&fleet, &key.1).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::debug!(instance = key.1, %error, "cloud");
                    // Somebody wrote the node in between: look again at once.
                    let conflict = error.code() == Some(409);
                    Next::After(if conflict { CONFLICT } else { fleet.delays.of(Delay::Retry) })
                }
            }
        }
        .boxed()
    };
    drive(&fleet.cloud, &fleet.stop, work).await;
}

async fn look(fleet: &Arc<Fleet>, id: &str) -> Result<Next> {
    let Some(instance) = fleet.ledger.get(id)? else {
        return Ok(Next::Wait);
    };
    let Some(cluster) = cluster_key(&instance) else {
        return Ok(Next::Wait);
    };
    match instance.state.as_str() {
        "pending" => {
            if let Some(left) = fleet.left(id, Delay::Instance) {
                return Ok(Next::After(left));
            }
            fleet.ledger.set_state(id, "running", CLOUD, CLOUD)?;
            fleet.tell_cluster(&cluster, &[Kind::AwsMachine]);
            Ok(Next::After(std::time::Duration::ZERO))
        }
        "running" if !instance.attributes.flag("/booted") => start(fleet, &instance, &cluster).await,
        "shutting-down" => {
            if let Some(left) = fleet.left(id, Delay::Terminate) {
                return Ok(Next::After(left));
            }
            terminate(fleet, &instance, &cluster).await
        }
        _ => Ok(Next::Wait),
    }
}

fn cluster_key(instance: &Resource) -> Option<Key> {
    instance.cluster.split_once('/').map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
}

async fn start(fleet: &Arc<Fleet>, instance: &Resource, cluster: &Key) -> Result<Next> {
    if fleet.faults.never_boots(&instance.token) {
        return Ok(Next::Wait);
    }
    let usual = fleet.delays.of(Delay::Boot);
    let delay = if fleet.faults.boots_late(&instance.token) { usual * 10 } else { usual };
    if let Some(left) = fleet.stopwatch.left(&instance.id, Delay::Boot, delay) {
        return Ok(Next::After(left));
    }
    if !boot::boot(fleet, instance, cluster).await? {
        return Ok(Next::After(fleet.delays.of(Delay::Retry)));
    }
    let mut attributes = instance.attributes.clone();
    attributes["booted"] = serde_json::json!(true);
    fleet.ledger.set_attributes(&instance.id, &attributes)?;
    fleet.ledger.drop_user_data(&instance.id)?;
    fleet.tell_cluster(cluster, &[Kind::Machine, Kind::KubeadmControlPlane]);
    Ok(Next::Wait)
}

/// The machine is off: its node goes with it, and with the last control plane machine the API server.
async fn terminate(fleet: &Arc<Fleet>, instance: &Resource, cluster: &Key) -> Result<Next> {
    let id = plane_id(cluster);
    let others = fleet
        .ledger
        .live_of(&instance.cluster)?
        .into_iter()
        .any(|one| one.thing == "instance" && one.id != instance.id && one.attributes.flag("/controlPlane"));
    if !others && instance.attributes.flag("/controlPlane") {
        fleet.stop_plane(&id);
        fleet.ledger.set_plane(&instance.cluster, false)?;
        fleet.servers.stop(&id).await?;
    } else if let Some(plane) = fleet.plane(&id)
        && let Some(node) = plane.get(Kind::Node, &(String::new(), instance.attributes.text("/hostname").to_owned()))
    {
        plane.delete(Kind::Node, &node).await?;
    }
    fleet.ledger.terminate(&instance.id, CLOUD, CLOUD)?;
    fleet.tell_cluster(cluster, &[Kind::AwsMachine]);
    Ok(Next::Wait)
}
