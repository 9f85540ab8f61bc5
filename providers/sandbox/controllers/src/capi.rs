//! Cluster API's managers by its rules: core, kubeadm bootstrap and kubeadm control plane. They know nothing of any plan.

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

pub use cluster::Clusters;
pub use control_plane::ControlPlanes;
pub use kubeadm_config::KubeadmConfigs;
pub use machine::MachineController;
pub use machine_deployment::MachineDeployments;
pub use machine_set::MachineSets;
pub use replicas::overlay;
pub use user_data::{Role, UserData};
