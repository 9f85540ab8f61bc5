//! Copying one object to the target: created, its owners of fields restored, compared with its source.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value as Json, json};
use windlass_core::marks::PIVOT_MANAGER;
use windlass_run::ports::StepError;

use super::journal::{Mark, Moving, Past, marked};
use super::{ANNOTATION_COPY_OF, MACHINE_API_VERSION, strip};
use crate::error::{ApiError, failed};
use crate::kinds::ObjectRef;
use crate::plane::{Persist, Plane};
use crate::planes::uid;
use crate::work::Work;
use windlass_core::encode::merge_patch;

/// Source uids → target uids, growing as objects are copied.
pub type Uids = Mutex<BTreeMap<String, String>>;

/// Between which planes, and what is known of it.
pub struct Crossing<'a> {
    /// The step.
    pub work: &'a Work<'a>,
    /// Where objects come from.
    pub from: &'a Arc<Plane>,
    /// Where they go.
    pub to: &'a Arc<Plane>,
    /// The journal so far.
    pub past: &'a Past,
    /// uids.
    pub uids: &'a Uids,
    /// The objects that move, as they were when it was decided that they do, by uid; empty when an earlier attempt has decided.
    pub sources: BTreeMap<String, Json>,
}

impl Crossing<'_> {
    /// Commits a mark.
    pub async fn journal(&self, object: &Moving, mark: Mark, copy: Option<&str>) -> Result<(), StepError> {
        self.record(marked(object, mark, copy)).await
    }

    /// Commits a record.
    pub async fn record(&self, evidence: Json) -> Result<(), StepError> {
        self.work.context.journal.progress(evidence, Vec::new()).await.map_err(|error| StepError::Store(Arc::new(error)))
    }

    fn uids(&self) -> BTreeMap<String, String> {
        self.uids.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// uid of an object's copy, once there is one.
    pub fn copy_of(&self, object: &Moving) -> Option<String> {
        self.uids.lock().unwrap_or_else(PoisonError::into_inner).get(&object.uid).cloned()
    }

    async fn source(&self, object: &Moving) -> Result<Json, StepError> {
        if let Some(listed) = self.sources.get(&object.uid) {
            return Ok(listed.clone());
        }
        let reference = object.reference();
        let failed_to = |error: ApiError| error.during(&self.from.address, &format!("read {}", reference.short()));
        match self.from.get(&reference).await.map_err(failed_to)? {
            Some(live) if uid(&live) == Some(&object.uid) => Ok(live),
            _ => Err(failed(
                format!("{} is gone from {} in the middle of the pivot", reference.short(), self.from.address),
                "somebody deleted it; the cluster is still paused there: apply again, or unpause it",
            )),
        }
    }
}

/// A copy that is there, and is not yet known to be true to its source.
pub struct Begun<'a> {
    object: &'a Moving,
    source: Json,
}

/// Creates an object on the target, from wherever an earlier attempt has left it. `None`: there is nothing more to do.
pub async fn begin<'a>(crossing: &Crossing<'_>, object: &'a Moving) -> Result<Option<Begun<'a>>, StepError> {
    if crossing.past.has(&object.uid, Mark::Verified) {
        return Ok(None);
    }
    crossing.work.patience.go_on()?;
    let source = crossing.source(object).await?;
    let was_there = create(crossing, object, &source).await?;
    if was_there && object.shared {
        // Somebody over there has it already: it is theirs.
        crossing.journal(object, Mark::Verified, None).await?;
        return Ok(None);
    }
    Ok(Some(Begun { object, source }))
}

/// Gives the fields of a copy back to their owners, and compares it with its source.
pub async fn finish(crossing: &Crossing<'_>, begun: Begun<'_>) -> Result<(), StepError> {
    crossing.work.patience.go_on()?;
    let Begun { object, source } = begun;
    let entries = strip::entries_for_target(&source, &crossing.uids());
    let mut copy = None;
    if !crossing.past.has(&object.uid, Mark::Restored) {
        copy = restore(crossing, object, &entries).await?;
        crossing.journal(object, Mark::Restored, None).await?;
    }
    verify(crossing, object, &source, &entries, copy).await?;
    crossing.journal(object, Mark::Verified, None).await
}

