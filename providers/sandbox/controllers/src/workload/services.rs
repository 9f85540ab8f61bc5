//! Services of type LoadBalancer: a load balancer in the ledger while a cloud-controller-manager runs, released before the Service goes.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::delays::Delay;
use crate::fleet::{Fleet, cluster_of};
use crate::kinds::Kind;
use crate::ledger::{Order, Thing};
use crate::node::cloud_controller_runs;
use crate::object::{Fields, Key, Meta, Object, finalizers, short_hash};
use crate::plane::{Controller, Event, Next, Plane, Result};

const FINALIZER: &str = "service.kubernetes.io/load-balancer-cleanup";
const MANAGER: &str = "aws-cloud-controller-manager";

/// The load balancers of a plane's Services.
pub struct Services;

impl Controller for Services {
    fn name(&self) -> &'static str {
        "services"
    }
    fn kind(&self) -> Kind {
        Kind::Service
    }
    fn needs(&self) -> &'static [Kind] {
        &[Kind::Service, Kind::Pod]
    }
    fn concerns(&self, plane: &Plane, event: &Event) -> Vec<Key> {
        let controller = event.kind == Kind::Pod
            && event.object.items("/spec/containers").iter().any(|one| one.text("/image").contains("cloud-controller-manager"));
        if controller { plane.cache().keys(Kind::Service) } else { Vec::new() }
    }
    fn reconcile<'a>(&'a self, fleet: &'a Arc<Fleet>, plane: &'a Arc<Plane>, key: &'a Key) -> BoxFuture<'a, Result<Next>> {
        look(fleet, plane, key).boxed()
    }
}

/// The cluster that a plane's cloud objects are booked on: its own, or the plane's name.
pub fn books(plane: &Plane) -> String {
    cluster_of(&plane.id).map_or_else(|| plane.id.clone(), |(namespace, name)| format!("{namespace}/{name}"))
}

async fn look(fleet: &Fleet, plane: &Plane, key: &Key) -> Result<Next> {
    let Some(service) = plane.get(Kind::Service, key) else {
        return Ok(Next::Wait);
    };
    let wanted = service.text("/spec/type") == "LoadBalancer" && !service.deleting();
    if !wanted && !service.has_finalizer(FINALIZER) || !cloud_controller_runs(plane) {
        return Ok(Next::Wait);
    }
    let token = format!("service/{}/{}", plane.id, service.uid());
    if !wanted {
        return release(fleet, plane, &service, &token).await;
    }
    if let Some(all) = finalizers(&service, FINALIZER, true) {
        plane.merge(Kind::Service, &service, json!({"metadata": {"finalizers": all}}), MANAGER).await?;
        return Ok(Next::Wait);
    }
    let (books, owner) = (books(plane), format!("Service/{}/{}", service.namespace(), service.name()));
    let order = Order {
        thing: Thing::LoadBalancer,
        token: &token,
        cluster: &books,
        owner: &owner,
        plane: &plane.id,
        manager: MANAGER,
        state: "active",
        attributes: json!({}),
    };
    let (balancer, _) = fleet.ledger.ensure(&order)?;
    if !service.items("/status/loadBalancer/ingress").is_empty() {
        return Ok(Next::Wait);
    }
    if let Some(left) = fleet.left(service.uid(), Delay::CloudObject) {
        return Ok(Next::After(left));
    }
    let mut status = service.at("/status").clone();
    status["loadBalancer"] = json!({"ingress": [{"hostname": hostname(&service, &balancer.id)}]});
    plane.set_status(Kind::Service, &service, status, MANAGER).await?;
    Ok(Next::Wait)
}

async fn release(fleet: &Fleet, plane: &Plane, service: &Object, token: &str) -> Result<Next> {
    if let Some(balancer) = fleet.ledger.living(token)? {
        if let Some(left) = fleet.left(&format!("{}/release", service.uid()), Delay::CloudObject) {
            return Ok(Next::After(left));
        }
        fleet.ledger.terminate(&balancer.id, &plane.id, MANAGER)?;
    }
    if !service.deleting() {
        let mut status = service.at("/status").clone();
        status["loadBalancer"] = json!({});
        plane.set_status(Kind::Service, service, status, MANAGER).await?;
    }
    let all = finalizers(service, FINALIZER, false).unwrap_or(Value::Null);
    plane.merge(Kind::Service, service, json!({"metadata": {"finalizers": all}}), MANAGER).await?;
    Ok(Next::Wait)
}

fn hostname(service: &Object, id: &str) -> String {
    format!("k8s-{}-{}.elb.sandbox.invalid", service.name(), short_hash(id, 10))
}
