//! Cluster API's managers by its rules: core, kubeadm bootstrap and kubeadm control plane. They know nothing of any plan.

mod certificate_secrets;
mod certificates;
mod cluster;
mod cluster_status;
mod control_plane;
mod control_plane_status;
mod kubeadm_config;
mod machine;
mod machine_deployment;
mod machine_set;
mod machines;
mod replicas;
mod rollout;
pub mod scope;
mod user_data;

pub use cluster::CLUSTERS;
pub use control_plane::CONTROL_PLANES;
pub use kubeadm_config::KUBEADM_CONFIGS;
pub use machine::MACHINES;
pub use machine_deployment::MACHINE_DEPLOYMENTS;
pub use machine_set::MACHINE_SETS;
pub use replicas::overlay;
pub use user_data::{Role, UserData};
