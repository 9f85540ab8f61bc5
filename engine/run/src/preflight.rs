//! What must hold before the first effect: the planes are who they were, and nothing that the plan read has changed. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::addr::Address;
use windlass_core::facts::{Demand, PlaneFact};
use windlass_core::object::ObjectKey;
use windlass_core::plan::{Fingerprint, PLAN_FORMAT, Plan, PlanPlane, old_state, other_plane};
use windlass_core::recorded::Recorded;

use crate::execute::Ports;
use crate::ports::{Observer, StepError};
use crate::resume::{Earlier, expected};

/// What the checks have found.
#[derive(Debug, Default)]
pub(crate) struct Cleared {
    /// Planes that answer, to be held against other writers.
    pub present: Vec<PlanPlane>,
    /// Planes that should answer and do not: their steps are not begun.
    pub blocked: BTreeMap<Address, String>,
    /// Objects that earlier attempts of this run may have changed.
    pub written: BTreeSet<ObjectKey>,
}

/// Checks all for the run with this id; `fresh`: it has not begun before.
pub(crate) async fn clear(
    plan: &Plan,
    recorded: &Recorded,
    earlier: &Earlier,
    fresh: bool,
    run: &str,
    ports: &Ports,
) -> Result<Cleared, Vec<StepError>> {
    fits(plan, recorded).map_err(|error| vec![error])?;
    let observer = &*ports.observer;
    let planes = remaining_planes(plan, earlier);
    let demands: Vec<Demand> =
        planes.values().map(|plane| Demand::Plane { plane: plane.address.clone(), access: plane.access.clone() }).collect();
    let facts = if demands.is_empty() { Default::default() } else { observer.observe(&demands).await };
    let opened: BTreeSet<&Address> = remaining(plan, earlier).filter_map(|(_, step)| step.action.opens()).collect();
    let mut cleared = Cleared { written: earlier.written(plan, recorded), ..Cleared::default() };
    let (mut refusals, mut outdated) = (Vec::new(), Vec::new());
    for (address, plane) in planes {
        let known = recorded.planes.get(&address).map(|known| known.uid.as_str());
        match judge(&plane, known, facts.planes.get(&address), recorded.serial, opened.contains(&address)) {
            Standing::Present => cleared.present.push(plane),
            Standing::NotYet => {}
            Standing::Blocked(reason) => {
                cleared.blocked.insert(address, reason);
            }
            Standing::Outdated(error) => outdated.push((plane, error)),
            Standing::Refused(error) => refusals.push(error),
        }
    }
    if refusals.is_empty() {
        refusals = refuse_outdated(outdated, run, recorded.serial, ports).await;
    }
    if refusals.is_empty() {
        refusals = stale(plan, earlier, fresh, &mut cleared, observer).await;
    }
    if refusals.is_empty() && cleared.present.is_empty() {
        let unreachable = |(plane, reason): (&Address, &String)| StepError::Unreachable { plane: plane.clone(), reason: reason.clone() };
        refusals = cleared.blocked.iter().map(unreachable).collect();
    }
    if refusals.is_empty() { Ok(cleared) } else { Err(refusals) }
}

/// The planes that have seen a newer state. While another run holds one of them, that is the answer: it is at work, and why the state is old.
async fn refuse_outdated(outdated: Vec<(PlanPlane, StepError)>, run: &str, serial: u64, ports: &Ports) -> Vec<StepError> {
    let mut refusals = Vec::new();
    for (plane, error) in outdated {
        if let Err(held @ StepError::Store(_)) = ports.locks.look(std::slice::from_ref(&plane), run, serial).await {
            return vec![held];
        }
        refusals.push(error);
    }
    refusals
}

fn fits(plan: &Plan, recorded: &Recorded) -> Result<(), StepError> {
    let refuse = |summary: String, hint: &str| Err(StepError::Failed { summary, hint: Some(hint.to_owned()) });
    if plan.windlass_plan > PLAN_FORMAT {
        let summary = format!("the plan has format {}; this windlass knows formats up to {PLAN_FORMAT}", plan.windlass_plan);
        return refuse(summary, "apply it with the windlass that made it, or a newer one");
    }
    if plan.lineage != recorded.lineage {
        let summary = format!("the plan was made for state {}, this is state {}", plan.lineage, recorded.lineage);
        return refuse(summary, "apply it with the state file it was made from, or plan again");
    }
    Ok(())
}

