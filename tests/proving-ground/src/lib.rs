//! The proving ground: real etcd, kube-apiserver, controllers and Cluster API managers as processes of this host, for tests.
//!
//! A [`Ground`] belongs to one test: its logs, its data, and every process in it, which ends when the ground is dropped and also
//! when the process that holds it is killed. On a ground stand any number of [`Plane`]s, and on a plane [`Manager`]s of Cluster API. A [`ProcessCloud`]
//! makes the machines that Cluster API asks for.
//! Must not know windlass: no crate of the house, no plan, no state.

mod authority;
mod build;
mod cloud;
mod cluster_api;
mod components;
mod definitions;
mod egress;
mod error;
mod folder_lock;
mod go;
mod ground;
mod host_lease;
mod kubeconfig;
mod launch;
mod log;
mod manager;
mod plane;
mod ports;
mod process;
mod render;
mod repository;
mod runner;
mod service;
mod steady;
mod workspace;

pub use authority::{Authority, KeyAndCertificate, ServiceAccountKeys};
pub use build::{BuildReport, build};
pub use cloud::{ClusterName, Fault, Ledger, MachineRecord, ProcessCloud, Role, external_etcd_secrets};
pub use cluster_api::{ClusterApi, establish, install_cluster_api};
pub use components::{CERT_MANAGER_VERSION, CLUSTER_API_VERSION, COMPONENTS, Component, Components, GoModule};
pub use error::GroundError;
pub use folder_lock::FolderLock;
pub use ground::Ground;
pub use kubeconfig::kubeconfig;
pub use launch::{Launch, become_launched};
pub use manager::{MANAGERS, Manager, ManagerKind, Webhooks, that_may_run_now};
pub use plane::{Plane, PlaneSpec};
pub use ports::PortLease;
pub use process::Process;
pub use repository::{ComponentRepository, InfrastructureProvider, RepositoryFlavour};
pub use runner::{DeploymentRunner, HostCommand, HostPod, HostProcess};
pub use service::Service;
pub use workspace::{logs_folder, proving_ground_folder, workspace_root};
