//! PersistentVolumeClaims get a PersistentVolume and a disk in the ledger; with reclaim policy Delete all three go together.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::pods::MANAGER;
use super::services::books;
use crate::delays::Delay;
use crate::fleet::Fleet;
use crate::kinds::Kind;
use crate::ledger::{Order, Thing};
use crate::object::{Fields, Key, Meta, Object, finalizers};
use crate::plane::{Controller, Event, Next, Plane, Result};

const IN_USE: &str = "kubernetes.io/pvc-protection";
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// The claims of a plane.
pub struct Claims;

impl Controller for Claims {
    fn name(&self) -> &'static str {
        "claims"
    }
    fn kind(&self) -> Kind {
        Kind::PersistentVolumeClaim
    }
    fn needs(&self) -> &'static [Kind] {
        &[Kind::PersistentVolumeClaim, Kind::PersistentVolume, Kind::Pod, Kind::StorageClass]
    }
    fn concerns(&self, plane: &Plane, event: &Event) -> Vec<Key> {
        match event.kind {
            Kind::StorageClass => plane.cache().keys(Kind::PersistentVolumeClaim),
            Kind::Pod => claims_of(&event.object).collect(),
            _ => Vec::new(),
        }
    }
    fn reconcile<'a>(&'a self, fleet: &'a Arc<Fleet>, plane: &'a Arc<Plane>, key: &'a Key) -> BoxFuture<'a, Result<Next>> {
        look(fleet, plane, key).boxed()
    }
}

fn claims_of(pod: &Object) -> impl Iterator<Item = Key> {
    let names =
        pod.items("/spec/volumes").iter().map(|volume| volume.text("/persistentVolumeClaim/claimName")).filter(|name| !name.is_empty());
    names.map(|name| (pod.namespace().to_owned(), name.to_owned()))
}

async fn look(fleet: &Fleet, plane: &Plane, key: &Key) -> Result<Next> {
    let Some(claim) = plane.get(Kind::PersistentVolumeClaim, key) else {
        return Ok(Next::Wait);
    };
    if claim.deleting() {
        return released(plane, &claim).await;
    }
    if claim.text("/status/phase") == "Bound" {
        return Ok(Next::Wait);
    }
    let class = match class_of(plane, &claim) {
        Ok(class) => class,
        Err(()) => {
            plane.set_status(Kind::PersistentVolumeClaim, &claim, json!({"phase": "Pending"}), MANAGER).await?;
            return Ok(Next::Wait);
        }
    };
    if class.text("/volumeBindingMode") == "WaitForFirstConsumer" && !is_used(plane, &claim) {
        plane.set_status(Kind::PersistentVolumeClaim, &claim, json!({"phase": "Pending"}), MANAGER).await?;
        return Ok(Next::Wait);
    }
    if let Some(left) = fleet.left(claim.uid(), Delay::CloudObject) {
        return Ok(Next::After(left));
    }
    bind(fleet, plane, &claim, &class).await?;
    Ok(Next::Wait)
}

/// The class that provisions for a claim; `Err` when there is none (yet).
fn class_of(plane: &Plane, claim: &Object) -> Result<Arc<Object>, ()> {
    let cache = plane.cache();
    match claim.at("/spec/storageClassName").as_str() {
        Some(name) => cache.get(Kind::StorageClass, &(String::new(), name.to_owned())).ok_or(()),
        None => cache.all(Kind::StorageClass).into_iter().find(|class| class.annotation(DEFAULT_CLASS) == Some("true")).ok_or(()),
    }
}

fn is_used(plane: &Plane, claim: &Object) -> bool {
    let key = claim.key();
    plane.cache().all(Kind::Pod).iter().filter(|pod| pod.namespace() == claim.namespace()).any(|pod| claims_of(pod).any(|one| one == key))
}