fn remaining<'a>(plan: &'a Plan, earlier: &'a Earlier) -> impl Iterator<Item = (usize, &'a windlass_core::plan::Step)> + 'a {
    plan.steps.iter().enumerate().filter(|(index, _)| !earlier.done.contains(index))
}

/// The planes of the steps that are left, by address.
fn remaining_planes(plan: &Plan, earlier: &Earlier) -> BTreeMap<Address, PlanPlane> {
    let planned: BTreeMap<&Address, &PlanPlane> = plan.planes.iter().map(|plane| (&plane.address, plane)).collect();
    let mut planes = BTreeMap::new();
    for (_, step) in remaining(plan, earlier) {
        for address in step.action.planes() {
            let unlisted = || PlanPlane { address: address.clone(), uid: None, sandbox: false, context: None, access: None };
            planes.entry(address.clone()).or_insert_with(|| planned.get(address).map_or_else(unlisted, |plane| (*plane).clone()));
        }
    }
    planes
}

/// How a plane stands.
#[derive(Debug)]
enum Standing {
    Present,
    NotYet,
    Blocked(String),
    /// It has seen a newer state.
    Outdated(StepError),
    Refused(StepError),
}

/// `known` is the uid that the state has of it; `opened`: a step that is left opens it.
fn judge(plane: &PlanPlane, known: Option<&str>, fact: Option<&PlaneFact>, serial: u64, opened: bool) -> Standing {
    let expected = plane.uid.as_deref().or(known);
    match fact {
        Some(PlaneFact::Reachable(identity)) => {
            for uid in [plane.uid.as_deref(), known].into_iter().flatten() {
                if uid != identity.uid {
                    return Standing::Refused(StepError::Diagnosed(Box::new(other_plane(&plane.address, &identity.uid, uid))));
                }
            }
            if let Some(last) = identity.last_serial.filter(|last| *last > serial) {
                return Standing::Outdated(StepError::Diagnosed(Box::new(old_state(&plane.address, last, serial))));
            }
            if opened && expected.is_none() { Standing::NotYet } else { Standing::Present }
        }
        Some(PlaneFact::Unreachable { .. } | PlaneFact::Absent) | None if opened => Standing::NotYet,
        Some(PlaneFact::Unreachable { reason }) => Standing::Blocked(reason.clone()),
        Some(PlaneFact::Absent) | None if expected.is_some() => Standing::Blocked("its kubeconfig Secret is no longer there".to_owned()),
        Some(PlaneFact::Absent) | None => Standing::NotYet,
    }
}

/// What is stale. Planes that turn out not to answer are blocked.
async fn stale(plan: &Plan, earlier: &Earlier, fresh: bool, cleared: &mut Cleared, observer: &dyn Observer) -> Vec<StepError> {
    let due: Vec<&Fingerprint> = if fresh {
        plan.fingerprints.iter().collect()
    } else {
        let untouched = plan.steps.iter().enumerate().filter(|(index, _)| !earlier.begun.contains(index));
        let by_object: BTreeMap<&ObjectKey, &Fingerprint> =
            untouched.flat_map(|(_, step)| expected(plan, step)).map(|fingerprint| (&fingerprint.object, fingerprint)).collect();
        by_object.into_values().collect()
    };
    let due: Vec<&Fingerprint> = due
        .into_iter()
        .filter(|fingerprint| !cleared.written.contains(&fingerprint.object) && !cleared.blocked.contains_key(&fingerprint.object.plane))
        .collect();
    if due.is_empty() {
        return Vec::new();
    }
    let mut refusals = Vec::new();
    for error in observer.stale(&due).await {
        match error {
            StepError::Unreachable { plane, reason } => {
                cleared.present.retain(|present| present.address != plane);
                cleared.blocked.insert(plane, reason);
            }
            error => refusals.push(error),
        }
    }
    refusals
}

#[cfg(test)]
#[path = "preflight_tests.rs"]
mod tests;
