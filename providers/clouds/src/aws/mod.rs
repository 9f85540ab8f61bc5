//! Amazon EC2 through Cluster API Provider AWS (CAPA), self-managed control planes; must not know other clouds.
//!
//! Shapes and rules are those of CAPA v2.11.1: `templates/cluster-template.yaml`, its CRDs and `webhooks/`.

mod check;
mod check_machine;
mod check_network;
mod cloud_controller;
mod identity;
mod image;
mod infrastructure;
mod kubeadm;
mod machine;
mod owned;
mod provider;
mod schema;
mod subnets;

pub use provider::Aws;
