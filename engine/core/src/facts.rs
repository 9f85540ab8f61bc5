//! Facts: what the planner asks of living planes, and what it is told. Data only; fetching is elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::addr::Address;
use crate::object::ObjectKey;

/// A question to one plane.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// Is the plane there, who is it, which version does it have?
    Plane {
        /// Its address.
        plane: Address,
        /// For a cluster's plane: how to find the way in.
        access: Option<ClusterAccess>,
    },
    /// All objects of a kind that carry our lineage label: one LIST.
    List {
        /// The plane.
        plane: Address,
        /// `apiVersion`.
        api_version: String,
        /// Kind.
        kind: String,
    },
    /// All objects of a kind, whoever owns them (Services of type LoadBalancer, PersistentVolumeClaims, Machines, Clusters).
    ListAll {
        /// The plane.
        plane: Address,
        /// `apiVersion`.
        api_version: String,
        /// Kind.
        kind: String,
    },
    /// All that a Namespace holds, of whatever kind, whoever owns it; without furniture ([`crate::belonging::is_furniture`]).
    InNamespace {
        /// The plane.
        plane: Address,
        /// Name of the Namespace.
        namespace: String,
    },
    /// One object by name, which we may create and which may be somebody else's.
    Get {
        /// Its identity.
        key: ObjectKey,
        /// `apiVersion`.
        api_version: String,
    },
}

/// Where the kubeconfig of a cluster's API is found, tried in this order: files of the user, the cluster's own Secret on the management
/// plane, the access Secret there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClusterAccess {
    /// Kubernetes name of the cluster.
    pub name: String,
    /// Namespace of its objects.
    pub namespace: String,
    /// The management plane.
    pub management: Address,
}

/// What is known of a plane.
#[derive(Debug, Clone, PartialEq)]
pub enum PlaneFact {
    /// It answers.
    Reachable(PlaneIdentity),
    /// There is no way in yet: the cluster has no kubeconfig Secret.
    Absent,
    /// It does not answer. What this means is the plan's decision.
    Unreachable {
        /// In words.
        reason: String,
    },
}

/// Identity of a plane that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaneIdentity {
    /// uid of namespace kube-system.
    pub uid: String,
    /// `gitVersion`.
    pub version: String,
    /// Server URL.
    pub endpoint: String,
    /// CA certificate, PEM.
    pub ca_certificate: String,
    /// Serial that our Lease on it last saw.
    pub last_serial: Option<u64>,
    /// Seconds since the agent's heartbeat at the time of asking; `None` if there is no Lease.
    pub agent_heartbeat_age: Option<u64>,
    /// Days until the client certificate of the access Secret ends.
    pub certificate_days: Option<i64>,
    /// The access Secret is gone, or the kubeconfig in it is not the one that the cluster has now.
    pub access_outdated: bool,
}

/// All answers. An object that was asked for and is not in `objects` does not exist.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Planes by address.
    pub planes: BTreeMap<Address, PlaneFact>,
    /// Live objects. Values of v1 Secrets' `data` are keyed digests in the form of secret placeholders, never the values.
    pub objects: BTreeMap<ObjectKey, Arc<Json>>,
    /// Questions that failed though the plane answers (403, 500): object or kind, reason.
    pub failed: BTreeMap<String, String>,
    /// Kinds that were to be listed and that a plane does not serve: plane, `apiVersion`, kind.
    pub unserved: BTreeSet<(Address, String, String)>,
}

impl Facts {
    /// Whether a plane answers.
    pub fn reachable(&self, plane: &Address) -> Option<&PlaneIdentity> {
        match self.planes.get(plane) {
            Some(PlaneFact::Reachable(identity)) => Some(identity),
            _ => None,
        }
    }

    /// The live object.
    pub fn object(&self, key: &ObjectKey) -> Option<&Json> {
        self.objects.get(key).map(Arc::as_ref)
    }

    /// Whether a plane was asked for a kind and does not serve it.
    pub fn is_unserved(&self, plane: &Address, api_version: &str, kind: &str) -> bool {
        self.unserved.contains(&(plane.clone(), api_version.to_owned(), kind.to_owned()))
    }

    /// What the planes tell of references that are unknown to HCL: `cluster.shop.endpoint`, `cluster.shop.ca_certificate`.
    pub fn known_references(&self) -> BTreeMap<String, Json> {
        let mut known = BTreeMap::new();
        for (address, fact) in self.planes.iter().filter(|(address, _)| address.is_cluster()) {
            if let PlaneFact::Reachable(identity) = fact {
                known.insert(format!("{address}.endpoint"), Json::String(identity.endpoint.clone()));
                known.insert(format!("{address}.ca_certificate"), Json::String(identity.ca_certificate.clone()));
            }
        }
        known
    }
}
