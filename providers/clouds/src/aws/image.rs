//! Which image a pool's machines start from; must not know anything else of machines.

use windlass_core::provider::{ClusterInput, PoolInput};
use windlass_core::value::Value;

use crate::body::Attributes;

/// Where the image comes from.
pub enum Image<'a> {
    /// Its id.
    Ami(&'a Value),
    /// A search by name (`image_lookup` of the cluster).
    Lookup(&'a Value),
    /// Nothing says it.
    Missing,
}

/// The image of a pool: the machine's own, then the os layer's for region and minor, for the region, for all; then the lookup.
pub fn of<'a>(cluster: &'a ClusterInput, pool: &'a PoolInput) -> Image<'a> {
    let own = pool.machine.find("ami");
    let listed = || {
        let images = cluster.os.find("images")?;
        if images.is_unknown() {
            return Some(images);
        }
        let region = cluster.cloud.body.text("region")?;
        let minor = format!("{region}/{}", minor(cluster));
        [minor.as_str(), region].into_iter().find_map(|key| images.get(key)).filter(|image| !image.is_null())
    };
    if let Some(ami) = own.or_else(listed).or_else(|| cluster.os.find("image")) {
        return Image::Ami(ami);
    }
    cluster.body.find("image_lookup").map_or(Image::Missing, Image::Lookup)
}

/// `1.34` of `1.34.3`.
pub fn minor(cluster: &ClusterInput) -> String {
    let parts: Vec<&str> = cluster.kubernetes_version.split('.').take(2).collect();
    parts.join(".")
}
