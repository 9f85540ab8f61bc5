//! What a pivot of the twin's cluster moves, and which way.

use windlass_core::facts::ClusterAccess;
use windlass_core::plan::PivotSpec;

use super::belongings::CLUSTER;
use super::hands::{cluster, management};
use super::twin::Side;
use super::{inventory, objects};

/// From a side to the other one.
pub fn pivot(from: Side) -> PivotSpec {
    let (here, there) = (management(), cluster(CLUSTER));
    let (from, to) = if from == Side::Management { (here, there) } else { (there, here) };
    PivotSpec {
        cluster: cluster(CLUSTER),
        access: ClusterAccess { name: CLUSTER.to_owned(), namespace: objects::NAMESPACE.to_owned(), management: management() },
        from,
        to,
        providers: inventory::providers(),
    }
}
