//! Rules for the machines of a pool in AWS: image, volume, placement, spot; renders nothing.

use windlass_core::diag::{Code, Diagnostics};
use windlass_core::provider::{ClusterInput, PoolInput};

use super::check::Findings;
use super::check_network::is_zone;
use super::image::{self, Image};
use crate::body::Attributes;

/// Types of volumes (CAPA `api/v1beta2/types.go` knows no list; these are EC2's).
const VOLUME_TYPES: [&str; 7] = ["gp3", "gp2", "io1", "io2", "st1", "sc1", "standard"];
/// MiB a second that EC2 makes a gp3 volume for.
const THROUGHPUT: std::ops::RangeInclusive<i64> = 125..=2000;
/// Attributes that mean nothing without a size, which CAPA's root volume requires.
const OF_A_SIZED_VOLUME: [&str; 5] =
    ["root_volume_type", "root_volume_iops", "root_volume_throughput", "root_volume_encrypted", "root_volume_kms_key"];

/// What is wrong with a pool of machines.
pub fn check(cluster: &ClusterInput, pool: &PoolInput, diagnostics: &mut Diagnostics) {
    let what = match &pool.pool {
        Some(name) => format!("worker pool {name:?} of {}", cluster.address),
        None => format!("the control plane of {}", cluster.address),
    };
    let mut findings = Findings::new(&pool.machine, what, diagnostics);
    instance_type(&mut findings);
    image(cluster, pool, &mut findings);
    volume(&mut findings);
    placement(cluster, pool, &mut findings);
    spot(pool, &mut findings);
    findings.id("security_group_ids", "sg");
    findings.tags("tags");
}

fn instance_type(findings: &mut Findings<'_>) {
    if let Some(text) = findings.body.text("instance_type").filter(|text| !is_instance_type(text)) {
        let problem = format!("is {text:?}, which is no instance type of EC2");
        findings.error(Code::CLOUD_VALUE, "instance_type", &problem, "types look like m6i.large or u7in-16tb.224xlarge");
    }
}

/// A family with a generation, a dot, and a size: m6i.large.
fn is_instance_type(text: &str) -> bool {
    let plain = |part: &str| part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') && !part.ends_with('-');
    text.split_once('.').is_some_and(|(family, size)| {
        let generation = family.contains(|c: char| c.is_ascii_digit());
        plain(family)
            && generation
            && family.starts_with(|c: char| c.is_ascii_lowercase())
            && plain(size)
            && !size.is_empty()
            && !size.starts_with('-')
    })
}

fn image(cluster: &ClusterInput, pool: &PoolInput, findings: &mut Findings<'_>) {
    findings.id("ami", "ami");
    // Without a region or a version, of which faults have been told, nobody knows which image is meant.
    let Some(region) = cluster.cloud.body.text("region").filter(|_| !cluster.kubernetes_version.is_empty()) else { return };
    match image::of(cluster, pool) {
        Image::Lookup(_) => {}
        Image::Ami(_) if findings.body.find("ami").is_some() => {}
        Image::Missing => {
            let minor = image::minor(cluster);
            let problem = format!("has no value, and the os layer has no image for region {region} and Kubernetes {minor}");
            let hint = format!(
                "set `image`, or `images = {{ \"{region}/{minor}\" = \"ami-…\" }}` in the os layer, `ami` here, or an `image_lookup` block in the cluster"
            );
            findings.error(Code::CLOUD_NO_IMAGE, "ami", &problem, &hint);
        }
        Image::Ami(id) => {
            if let Some(id) = id.as_str().filter(|id| !id.starts_with("ami-")) {
                let problem = format!("would be {id:?} from the os layer, which is no image of AWS");
                findings.error(Code::CLOUD_VALUE, "ami", &problem, "it looks like ami-0123456789abcdef0");
            }
        }
    }
}

