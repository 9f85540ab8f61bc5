//! What runs on and between nodes: scheduler, kubelet, node readiness, the cloud provider's part of a node.

mod containers;
mod kubelet;
mod readiness;
mod scheduler;

pub use kubelet::{MIRROR, Pods};
pub use readiness::{NOT_READY, Nodes, SELF_CONTAINED, UNINITIALIZED, cloud_controller_runs, with_taint};
pub use scheduler::{allows, requirement};
