//! ReplicaSets: as many pods as asked for.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use super::adoption::{adopt, owners};
use super::pods::{MANAGER, active, from_template, ready, refused, surplus_first, until_available};
use crate::conditions::{merge_builtin, say};
use crate::fleet::Fleet;
use crate::kinds::Kind;
use crate::object::{Fields, Key, Meta, random_suffix};
use crate::plane::{Controller, Event, Next, Plane, Result};

/// The ReplicaSets of a plane.
pub struct ReplicaSets;

impl Controller for ReplicaSets {
    fn name(&self) -> &'static str {
        "replicasets"
    }
    fn kind(&self) -> Kind {
        Kind::ReplicaSet
    }
    fn needs(&self) -> &'static [Kind] {
        &[Kind::ReplicaSet, Kind::Pod, Kind::ServiceAccount]
    }
    fn concerns(&self, plane: &Plane, event: &Event) -> Vec<Key> {
        match event.kind {
            Kind::Pod => owners(plane, Kind::ReplicaSet, event),
            Kind::ServiceAccount => {
                let all = plane.cache().all(Kind::ReplicaSet);
                all.iter().filter(|set| set.namespace() == event.object.namespace()).map(|set| set.key()).collect()
            }
            _ => Vec::new(),
        }
    }
    fn reconcile<'a>(&'a self, fleet: &'a Arc<Fleet>, plane: &'a Arc<Plane>, key: &'a Key) -> BoxFuture<'a, Result<Next>> {
        look(fleet, plane, key).boxed()
    }
}

async fn look(fleet: &Fleet, plane: &Plane, key: &Key) -> Result<Next> {
    let Some(set) = plane.get(Kind::ReplicaSet, key).filter(|set| !set.deleting()) else {
        return Ok(Next::Wait);
    };
    adopt(plane, Kind::Pod, Kind::ReplicaSet, &set, |_| true).await?;
    let mut pods: Vec<_> = plane.cache().owned(Kind::Pod, set.uid()).into_iter().filter(|pod| active(pod)).collect();
    let wanted = usize::try_from(set.int("/spec/replicas").unwrap_or(1)).unwrap_or(0);
    let template = set.at("/spec/template");
    let mut refusal = None;
    if pods.len() < wanted {
        refusal = refused(plane, set.namespace(), &format!("{}-", set.name()), template);
        if refusal.is_none() {
            for _ in pods.len()..wanted {
                let pod = from_template(Kind::ReplicaSet, &set, template, &format!("{}-{}", set.name(), random_suffix()), &[]);
                pods.push(plane.create(Kind::Pod, pod, MANAGER).await?);
            }
        }
    } else if pods.len() > wanted {
        surplus_first(&mut pods);
        let surplus = pods.len() - wanted;
        for pod in pods.drain(..surplus) {
            plane.delete(Kind::Pod, &pod).await?;
        }
    }
    let now = fleet.clock.now();
    let ready_pods: Vec<_> = pods.iter().filter(|pod| ready(pod)).collect();
    let min_ready = set.int("/spec/minReadySeconds").unwrap_or(0);
    let waits: Vec<i64> = ready_pods.iter().filter_map(|pod| until_available(pod, min_ready, now)).collect();
    let mut status = json!({
        "replicas": pods.len(), "fullyLabeledReplicas": pods.len(), "readyReplicas": ready_pods.len(),
        "availableReplicas": ready_pods.len() - waits.len(), "observedGeneration": set.generation(),
    });
    if let Some(message) = refusal {
        status["conditions"] = merge_builtin(set.items("/status/conditions"), &[say("ReplicaFailure", true, "FailedCreate", message)], now);
    }
    plane.set_status(Kind::ReplicaSet, &set, status, MANAGER).await?;
    Ok(waits.iter().min().map_or(Next::Wait, |left| Next::After(Duration::from_secs(left.unsigned_abs()))))
}
