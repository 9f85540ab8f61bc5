//! The controllers of built-in workload kinds: Deployment, ReplicaSet, DaemonSet, StatefulSet, Job, Service, claims, ServiceAccounts.

mod accounts;
mod adoption;
mod claims;
mod daemon_set;
mod deployment;
mod job;
mod pods;
mod replica_set;
mod services;
mod stateful_set;

pub use accounts::Accounts;
pub use claims::{Claims, Volumes};
pub use daemon_set::DaemonSets;
pub use deployment::Deployments;
pub use job::Jobs;
pub use replica_set::ReplicaSets;
pub use services::Services;
pub use stateful_set::StatefulSets;
