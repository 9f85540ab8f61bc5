//! Pausing a cluster and letting it go on. Touches `spec.paused` only, under a field manager of its own.

use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select, try_join_all};
use serde_json::{Value as Json, json};
use windlass_core::marks::PIVOT_MANAGER;
use windlass_core::plan::ProviderSpec;
use windlass_run::ports::StepError;

use super::{ANNOTATION_COPY_OF, CONTROL_PLANE_API_VERSION, MACHINE_API_VERSION};
use crate::error::ApiError;
use crate::kinds::ObjectRef;
use crate::plane::Plane;
use crate::ready::condition::{count, observed};
use crate::ready::machines::{name, stays};
use crate::steps::wait_nodes::belongs_to;
use crate::watch::{View, Watch};
use crate::work::Work;
use windlass_core::encode::merge_patch;

/// Kinds whose controllers tell that they have stopped.
const TELLING: &[(&str, &str)] = &[
    (MACHINE_API_VERSION, "Cluster"),
    (CONTROL_PLANE_API_VERSION, "KubeadmControlPlane"),
    (MACHINE_API_VERSION, "MachineDeployment"),
    (MACHINE_API_VERSION, "MachineSet"),
    (MACHINE_API_VERSION, "Machine"),
];

/// Whether a Cluster is paused.
pub fn is_paused(cluster: &Json) -> bool {
    cluster.pointer("/spec/paused").and_then(Json::as_bool) == Some(true)
}

/// Whether it was a pivot that paused it.
pub fn paused_by_pivot(cluster: &Json) -> bool {
    let entries = cluster.pointer("/metadata/managedFields").and_then(Json::as_array);
    let ours = |entry: &Json| {
        entry.get("manager").and_then(Json::as_str) == Some(PIVOT_MANAGER) && entry.pointer("/fieldsV1/f:spec/f:paused").is_some()
    };
    is_paused(cluster) && entries.into_iter().flatten().any(ours)
}

/// Whether no manager of these providers runs on a plane: then nobody acts on the cluster, and nobody can acknowledge a pause.
async fn are_stopped(plane: &Plane, providers: &[ProviderSpec]) -> Result<bool, ApiError> {
    for provider in providers {
        let manager = ObjectRef::new("apps/v1", "Deployment", Some(&provider.namespace), &provider.deployment);
        let Some(live) = plane.get(&manager).await? else { continue };
        let stopped = live.pointer("/spec/replicas").and_then(Json::as_u64) == Some(0)
            && observed(&live).is_ok()
            && count(&live, "/status/replicas") == 0;
        if !stopped {
            return Ok(false);
        }
    }
    Ok(!providers.is_empty())
}

/// Pauses a cluster on a plane and waits until its controllers say that they have stopped, if there are any.
pub async fn pause(work: &Work<'_>, plane: &Arc<Plane>, cluster: &ObjectRef, providers: &[ProviderSpec]) -> Result<(), StepError> {
    let failed_to = |error: ApiError| error.during(&plane.address, &format!("pause {}", cluster.short()));
    let live = plane.get(cluster).await.map_err(failed_to)?;
    if !live.as_ref().is_some_and(is_paused) {
        plane.merge(cluster, &json!({"spec": {"paused": true}}), PIVOT_MANAGER).await.map_err(failed_to)?;
    }
    // Whoever runs says so while it is still asked who does.
    let stopped = async { are_stopped(plane, providers).await.map_err(failed_to) };
    let said = try_join_all(TELLING.iter().map(|(api_version, kind)| stands_still(work, plane, cluster, api_version, kind)));
    match select(pin!(stopped), pin!(said)).await {
        Either::Left((stopped, said)) => {
            if stopped? {
                Ok(())
            } else {
                said.await.map(drop)
            }
        }
        Either::Right((said, _)) => said.map(drop),
    }
}

/// No machine of a cluster is being deleted, nor what makes machines. A cluster that is paused already stays so.
pub async fn settled(work: &Work<'_>, plane: &Arc<Plane>, cluster: &ObjectRef) -> Result<(), StepError> {
    let live = plane.get(cluster).await.map_err(|error| error.during(&plane.address, &format!("read {}", cluster.short())))?;
    if live.as_ref().is_some_and(is_paused) {
        return Ok(());
    }
    let what = format!("what is being deleted of {} on {} to be gone", cluster.short(), plane.address);
    try_join_all(TELLING.iter().filter(|(_, kind)| *kind != "Cluster").map(|(api_version, kind)| async {
        let Some(watch) = watch_of(work, plane, cluster, api_version, kind).await? else { return Ok(()) };
        let gone = |view: &View| view.all().filter(|object| belongs_to(object, &cluster.name)).try_for_each(stays);
        work.patience.until(&watch, &what, gone).await
    }))
    .await
    .map(drop)
}

