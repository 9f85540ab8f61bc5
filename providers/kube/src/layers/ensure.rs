//! A layer is on a plane as it should be: applied in order, inventoried, pruned; and whether it is healthy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt, stream};
use serde_json::Value as Json;
use windlass_core::diff::{Comparison, compare};
use windlass_core::immutable::must_be_made_again;
use windlass_core::kinds::known_kind;
use windlass_core::object::split_api_version;
use windlass_core::plan::Readiness;
use windlass_run::ports::{Ensured, StepError};

use super::inventory::{self, Inventory};
use super::order::{Rank, rank, rank_of, sort};
use crate::apply::{Applied, Conflicts, Expect, Intent, MayTake, apply};
use crate::error::ApiError;
use crate::kinds::ObjectRef;
use crate::plane::Plane;
use crate::remove::{Doomed, Whose, remove};
use crate::wait::Patience;
use crate::watch::Watches;
use crate::work::{deleted, ensure_system_namespace, more, ready};

/// Objects of a layer that are applied at the same time: as many as a plane takes requests. `cargo xtask bench real`, 2 cores for server and
/// client: a plain client does 425 a second one by one, 620 with 8 at once, 840 with 16 and 930 with 32, which is little more for twice the
/// share of what a server lets one of its users have under way.
pub const AT_ONCE: usize = 16;

/// A layer with real values.
pub struct Layer<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whose it is.
    pub lineage: &'a str,
    /// Address of the layer's resource, the mark of its inventory.
    pub address: &'a str,
    /// The objects, marks included.
    pub objects: Vec<Json>,
    /// Objects that are ours by the record though no inventory lists them.
    pub known: &'a (dyn Fn(&ObjectRef) -> bool + Sync),
    /// Fields that may be taken.
    pub takeovers: BTreeMap<ObjectRef, Vec<MayTake>>,
    /// Every conflict is resolved by force.
    pub heal: bool,
    /// Texts that no message may repeat.
    pub secrets: &'a [String],
}

/// Where and how patiently.
pub struct Site<'a> {
    /// The plane.
    pub plane: &'a Arc<Plane>,
    /// For what must be waited for in between.
    pub watches: &'a Watches,
    /// For how long.
    pub patience: &'a Patience<'a>,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Done {
    /// The layer's objects with their uids.
    pub inventory: Inventory,
    /// Whether anything changed.
    pub ensured: Ensured,
}

/// Applies a layer.
///
/// The inventory lists what is about to be applied before it is sent, so that nothing is lost when the engine dies in between.
pub async fn ensure_layer(site: &Site<'_>, mut layer: Layer<'_>) -> Result<Done, StepError> {
    let plane = site.plane;
    let failed_to = |error: ApiError| error.during(&plane.address, &format!("keep the inventory of layer {}", layer.name));
    ensure_system_namespace(plane, layer.lineage).await?;
    sort(&mut layer.objects);
    let old = inventory::read(plane, layer.name).await.map_err(failed_to)?;
    let mut present: Inventory = old.clone();
    for reference in layer.objects.iter().filter_map(ObjectRef::of) {
        present.entry(reference).or_default();
    }
    if present != old {
        inventory::write(plane, layer.name, layer.lineage, layer.address, &present).await.map_err(failed_to)?;
    }

    let mut done = Done::default();
    for rank in layer.objects.chunk_by(|one, other| rank_of(one) == rank_of(other)) {
        let applied = apply_rank(site, &layer, rank, &old).await?;
        for applied in applied {
            done.ensured = more(done.ensured, applied.ensured);
            done.inventory.insert(applied.reference, applied.uid);
        }
        if rank.first().map(rank_of) == Some(Rank::Definition) {
            wait_established(site, rank).await?;
        }
    }

    let listed: BTreeSet<_> = done.inventory.keys().map(versionless).collect();
    let mut gone: Vec<(&ObjectRef, &String)> = old.iter().filter(|(reference, _)| !listed.contains(&versionless(reference))).collect();
    gone.sort_by_key(|(reference, _)| std::cmp::Reverse(rank(&reference.api_version, &reference.kind)));
    let _watches = site.watches.keep(plane, gone.iter().map(|(reference, _)| *reference)).await;
    for (reference, uid) in gone {
        let doomed = Doomed { reference: reference.clone(), uid: (!uid.is_empty()).then(|| uid.clone()) };
        remove(plane, &doomed, Whose::Lineage(layer.lineage)).await?;
        ready(plane, site.watches, site.patience, reference, &Readiness::Gone).await?;
        done.ensured = more(done.ensured, Ensured::Updated);
    }
    if done.inventory != present || present != old {
        inventory::write(plane, layer.name, layer.lineage, layer.address, &done.inventory).await.map_err(failed_to)?;
    }
    Ok(done)
}

