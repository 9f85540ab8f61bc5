//! Taking objects away from one side: the source after the switch, the target in a rollback.

use serde_json::{Value as Json, json};
use windlass_core::marks::PIVOT_MANAGER;
use windlass_run::ports::StepError;

use super::ANNOTATION_DELETE_FOR_MOVE;
use super::copy::Crossing;
use super::journal::{Mark, Moving};
use crate::error::ApiError;
use crate::kinds::ObjectRef;
use crate::plane::{Deleted, Only, Plane};
use crate::planes::uid;

/// Takes the finalizers off a source object whose copy is the truth now.
pub async fn set_free(crossing: &Crossing<'_>, object: &Moving) -> Result<(), StepError> {
    let done = crossing.past.has(&object.uid, Mark::Released) || crossing.past.has(&object.uid, Mark::Deleted);
    if object.shared || done || is_free(crossing, object) {
        return Ok(());
    }
    release(crossing.from, &object.reference(), &object.uid).await?;
    crossing.journal(object, Mark::Released, None).await
}

/// Whether an object has no finalizer, and is of a kind of Kubernetes itself: no provider's webhook asks why it is deleted.
fn is_free(crossing: &Crossing<'_>, object: &Moving) -> bool {
    let finalizers = |listed: &Json| listed.pointer("/metadata/finalizers").and_then(Json::as_array).map_or(0, Vec::len);
    object.api_version == "v1" && crossing.sources.get(&object.uid).is_some_and(|listed| finalizers(listed) == 0)
}

/// Deletes a source object that was set free.
pub async fn leave(crossing: &Crossing<'_>, object: &Moving) -> Result<(), StepError> {
    if object.shared || crossing.past.has(&object.uid, Mark::Deleted) {
        return Ok(());
    }
    delete(crossing.from, &object.reference(), &object.uid).await?;
    crossing.journal(object, Mark::Deleted, None).await
}

/// Takes a copy back that is not needed; only the one with this uid.
pub async fn take_back(to: &Plane, object: &Moving, copy: &str) -> Result<(), StepError> {
    let reference = object.reference();
    release(to, &reference, copy).await?;
    delete(to, &reference, copy).await
}

/// Drops all finalizers: controllers must not clean up in the cloud what lives on elsewhere. What is gone, or is another one, is left alone:
/// the uid in the patch is a condition that the server keeps.
async fn release(plane: &Plane, reference: &ObjectRef, only: &str) -> Result<(), StepError> {
    let failed_to = |error: ApiError| error.during(&plane.address, &format!("release {}", reference.short()));
    let patch = json!({"metadata": {"uid": only, "finalizers": null, "annotations": {ANNOTATION_DELETE_FOR_MOVE: ""}}});
    match plane.merge(reference, &patch, PIVOT_MANAGER).await {
        Ok(_) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(error) if error.is_conflict() => match plane.get(reference).await.map_err(failed_to)? {
            Some(live) if uid(&live) == Some(only) => Err(failed_to(error)),
            _ => Ok(()),
        },
        Err(error) => Err(failed_to(error)),
    }
}

async fn delete(plane: &Plane, reference: &ObjectRef, only: &str) -> Result<(), StepError> {
    let failed_to = |error: ApiError| error.during(&plane.address, &format!("delete {}", reference.short()));
    match plane.delete(reference, Only { uid: Some(only) }).await.map_err(failed_to)? {
        Deleted::Gone | Deleted::NotThere => Ok(()),
        // A finalizer that came back in between keeps the object: it is dropped once more, now that no new one can be added.
        Deleted::Going => release(plane, reference, only).await,
    }
}
