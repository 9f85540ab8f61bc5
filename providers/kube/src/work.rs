//! What a step has at hand while it runs: planes, watches, patience, and the small things that many steps do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value as Json, json};
use windlass_core::addr::{Address, Part};
use windlass_core::deletion::Deletion;
use windlass_core::encode::DigestKey;
use windlass_core::marks::{LABEL_CLUSTER_NAME, SYSTEM_NAMESPACE};
use windlass_core::object::split_api_version;
use windlass_core::paused::{may_be_paused, paused_by_others};
use windlass_core::plan::action::{DoomedObject, Takeover};
use windlass_core::plan::{PlannedObject, Readiness, Step};
use windlass_core::recorded::Effect;
use windlass_run::ports::{Ensured, StepContext, StepError};

use crate::apply::{Applied, Conflicts, Expect, Intent, MayTake, apply, mark};
use crate::error::failed;
use crate::kinds::ObjectRef;
use crate::pivot::MACHINE_API_VERSION;
use crate::plane::{Insistence, Plane};
use crate::planes::Planes;
use crate::ready::machines::{is_of, stays};
use crate::ready::{Verdict, judge};
use crate::remove::{Doomed, Whose, remove};
use crate::request::{fill, references, resolve};
use crate::wait::Patience;
use crate::watch::{Watch, Watches};

/// `apiVersion` of Clusters.
const CLUSTER_API_VERSION: &str = "cluster.x-k8s.io/v1beta2";

/// A step at work.
pub struct Work<'a> {
    /// The step.
    pub step: &'a Step,
    /// What surrounds it.
    pub context: &'a StepContext,
    /// All planes.
    pub planes: &'a Planes,
    /// All watches.
    pub watches: &'a Watches,
    /// For digests of what is secret.
    pub digests: &'a DigestKey,
    /// Until when it may wait.
    pub patience: Patience<'a>,
    /// How long both APIs of a pivot must have answered without fail.
    pub stable_for: std::time::Duration,
    /// Large leaves that no release carries, by digest.
    pub contents: &'a BTreeMap<String, Json>,
}

