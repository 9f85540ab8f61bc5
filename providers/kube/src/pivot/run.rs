//! The pivot as one readable list of stages; see the parent module for their meaning.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{join, join_all, try_join_all};
use serde_json::json;
use windlass_core::object::ObjectKey;
use windlass_core::plan::PivotSpec;
use windlass_core::recorded::Effect;
use windlass_run::ports::{Ensured, Outcome, StepError};

use super::closure::{Closure, Kinds, cluster_reference, discover, kinds};
use super::copy::{Crossing, Uids, begin, ensure_namespace, finish};
use super::journal::{self, Moving, Past};
use super::leave::{leave, set_free, take_back};
use super::ownership::levels;
use super::pause::{copied_from, pause, paused_by_pivot, settled, unpause};
use super::strip;
use crate::error::failed;
use crate::kinds::ObjectRef;
use crate::plane::Plane;
use crate::planes::uid;
use crate::steps::refresh_access::ensure_access;
use crate::work::Work;

/// Moves a cluster.
pub async fn run(work: &Work<'_>, pivot: &PivotSpec) -> Result<Outcome, StepError> {
    let past = Past::read(work.context.journal.earlier());
    let (from, to) = (work.plane(&pivot.from).await?, work.plane(&pivot.to).await?);
    let uids: Uids = Mutex::new(past.copies.clone());
    let mut crossing = Crossing { work, from: &from, to: &to, past: &past, uids: &uids, sources: BTreeMap::new() };
    let moving = match &past.closure {
        Some(moving) => {
            if !past.switched {
                still_here(pivot, &from, moving).await?;
            }
            moving.clone()
        }
        None => match standing(pivot, &from, &to).await? {
            Standing::Turned => {
                let removed = clear_source(work, pivot, &from, &to).await?;
                return Ok(Outcome { evidence: json!({"removed": removed}), ..Outcome::default() });
            }
            Standing::ToDo { begun } => {
                let closure = decide(&crossing, pivot, begun).await?;
                crossing.sources = closure.sources;
                closure.moving
            }
        },
    };
    if !past.switched {
        match before_switch(&crossing, pivot, &moving).await {
            Ok(()) => {}
            // What will not become better by trying again is undone while it can be.
            Err(error @ (StepError::Failed { .. } | StepError::Refused { .. })) => {
                work.context.progress.note(&format!("{}: the pivot is rolled back", pivot.cluster));
                roll_back(&crossing, pivot, &moving).await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        }
    }
    after_switch(&crossing, pivot, &moving).await?;
    Ok(Outcome { evidence: json!({"objects": moving.len()}), effects: Vec::new(), ensured: Ensured::Updated })
}

/// Where a pivot without a journal of its own stands.
enum Standing {
    /// Nothing was begun, or it was begun by a run whose journal is lost.
    ToDo {
        /// It was begun: the source is paused by a pivot.
        begun: bool,
    },
    /// The target's objects are the truth; what is left on the source is to go.
    Turned,
}

/// Looks at both Clusters. A copy names the uid of its source in an annotation, until it works: so an exchange of `from` and `to`, which
/// is how a begun pivot is turned back, is told from one that goes forward.
async fn standing(pivot: &PivotSpec, from: &Plane, to: &Plane) -> Result<Standing, StepError> {
    let cluster = cluster_reference(pivot);
    let here = read(from, &cluster).await?;
    let there = read(to, &cluster).await?;
    match (here, there) {
        (None, Some(_)) => Ok(Standing::Turned),
        (None, None) => Err(failed(
            format!("{} is neither on {} nor on {}", cluster.short(), pivot.from, pivot.to),
            "plan again, to see what is left of it",
        )),
        (Some(here), None) => Ok(Standing::ToDo { begun: paused_by_pivot(&here) }),
        (Some(here), Some(there)) if copied_from(&here).is_some() && copied_from(&here) == uid(&there) => Ok(Standing::Turned),
        (Some(here), Some(there)) if copied_from(&there).is_some() && copied_from(&there) == uid(&here) => {
            Ok(Standing::ToDo { begun: true })
        }
        (Some(_), Some(_)) => Err(failed(
            format!("{} exists on {} and on {}", cluster.short(), pivot.from, pivot.to),
            "two clusters of one name: rename one of them",
        )),
    }
}

/// Removes from `from` what is a copy (or a source) of the cluster's objects on `to`, and lets the cluster work there.
async fn clear_source(work: &Work<'_>, pivot: &PivotSpec, from: &Plane, to: &Plane) -> Result<usize, StepError> {
    let cluster = cluster_reference(pivot);
    let mut removed = 0;
    if read(to, &cluster).await?.as_ref().is_some_and(paused_by_pivot) {
        let truth = discover(work, pivot, to, &kinds(pivot, to).await?).await?.moving;
        for level in levels_of(&truth)?.iter().rev() {
            for object in truth.iter().filter(|object| level.contains(&object.uid) && !object.shared) {
                let reference = object.reference();
                let (Some(left), Some(true_one)) = (read(from, &reference).await?, read(to, &reference).await?) else { continue };
                if is_copy_of(&left, &true_one) {
                    take_back(from, object, uid(&left).unwrap_or_default()).await?;
                    removed += 1;
                }
            }
        }
    }
    unpause(to, &cluster).await?;
    Ok(removed)
}

/// The same content, owners aside: their uids are of another plane.
fn is_copy_of(left: &serde_json::Value, true_one: &serde_json::Value) -> bool {
    let none = BTreeMap::new();
    let (mut left, mut true_one) = (strip::for_target(left, &none), strip::for_target(true_one, &none));
    for object in [&mut left, &mut true_one] {
        if let Some(metadata) = object.get_mut("metadata").and_then(serde_json::Value::as_object_mut) {
            // A source that is being left has lost its finalizers; annotations tell of moving.
            metadata.retain(|field, _| matches!(field.as_str(), "name" | "namespace" | "labels"));
        }
    }
    strip::difference(&left, &true_one).is_none() || strip::difference(&true_one, &left).is_none()
}

/// Until the switch the source is the truth. If it is gone or another one, somebody with a newer state has gone on with this pivot: what
/// looks like a copy may be the living cluster, and must neither be written nor taken back.
async fn still_here(pivot: &PivotSpec, from: &Plane, moving: &[Moving]) -> Result<(), StepError> {
    let cluster = cluster_reference(pivot);
    let known = moving.iter().find(|object| object.reference() == cluster).map(|object| object.uid.as_str());
    let live = read(from, &cluster).await?;
    if live.as_ref().and_then(uid) == known {
        return Ok(());
    }
    Err(failed(
        format!("{} is no longer the one on {} that this pivot began with", cluster.short(), pivot.from),
        "another run has finished or undone the pivot: use the state file that it left behind",
    ))
}

async fn read(plane: &Plane, object: &ObjectRef) -> Result<Option<serde_json::Value>, StepError> {
    plane.get(object).await.map_err(|error| error.during(&plane.address, &format!("read {}", object.short())))
}

/// Pauses the source and writes down what moves.
async fn decide(crossing: &Crossing<'_>, pivot: &PivotSpec, begun: bool) -> Result<Closure, StepError> {
    let (work, from, to) = (crossing.work, crossing.from, crossing.to);
    let cluster = cluster_reference(pivot);
    settled(work, from, &cluster).await?;
    // Which kinds there are does not change while the controllers come to a stop.
    let (kinds, paused) = join(kinds(pivot, from), pause(work, from, &cluster, &pivot.providers)).await;
    paused?;
    let kinds = kinds?;
    let closure = at_rest(work, pivot, from, &kinds).await?;
    levels_of(&closure.moving)?;
    if !begun && let Some(object) = in_the_way(to, &closure.moving).await? {
        unpause(from, &cluster).await?;
        return Err(failed(
            format!("{} exists already on {}", object.short(), pivot.to),
            "it is in the way of the pivot: delete or rename it",
        ));
    }
    crossing.record(journal::closure(&closure.moving)).await?;
    Ok(closure)
}

/// What moves of a paused cluster, once no provider keeps any of it back and none of it is being deleted.
async fn at_rest(work: &Work<'_>, pivot: &PivotSpec, from: &Arc<Plane>, kinds: &Kinds) -> Result<Closure, StepError> {
    let cluster = cluster_reference(pivot);
    loop {
        let what = format!("the providers on {} to let {} go", pivot.from, pivot.cluster);
        let found = look(work, pivot, from, kinds, &what, |closure| match &closure.blocked {
            Some(object) if closure.going.is_none() => Err(format!("{object} is held back (annotation block-move)")),
            _ => Ok(()),
        });
        let found = found.await?;
        if found.going.is_none() {
            return Ok(found);
        }
        // Deleted since the last look: its controllers must work to bring that to an end.
        unpause(from, &cluster).await?;
        let what = format!("what is being deleted of {} on {} to be gone", cluster.short(), pivot.from);
        look(work, pivot, from, kinds, &what, |closure| closure.going.clone().map_or(Ok(()), Err)).await?;
        pause(work, from, &cluster, &pivot.providers).await?;
    }
}

/// Looks at what moves, again and again, until it is as it should be.
async fn look(
    work: &Work<'_>,
    pivot: &PivotSpec,
    from: &Arc<Plane>,
    kinds: &Kinds,
    what: &str,
    well: impl Fn(&Closure) -> Result<(), String> + Sync,
) -> Result<Closure, StepError> {
    let ask = || async {
        let closure = discover(work, pivot, from, kinds).await.map_err(|error| error.to_string())?;
        well(&closure).map(|()| closure)
    };
    work.patience.poll(std::time::Duration::from_secs(2), what, ask).await
}

/// The first object of the target that has the name of one that moves and is not shared.
async fn in_the_way(to: &Plane, moving: &[Moving]) -> Result<Option<ObjectRef>, StepError> {
    let own: BTreeSet<ObjectRef> = moving.iter().filter(|object| !object.shared).map(Moving::reference).collect();
    let kinds: BTreeSet<(&str, &str, Option<&str>)> =
        own.iter().map(|object| (object.api_version.as_str(), object.kind.as_str(), object.namespace.as_deref())).collect();
    let lists = kinds.into_iter().map(|(api_version, kind, namespace)| async move {
        match to.list(api_version, kind, namespace, None).await {
            Err(error) if error.not_found() => Ok(Vec::new()),
            other => other.map_err(|error| error.during(&to.address, &format!("list {kind}"))),
        }
    });
    let there = try_join_all(lists).await?.into_iter().flatten().filter_map(|live| ObjectRef::of(&live));
    Ok(there.filter(|object| own.contains(object)).min())
}

fn levels_of(moving: &[Moving]) -> Result<Vec<Vec<String>>, StepError> {
    let owners: BTreeMap<String, Vec<String>> = moving.iter().map(|object| (object.uid.clone(), object.owners.clone())).collect();
    levels(&owners).map_err(|uid| {
        let name = moving.iter().find(|object| object.uid == uid).map(|object| object.reference().short()).unwrap_or(uid);
        failed(format!("{name} owns itself through its owners"), "correct its ownerReferences")
    })
}

/// Everything that can still be undone; ends with the switch.
async fn before_switch(crossing: &Crossing<'_>, pivot: &PivotSpec, moving: &[Moving]) -> Result<(), StepError> {
    let work = crossing.work;
    let by_uid: BTreeMap<&str, &Moving> = moving.iter().map(|object| (object.uid.as_str(), object)).collect();
    let namespaces: BTreeSet<&str> = moving.iter().filter_map(|object| object.namespace.as_deref()).collect();
    let mut own_namespace = None;
    for namespace in namespaces {
        let uids = ensure_namespace(crossing.from, crossing.to, namespace).await?;
        if namespace == pivot.access.namespace {
            own_namespace = uids;
        }
    }
    // Only the uids of owners must be known before what they own is created; the rest of the work on each copy goes on beside that.
    let mut begun = Vec::new();
    for level in levels_of(moving)? {
        let copies = level.iter().filter_map(|uid| by_uid.get(uid.as_str())).map(|object| begin(crossing, object));
        let owners = std::mem::take(&mut begun).into_iter().map(|begun| finish(crossing, begun));
        let (copies, owners) = join(join_all(copies), join_all(owners)).await;
        first_error(owners)?;
        begun.extend(first_error(copies)?.into_iter().flatten());
        work.context.progress.note(&format!("{} of {} objects copied", copied(crossing), moving.len()));
    }
    first_error(join_all(begun.into_iter().map(|begun| finish(crossing, begun))).await)?;
    if pivot.to == pivot.cluster {
        ensure_access(work, &pivot.access, &pivot.from, &pivot.cluster).await?;
    }
    let mut effects: Vec<Effect> =
        moving.iter().filter(|object| !object.shared).filter_map(|object| moved(crossing, pivot, object)).collect();
    if let Some((_, copy)) = own_namespace {
        let reference = ObjectRef::new("v1", "Namespace", None, &pivot.access.namespace);
        effects.push(Effect::ObjectMoved { key: reference.key(&pivot.from), plane: pivot.to.clone(), uid: copy });
    }
    work.patience.go_on()?;
    let switched = work.context.journal.progress(journal::switched(), effects).await;
    switched.map_err(|error| StepError::Store(Arc::new(error)))
}

fn copied(crossing: &Crossing<'_>) -> usize {
    crossing.uids.lock().unwrap_or_else(PoisonError::into_inner).len()
}

fn moved(crossing: &Crossing<'_>, pivot: &PivotSpec, object: &Moving) -> Option<Effect> {
    let key: ObjectKey = object.reference().key(&pivot.from);
    Some(Effect::ObjectMoved { key, plane: pivot.to.clone(), uid: crossing.copy_of(object)? })
}

/// Only forward: the source goes, then the copy works. The Cluster holds all controllers back while there is anything they could act on, so it
/// goes after the rest; Secrets last.
async fn after_switch(crossing: &Crossing<'_>, pivot: &PivotSpec, moving: &[Moving]) -> Result<(), StepError> {
    let cluster = cluster_reference(pivot);
    first_error(join_all(moving.iter().map(|object| set_free(crossing, object))).await)?;
    let turn = |object: &Moving| (object.is_secret(), object.reference() == cluster);
    for now in [(false, false), (false, true), (true, false)] {
        let objects = moving.iter().filter(|object| turn(object) == now);
        first_error(join_all(objects.map(|object| leave(crossing, object))).await)?;
    }
    if !crossing.past.unpaused {
        unpause(crossing.to, &cluster).await?;
        crossing.record(journal::unpaused()).await?;
    }
    Ok(())
}

/// All of a level are finished before the first error counts, so that no request is dropped half-way.
fn first_error<T>(results: Vec<Result<T, StepError>>) -> Result<Vec<T>, StepError> {
    results.into_iter().collect()
}

/// Undoes a pivot that has not switched: copies go, the source works again.
pub async fn roll_back(crossing: &Crossing<'_>, pivot: &PivotSpec, moving: &[Moving]) -> Result<(), StepError> {
    for level in levels_of(moving)?.iter().rev() {
        for object in moving.iter().filter(|object| level.contains(&object.uid) && !object.shared) {
            let copy = match crossing.copy_of(object) {
                Some(copy) => Some(copy),
                // Killed between the creation and its record: nothing of that name had been there before.
                None => read(crossing.to, &object.reference()).await?.as_ref().and_then(uid).map(str::to_owned),
            };
            if let Some(copy) = copy {
                take_back(crossing.to, object, &copy).await?;
            }
        }
    }
    unpause(crossing.from, &cluster_reference(pivot)).await?;
    crossing.record(journal::rolled_back()).await
}
