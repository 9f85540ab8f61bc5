//! Server-side apply of one object with the house's rules: never over somebody else's object, force only where the plan said so.

use serde_json::{Value as Json, json};
use windlass_core::encode::merge_patch;
use windlass_core::ignored::Ignored;
use windlass_core::marks::{ANNOTATION_ADDRESS, FIELD_MANAGER, LABEL_LINEAGE, address_of, lineage_of};
use windlass_run::ports::{Ensured, StepError};

use crate::error::{ApiError, Cause, failed, refused};
use crate::kinds::ObjectRef;
use crate::plane::{Force, Persist, Plane};

/// A field that may be taken from another manager.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MayTake {
    /// Path as the server says it, without the leading dot.
    pub path: String,
    /// Who owns it.
    pub manager: String,
}

/// Which conflicts are resolved by force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflicts {
    /// Only these.
    Listed(Vec<MayTake>),
    /// All: the agent heals.
    All,
}

/// Whether the object may be there already without our marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// It should be new; one that is there must carry the same marks.
    New,
    /// The same, but an attempt that was broken off may well have made it.
    Begun,
    /// It is ours by the record.
    Ours,
}

/// What is to be applied.
pub struct Intent<'a> {
    /// The real object, marks included.
    pub object: &'a Json,
    /// New or ours.
    pub expect: Expect,
    /// Fields of others.
    pub conflicts: Conflicts,
    /// Texts that no message may repeat.
    pub secrets: &'a [String],
}

/// What was applied.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Which object.
    pub reference: ObjectRef,
    /// Its uid.
    pub uid: String,
    /// What happened.
    pub ensured: Ensured,
    /// The server's answer.
    pub live: Json,
}

/// Applies an object.
///
/// One that should be new is made by a request that changes nothing that is there. Only when that one is answered "there is something" it is
/// read, and goes on if it carries our marks: then we have made it, in an attempt that was broken off or by a request whose answer was lost.
pub async fn apply(plane: &Plane, intent: &Intent<'_>) -> Result<Applied, StepError> {
    let reference = ObjectRef::of(intent.object).ok_or_else(|| failed("an object has no kind or no name", "the plan is damaged"))?;
    let failed_to = |error: ApiError| error.without(intent.secrets).during(&plane.address, &format!("apply {}", reference.short()));
    let ignored = Ignored::of(intent.object);
    if intent.expect == Expect::New
        && let Some(live) = plane.apply_new(intent.object, FIELD_MANAGER).await.map_err(failed_to)?
    {
        // From now on it is whoever's who writes it; if this is broken off, the next apply does it.
        hand_over(plane, &reference, &live, &ignored).await?;
        return Ok(applied(reference, live, Ensured::Added));
    }
    if intent.expect == Expect::Ours && ignored.is_empty() {
        let live = apply_over(plane, intent, &reference).await?;
        return Ok(applied(reference, live, Ensured::Updated));
    }
    let before = plane.get(&reference).await.map_err(failed_to)?;
    if let Some(found) = before.as_ref().filter(|_| intent.expect != Expect::Ours) {
        refuse_if_not_ours(found, intent.object, &reference, plane)?;
    }
    let live = match &before {
        Some(found) if !ignored.is_empty() => {
            hand_over(plane, &reference, found, &ignored).await?;
            let object = &ignored.left_out(intent.object);
            apply_over(plane, &Intent { object, conflicts: intent.conflicts.clone(), ..*intent }, &reference).await?
        }
        _ => {
            let live = apply_over(plane, intent, &reference).await?;
            hand_over(plane, &reference, &live, &ignored).await?;
            live
        }
    };
    let ensured = match &before {
        None => Ensured::Added,
        Some(before) if version(before) == version(&live) => Ensured::NotNeeded,
        Some(_) => Ensured::Updated,
    };
    Ok(applied(reference, live, ensured))
}

/// How often a living object is read anew while others write it. A controller writes the status of what it works on several times a second.
const READINGS: usize = 20;

