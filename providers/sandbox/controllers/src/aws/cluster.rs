//! AWSClusters: network, addresses and load balancer in the ledger, the endpoint on loopback.

use std::sync::Arc;

use futures::FutureExt;
use serde_json::{Value, json};

use super::identity;
use crate::capi::scope::{AWS_GATE, MANAGER, claim, cluster_of, paused, release, same_cluster, status_of};
use crate::conditions::{Say, merge_v1beta1, say};
use crate::delays::Delay;
use crate::fleet::{Fleet, plane_id};
use crate::kinds::Kind;
use crate::ledger::{Order, Resource, Thing};
use crate::object::{Fields, Key, Meta, Object, finalizers, short_hash};
use crate::plane::{Event, Next, Plane, Provider, Result};

const FINALIZER: &str = "awscluster.infrastructure.cluster.x-k8s.io";
const CAPA: &str = "capa";

/// The AWSClusters of a plane.
pub const AWS_CLUSTERS: Provider = Provider {
    name: "awsclusters",
    kind: Kind::AwsCluster,
    gate: AWS_GATE,
    concerns,
    reconcile: |fleet, plane, key| look(fleet, plane, key).boxed(),
};

fn concerns(plane: &Plane, event: &Event) -> Vec<Key> {
    if event.kind == Kind::Cluster { same_cluster(plane, Kind::AwsCluster, event) } else { Vec::new() }
}

async fn look(fleet: &Arc<Fleet>, plane: &Arc<Plane>, key: &Key) -> Result<Next> {
    let Some(object) = plane.get(Kind::AwsCluster, key) else {
        return Ok(Next::Wait);
    };
    let Some(cluster) = cluster_of(plane, &object).filter(|_| object.owner_name("Cluster").is_some()) else {
        return Ok(Next::Wait);
    };
    if paused(&cluster, &object) {
        release(fleet, plane, &cluster.key())?;
        return Ok(Next::Wait);
    }
    claim(fleet, plane, &cluster).await?;
    if object.deleting() {
        return delete(fleet, plane, &cluster, &object).await;
    }
    if let Some(all) = finalizers(&object, FINALIZER, true) {
        plane.merge(Kind::AwsCluster, &object, json!({"metadata": {"finalizers": all}}), MANAGER).await?;
        return Ok(Next::Wait);
    }
    if let Some(words) = identity::missing(plane, &object).await? {
        let says = [
            say("PrincipalCredentialRetrieved", false, "PrincipalCredentialRetrievalFailed", words.clone()),
            say("Ready", false, "PrincipalCredentialRetrievalFailed", words),
        ];
        write(fleet, plane, &object, false, &says, None).await?;
        return Ok(Next::After(fleet.delays.of(Delay::Retry)));
    }
    if !object.flag("/status/ready")
        && let Some(left) = fleet.left(object.uid(), Delay::Infrastructure)
    {
        let words = "Waiting for network and load balancer";
        write(
            fleet,
            plane,
            &object,
            false,
            &[say("LoadBalancerReady", false, "WaitForDNSNameResolve", words), say("Ready", false, "WaitForDNSNameResolve", words)],
            None,
        )
        .await?;
        return Ok(Next::After(left));
    }
    provision(fleet, plane, &cluster, &object).await?;
    Ok(Next::Wait)
}

fn books(cluster: &Object) -> String {
    format!("{}/{}", cluster.namespace(), cluster.name())
}

