//! Clusters in the memory of Cluster API's dev provider, for demos and tests; must not know other clouds.
//!
//! Shapes and rules are those of the module `sigs.k8s.io/cluster-api/test` v1.14.2, folder `infrastructure/docker`: `api/v1beta2`,
//! `internal/webhooks`, `internal/controllers/backends/inmemory` and `templates/clusterclass-in-memory.yaml`. Its other backend, which
//! makes containers, is not used.

mod check;
mod duration;
mod infrastructure;
mod kubeadm;
mod machine;
mod owned;
mod provider;
mod schema;

pub use provider::Dev;
