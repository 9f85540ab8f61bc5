//! The AWSMachineTemplate of a pool; must not know clusters beyond image and key pair.

use windlass_core::provider::{ClusterInput, MachineTemplate, PoolInput, Release};
use windlass_core::value::Value;

use super::image::{self, Image};
use super::infrastructure::ssh_key_name;
use crate::body::Attributes;
use crate::object::Object;

/// Instance profiles that `clusterawsadm bootstrap iam` makes.
const CONTROL_PLANE_PROFILE: &str = "control-plane.cluster-api-provider-aws.sigs.k8s.io";
const NODE_PROFILE: &str = "nodes.cluster-api-provider-aws.sigs.k8s.io";

/// The machine template of a pool.
pub fn template(cluster: &ClusterInput, pool: &PoolInput, release: &Release) -> MachineTemplate {
    let machine = &pool.machine;
    let default_profile = if pool.pool.is_none() { CONTROL_PLANE_PROFILE } else { NODE_PROFILE };
    let profile = machine.find("iam_instance_profile").cloned().unwrap_or_else(|| default_profile.into());
    let spec = Object::new()
        .with_some("instanceType", machine.find("instance_type"))
        .with("iamInstanceProfile", profile)
        .with("sshKeyName", ssh_key_name(cluster));
    let spec = with_image(spec, &image::of(cluster, pool))
        .with_filled("rootVolume", root_volume(pool))
        .with_some("subnet", machine.find("subnet_id").map(by_id))
        .with_some("publicIP", machine.is_set("public_ip").then_some(true))
        .with_some("additionalSecurityGroups", security_groups(pool))
        .with_some("spotMarketOptions", machine.is_set("spot").then(|| Object::new().with_some("maxPrice", machine.find("spot_max_price"))))
        .with_some("additionalTags", machine.find("tags"));
    MachineTemplate {
        api_version: release.api_version.to_owned(),
        kind: "AWSMachineTemplate".to_owned(),
        spec: Object::new().with("template", Object::new().with("spec", spec)).into(),
    }
}

fn with_image(spec: Object, image: &Image<'_>) -> Object {
    match image {
        Image::Ami(id) => spec.with("ami", by_id(id)),
        Image::Lookup(lookup) => spec
            .with_some("imageLookupOrg", lookup.find("owner"))
            .with_some("imageLookupBaseOS", lookup.find("base_os"))
            .with_some("imageLookupFormat", lookup.find("format")),
        Image::Missing => spec,
    }
}

/// The root volume, if its size is given; `check` refuses the other attributes without a size.
fn root_volume(pool: &PoolInput) -> Object {
    let Some(size) = pool.machine.find("root_volume_gib") else { return Object::new() };
    [
        ("type", "root_volume_type"),
        ("iops", "root_volume_iops"),
        ("throughput", "root_volume_throughput"),
        ("encrypted", "root_volume_encrypted"),
        ("encryptionKey", "root_volume_kms_key"),
    ]
    .into_iter()
    .fold(Object::new().with("size", size), |volume, (field, attribute)| volume.with_some(field, pool.machine.find(attribute)))
}

fn security_groups(pool: &PoolInput) -> Option<Value> {
    let ids = pool.machine.find("security_group_ids").and_then(Value::as_elements)?;
    (!ids.is_empty()).then(|| Value::tuple(ids.iter().map(by_id)))
}

fn by_id(id: &Value) -> Value {
    Object::new().with("id", id).into()
}
