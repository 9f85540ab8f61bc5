//! The process cloud: fulfils the infrastructure contract of Cluster API (v1beta1) for the kinds of the AWS provider, with
//! processes of this host for machines. The first control plane machine of a cluster boots a second real plane from its
//! bootstrap data and nothing else; every machine is a node of that plane, which simulated kubelets keep ready.
//!
//! Must not know windlass, nor Cluster API's managers: it meets both in the API only.

mod books;
mod bootstrap;
mod conditions;
mod controllers;
mod external_etcd;
mod faults;
mod host;
mod infra_cluster;
mod infra_machine;
mod kinds;
mod ledger;
mod machine_life;
mod process_cloud;
mod shared;
mod site;

pub use books::ClusterName;
pub use external_etcd::external_etcd_secrets;
pub use faults::Fault;
pub use ledger::{Ledger, MachineRecord, Role};
pub use process_cloud::ProcessCloud;