impl Work<'_> {
    /// An open plane, on which answers that pass by themselves are waited for as long as the step may take.
    pub async fn plane(&self, address: &Address) -> Result<Arc<Plane>, StepError> {
        let plane = self.planes.plane(address).await.map_err(|error| error.during(address))?;
        let (progress, stop) = (self.context.progress.clone(), self.context.stop.clone());
        Ok(Arc::new(plane.for_step(Insistence { progress, stop, until: self.patience.until })))
    }

    /// The shared watch of a kind.
    pub async fn watch(&self, plane: &Arc<Plane>, api_version: &str, kind: &str, namespace: Option<&str>) -> Result<Arc<Watch>, StepError> {
        let failed_to = |error: crate::error::ApiError| error.during(&plane.address, &format!("watch {kind}"));
        self.watches.on(plane, api_version, kind, namespace).await.map_err(failed_to)
    }

    /// Waits until an object is ready (or gone) and gives it back.
    pub async fn ready(&self, plane: &Arc<Plane>, object: &ObjectRef, readiness: &Readiness) -> Result<Option<Json>, StepError> {
        ready(plane, self.watches, &self.patience, object, readiness).await
    }

    /// Waits until a control plane or pool is ready and none of its machines is being deleted; gives it back. A machine that goes is counted by
    /// its MachineSet until it is gone, so a pool that was made smaller and large again looks ready while it is one short.
    pub async fn machines_ready(&self, plane: &Arc<Plane>, object: &ObjectRef, readiness: &Readiness) -> Result<Option<Json>, StepError> {
        let machines = self.watch(plane, MACHINE_API_VERSION, "Machine", object.namespace.as_deref()).await?;
        let beside = std::slice::from_ref(&machines);
        until(plane, self.watches, &self.patience, object, beside, |live| {
            judge(readiness, live)?;
            let seen = machines.view();
            match (live, &seen.objects) {
                (Some(live), Some(_)) => seen.all().filter(|machine| is_of(machine, live)).try_for_each(stays),
                (Some(_), None) => Err("its machines have not been seen yet".to_owned()),
                (None, _) => Ok(()),
            }
        })
        .await
    }

    /// Fills and applies planned objects one after the other.
    pub async fn apply_all(
        &self,
        plane: &Plane,
        objects: &[PlannedObject],
        takeovers: &[Takeover],
    ) -> Result<(Vec<Effect>, Ensured), StepError> {
        let unknown = self.unknown_of(objects).await?;
        let mut effects = Vec::with_capacity(objects.len());
        let mut ensured = Ensured::NotNeeded;
        for object in objects {
            self.patience.go_on()?;
            let applied = self.apply_one(plane, object, takeovers, &unknown).await?;
            ensured = more(ensured, applied.ensured);
            effects.push(self.recorded(object, applied.uid));
        }
        Ok((effects, ensured))
    }

    /// Values of the unknown leaves of some objects.
    pub async fn unknown_of(&self, objects: &[PlannedObject]) -> Result<BTreeMap<String, Json>, StepError> {
        let all: BTreeSet<String> = objects.iter().flat_map(|object| references(&object.content)).collect();
        resolve(all, self.planes).await
    }

    /// Fills and applies one planned object.
    pub async fn apply_one(
        &self,
        plane: &Plane,
        object: &PlannedObject,
        takeovers: &[Takeover],
        unknown: &BTreeMap<String, Json>,
    ) -> Result<Applied, StepError> {
        let filled = fill(&object.content, &self.context.secrets, unknown)?;
        let listed = takeovers.iter().filter(|take| take.key == object.key);
        let listed = listed.map(|take| MayTake { path: take.path.clone(), manager: take.manager.clone() }).collect();
        let expect = if object.create { Expect::New } else { Expect::Ours };
        apply(plane, &Intent { object: &filled.body, expect, conflicts: Conflicts::Listed(listed), secrets: &filled.secrets }).await
    }

    /// The record of an applied object.
    pub fn recorded(&self, object: &PlannedObject, uid: String) -> Effect {
        Effect::Object { key: object.key.clone(), object: object.recorded(&self.step.address, uid) }
    }

    /// Deletes an object and waits until it is gone.
    pub async fn remove_and_wait(&self, plane: &Arc<Plane>, object: &DoomedObject, whose: Whose<'_>) -> Result<Ensured, StepError> {
        let doomed = doomed(object);
        let ensured = remove(plane, &doomed, whose).await?;
        if let Some(uid) = &doomed.uid {
            // A namesake that was made later is not waited for.
            let live =
                plane.get(&doomed.reference).await.map_err(|e| e.during(&plane.address, &format!("read {}", doomed.reference.short())))?;
            if live.as_ref().and_then(crate::planes::uid) != Some(uid) {
                return Ok(ensured);
            }
        }
        self.ready(plane, &doomed.reference, &Readiness::Gone).await?;
        Ok(ensured)
    }

    /// The lineage, as the owner of what may be deleted.
    pub fn ours(&self) -> Whose<'_> {
        Whose::Lineage(&self.context.lineage)
    }

    /// Our namespace exists on a plane. On a cluster it carries the agent's marks, since the agent's resource will own it.
    pub async fn ensure_system_namespace(&self, plane: &Plane) -> Result<(), StepError> {
        ensure_system_namespace(plane, &self.context.lineage).await
    }

    /// An error for a plan that this binary cannot carry out.
    pub fn damaged(&self, what: &str) -> StepError {
        failed(format!("step {}: {what}", self.step.id), "plan again")
    }
}

/// Waits until an object is ready (or gone) and gives it back.
pub async fn ready(
    plane: &Arc<Plane>,
    watches: &Watches,
    patience: &Patience<'_>,
    object: &ObjectRef,
    readiness: &Readiness,
) -> Result<Option<Json>, StepError> {
    let failed_to = |error: crate::error::ApiError| error.during(&plane.address, &format!("watch {}", object.short()));
    if *readiness == Readiness::Gone && plane.get(object).await.map_err(failed_to)?.is_none() {
        // Without the kind there is no object, and no watch.
        return Ok(None);
    }
    until(plane, watches, patience, object, &[], |live| judge(readiness, live)).await
}

