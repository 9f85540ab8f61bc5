//! What the cloud has made and taken away, as its owner would find it on the bill. Pure.

use std::time::SystemTime;

use super::books::ClusterName;

/// What a machine is in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It runs a control plane.
    ControlPlane,
    /// It does not.
    Worker,
}

/// A copy of the books at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Every machine that there ever was, those of the past included, by cluster and name.
    pub machines: Vec<MachineRecord>,
    /// Clusters that have an endpoint now.
    pub clusters: Vec<ClusterName>,
}

/// One machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineRecord {
    /// Its cluster.
    pub cluster: ClusterName,
    /// The name of its AWSMachine, which is its host name too.
    pub machine: String,
    /// What it is there.
    pub role: Role,
    /// `aws:///ZONE/i-…`
    pub provider_id: String,
    /// When it was asked for first.
    pub created: SystemTime,
    /// When its node was there.
    pub joined: Option<SystemTime>,
    /// When it was taken away, unless it is there.
    pub deleted: Option<SystemTime>,
    /// How often it was made anew after it had been taken away.
    pub restarts: u32,
    /// Planes whose objects made the cloud act on it, one after the other: a move adds one; two that act at once add many.
    pub planes: Vec<String>,
}

impl Ledger {
    /// Machines that are there now.
    pub fn living(&self) -> impl Iterator<Item = &MachineRecord> {
        self.machines.iter().filter(|machine| machine.deleted.is_none())
    }

    /// Whether nothing costs anything any more.
    pub fn is_empty(&self) -> bool {
        self.living().next().is_none() && self.clusters.is_empty()
    }
}