async fn provision(fleet: &Fleet, plane: &Plane, cluster: &Object, object: &Object) -> Result<()> {
    let (books, owner, region) =
        (books(cluster), format!("AWSCluster/{}/{}", object.namespace(), object.name()), object.text("/spec/region"));
    let order = |thing: Thing, token: &str, attributes: Value| {
        let order = Order { thing, token, cluster: &books, owner: &owner, plane: &plane.id, manager: CAPA, state: "available", attributes };
        fleet.ledger.ensure(&order).map(|(resource, _)| resource)
    };
    let mut spec = json!({});
    // A network that the user names is theirs and no entry of ours; what we made carries our tag.
    if is_ours(object) {
        let made = order(Thing::Network, &format!("network/{books}"), json!({"region": region}))?;
        order(Thing::Address, &format!("nat/{books}"), json!({"region": region}))?;
        if object.text("/spec/network/vpc/id").is_empty() {
            spec["network"] = made_network(object, cluster, &made, region);
        }
    }
    let balancer = order(Thing::LoadBalancer, &format!("api/{books}"), json!({"region": region}))?;
    if object.text("/spec/controlPlaneEndpoint/host").is_empty() {
        let address = fleet.servers.reserve(&plane_id(&cluster.key())).await?;
        spec["controlPlaneEndpoint"] = json!({"host": address.ip().to_string(), "port": address.port()});
    }
    let object = if spec.as_object().is_some_and(|fields| !fields.is_empty()) {
        plane.merge(Kind::AwsCluster, object, json!({"spec": spec}), MANAGER).await?
    } else {
        Arc::new(object.clone())
    };
    let ready = [
        "VpcReady",
        "SubnetsReady",
        "InternetGatewayReady",
        "NatGatewaysReady",
        "RouteTablesReady",
        "ClusterSecurityGroupsReady",
        "LoadBalancerReady",
        "PrincipalCredentialRetrieved",
        "Ready",
    ];
    let says: Vec<Say> = ready.into_iter().map(|kind| say(kind, true, "", "")).collect();
    let groups = |role: &str| json!({"id": format!("sg-0{}", short_hash(&format!("{books}/{role}"), 12)), "name": format!("{}-{role}", cluster.name())});
    let facts = json!({
        "apiServerElb": {
            "name": format!("{}-apiserver", cluster.name()), "dnsName": format!("{}.elb.{region}.sandbox.invalid", balancer.id),
            "scheme": object.at("/spec/controlPlaneLoadBalancer/scheme").as_str().unwrap_or("internet-facing"),
        },
        "securityGroups": {"apiserver-lb": groups("apiserver-lb"), "controlplane": groups("controlplane"), "lb": groups("lb"), "node": groups("node")},
    });
    write(fleet, plane, &object, true, &says, Some(facts)).await
}

const OURS: &str = "sigs.k8s.io/cluster-api-provider-aws/cluster/";

fn is_ours(object: &Object) -> bool {
    let named = !object.text("/spec/network/vpc/id").is_empty();
    let tagged = object.at("/spec/network/vpc/tags").as_object().is_some_and(|tags| tags.keys().any(|tag| tag.starts_with(OURS)));
    !named || tagged
}

/// The network that the controller makes, as it writes it into the spec: a public and a private subnet in each of three zones.
fn made_network(object: &Object, cluster: &Object, made: &Resource, region: &str) -> Value {
    let tag = format!("{OURS}{}", cluster.name());
    let cidr = Some(object.text("/spec/network/vpc/cidrBlock")).filter(|text| !text.is_empty()).unwrap_or("10.0.0.0/16");
    let mut network =
        json!({"vpc": {"id": made.id, "cidrBlock": cidr, "tags": {tag.clone(): "owned", "Name": format!("{}-vpc", cluster.name())}}});
    if object.items("/spec/network/subnets").is_empty() {
        let zones = ["a", "b", "c"];
        let subnet = |public: bool, number: usize, zone: &str| {
            let kind = if public { "public" } else { "private" };
            let name = format!("{}-subnet-{kind}-{region}{zone}", cluster.name());
            let id = format!("subnet-0{}", short_hash(&format!("{}/{name}", made.id), 12));
            let third = if public { number * 16 } else { 64 * (number + 1) };
            json!({"id": name, "resourceID": id, "availabilityZone": format!("{region}{zone}"), "isPublic": public, "cidrBlock": format!("10.0.{third}.0/{}", if public { 20 } else { 18 }), "tags": {tag.clone(): "owned"}})
        };
        let public = zones.iter().enumerate().map(|(number, zone)| subnet(true, number, zone));
        let private = zones.iter().enumerate().map(|(number, zone)| subnet(false, number, zone));
        network["subnets"] = Value::Array(public.chain(private).collect());
    }
    network
}

