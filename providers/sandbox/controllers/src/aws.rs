//! The AWS infrastructure provider: AWSCluster and AWSMachine against the ledger instead of EC2.

mod cluster;
mod identity;
mod machine;

pub use cluster::AWS_CLUSTERS;
pub use machine::AWS_MACHINES;