async fn bind(fleet: &Fleet, plane: &Plane, claim: &Object, class: &Object) -> Result<()> {
    let (token, books, owner) =
        (token(plane, claim.uid()), books(plane), format!("PersistentVolumeClaim/{}/{}", claim.namespace(), claim.name()));
    let size = claim.at("/spec/resources/requests/storage").clone();
    let order = Order {
        thing: Thing::Volume,
        token: &token,
        cluster: &books,
        owner: &owner,
        plane: &plane.id,
        manager: "csi",
        state: "in-use",
        attributes: json!({"size": size}),
    };
    let (disk, _) = fleet.ledger.ensure(&order)?;
    let name = format!("pvc-{}", claim.uid());
    let policy = Some(class.text("/reclaimPolicy")).filter(|policy| !policy.is_empty()).unwrap_or("Delete");
    let volume = json!({
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": class.text("/provisioner")}},
        "spec": {
            "capacity": {"storage": size}, "accessModes": claim.at("/spec/accessModes"), "storageClassName": class.name(), "persistentVolumeReclaimPolicy": policy,
            "volumeMode": claim.at("/spec/volumeMode").as_str().unwrap_or("Filesystem"),
            "csi": {"driver": class.text("/provisioner"), "volumeHandle": disk.id},
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": claim.namespace(), "name": claim.name(), "uid": claim.uid()},
        },
    });
    let volume = match plane.get(Kind::PersistentVolume, &(String::new(), name.clone())) {
        Some(volume) => volume,
        None => plane.create(Kind::PersistentVolume, volume, MANAGER).await?,
    };
    plane.set_status(Kind::PersistentVolume, &volume, json!({"phase": "Bound"}), MANAGER).await?;
    let mut patch = json!({"spec": {"volumeName": name}, "metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}});
    if claim.at("/spec/storageClassName").is_null() {
        patch["spec"]["storageClassName"] = json!(class.name());
    }
    if let Some(all) = finalizers(claim, IN_USE, true) {
        patch["metadata"]["finalizers"] = all;
    }
    let claim = plane.merge(Kind::PersistentVolumeClaim, claim, patch, MANAGER).await?;
    let status = json!({"phase": "Bound", "accessModes": claim.at("/spec/accessModes"), "capacity": {"storage": size}});
    plane.set_status(Kind::PersistentVolumeClaim, &claim, status, MANAGER).await
}

async fn released(plane: &Plane, claim: &Object) -> Result<Next> {
    if let Some(all) = finalizers(claim, IN_USE, false)
        && !is_used(plane, claim)
    {
        plane.merge(Kind::PersistentVolumeClaim, claim, json!({"metadata": {"finalizers": all}}), MANAGER).await?;
    }
    Ok(Next::Wait)
}

fn token(plane: &Plane, claim_uid: &str) -> String {
    format!("volume/{}/{claim_uid}", plane.id)
}

/// The volumes of a plane.
pub struct Volumes;

impl Controller for Volumes {
    fn name(&self) -> &'static str {
        "volumes"
    }
    fn kind(&self) -> Kind {
        Kind::PersistentVolume
    }
    fn needs(&self) -> &'static [Kind] {
        &[Kind::PersistentVolumeClaim, Kind::PersistentVolume]
    }
    fn concerns(&self, _plane: &Plane, event: &Event) -> Vec<Key> {
        let volume = event.object.text("/spec/volumeName");
        if event.kind == Kind::PersistentVolumeClaim && event.gone && !volume.is_empty() {
            vec![(String::new(), volume.to_owned())]
        } else {
            Vec::new()
        }
    }
    fn reconcile<'a>(&'a self, fleet: &'a Arc<Fleet>, plane: &'a Arc<Plane>, key: &'a Key) -> BoxFuture<'a, Result<Next>> {
        look_at_volume(fleet, plane, key).boxed()
    }
}

async fn look_at_volume(fleet: &Fleet, plane: &Plane, key: &Key) -> Result<Next> {
    let Some(volume) = plane.get(Kind::PersistentVolume, key) else {
        return Ok(Next::Wait);
    };
    let claim = volume.at("/spec/claimRef");
    let uid = claim.text("/uid");
    if uid.is_empty() {
        return Ok(Next::Wait);
    }
    let holder = plane.get(Kind::PersistentVolumeClaim, &(claim.text("/namespace").to_owned(), claim.text("/name").to_owned()));
    let held = holder.is_some_and(|claim| claim.uid() == uid);
    if held {
        return Ok(Next::Wait);
    }
    if volume.text("/spec/persistentVolumeReclaimPolicy") != "Delete" {
        let mut status: Value = volume.at("/status").clone();
        status["phase"] = json!("Released");
        plane.set_status(Kind::PersistentVolume, &volume, status, MANAGER).await?;
        return Ok(Next::Wait);
    }
    if let Some(left) = fleet.left(volume.uid(), Delay::CloudObject) {
        return Ok(Next::After(left));
    }
    if let Some(disk) = fleet.ledger.living(&token(plane, uid))? {
        fleet.ledger.terminate(&disk.id, &plane.id, "csi")?;
    }
    plane.delete(Kind::PersistentVolume, &volume).await?;
    Ok(Next::Wait)
}
