//! Names, gates and the question "may this plane's managers act on this cluster now?". Knows no kind's rules.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::conditions::{Say, merge, say};
use crate::fleet::Fleet;
use crate::kinds::Kind;
use crate::object::{Fields, Key, Meta, Object, owner_reference, with_owner};
use crate::plane::{Event, Gate, Plane, Result};

/// Field manager of CAPI's managers.
pub const MANAGER: &str = "manager";
/// Label that ties every object of a cluster to it.
pub const CLUSTER: &str = "cluster.x-k8s.io/cluster-name";
/// Label of control plane machines.
pub const CONTROL_PLANE: &str = "cluster.x-k8s.io/control-plane";
/// Label of the machines of a MachineSet.
pub const SET: &str = "cluster.x-k8s.io/set-name";
/// Label of the machines and sets of a MachineDeployment.
pub const DEPLOYMENT: &str = "cluster.x-k8s.io/deployment-name";
/// Annotation of a cloned object: its template's name.
pub const CLONED_FROM: &str = "cluster.x-k8s.io/cloned-from-name";
/// Annotation of a cloned object: its template's kind and group.
pub const CLONED_FROM_KIND: &str = "cluster.x-k8s.io/cloned-from-groupkind";
/// Annotation that pauses one object.
pub const PAUSED: &str = "cluster.x-k8s.io/paused";

/// CAPI core.
pub const CORE_GATE: Gate = Gate { namespace: "capi-system", name: "capi-controller-manager" };
/// Kubeadm bootstrap provider.
pub const BOOTSTRAP_GATE: Gate = Gate { namespace: "capi-kubeadm-bootstrap-system", name: "capi-kubeadm-bootstrap-controller-manager" };
/// Kubeadm control plane provider.
pub const CONTROL_PLANE_GATE: Gate =
    Gate { namespace: "capi-kubeadm-control-plane-system", name: "capi-kubeadm-control-plane-controller-manager" };
/// AWS infrastructure provider.
pub const AWS_GATE: Gate = Gate { namespace: "capa-system", name: "capa-controller-manager" };

/// The cluster that an object belongs to: `spec.clusterName`, the label, or an owner.
pub fn cluster_key(object: &Object) -> Option<Key> {
    let by_spec = Some(object.text("/spec/clusterName")).filter(|name| !name.is_empty());
    let name = by_spec.or_else(|| object.label(CLUSTER)).or_else(|| object.owner_name("Cluster"))?;
    Some((object.namespace().to_owned(), name.to_owned()))
}

/// The Cluster object of an object.
pub fn cluster_of(plane: &Plane, object: &Object) -> Option<Arc<Object>> {
    plane.get(Kind::Cluster, &cluster_key(object)?)
}

/// Whether managers must leave an object alone.
pub fn paused(cluster: &Object, object: &Object) -> bool {
    cluster.flag("/spec/paused") || object.annotation(PAUSED).is_some()
}

/// The `Paused` condition.
pub fn paused_condition(paused: bool) -> Say {
    if paused { say("Paused", true, "Paused", "Cluster spec.paused is set to true") } else { say("Paused", false, "NotPaused", "") }
}

/// Says that an object is paused, and nothing else.
pub async fn say_paused(fleet: &Fleet, plane: &Plane, kind: Kind, object: &Object) -> Result<()> {
    let mut status = status_of(object);
    status["conditions"] = merge(object.items("/status/conditions"), &[paused_condition(true)], object.generation(), fleet.clock.now());
    plane.set_status(kind, object, status, MANAGER).await
}

/// An object's status as a map.
pub fn status_of(object: &Object) -> Value {
    if object.at("/status").is_object() { object.at("/status").clone() } else { json!({}) }
}

/// Notes that this plane's managers act on a cluster; a violation if another plane's do too.
pub async fn claim(fleet: &Fleet, plane: &Plane, cluster: &Object) -> Result<()> {
    let id = format!("{}/{}", cluster.namespace(), cluster.name());
    match fleet.ledger.actor(&id)? {
        Some(actor) if actor == plane.id => return Ok(()),
        Some(actor) if acts(fleet, &actor, &cluster.key()).await => {
            tracing::warn!(cluster = id, plane = plane.id, other = actor, "two planes act on one unpaused cluster");
            fleet.ledger.violate(&id, &actor, &plane.id, &format!("{} acts while {actor} holds the Cluster unpaused", plane.id))?;
        }
        _ => {}
    }
    fleet.ledger.set_actor(&id, &plane.id)?;
    Ok(())
}

/// Notes that this plane's managers leave a cluster alone.
pub fn release(fleet: &Fleet, plane: &Plane, cluster: &Key) -> Result<()> {
    Ok(fleet.ledger.drop_actor(&format!("{}/{}", cluster.0, cluster.1), &plane.id)?)
}

/// Whether a plane's managers would act on a cluster right now, asked of the plane itself.
async fn acts(fleet: &Fleet, plane: &str, cluster: &Key) -> bool {
    let Some(plane) = fleet.plane(plane) else {
        return false;
    };
    if !CORE_GATE.open(&plane) {
        return false;
    }
    let live = plane.read(&Kind::Cluster.resource(), &cluster.0, &cluster.1).await;
    matches!(live, Ok(Some(live)) if !live.flag("/spec/paused"))
}

/// Keys of one kind's objects of the cluster that a changed Cluster is, or that a changed object belongs to.
pub fn same_cluster(plane: &Plane, kind: Kind, event: &Event) -> Vec<Key> {
    let cluster = if event.kind == Kind::Cluster { Some(event.object.key()) } else { cluster_key(&event.object) };
    let Some(cluster) = cluster else {
        return Vec::new();
    };
    let objects = plane.cache().of_cluster(kind, &cluster);
    objects.iter().map(|object| object.key()).collect()
}

/// A metadata patch that makes `owner` an owner of `object` and labels it with the cluster; `None` if both are so.
pub fn adopt(object: &Object, owner_kind: Kind, owner: &Object, controller: bool, cluster: &str) -> Option<Value> {
    let owners = with_owner(object, &owner_reference(&owner_kind.api_version(), owner_kind.kind(), owner, controller));
    let labelled = object.label(CLUSTER) == Some(cluster);
    if owners.is_none() && labelled {
        return None;
    }
    let mut patch = json!({"metadata": {}});
    if let Some(owners) = owners {
        patch["metadata"]["ownerReferences"] = owners;
    }
    if !labelled {
        patch["metadata"]["labels"] = json!({CLUSTER: cluster});
    }
    Some(patch)
}

/// The watched kind and key that a `ContractVersionedObjectReference` names.
pub fn reference(namespace: &str, reference: &Value) -> Option<(Kind, Key)> {
    let kind = Kind::named(reference.text("/apiGroup"), reference.text("/kind"))?;
    Some((kind, (namespace.to_owned(), reference.text("/name").to_owned())))
}
