//! The AWSCluster: network, load balancer, identity; must not know machines.

use windlass_core::provider::{ClusterInput, Release, Rendered};
use windlass_core::value::Value;

use super::identity;
use super::subnets::{Block, DEFAULT_BLOCK, zone};
use crate::body::Attributes;
use crate::object::Object;

/// The AWSCluster of a cluster, named like it.
pub fn object(cluster: &ClusterInput, release: &Release) -> Rendered {
    let spec = Object::new()
        .with_some("region", cluster.cloud.body.find("region"))
        .with("identityRef", identity::reference(&cluster.cloud))
        .with("controlPlaneLoadBalancer", load_balancer(cluster))
        .with_filled("network", network(cluster))
        .with("sshKeyName", ssh_key_name(cluster))
        .with_some("additionalTags", cluster.body.find("tags"));
    let object = Object::new()
        .with("apiVersion", release.api_version)
        .with("kind", "AWSCluster")
        .with("metadata", Object::new().with("name", &cluster.name).with("namespace", &cluster.namespace))
        .with("spec", spec);
    Rendered { object: object.into() }
}

/// The EC2 key pair; an empty name means none, while an absent one would mean a key pair named `default`.
pub fn ssh_key_name(cluster: &ClusterInput) -> Value {
    cluster.body.find("ssh_key_name").cloned().unwrap_or_else(|| Value::from(""))
}

/// Kind of load balancer, with the health check that suits it (a network load balancer asks `/readyz`; a classic one cannot
/// agree on a cipher with the API server, so it only connects).
fn load_balancer(cluster: &ClusterInput) -> Object {
    let kind = cluster.body.text("load_balancer.type").unwrap_or("nlb");
    let scheme = cluster.body.text("load_balancer.scheme").unwrap_or("internet-facing");
    Object::new()
        .with("loadBalancerType", kind)
        .with("healthCheckProtocol", if kind == "nlb" { "HTTPS" } else { "TCP" })
        .with("scheme", scheme)
        .with_some("crossZoneLoadBalancing", cluster.body.is_set("load_balancer.cross_zone").then_some(true))
}

fn network(cluster: &ClusterInput) -> Object {
    let vpc = Object::new().with_some("id", cluster.body.find("vpc_id")).with_some("cidrBlock", cluster.body.find("vpc_cidr"));
    let subnets = subnets(cluster);
    let rules: Vec<Value> =
        cluster.body.find("cni_ingress_rule").and_then(Value::as_elements).unwrap_or_default().iter().map(cni_rule).collect();
    let cni = Object::new().with_some("cniIngressRules", (!rules.is_empty()).then(|| Value::tuple(rules)));
    Object::new()
        .with_filled("vpc", vpc)
        .with_some("subnets", (!subnets.is_empty()).then(|| Value::tuple(subnets)))
        .with_filled("cni", cni)
        .with_some("securityGroupOverrides", cluster.body.find("security_groups").filter(|_| cluster.body.holds("security_groups")))
}

/// Existing subnets by id, or those of the given zones under names that do not begin with `subnet-`, which CAPA makes.
fn subnets(cluster: &ClusterInput) -> Vec<Value> {
    if let Some(ids) = cluster.body.find("subnet_ids").and_then(Value::as_elements) {
        return ids.iter().map(|id| Object::new().with("id", id).into()).collect();
    }
    let block = cluster.body.text("vpc_cidr").unwrap_or(DEFAULT_BLOCK);
    let Some(vpc) = Block::parse(block) else { return Vec::new() };
    let zones = cluster.body.texts("availability_zones");
    zones
        .zip(0..)
        .flat_map(|((_, name), position)| {
            let blocks = zone(vpc, position);
            [("private", blocks.private, false), ("public", blocks.public, true)].map(|(role, block, public)| {
                Object::new()
                    .with("id", format!("{}-{role}-{name}", cluster.name))
                    .with("availabilityZone", name)
                    .with("cidrBlock", block.to_string())
                    .with("isPublic", public)
                    .into()
            })
        })
        .collect()
}

fn cni_rule(rule: &Value) -> Value {
    [("description", "description"), ("protocol", "protocol"), ("from_port", "fromPort"), ("to_port", "toPort")]
        .into_iter()
        .fold(Object::new(), |object, (attribute, field)| object.with_some(field, rule.find(attribute)))
        .into()
}
