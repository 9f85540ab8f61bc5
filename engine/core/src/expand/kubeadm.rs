//! What the engine itself adds to a provider's kubeadm configuration: users, external etcd, node labels, node taints.

use crate::config::ClusterModel;
use crate::marks::CONTROL_PLANE_TAINT;
use crate::provider::Role;
use crate::value::Value;

use super::etcd;
use super::mark::{merged, with_entry};

/// User that the authorized keys belong to.
const USER: &str = "windlass";

/// The provider's configuration completed for a group of nodes (`pool` is `None` for the control plane).
pub fn complete(rendered: &Value, cluster: &ClusterModel, pool: &Option<String>, role: Role) -> Value {
    let mut spec = rendered.clone();
    let keys = &cluster.input.ssh_authorized_keys;
    if !keys.is_empty() {
        let user = Value::object([
            ("name", Value::string(USER)),
            ("sudo", Value::string("ALL=(ALL) NOPASSWD:ALL")),
            ("sshAuthorizedKeys", Value::list(keys)),
        ]);
        let mut users = spec.get("users").and_then(Value::as_elements).map(<[Value]>::to_vec).unwrap_or_default();
        users.push(user);
        spec = with_entry(&spec, &["users"], Value::list(users));
    }
    let Some(nodes) = cluster.nodes.get(pool) else { return spec };
    if let Some(external) = &nodes.etcd {
        spec = etcd::told(&spec, external);
    }
    let configurations: &[&str] = match role {
        Role::ControlPlane => &["initConfiguration", "joinConfiguration"],
        Role::Worker => &["joinConfiguration"],
    };
    for configuration in configurations {
        if !nodes.labels.is_empty() {
            let labels: Vec<String> = nodes.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let argument = Value::object([("name", Value::string("node-labels")), ("value", Value::string(labels.join(",")))]);
            let path = [configuration, "nodeRegistration", "kubeletExtraArgs"];
            let mut arguments = spec.get_path(&path).and_then(Value::as_elements).map(<[Value]>::to_vec).unwrap_or_default();
            arguments.push(argument);
            spec = with_entry(&spec, &path, Value::list(arguments));
        }
        if !nodes.taints.is_empty() {
            let mut taints: Vec<Value> = nodes
                .taints
                .iter()
                .map(|(key, value, effect)| {
                    let taint = Value::object([("key", key), ("effect", effect)]);
                    value.as_ref().map_or(taint.clone(), |value| merged(&taint, &Value::object([("value", value)])))
                })
                .collect();
            if role == Role::ControlPlane {
                // A list given here replaces kubeadm's own taint, which must stay.
                taints.insert(0, Value::object([("key", CONTROL_PLANE_TAINT), ("effect", "NoSchedule")]));
            }
            spec = with_entry(&spec, &[configuration, "nodeRegistration", "taints"], Value::list(taints));
        }
    }
    spec
}