/// The shared watch of a kind; `None`: a plane without that kind has no object of it either.
async fn watch_of(
    work: &Work<'_>,
    plane: &Arc<Plane>,
    cluster: &ObjectRef,
    api_version: &str,
    kind: &str,
) -> Result<Option<Arc<Watch>>, StepError> {
    match work.watch(plane, api_version, kind, cluster.namespace.as_deref()).await {
        Ok(watch) => Ok(Some(watch)),
        Err(_) if plane.kind(api_version, kind).await.is_err_and(|error| error.not_found()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The controllers of one kind say of each object of a cluster that they have stopped.
async fn stands_still(work: &Work<'_>, plane: &Arc<Plane>, cluster: &ObjectRef, api_version: &str, kind: &str) -> Result<(), StepError> {
    let Some(watch) = watch_of(work, plane, cluster, api_version, kind).await? else { return Ok(()) };
    let what = format!("the controllers of {} on {} to stop", cluster.short(), plane.address);
    let is_ours = |object: &&Json| kind == "Cluster" && name(object) == cluster.name || belongs_to(object, &cluster.name);
    let stays = |object: &&Json| object.pointer("/metadata/deletionTimestamp").is_none();
    let all_said = |view: &View| view.all().filter(is_ours).filter(stays).try_for_each(|object| acknowledged(object, kind == "Cluster"));
    work.patience.until(&watch, &what, all_said).await
}

/// An object's controller says that it is paused, of the present generation. `must` = it has to say something.
fn acknowledged(object: &Json, must: bool) -> Result<(), String> {
    let conditions = object.pointer("/status/conditions").and_then(Json::as_array);
    let paused = conditions.into_iter().flatten().find(|c| c.get("type").and_then(Json::as_str) == Some("Paused"));
    let kind = object.get("kind").and_then(Json::as_str).unwrap_or_default();
    let Some(paused) = paused else {
        return if must { Err(format!("{kind} {} says nothing of Paused yet", name(object))) } else { Ok(()) };
    };
    let generation = object.pointer("/metadata/generation").and_then(Json::as_i64).unwrap_or(0);
    let seen = paused.get("observedGeneration").and_then(Json::as_i64).unwrap_or(generation);
    match paused.get("status").and_then(Json::as_str) {
        Some("True") if seen >= generation => Ok(()),
        _ => Err(format!("{kind} {} is not paused yet", name(object))),
    }
}

/// The uid of the Cluster that this one is a copy of, while the pivot lasts.
pub fn copied_from(cluster: &Json) -> Option<&str> {
    cluster.pointer("/metadata/annotations")?.get(ANNOTATION_COPY_OF)?.as_str()
}

/// Lets a cluster go on.
pub async fn unpause(plane: &Plane, cluster: &ObjectRef) -> Result<(), StepError> {
    let failed_to = |error: ApiError| error.during(&plane.address, &format!("unpause {}", cluster.short()));
    let Some(live) = plane.get(cluster).await.map_err(failed_to)? else { return Ok(()) };
    let mut patch = json!({});
    if is_paused(&live) {
        merge_patch(&mut patch, &json!({"spec": {}}));
        patch["spec"]["paused"] = Json::Null;
    }
    if copied_from(&live).is_some() {
        merge_patch(&mut patch, &json!({"metadata": {"annotations": {}}}));
        patch["metadata"]["annotations"][ANNOTATION_COPY_OF] = Json::Null;
    }
    if patch != json!({}) {
        plane.merge(cluster, &patch, PIVOT_MANAGER).await.map_err(failed_to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_present_generation_counts() {
        let of =
            |conditions: Json| json!({"kind": "Machine", "metadata": {"name": "m", "generation": 3}, "status": {"conditions": conditions}});
        for (object, must, expected) in [
            (of(json!([])), false, true),
            (of(json!([])), true, false),
            (of(json!([{"type": "Paused", "status": "True", "observedGeneration": 3}])), true, true),
            (of(json!([{"type": "Paused", "status": "True", "observedGeneration": 2}])), true, false),
            (of(json!([{"type": "Paused", "status": "False", "observedGeneration": 3}])), false, false),
        ] {
            assert_eq!(acknowledged(&object, must).is_ok(), expected, "{object}");
        }
    }

    #[test]
    fn who_paused_is_told_by_the_owner_of_the_field() {
        let of = |manager: &str| json!({"spec": {"paused": true}, "metadata": {"managedFields": [{"manager": manager, "fieldsV1": {"f:spec": {"f:paused": {}}}}]}});
        assert!(paused_by_pivot(&of(PIVOT_MANAGER)));
        assert!(!paused_by_pivot(&of("kubectl-edit")));
    }
}
