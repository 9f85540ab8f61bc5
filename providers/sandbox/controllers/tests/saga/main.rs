//! The simulated controllers against the sandbox's own API server: a cluster by hand, and everything that must hold around it.

mod cluster;
mod etcd;
mod harness;
mod objects;
mod pivot;
mod workloads;