/// Applies objects of one rank, some at once. After the first failure none is begun any more, and what was begun ends.
async fn apply_rank(site: &Site<'_>, layer: &Layer<'_>, objects: &[Json], old: &Inventory) -> Result<Vec<Applied>, StepError> {
    let failed = AtomicBool::new(false);
    let one = async |object: &Json| {
        if failed.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let applied = apply_one(site, layer, object, old).await;
        failed.fetch_or(applied.is_err(), Ordering::Relaxed);
        applied
    };
    let answers: Vec<_> = stream::iter(objects).map(one).buffered(AT_ONCE).collect().await;
    answers.into_iter().filter_map(Result::transpose).collect()
}

async fn apply_one(site: &Site<'_>, layer: &Layer<'_>, object: &Json, old: &Inventory) -> Result<Option<Applied>, StepError> {
    site.patience.go_on()?;
    let Some(reference) = ObjectRef::of(object) else { return Ok(None) };
    let listed = old.get(&reference);
    let recorded = listed.is_some_and(|uid| !uid.is_empty()) || (layer.known)(&reference);
    let conflicts = match layer.heal {
        true => Conflicts::All,
        false => Conflicts::Listed(layer.takeovers.get(&reference).cloned().unwrap_or_default()),
    };
    let expect = match listed {
        _ if recorded => Expect::Ours,
        // Listed before it was sent, and never after.
        Some(_) => Expect::Begun,
        None => Expect::New,
    };
    let intent = Intent { object, expect, conflicts, secrets: layer.secrets };
    let applied = apply(site.plane, &intent).await;
    let refused = matches!(applied, Err(StepError::Refused { .. }));
    if refused && layer.heal && recorded && make_way(site, layer.lineage, object, &reference).await? {
        return apply(site.plane, &intent).await.map(Some);
    }
    applied.map(Some)
}

/// Deletes a living object that no apply makes what is wished, since the API never changes a field of it; whether that is so.
async fn make_way(site: &Site<'_>, lineage: &str, wanted: &Json, reference: &ObjectRef) -> Result<bool, StepError> {
    let plane = site.plane;
    let live = plane.get(reference).await.map_err(|error| error.during(&plane.address, &format!("read {}", reference.short())))?;
    let Some(live) = live else { return Ok(false) };
    if !must_make_way(reference, wanted, &live) {
        return Ok(false);
    }
    let doomed = Doomed { reference: reference.clone(), uid: crate::planes::uid(&live).map(ToOwned::to_owned) };
    remove(plane, &doomed, Whose::Lineage(lineage)).await?;
    deleted(plane, site.watches, site.patience, reference).await?;
    Ok(true)
}

/// Whether what is wrong with a living object is what the API never changes, and nothing is lost with it.
fn must_make_way(reference: &ObjectRef, wanted: &Json, live: &Json) -> bool {
    let (group, kind) = (split_api_version(&reference.api_version).0, reference.kind.as_str());
    let schema = known_kind(&reference.api_version, kind).map(|known| known.schema);
    let leaves = compare(Comparison { applied: wanted, live, schema, key: None });
    must_be_made_again(group, kind, live, leaves.iter().map(|leaf| &leaf.path))
}

/// What an object is in any version of its group.
fn versionless(reference: &ObjectRef) -> (&str, &str, Option<&str>, &str) {
    (split_api_version(&reference.api_version).0, &reference.kind, reference.namespace.as_deref(), &reference.name)
}

async fn wait_established(site: &Site<'_>, definitions: &[Json]) -> Result<(), StepError> {
    let definitions: Vec<ObjectRef> = definitions.iter().filter_map(ObjectRef::of).collect();
    wait_each(site, &definitions, &Readiness::Established).await
}

/// Waits until every object of a layer is healthy.
pub async fn wait_healthy(site: &Site<'_>, inventory: &Inventory) -> Result<(), StepError> {
    wait_each(site, inventory.keys(), &Readiness::Healthy).await
}

async fn wait_each<'a>(
    site: &Site<'_>,
    objects: impl IntoIterator<Item = &'a ObjectRef> + Clone,
    readiness: &Readiness,
) -> Result<(), StepError> {
    let _watches = site.watches.keep(site.plane, objects.clone()).await;
    for object in objects {
        ready(site.plane, site.watches, site.patience, object, readiness).await?;
    }
    Ok(())
}
