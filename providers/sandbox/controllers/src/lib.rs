//! Simulated controllers, cloud and ledger of the sandbox: kubelet, scheduler, workload controllers, Cluster API's managers and an AWS without AWS.
//!
//! Every controller is an ordinary `kube` client that knows an API by its kubeconfig only, so that it also runs against a real kube-apiserver and a real
//! controller can take its place. This crate must not know the sandbox's API server, nor any plan, state or step of the engine: it follows the rules of
//! Kubernetes and Cluster API alone. All its state is in the APIs and in the ledger.

mod aws;
mod capi;
mod cloud;
mod conditions;
mod controllers;
mod delays;
mod faults;
mod fleet;
mod kinds;
pub mod ledger;
mod node;
mod object;
mod plane;
mod ports;
mod simulation;
mod workload;

pub use faults::{FAULT_NAMES, Faults};
pub use ledger::Ledger;
pub use plane::Error;
pub use ports::{BootPlane, Clock, NoPods, Planes, PodHandle, PodRuntime, PodStart, PortError, SystemClock};
pub use simulation::{Simulation, SimulationConfig};
