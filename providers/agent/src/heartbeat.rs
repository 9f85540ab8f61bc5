//! The agent's heartbeat: a Lease that is renewed as long as it lives. An agent that stops lets it grow old.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;
use windlass_core::marks::{AGENT_NAME, AGENT_STALE_SECONDS, FIELD_MANAGER, SYSTEM_NAMESPACE};
use windlass_kube::leases::LEASE_API_VERSION;
use windlass_kube::plane::{Force, Persist, Plane};

use crate::AgentOptions;

/// After a heartbeat that failed.
const AGAIN_AFTER: Duration = Duration::from_secs(3);

/// Renews the Lease until `stop` is true.
pub async fn beat(plane: Arc<Plane>, options: AgentOptions, mut stop: watch::Receiver<bool>) {
    loop {
        let pause = match renew(&plane, &options.identity).await {
            Ok(()) => options.heartbeat_every,
            Err(error) => {
                tracing::warn!(%error, "the heartbeat failed");
                AGAIN_AFTER.min(options.heartbeat_every)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

async fn renew(plane: &Plane, identity: &str) -> Result<(), windlass_kube::error::ApiError> {
    let lease = json!({
        "apiVersion": LEASE_API_VERSION,
        "kind": "Lease",
        "metadata": {"name": AGENT_NAME, "namespace": SYSTEM_NAMESPACE},
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": AGENT_STALE_SECONDS,
            "renewTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        },
    });
    plane.apply(&lease, FIELD_MANAGER, Force::Yes, Persist::Yes).await.map(|_| ())
}
