//! AWSCluster: an endpoint for the cluster's API, where nothing answers until a machine boots a control plane.

use std::sync::Arc;
use std::time::Duration;

use kube::api::DynamicObject;
use kube::runtime::controller::Action;
use serde_json::{Map, Value as Json, json};

use super::books::ClusterName;
use super::conditions::{Says, conditions};
use super::kinds::{self, is_being_deleted, is_paused, name, namespace, text};
use super::site::{Site, now};
use crate::error::GroundError;
use crate::ports::PortLease;

const FINALIZER: &str = "awscluster.infrastructure.cluster.x-k8s.io";
/// Where a cluster is that does not say it.
const REGION: &str = "us-east-1";
/// Machines that hold a cluster's endpoint are looked at again so often.
const WAIT: Duration = Duration::from_millis(500);

/// Makes an AWSCluster so, or takes it away.
pub(super) async fn reconcile(seen: Arc<DynamicObject>, site: Arc<Site>) -> Result<Action, GroundError> {
    let kind = kinds::aws_cluster();
    // What was seen may be of the past.
    let Some(object) = site.get(&kind, namespace(&seen), name(&seen)).await? else { return Ok(Action::await_change()) };
    let Some(owner) = kinds::owner(&object, "Cluster") else { return Ok(Action::await_change()) };
    let Some(cluster) = site.get(&kinds::cluster(), namespace(&object), owner).await? else { return Ok(Action::await_change()) };
    if is_paused(&cluster, &object) {
        return Ok(Action::await_change());
    }
    let cluster = ClusterName::new(namespace(&object), owner);
    if is_being_deleted(&object) {
        return delete(&site, &object, &cluster).await;
    }
    site.ensure_finalizer(&kind, &object, FINALIZER).await?;

    let port = endpoint(&site, &object, &cluster)?;
    if text(&object, "/spec/controlPlaneEndpoint/host").is_none() {
        let endpoint = json!({"host": "127.0.0.1", "port": port});
        site.merge(&kind, &object, json!({"spec": {"controlPlaneEndpoint": endpoint}})).await?;
    }
    let region = text(&object, "/spec/region").unwrap_or(REGION);
    let zones: Map<String, Json> =
        ["a", "b", "c"].map(|zone| (format!("{region}{zone}"), json!({"controlPlane": true}))).into_iter().collect();
    let status = json!({
        "ready": true, "failureDomains": zones,
        "conditions": conditions(&object, &[("LoadBalancerReady", Says::Yes)], &now()),
    });
    site.merge_status(&kind, &object, status).await?;
    Ok(Action::await_change())
}

/// The port of the cluster's endpoint, which it keeps wherever its objects go.
fn endpoint(site: &Site, object: &DynamicObject, cluster: &ClusterName) -> Result<u16, GroundError> {
    let has = site.cloud.books().port(cluster);
    let says = object.data.pointer("/spec/controlPlaneEndpoint/port").and_then(Json::as_u64).filter(|port| *port != 0);
    match (has, says) {
        (Some(has), None) => Ok(has),
        (Some(has), Some(says)) if u64::from(has) == says => Ok(has),
        (None, None) => {
            let port = PortLease::take()?;
            let port = site.cloud.books().ensure_endpoint(cluster, port);
            site.cloud.log.say(&format!("{}: {cluster} gets port {port}", site.name));
            Ok(port)
        }
        (_, Some(says)) => {
            Err(GroundError::Cloud { what: cluster.to_string(), reason: format!("port {says} is no endpoint of this cloud") })
        }
    }
}

async fn delete(site: &Site, object: &DynamicObject, cluster: &ClusterName) -> Result<Action, GroundError> {
    if site.cloud.books().living_of(cluster) > 0 {
        return Ok(Action::requeue(WAIT));
    }
    let plane = site.cloud.books().remove_endpoint(cluster);
    site.cloud.log.say(&format!("{}: {cluster} goes", site.name));
    if let Some(plane) = plane {
        site.cloud.end(plane).await;
    }
    site.drop_finalizer(&kinds::aws_cluster(), object, FINALIZER).await?;
    Ok(Action::await_change())
}
