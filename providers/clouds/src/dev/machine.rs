//! The DevMachineTemplate of a pool; must not know clusters.

use windlass_core::provider::{MachineTemplate, PoolInput, Release};

use super::duration::canonical;
use crate::body::Attributes;
use crate::object::Object;

/// Start-up durations that every machine has: attribute, field.
pub const ALL: [(&str, &str); 2] = [("vm_startup", "vm"), ("node_startup", "node")];
/// Those of what only machines of the control plane run.
pub const CONTROL_PLANE_ONLY: [(&str, &str); 2] = [("api_server_startup", "apiServer"), ("etcd_startup", "etcd")];

/// The machine template of a pool. A duration that is left out is none, for the controller as for us.
pub fn template(pool: &PoolInput, release: &Release) -> MachineTemplate {
    let own: &[(&str, &str)] = if pool.pool.is_none() { &CONTROL_PLANE_ONLY } else { &[] };
    let provisioning = |attribute: &str| {
        let duration = pool.machine.text(attribute).and_then(canonical);
        Object::new().with_some("provisioning", duration.map(|duration| Object::new().with("startupDuration", duration)))
    };
    let in_memory =
        ALL.iter().chain(own).fold(Object::new(), |object, (attribute, field)| object.with_filled(field, provisioning(attribute)));
    let spec = Object::new().with("backend", Object::new().with("inMemory", in_memory));
    MachineTemplate {
        api_version: release.api_version.to_owned(),
        kind: "DevMachineTemplate".to_owned(),
        spec: Object::new().with("template", Object::new().with("spec", spec)).into(),
    }
}
