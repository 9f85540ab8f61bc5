//! A layer is on a plane as it should be: applied in order, inventoried, pruned; and whether it is healthy.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;
use windlass_core::plan::Readiness;
use windlass_run::ports::{Ensured, StepError};

use super::inventory::{self, Inventory};
use super::order::{Rank, rank, rank_of, sort};
use crate::apply::{Conflicts, Expect, Intent, MayTake, apply};
use crate::error::ApiError;
use crate::kinds::ObjectRef;
use crate::plane::Plane;
use crate::remove::{Doomed, Whose, remove};
use crate::wait::Patience;
use crate::watch::Watches;
use crate::work::{ensure_system_namespace, more, ready};

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
    let mut established = false;
    for object in &layer.objects {
        site.patience.go_on()?;
        if !established && rank_of(object) > Rank::Definition {
            wait_established(site, &layer.objects).await?;
            established = true;
        }
        let Some(reference) = ObjectRef::of(object) else { continue };
        let recorded = old.get(&reference).is_some_and(|uid| !uid.is_empty()) || (layer.known)(&reference);
        let conflicts = match layer.heal {
            true => Conflicts::All,
            false => Conflicts::Listed(layer.takeovers.get(&reference).cloned().unwrap_or_default()),
        };
        let expect = if recorded { Expect::Ours } else { Expect::New };
        let applied = apply(plane, &Intent { object, expect, conflicts, secrets: layer.secrets }).await?;
        done.ensured = more(done.ensured, applied.ensured);
        done.inventory.insert(reference, applied.uid);
    }

    let mut gone: Vec<(&ObjectRef, &String)> = old.iter().filter(|(reference, _)| !is_listed(&done.inventory, reference)).collect();
    gone.sort_by_key(|(reference, _)| std::cmp::Reverse(rank(&reference.api_version, &reference.kind)));
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

/// The same object in any version of its group.
fn is_listed(inventory: &Inventory, wanted: &ObjectRef) -> bool {
    let group = |reference: &ObjectRef| windlass_core::object::split_api_version(&reference.api_version).0.to_owned();
    inventory.contains_key(wanted)
        || inventory.keys().any(|reference| {
            reference.kind == wanted.kind
                && reference.name == wanted.name
                && reference.namespace == wanted.namespace
                && group(reference) == group(wanted)
        })
}

async fn wait_established(site: &Site<'_>, objects: &[Json]) -> Result<(), StepError> {
    for reference in objects.iter().filter(|object| rank_of(object) == Rank::Definition).filter_map(ObjectRef::of) {
        ready(site.plane, site.watches, site.patience, &reference, &Readiness::Established).await?;
    }
    Ok(())
}

/// Waits until every object of a layer is healthy.
pub async fn wait_healthy(site: &Site<'_>, inventory: &Inventory) -> Result<(), StepError> {
    for reference in inventory.keys() {
        ready(site.plane, site.watches, site.patience, reference, &Readiness::Healthy).await?;
    }
    Ok(())
}
