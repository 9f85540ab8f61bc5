//! The parts of the kubeadm configuration that AWS needs: nodes wait for the external cloud provider and carry EC2's names.

use windlass_core::provider::Role;
use windlass_core::value::Value;

use crate::object::Object;

/// Instance data in cloud-init's template language: the private DNS name, by which the cloud-controller-manager finds nodes.
const NODE_NAME: &str = "{{ ds.meta_data.local_hostname }}";

/// The configuration of a role.
pub fn configuration(role: Role) -> Value {
    let node = || Object::new().with("nodeRegistration", registration());
    match role {
        Role::Worker => Object::new().with("joinConfiguration", node()).into(),
        Role::ControlPlane => {
            let manager = Object::new().with("extraArgs", external());
            Object::new()
                .with("clusterConfiguration", Object::new().with("controllerManager", manager))
                .with("initConfiguration", node())
                .with("joinConfiguration", node())
                .into()
        }
    }
}

fn registration() -> Object {
    Object::new().with("name", NODE_NAME).with("kubeletExtraArgs", external())
}

/// Arguments are a list in v1beta2.
fn external() -> Value {
    Value::tuple([Object::new().with("name", "cloud-provider").with("value", "external")])
}
