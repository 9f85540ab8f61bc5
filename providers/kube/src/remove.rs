//! Deleting objects with the house's rules: only what is ours, only the one that was meant, and no container that holds others' things.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::Value as Json;
use windlass_core::belonging::{is_foreign, is_furniture};
use windlass_run::ports::{Ensured, StepError};

use crate::apply::marks;
use crate::error::{ApiError, refused};
use crate::kinds::ObjectRef;
use crate::plane::{Only, Plane};
use crate::planes::uid;

/// An object to be deleted.
#[derive(Debug, Clone)]
pub struct Doomed {
    /// Which.
    pub reference: ObjectRef,
    /// Only the one with this uid.
    pub uid: Option<String>,
}

/// Why deletion of an object without a known uid is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// It carries this lineage.
    Lineage(&'a str),
    /// The plan names it though it is not ours (load balancers, claims).
    Anyones,
}

/// Asks the server to delete an object. It may still be there while finalizers run.
pub async fn remove(plane: &Plane, doomed: &Doomed, whose: Whose<'_>) -> Result<Ensured, StepError> {
    let reference = &doomed.reference;
    let doing = format!("delete {}", reference.short());
    let failed_to = |error: ApiError| error.during(&plane.address, &doing);
    let Some(live) = plane.get(reference).await.map_err(failed_to)? else { return Ok(Ensured::NotNeeded) };
    let live_uid = uid(&live).unwrap_or_default().to_owned();
    if let Some(uid) = &doomed.uid {
        if *uid != live_uid {
            return Ok(Ensured::NotNeeded);
        }
    } else if let Whose::Lineage(lineage) = whose
        && marks(&live).0 != Some(lineage)
    {
        return Err(refused(
            format!("{} on {} is not marked as ours and is not deleted", reference.short(), plane.address),
            "delete it yourself if it may go",
        ));
    }
    if live.pointer("/metadata/deletionTimestamp").is_some() {
        return Ok(Ensured::NotNeeded);
    }
    if let Whose::Lineage(lineage) = whose {
        let foreign = foreign_content(plane, &live, lineage).await?;
        if !foreign.is_empty() {
            return Err(refused(
                format!("{} on {} holds objects that are not ours: {}", reference.short(), plane.address, foreign.join(", ")),
                "delete or move them first",
            ));
        }
    }
    plane.delete(reference, Only { uid: Some(&live_uid) }).await.map_err(failed_to)?;
    Ok(Ensured::Updated)
}

/// Most objects that a message names.
const NAMED: usize = 10;

/// What a Namespace or CustomResourceDefinition holds that does not carry our lineage, in words.
pub async fn foreign_content(plane: &Plane, container: &Json, lineage: &str) -> Result<Vec<String>, StepError> {
    let mut foreign = content(plane, container).await?;
    foreign.retain(|object| is_foreign(object, lineage));
    Ok(foreign.iter().filter_map(ObjectRef::of).map(|object| object.short()).take(NAMED).collect())
}

/// What a Namespace holds and will go on to hold, in words: without what every namespace has, and without what the garbage collector has yet to
/// take, because it is being deleted or its owners are no more.
pub async fn lasting_content(plane: &Plane, container: &Json) -> Result<Vec<String>, StepError> {
    let found = content(plane, container).await?;
    let lasting = lasting(plane, &found).await.map_err(|error| error.during(&plane.address, "look for owners"))?;
    Ok(lasting.into_iter().filter_map(ObjectRef::of).map(|object| object.short()).take(NAMED).collect())
}

/// Those that nobody is about to delete. An owner that is not among them may have come after they were listed, or have no namespace: it is
/// asked for.
async fn lasting<'o>(plane: &Plane, found: &'o [Json]) -> Result<Vec<&'o Json>, ApiError> {
    let mut lasting: Vec<&Json> = found.iter().filter(|object| object.pointer("/metadata/deletionTimestamp").is_none()).collect();
    let mut living: BTreeMap<String, bool> = found.iter().filter_map(|object| Some((uid(object)?.to_owned(), false))).collect();
    living.extend(lasting.iter().filter_map(|object| Some((uid(object)?.to_owned(), true))));
    for (owner, reference) in lasting.iter().flat_map(|object| owners_of(object)) {
        if let Entry::Vacant(unknown) = living.entry(owner) {
            let lives = owner_lives(plane, unknown.key(), &reference).await?;
            unknown.insert(lives);
        }
    }
    loop {
        let before = lasting.len();
        lasting.retain(|object| {
            let mut owners = owners_of(object).peekable();
            let lasts = owners.peek().is_none() || owners.any(|(owner, _)| living.get(&owner) == Some(&true));
            if let (false, Some(uid)) = (lasts, uid(object)) {
                living.insert(uid.to_owned(), false);
            }
            lasts
        });
        if lasting.len() == before {
            return Ok(lasting);
        }
    }
}

async fn owner_lives(plane: &Plane, owner: &str, reference: &ObjectRef) -> Result<bool, ApiError> {
    match plane.kind(&reference.api_version, &reference.kind).await {
        // The garbage collector waits for a kind that it does not know.
        Err(error) if error.not_found() => return Ok(true),
        other => other?,
    };
    let live = plane.get(reference).await?;
    Ok(live.is_some_and(|live| uid(&live) == Some(owner) && live.pointer("/metadata/deletionTimestamp").is_none()))
}

/// uids of the owners of an object, and where each is.
fn owners_of(object: &Json) -> impl Iterator<Item = (String, ObjectRef)> + '_ {
    let namespace = object.pointer("/metadata/namespace").and_then(Json::as_str);
    let owners = object.pointer("/metadata/ownerReferences").and_then(Json::as_array);
    owners.into_iter().flatten().filter_map(move |owner| {
        let text = |field: &str| owner.get(field).and_then(Json::as_str);
        Some((text("uid")?.to_owned(), ObjectRef::new(text("apiVersion")?, text("kind")?, namespace, text("name")?)))
    })
}

async fn content(plane: &Plane, container: &Json) -> Result<Vec<Json>, StepError> {
    let text = |pointer: &str| container.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
    match text("/kind") {
        "Namespace" => {
            let name = text("/metadata/name");
            let found = in_namespace(plane, name).await;
            found.map_err(|error| error.during(&plane.address, &format!("look into Namespace {name}")))
        }
        "CustomResourceDefinition" => {
            let group = text("/spec/group");
            let versions = container.pointer("/spec/versions").and_then(Json::as_array);
            let served = versions.into_iter().flatten().find(|v| v.get("served").and_then(Json::as_bool) == Some(true));
            let Some(version) = served.and_then(|v| v.get("name")).and_then(Json::as_str) else { return Ok(Vec::new()) };
            plane
                .list(&format!("{group}/{version}"), text("/spec/names/kind"), None, None)
                .await
                .map_err(|error| error.during(&plane.address, &format!("list {}", text("/spec/names/plural"))))
        }
        _ => Ok(Vec::new()),
    }
}

/// All that a Namespace holds, without furniture.
pub async fn in_namespace(plane: &Plane, namespace: &str) -> Result<Vec<Json>, ApiError> {
    let mut found = Vec::new();
    for api_version in plane.api_versions().await? {
        let kinds = match plane.resources(&api_version).await {
            Err(error) if error.not_found() => continue,
            other => other?,
        };
        for kind in kinds.iter().filter(|kind| kind.namespaced && kind.listable) {
            found.extend(plane.list_kind(kind, Some(namespace), None, None).await?);
        }
    }
    found.retain(|object| !is_furniture(object));
    Ok(found)
}