/// Lets go of leaves that are left alone from now on, so that their values stay when they are not sent any more. Whoever has written the object
/// since it was read keeps what it has written: then it is read again.
async fn hand_over(plane: &Plane, reference: &ObjectRef, found: &Json, ignored: &Ignored) -> Result<(), StepError> {
    let failed_to = |error: ApiError| error.during(&plane.address, &format!("hand over fields of {}", reference.short()));
    let mut found = Some(found.clone());
    for readings_left in (0..READINGS).rev() {
        let Some(live) = found.as_ref().filter(|_| !ignored.is_empty()) else { return Ok(()) };
        let Some(entries) = ignored.handed_over(live) else { return Ok(()) };
        let seen = json!({"resourceVersion": version(live), "uid": crate::planes::uid(live), "managedFields": entries});
        match plane.merge(reference, &json!({"metadata": seen}), FIELD_MANAGER).await {
            Err(error) if error.is_conflict() && readings_left > 0 => found = plane.get(reference).await.map_err(failed_to)?,
            other => return other.map(drop).map_err(failed_to),
        }
    }
    Ok(())
}

/// Applies an object that is not there or is ours, by force where that is allowed.
async fn apply_over(plane: &Plane, intent: &Intent<'_>, reference: &ObjectRef) -> Result<Json, StepError> {
    let mut answer = plane.apply(intent.object, FIELD_MANAGER, Force::No, Persist::Yes).await;
    if let Err(error) = &answer
        && let Some(conflicts) = field_conflicts(error)
    {
        if !may_take(&intent.conflicts, &conflicts) {
            return Err(conflict_error(reference, plane, &conflicts, &intent.conflicts));
        }
        answer = plane.apply(intent.object, FIELD_MANAGER, Force::Yes, Persist::Yes).await;
    }
    answer.map_err(|error| error.without(intent.secrets).during(&plane.address, &format!("apply {}", reference.short())))
}

fn applied(reference: ObjectRef, live: Json, ensured: Ensured) -> Applied {
    let uid = crate::planes::uid(&live).unwrap_or_default().to_owned();
    Applied { reference, uid, ensured, live }
}

fn version(object: &Json) -> Option<&str> {
    object.pointer("/metadata/resourceVersion").and_then(Json::as_str)
}

/// The label and annotation that say whose an object is.
pub fn marks(object: &Json) -> (Option<&str>, Option<&str>) {
    (lineage_of(object), address_of(object))
}

/// Adds the marks to an object.
pub fn mark(object: &mut Json, lineage: &str, address: &str) {
    let patch = json!({"metadata": {"labels": {LABEL_LINEAGE: lineage}, "annotations": {ANNOTATION_ADDRESS: address}}});
    merge_patch(object, &patch);
}

fn refuse_if_not_ours(found: &Json, wanted: &Json, reference: &ObjectRef, plane: &Plane) -> Result<(), StepError> {
    let (lineage, address) = marks(found);
    let (our_lineage, our_address) = marks(wanted);
    if lineage.is_some() && lineage == our_lineage && address == our_address {
        return Ok(());
    }
    let owner = match (lineage, address) {
        (Some(lineage), Some(address)) if Some(lineage) == our_lineage => format!("it belongs to {address} of this state"),
        (Some(lineage), address) => format!("it belongs to {} of another state ({lineage})", address.unwrap_or("some resource")),
        (None, _) => match managers(found).as_slice() {
            [] => "nobody is recorded as its owner".to_owned(),
            managers => format!("it was written by {}", managers.join(", ")),
        },
    };
    Err(refused(
        format!("{} exists already on {}, and windlass did not make it: {owner}", reference.short(), plane.address),
        "give the resource another name, delete the object, or import it",
    ))
}

fn managers(object: &Json) -> Vec<String> {
    let entries = object.pointer("/metadata/managedFields").and_then(Json::as_array);
    let mut names: Vec<String> =
        entries.into_iter().flatten().filter_map(|entry| entry.get("manager")?.as_str().map(str::to_owned)).collect();
    names.sort();
    names.dedup();
    names
}