fn volume(findings: &mut Findings<'_>) {
    for path in OF_A_SIZED_VOLUME {
        findings.needs(path, "root_volume_gib", "give the root volume a size");
    }
    findings.one_of("root_volume_type", &VOLUME_TYPES);
    let kind = findings.body.text("root_volume_type").map(str::to_owned);
    if findings.body.whole("root_volume_gib").is_some_and(|size| !(8..=16384).contains(&size)) {
        findings.error(Code::CLOUD_VALUE, "root_volume_gib", "is no size of a root volume", "give 8 to 16384 GiB");
    }
    if matches!(kind.as_deref(), Some("io1" | "io2")) {
        findings.needs("root_volume_type", "root_volume_iops", "provisioned volumes say how many operations they are made for");
    }
    if findings.body.find("root_volume_throughput").is_some()
        && kind.as_deref() != Some("gp3")
        && !findings.body.is_unread("root_volume_type")
    {
        let hint = "set `root_volume_type = \"gp3\"`";
        findings.error(Code::CLOUD_CONFLICT, "root_volume_throughput", "is for volumes of type gp3", hint);
    }
    if findings.body.whole("root_volume_iops").is_some_and(|number| number < 1) {
        findings.error(Code::CLOUD_VALUE, "root_volume_iops", "must be at least 1", "leave it out for the volume's own value");
    }
    if findings.body.whole("root_volume_throughput").is_some_and(|number| !THROUGHPUT.contains(&number)) {
        let problem = format!("must be from {} to {}", THROUGHPUT.start(), THROUGHPUT.end());
        findings.error(Code::CLOUD_VALUE, "root_volume_throughput", &problem, "MiB a second; leave it out for the volume's own 125");
    }
    let encrypted = findings.body.is_set("root_volume_encrypted") || findings.body.is_unread("root_volume_encrypted");
    if findings.body.find("root_volume_kms_key").is_some() && !encrypted {
        let hint = "set `root_volume_encrypted = true`";
        findings.error(Code::CLOUD_INCOMPLETE, "root_volume_kms_key", "is for encrypted volumes", hint);
    }
}

fn placement(cluster: &ClusterInput, pool: &PoolInput, findings: &mut Findings<'_>) {
    findings.id("subnet_id", "subnet");
    let Some(domain) = &pool.failure_domain else { return };
    if findings.body.find("subnet_id").is_some() {
        let problem = "cannot stand beside `failure_domain`: the subnet decides on the zone";
        findings.error(Code::CLOUD_CONFLICT, "subnet_id", problem, "remove one of them");
    }
    let region = cluster.cloud.body.text("region");
    if region.is_some_and(|region| !is_zone(domain, region)) {
        let problem = format!("is {domain:?}, which is no zone of the cloud's region");
        findings.error(Code::CLOUD_VALUE, "failure_domain", &problem, "zones look like eu-west-1a");
    }
    let zones: Vec<&str> = cluster.body.texts("availability_zones").map(|(_, zone)| zone).collect();
    if !zones.is_empty() && !zones.contains(&domain.as_str()) {
        let problem = format!("is {domain:?}, in which the cluster has no subnet");
        findings.error(Code::CLOUD_CONFLICT, "failure_domain", &problem, &format!("its zones are {}", zones.join(", ")));
    }
}

fn spot(pool: &PoolInput, findings: &mut Findings<'_>) {
    let spot = findings.body.is_set("spot") || findings.body.is_unread("spot");
    if findings.body.find("spot_max_price").is_some() && !spot {
        findings.error(Code::CLOUD_INCOMPLETE, "spot_max_price", "needs `spot = true`", "on-demand machines have no highest price");
    }
    let price = findings.body.text("spot_max_price").map(|price| price.parse::<f64>());
    if price.is_some_and(|price| !price.is_ok_and(|price| price.is_finite() && price > 0.0)) {
        findings.error(Code::CLOUD_VALUE, "spot_max_price", "is no price", "give US dollars an hour as text: \"0.05\"");
    }
    if pool.pool.is_none() && findings.body.is_set("spot") {
        findings.warning("spot", "lets AWS take control plane machines away at two minutes' notice", "use spot machines in worker pools");
    }
}
