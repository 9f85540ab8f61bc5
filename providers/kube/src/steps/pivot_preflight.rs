//! `PivotPreflight`: everything that a pivot needs is so, before anything is touched.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::Instant;
use windlass_core::plan::{PivotSpec, Readiness};
use windlass_run::ports::{Outcome, StepError};

use super::wait_nodes::belongs_to;
use crate::error::failed;
use crate::kinds::ObjectRef;
use crate::pivot::closure::cluster_reference;
use crate::pivot::pause::paused_by_pivot;
use crate::pivot::{CONTROL_PLANE_API_VERSION, MACHINE_API_VERSION};
use crate::plane::Plane;
use crate::ready::condition::{must_not_be_true, observed};
use crate::ready::machines::{has_node, is_calm, name};
use crate::work::Work;
use windlass_core::marks::INVENTORY_API_VERSION;

/// An API server is asked this often whether it is well.
const ASK_EVERY: Duration = Duration::from_millis(250);

pub async fn run(work: &Work<'_>, pivot: &PivotSpec) -> Result<Outcome, StepError> {
    let (from, to) = (work.plane(&pivot.from).await?, work.plane(&pivot.to).await?);
    let cluster = cluster_reference(pivot);
    let live = from.get(&cluster).await.map_err(|e| e.during(&from.address, &format!("read {}", cluster.short())))?;
    match &live {
        // Moved, or half moved, by an earlier attempt: the pivot itself knows how to go on.
        None => return Ok(Outcome { evidence: json!({"already": "moved"}), ..Outcome::default() }),
        Some(live) if paused_by_pivot(live) => return Ok(Outcome { evidence: json!({"already": "begun"}), ..Outcome::default() }),
        Some(_) => {}
    }
    providers_run(work, pivot, &to).await?;
    work.ready(&from, &cluster, &Readiness::InfrastructureProvisioned).await?;
    work.ready(&from, &cluster, &Readiness::ControlPlaneInitialized).await?;
    let machines = calm(work, pivot, &from).await?;
    for plane in [&from, &to] {
        stable(work, plane).await?;
    }
    Ok(Outcome { evidence: json!({"machines": machines}), ..Outcome::default() })
}

/// Each provider runs on the target, in the version of the plan.
async fn providers_run(work: &Work<'_>, pivot: &PivotSpec, to: &Arc<Plane>) -> Result<(), StepError> {
    for provider in &pivot.providers {
        let reference = ObjectRef::new(INVENTORY_API_VERSION, "Provider", Some(&provider.namespace), &provider.label);
        let live = to.get(&reference).await.map_err(|e| e.during(&to.address, &format!("read {}", reference.short())))?;
        let version = live.as_ref().and_then(|live| live.get("version")).and_then(Json::as_str).unwrap_or("none");
        if version != provider.version {
            return Err(failed(
                format!("{} on {} is of version {version}, not {}", provider.label, pivot.to, provider.version),
                "the target must run what the source runs",
            ));
        }
        let manager = ObjectRef::new("apps/v1", "Deployment", Some(&provider.namespace), &provider.deployment);
        work.ready(to, &manager, &Readiness::Healthy).await?;
    }
    Ok(())
}

/// Every machine has its node and nothing happens to it; nothing scales, rolls or is remediated.
async fn calm(work: &Work<'_>, pivot: &PivotSpec, from: &Arc<Plane>) -> Result<usize, StepError> {
    let namespace = Some(pivot.access.namespace.as_str());
    let what = format!("{} to be calm", pivot.cluster);
    for (api_version, kind) in [(CONTROL_PLANE_API_VERSION, "KubeadmControlPlane"), (MACHINE_API_VERSION, "MachineDeployment")] {
        let watch = work.watch(from, api_version, kind, namespace).await?;
        work.patience
            .until(&watch, &what, |view| {
                view.all().filter(|object| belongs_to(object, &pivot.access.name)).try_for_each(|object| {
                    let told = observed(object).and_then(|()| {
                        ["RollingOut", "ScalingUp", "ScalingDown", "Remediating", "Deleting"]
                            .iter()
                            .try_for_each(|kind| must_not_be_true(object, kind))
                    });
                    told.map_err(|why| format!("{kind} {}: {why}", name(object)))
                })
            })
            .await?;
    }
    let watch = work.watch(from, MACHINE_API_VERSION, "Machine", namespace).await?;
    work.patience
        .until(&watch, &what, |view| {
            let ours: Vec<&Json> = view.all().filter(|machine| belongs_to(machine, &pivot.access.name)).collect();
            if ours.is_empty() {
                return Err("it has no machine yet".to_owned());
            }
            ours.iter().try_for_each(|machine| is_calm(machine).and_then(|()| has_node(machine)))?;
            Ok(ours.len())
        })
        .await
}

/// The API answers without fail for a while: one that has just come up falls over again (Cluster API's own e2e waits for this too).
async fn stable(work: &Work<'_>, plane: &Plane) -> Result<(), StepError> {
    let well_since: Mutex<Option<Instant>> = Mutex::new(None);
    let what = format!("the API of {} to be stable", plane.address);
    let ask = || async {
        let answer = plane.read_bytes("/readyz", Duration::ZERO).await;
        let mut since = well_since.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(_) if since.get_or_insert_with(Instant::now).elapsed() >= work.stable_for => Ok(()),
            Ok(_) => Err(format!("it must answer without fail for {} s", work.stable_for.as_secs_f32())),
            Err(error) => {
                *since = None;
                Err(error.to_string())
            }
        }
    };
    work.patience.poll(ASK_EVERY, &what, ask).await
}
