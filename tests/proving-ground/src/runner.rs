//! Runs the containers of Deployments as processes of this host, where it knows a program for their image: what a kubelet would do,
//! beside simulated ones that only say so. Knows planes; must not know what installs anything on them.
//!
//! A process gets what its pod would: arguments, environment, files of Secrets and ConfigMaps, and a token of the Deployment's own service
//! account, so that the roles that were installed with it are held to the truth.

mod arguments;
mod deployment_runner;
mod follower;
mod host_pod;
mod life;
mod pod_spec;
mod programs;
mod running;
mod sources;
mod token;

pub use deployment_runner::{DeploymentRunner, HostProcess};
pub use host_pod::{HostCommand, HostPod};
