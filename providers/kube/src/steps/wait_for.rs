//! `Wait`: objects become ready, each told by its own pure function, or are gone that somebody has deleted.

use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::marks::LABEL_CLUSTER_NAME;
use windlass_core::plan::{Readiness, WaitFor};
use windlass_core::recorded::Effect;
use windlass_run::ports::{Outcome, StepError};

use crate::kinds::ObjectRef;
use crate::pivot::MACHINE_API_VERSION;
use crate::plane::Plane;
use crate::ready::machines::provider_ids;
use crate::work::{Work, cluster_of, deleted};

pub async fn run(work: &Work<'_>, plane: &Address, conditions: &[WaitFor]) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    let mut effects = Vec::new();
    for condition in conditions {
        let reference = ObjectRef::of_key(&condition.key, &condition.api_version);
        match &condition.ready {
            Readiness::Gone => deleted(&plane, work.watches, &work.patience, &reference).await?,
            ready @ (Readiness::ControlPlaneReady { .. }
            | Readiness::MachineDeploymentReady { .. }
            | Readiness::MachineDeploymentSettled) => {
                let live = work.machines_ready(&plane, &reference, ready).await?;
                effects = machines(work, &plane, live.as_ref()).await.into_iter().collect();
            }
            ready => drop(work.ready(&plane, &reference, ready).await?),
        }
    }
    Ok(Outcome { evidence: json!({"ready": conditions.len()}), effects, ..Outcome::default() })
}

/// The machines of the cluster that a control plane or pool belongs to. Nothing waits for this, so a plane that does not answer now is
/// asked again by a later run.
async fn machines(work: &Work<'_>, plane: &Plane, live: Option<&Json>) -> Option<Effect> {
    let live = live?;
    let cluster = cluster_of(live)?;
    let namespace = live.pointer("/metadata/namespace").and_then(Json::as_str);
    let labels = format!("{LABEL_CLUSTER_NAME}={cluster}");
    let found = plane.list(MACHINE_API_VERSION, "Machine", namespace, Some(&labels)).await.ok()?;
    Some(Effect::Machines { cluster: work.step.address.root(), provider_ids: provider_ids(found.iter()) })
}