/// The causes of a conflict of server-side apply; `None` if the error is another one.
fn field_conflicts(error: &ApiError) -> Option<Vec<Cause>> {
    match error {
        ApiError::Status { code: 409, causes, .. } => {
            let conflicts: Vec<Cause> = causes.iter().filter(|cause| cause.reason == "FieldManagerConflict").cloned().collect();
            (!conflicts.is_empty()).then_some(conflicts)
        }
        _ => None,
    }
}

/// Whether an apply conflicts with nothing but what we wrote ourselves by another verb: a manager that a destroy had stopped.
pub fn conflicts_with_ourselves(error: &ApiError) -> bool {
    field_conflicts(error).is_some_and(|conflicts| conflicts.iter().all(|cause| manager_in(&cause.message) == FIELD_MANAGER))
}

/// Whether an apply conflicts with nothing but what the plan lists.
pub fn conflicts_are_listed(error: &ApiError, listed: Vec<MayTake>) -> bool {
    field_conflicts(error).is_some_and(|conflicts| may_take(&Conflicts::Listed(listed), &conflicts))
}

/// `conflict with "kubectl-edit" using apps/v1` → `kubectl-edit`.
fn manager_in(message: &str) -> &str {
    message.split('"').nth(1).unwrap_or("another manager")
}

fn may_take(allowed: &Conflicts, conflicts: &[Cause]) -> bool {
    match allowed {
        Conflicts::All => true,
        Conflicts::Listed(listed) => conflicts.iter().all(|cause| is_listed(listed, cause)),
    }
}

fn is_listed(listed: &[MayTake], cause: &Cause) -> bool {
    let path = cause.field.trim_start_matches('.');
    listed.iter().any(|take| take.manager == manager_in(&cause.message) && covers(take.path.trim_start_matches('.'), path))
}

/// The listed leaf is the conflicting field or stands below it or above it: the server names the owned node, the plan the leaf.
fn covers(listed: &str, path: &str) -> bool {
    let below = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    below(listed, path) || below(path, listed)
}

fn conflict_error(reference: &ObjectRef, plane: &Plane, conflicts: &[Cause], allowed: &Conflicts) -> StepError {
    let listed: &[MayTake] = match allowed {
        Conflicts::All => &[],
        Conflicts::Listed(listed) => listed,
    };
    let texts: Vec<String> = conflicts
        .iter()
        .filter(|cause| !is_listed(listed, cause))
        .map(|cause| format!("{} is owned by {}", cause.field.trim_start_matches('.'), manager_in(&cause.message)))
        .collect();
    refused(
        format!("{} on {}: {}", reference.short(), plane.address, texts.join("; ")),
        "plan again: it will show what is taken over; or leave the field out of the configuration",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_leaves_cover_conflicts() {
        for (listed, path, expected) in [
            ("spec.replicas", "spec.replicas", true),
            ("spec.replicas", "spec.replicasX", false),
            ("spec.tolerations", "spec.tolerations[0]", true),
            ("spec.containers[name=\"web\"].image", "spec.containers[name=\"web\"]", true),
            ("spec.a", "spec.b", false),
        ] {
            assert_eq!(covers(listed, path), expected, "{listed} {path}");
        }
    }

    #[test]
    fn a_conflict_names_manager_and_field() {
        let cause = Cause {
            reason: "FieldManagerConflict".into(),
            field: ".spec.replicas".into(),
            message: "conflict with \"kubectl-edit\" using apps/v1".into(),
        };
        let take = |manager: &str| Conflicts::Listed(vec![MayTake { path: "spec.replicas".into(), manager: manager.into() }]);
        assert!(may_take(&take("kubectl-edit"), std::slice::from_ref(&cause)));
        assert!(!may_take(&take("other"), std::slice::from_ref(&cause)));
        assert!(may_take(&Conflicts::All, std::slice::from_ref(&cause)));
    }
}