/// Creates the copy if it is not there. Whether a shared object had been there before us.
async fn create(crossing: &Crossing<'_>, object: &Moving, source: &Json) -> Result<bool, StepError> {
    if crossing.past.has(&object.uid, Mark::Copied) {
        return Ok(false);
    }
    let reference = object.reference();
    let doing = format!("copy {}", reference.short());
    let failed_to = |error: ApiError| error.during(&crossing.to.address, &doing);
    let mut body = strip::for_target(source, &crossing.uids());
    if object.kind == "Cluster" && object.api_version == MACHINE_API_VERSION {
        merge_patch(&mut body, &json!({"metadata": {"annotations": {ANNOTATION_COPY_OF: object.uid}}}));
    }
    let (live, was_there) = match crossing.to.create(&body, PIVOT_MANAGER, Persist::Yes).await {
        Ok(live) => (live, false),
        // Created by a request whose answer was lost, or by an attempt that was killed before it could say so: the target was free of it
        // when the list was made. What others share may have been there before, but not with us alone as the owner of its fields.
        Err(error) if error.already_exists() => match crossing.to.get(&reference).await.map_err(failed_to)? {
            Some(live) => {
                let theirs = !strip::is_raw_copy(&live);
                (live, theirs)
            }
            None => return Err(failed_to(error)),
        },
        // The server's words on a Secret could quote it.
        Err(error) if object.is_secret() => return Err(failed_to(error.without_words())),
        Err(error) => return Err(failed_to(error)),
    };
    let copy = uid(&live).unwrap_or_default().to_owned();
    crossing.uids.lock().unwrap_or_else(PoisonError::into_inner).insert(object.uid.clone(), copy.clone());
    crossing.journal(object, Mark::Copied, Some(&copy)).await?;
    Ok(was_there)
}

/// Gives the fields back to their owners, and the copy as it is stored then.
async fn restore(crossing: &Crossing<'_>, object: &Moving, entries: &[Json]) -> Result<Option<Json>, StepError> {
    if entries.is_empty() {
        return Ok(None);
    }
    let reference = object.reference();
    let mut metadata = json!({"managedFields": entries});
    if let (Some(copy), Some(fields)) = (crossing.copy_of(object), metadata.as_object_mut()) {
        // The server refuses the patch if the object is another one.
        fields.insert("uid".to_owned(), json!(copy));
    }
    let answer = crossing.to.merge(&reference, &json!({"metadata": metadata}), PIVOT_MANAGER).await;
    answer.map(Some).map_err(|error| error.during(&crossing.to.address, &format!("restore the field owners of {}", reference.short())))
}

/// Compares a copy with its source; one that no write has just shown is read.
async fn verify(
    crossing: &Crossing<'_>,
    object: &Moving,
    source: &Json,
    entries: &[Json],
    mut copy: Option<Json>,
) -> Result<(), StepError> {
    let reference = object.reference();
    let failed_to = |error: ApiError| error.during(&crossing.to.address, &format!("read {}", reference.short()));
    if copy.is_none() {
        copy = crossing.to.get(&reference).await.map_err(failed_to)?;
    }
    let expected = strip::for_target(source, &crossing.uids());
    let wrong = match &copy {
        None => Some("it is gone".to_owned()),
        Some(copy) => strip::difference(&expected, copy)
            .map(|path| format!("{path} is another"))
            .or_else(|| strip::lost_owner(entries, copy).map(|manager| format!("the fields of {manager} lost their owner"))),
    };
    match wrong {
        None => Ok(()),
        Some(what) => Err(failed(
            format!("the copy of {} on {} is not true to its source: {what}", reference.short(), crossing.to.address),
            "a webhook there changes what is created; nothing was deleted",
        )),
    }
}

/// The namespace of a cluster's objects exists on the target, with the labels and marks it has on the source.
pub async fn ensure_namespace(from: &Plane, to: &Plane, namespace: &str) -> Result<Option<(String, String)>, StepError> {
    let reference = ObjectRef::new("v1", "Namespace", None, namespace);
    let failed_to = |error: ApiError| error.during(&to.address, &format!("ensure {}", reference.short()));
    if let Some(live) = to.get(&reference).await.map_err(failed_to)? {
        let source = from.get(&reference).await.map_err(failed_to)?;
        return Ok(source.as_ref().and_then(uid).zip(uid(&live)).map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
    let source = from.get(&reference).await.map_err(failed_to)?;
    let source = source.unwrap_or_else(|| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
    let mut body = strip::for_target(&source, &BTreeMap::new());
    if let Some(fields) = body.as_object_mut() {
        // Finalizers of a namespace are the server's own.
        fields.remove("spec");
    }
    let live = match to.create(&body, PIVOT_MANAGER, Persist::Yes).await {
        Err(error) if error.already_exists() => to.get(&reference).await.map_err(failed_to)?.unwrap_or(Json::Null),
        other => other.map_err(failed_to)?,
    };
    let entries = strip::entries_for_target(&source, &BTreeMap::new());
    if !entries.is_empty() {
        let patch = json!({"metadata": {"managedFields": entries}});
        to.merge(&reference, &patch, PIVOT_MANAGER).await.map_err(failed_to)?;
    }
    Ok(uid(&source).zip(uid(&live)).map(|(a, b)| (a.to_owned(), b.to_owned())))
}
