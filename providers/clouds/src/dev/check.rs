//! The rules of machines in memory that a schema cannot say; renders nothing.

use windlass_core::diag::{Code, Diagnostic, Diagnostics};
use windlass_core::provider::{ClusterInput, PoolInput};

use super::duration::nanoseconds;
use super::machine::{ALL, CONTROL_PLANE_ONLY};
use crate::body::Attributes;

/// Everything that is wrong with a cluster's machines.
pub fn check(cluster: &ClusterInput) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for pool in std::iter::once(&cluster.control_plane).chain(&cluster.worker_pools) {
        for (attribute, _) in ALL.iter().chain(&CONTROL_PLANE_ONLY) {
            startup(cluster, pool, attribute, &mut diagnostics);
        }
    }
    diagnostics
}

fn startup(cluster: &ClusterInput, pool: &PoolInput, attribute: &str, diagnostics: &mut Diagnostics) {
    let Some(text) = pool.machine.text(attribute) else { return };
    let whose = match &pool.pool {
        Some(name) => format!("worker pool {name:?} of {}", cluster.address),
        None => format!("the control plane of {}", cluster.address),
    };
    let has_none = pool.pool.is_some() && CONTROL_PLANE_ONLY.iter().any(|(name, _)| *name == attribute);
    let mut found = match nanoseconds(text) {
        _ if has_none => {
            let summary = format!("`{attribute}` of {whose} has nothing to be about: its machines run neither API server nor etcd");
            Diagnostic::error(Code::CLOUD_CONFLICT, summary).hint("set it in `machine` of `control_plane`")
        }
        None => Diagnostic::error(Code::CLOUD_VALUE, format!("`{attribute}` of {whose} is {text:?}, which is no duration"))
            .hint("durations are written as in Go: `10s`, `1m30s`, `500ms`"),
        Some(_) => return,
    };
    found.primary = pool.machine.span_of(attribute);
    diagnostics.push(found);
}
