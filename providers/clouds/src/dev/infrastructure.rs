//! The DevCluster; must not know machines.

use windlass_core::provider::{ClusterInput, Release, Rendered};

use crate::object::Object;

/// The DevCluster of a cluster, named like it. Its controller writes into the map of annotations without making one, and panics where there
/// is none (`inmemorycluster_backend.go`); core's marks are annotations, so that ours always has one.
pub fn object(cluster: &ClusterInput, release: &Release) -> Rendered {
    let object = Object::new()
        .with("apiVersion", release.api_version)
        .with("kind", "DevCluster")
        .with("metadata", Object::new().with("name", &cluster.name).with("namespace", &cluster.namespace))
        // Without a backend the webhook would choose containers.
        .with("spec", Object::new().with("backend", Object::new().with("inMemory", Object::new())));
    Rendered { object: object.into() }
}