async fn write(fleet: &Fleet, plane: &Plane, object: &Object, ready: bool, says: &[Say], network: Option<Value>) -> Result<()> {
    let mut status = status_of(object);
    let ready = ready || object.flag("/status/ready");
    status["ready"] = json!(ready);
    if ready && status.at("/failureDomains").is_null() {
        status["failureDomains"] = failure_domains(object);
    }
    if let Some(network) = network {
        status["networkStatus"] = network;
    }
    status["conditions"] = merge_v1beta1(object.items("/status/conditions"), says, fleet.clock.now());
    plane.set_status(Kind::AwsCluster, object, status, MANAGER).await
}

/// The zones of the cluster's subnets, or the region's first three.
fn failure_domains(object: &Object) -> Value {
    let mut zones: Vec<String> = object
        .items("/spec/network/subnets")
        .iter()
        .map(|subnet| subnet.text("/availabilityZone").to_owned())
        .filter(|zone| !zone.is_empty())
        .collect();
    if zones.is_empty() {
        zones = ["a", "b", "c"].iter().map(|zone| format!("{}{zone}", object.text("/spec/region"))).collect();
    }
    zones.sort();
    zones.dedup();
    Value::Object(zones.into_iter().map(|zone| (zone, json!({"controlPlane": true}))).collect())
}

async fn delete(fleet: &Fleet, plane: &Plane, cluster: &Object, object: &Object) -> Result<Next> {
    if !object.has_finalizer(FINALIZER) {
        return Ok(Next::Wait);
    }
    if let Some(left) = fleet.left(&format!("{}/delete", object.uid()), Delay::CloudObject) {
        return Ok(Next::After(left));
    }
    let books = books(cluster);
    for token in [format!("api/{books}"), format!("nat/{books}"), format!("network/{books}")] {
        if let Some(resource) = fleet.ledger.living(&token)? {
            fleet.ledger.terminate(&resource.id, &plane.id, CAPA)?;
        }
    }
    let id = plane_id(&cluster.key());
    if id != plane.id {
        fleet.stop_plane(&id);
        fleet.ledger.set_plane(&books, false)?;
        fleet.servers.remove(&id).await?;
    }
    if let Some(all) = finalizers(object, FINALIZER, false) {
        plane.merge(Kind::AwsCluster, object, json!({"metadata": {"finalizers": all}}), MANAGER).await?;
    }
    Ok(Next::Wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_by_id_is_the_users() {
        let cluster =
            |spec: Value| -> Object { serde_json::from_value(json!({"metadata": {"name": "c"}, "spec": spec})).expect("cluster") };
        assert!(is_ours(&cluster(json!({"region": "r"}))));
        assert!(!is_ours(&cluster(json!({"network": {"vpc": {"id": "vpc-1"}}}))));
        assert!(is_ours(&cluster(json!({"network": {"vpc": {"id": "vpc-1", "tags": {format!("{OURS}c"): "owned"}}}}))));
    }

    #[test]
    fn zones_come_from_the_subnets() {
        let cluster: Object = serde_json::from_value(json!({"metadata": {"name": "c"}, "spec": {"region": "r", "network": {"subnets": [{"availabilityZone": "rb"}, {"availabilityZone": "ra"}, {"availabilityZone": "rb"}]}}})).expect("cluster");
        assert_eq!(failure_domains(&cluster), json!({"ra": {"controlPlane": true}, "rb": {"controlPlane": true}}));
    }
}
