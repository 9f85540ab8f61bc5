//! Rules for the network of a cluster in AWS: VPC, subnets, zones, load balancer, security groups; renders nothing.

use windlass_core::diag::{Code, Diagnostics};
use windlass_core::provider::ClusterInput;
use windlass_core::value::Value;

use super::check::Findings;
use super::subnets::{Block, DEFAULT_BLOCK, MAX_ZONES};
use crate::body::Attributes;

/// Roles of security groups (CAPA `api/v1beta2/network_types.go`, those of self-managed clusters).
const ROLES: [&str; 5] = ["apiserver-lb", "bastion", "controlplane", "lb", "node"];
/// Protocols of ingress rules (the CRD's enum).
const PROTOCOLS: [&str; 7] = ["-1", "4", "tcp", "udp", "icmp", "58", "50"];

/// What is wrong with the attributes of a cluster.
pub fn check(cluster: &ClusterInput, diagnostics: &mut Diagnostics) {
    let mut findings = Findings::new(&cluster.body, cluster.address.to_string(), diagnostics);
    existing(&mut findings);
    made(cluster, &mut findings);
    zones(cluster, &mut findings);
    load_balancer(&mut findings);
    cni(&mut findings);
    findings.tags("tags");
}

fn existing(findings: &mut Findings<'_>) {
    findings.id("vpc_id", "vpc");
    findings.id("subnet_ids", "subnet");
    findings.needs("subnet_ids", "vpc_id", "subnets that exist lie in a VPC that exists");
    findings.needs("vpc_id", "subnet_ids", "name the public and private subnets that the cluster uses");
    findings.needs("security_groups", "vpc_id", "security groups that exist lie in a VPC that exists");
    findings.exclusive("vpc_cidr", "vpc_id", "an existing VPC has its block already");
    findings.exclusive("availability_zones", "vpc_id", "the zones are those of the subnets in `subnet_ids`");
    let body = findings.body;
    for (role, id) in body.pairs("security_groups") {
        if !ROLES.contains(&role) {
            let hint = format!("roles are {}", ROLES.join(", "));
            findings.error(Code::CLOUD_VALUE, "security_groups", &format!("holds {role:?}, which is no role"), &hint);
        }
        if !id.as_str().is_some_and(|id| id.starts_with("sg-")) {
            let problem = format!("holds no id of a security group for {role:?}");
            findings.error(Code::CLOUD_VALUE, "security_groups", &problem, "it looks like sg-0123456789abcdef0");
        }
    }
}

/// The block of a VPC that is made: of a size that AWS takes, apart from pods and services.
fn made(cluster: &ClusterInput, findings: &mut Findings<'_>) {
    if findings.body.find("vpc_id").is_some() || findings.body.is_unread("vpc_cidr") {
        return;
    }
    let text = findings.body.text("vpc_cidr").unwrap_or(DEFAULT_BLOCK).to_owned();
    let Some(vpc) = Block::parse(&text).filter(|block| block.fits_vpc()) else {
        let hint = "give an IPv4 block from /16 to /23, such as 10.0.0.0/16";
        findings.error(Code::CLOUD_VALUE, "vpc_cidr", &format!("is {text:?}, which no VPC with subnets can be made of"), hint);
        return;
    };
    for (name, key, blocks) in [("pods", "pod_cidr", &cluster.pod_cidrs), ("services", "service_cidr", &cluster.service_cidrs)] {
        for text_of_other in blocks {
            let overlap = match Block::parse(text_of_other) {
                Some(block) if block.overlaps(vpc) => "overlaps with",
                None if text_of_other.contains(':') => "is of another family than",
                _ => continue,
            };
            let problem = format!("{overlap} the addresses of {name}");
            let hint = "give the VPC and each of the others an IPv4 block of its own";
            findings.pair(Code::CLOUD_CONFLICT, ("vpc_cidr", &text), (key, text_of_other), &problem, hint);
        }
    }
}

fn zones(cluster: &ClusterInput, findings: &mut Findings<'_>) {
    let body = findings.body;
    let zones: Vec<&str> = body.texts("availability_zones").map(|(_, zone)| zone).collect();
    if zones.len() > MAX_ZONES {
        findings.error(
            Code::CLOUD_VALUE,
            "availability_zones",
            &format!("names more than {MAX_ZONES} zones"),
            "three are enough for a control plane",
        );
    }
    let Some(region) = cluster.cloud.body.text("region") else { return };
    for (position, zone) in zones.iter().enumerate() {
        if zones.iter().take(position).any(|other| other == zone) {
            findings.error(Code::CLOUD_VALUE, "availability_zones", &format!("names {zone:?} twice"), "name each zone once");
        }
        if !is_zone(zone, region) {
            let problem = format!("names {zone:?}, which is no zone of region {region}");
            findings.error(Code::CLOUD_VALUE, "availability_zones", &problem, &format!("zones look like {region}a"));
        }
    }
}

/// A region's name and one letter.
pub fn is_zone(zone: &str, region: &str) -> bool {
    zone.strip_prefix(region).is_some_and(|rest| matches!(rest.as_bytes(), [b'a'..=b'z']))
}

fn load_balancer(findings: &mut Findings<'_>) {
    findings.one_of("load_balancer.scheme", &["internet-facing", "internal"]);
    findings.one_of("load_balancer.type", &["nlb", "classic"]);
    if findings.body.text("load_balancer.type") == Some("classic") {
        findings.warning("load_balancer.type", "is a load balancer that AWS is giving up", "use nlb");
    }
}

fn cni(findings: &mut Findings<'_>) {
    let rules = findings.body.find("cni_ingress_rule").and_then(Value::as_elements).unwrap_or_default();
    for (position, rule) in rules.iter().enumerate() {
        let path = |attribute: &str| format!("cni_ingress_rule[{position}].{attribute}");
        if let Some(protocol) = rule.text("protocol").filter(|protocol| !PROTOCOLS.contains(protocol)) {
            let problem = format!("is {protocol:?}, which AWS does not know");
            findings.error(Code::CLOUD_VALUE, &path("protocol"), &problem, &format!("it is one of {}", PROTOCOLS.join(", ")));
        }
        if let (Some(from), Some(to)) = (rule.whole("from_port"), rule.whole("to_port"))
            && !(-1 <= from && from <= to && to <= 65535)
        {
            findings.error(Code::CLOUD_VALUE, &path("to_port"), &format!("makes no range with {from}"), "ports go from 0 to 65535");
        }
    }
}