/// Waits until an object that somebody has deleted is gone; another one of its name counts as that.
pub async fn deleted(plane: &Arc<Plane>, watches: &Watches, patience: &Patience<'_>, object: &ObjectRef) -> Result<(), StepError> {
    let failed_to = |error: crate::error::ApiError| error.during(&plane.address, &format!("read {}", object.short()));
    let Some(going) = plane.get(object).await.map_err(failed_to)?.filter(|live| Deletion::of(live).is_some()) else { return Ok(()) };
    let same = |live: &Json| crate::planes::uid(live) == crate::planes::uid(&going);
    until(plane, watches, patience, object, &[], |live| judge(&Readiness::Gone, live.filter(|live| same(live)))).await?;
    Ok(())
}

/// Waits until an object is judged well, with what holds Cluster API back as a part of the reason. It is judged again when something `beside` it
/// changes.
async fn until(
    plane: &Arc<Plane>,
    watches: &Watches,
    patience: &Patience<'_>,
    object: &ObjectRef,
    beside: &[Arc<Watch>],
    well: impl Fn(Option<&Json>) -> Verdict + Send + Sync,
) -> Result<Option<Json>, StepError> {
    let failed_to = |error: crate::error::ApiError| error.during(&plane.address, &format!("watch {}", object.short()));
    let watch = watches.on(plane, &object.api_version, &object.kind, object.namespace.as_deref()).await.map_err(failed_to)?;
    let what = format!("{} on {}", object.short(), plane.address);
    // Cluster API leaves alone what is below a Cluster that is paused, and says nothing of it.
    let clusters = match may_be_paused(split_api_version(&object.api_version).0) {
        true => watches.on(plane, CLUSTER_API_VERSION, "Cluster", object.namespace.as_deref()).await.ok(),
        false => None,
    };
    let beside: Vec<Arc<Watch>> = beside.iter().chain(clusters.as_ref()).map(Arc::clone).collect();
    patience
        .until_beside(&watch, &beside, &what, |view| {
            let live = view.get(object.namespace.as_deref(), &object.name);
            well(live).map(|()| live.cloned()).map_err(|why| {
                let seen = clusters.as_ref().map(|clusters| clusters.view());
                let above = live.and_then(cluster_of).and_then(|name| seen.as_ref()?.get(object.namespace.as_deref(), name));
                match above.and_then(paused_by_others).or_else(|| live.filter(|_| clusters.is_some()).and_then(paused_by_others)) {
                    Some(paused) => format!("{paused}: {why}"),
                    None => why,
                }
            })
        })
        .await
}

/// The Cluster that an object of Cluster API belongs to.
pub fn cluster_of(live: &Json) -> Option<&str> {
    live.pointer("/metadata/labels")?.get(LABEL_CLUSTER_NAME)?.as_str()
}

/// Our namespace exists on a plane.
pub async fn ensure_system_namespace(plane: &Plane, lineage: &str) -> Result<(), StepError> {
    let reference = ObjectRef::new("v1", "Namespace", None, SYSTEM_NAMESPACE);
    let failed_to = |error: crate::error::ApiError| error.during(&plane.address, &format!("ensure Namespace {SYSTEM_NAMESPACE}"));
    if plane.get(&reference).await.map_err(failed_to)?.is_some() {
        return Ok(());
    }
    let mut object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM_NAMESPACE}});
    if plane.address.is_cluster() {
        mark(&mut object, lineage, &plane.address.with(Part::Agent).to_string());
    }
    let force = crate::plane::Force::No;
    match plane.apply(&object, windlass_core::marks::FIELD_MANAGER, force, crate::plane::Persist::Yes).await {
        Ok(_) => Ok(()),
        Err(error) => Err(failed_to(error)),
    }
}

/// The planned form of a deletion as [`remove`] takes it.
pub fn doomed(object: &DoomedObject) -> Doomed {
    Doomed { reference: ObjectRef::of_key(&object.key, &object.api_version), uid: object.uid.clone().filter(|uid| !uid.is_empty()) }
}

/// The stronger of two reports.
pub fn more(a: Ensured, b: Ensured) -> Ensured {
    match (a, b) {
        (Ensured::Added, _) | (_, Ensured::Added) => Ensured::Added,
        (Ensured::Updated, _) | (_, Ensured::Updated) => Ensured::Updated,
        _ => Ensured::NotNeeded,
    }
}
