//! The kubeadm configuration of machines in memory: nobody carries it out, and Cluster API refuses an empty one. The control plane's etcd
//! is simulated on its machines, so that nothing is said of it.

use windlass_core::provider::Role;
use windlass_core::value::Value;

use crate::object::Object;

/// As in the provider's own templates.
const CRI_SOCKET: &str = "unix:///var/run/containerd/containerd.sock";

/// The configuration of a role.
pub fn configuration(role: Role) -> Value {
    let node = || Object::new().with("nodeRegistration", Object::new().with("criSocket", CRI_SOCKET));
    match role {
        Role::Worker => Object::new().with("joinConfiguration", node()).into(),
        Role::ControlPlane => Object::new().with("initConfiguration", node()).with("joinConfiguration", node()).into(),
    }
}
