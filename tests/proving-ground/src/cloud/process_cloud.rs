//! The process cloud as a test holds it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::books::ClusterName;
use super::faults::Fault;
use super::ledger::Ledger;
use super::machine_life;
use super::shared::Shared;
use crate::error::GroundError;
use crate::ground::Ground;
use crate::plane::{Plane, PlaneAccess};

/// A cloud whose machines are nodes of planes that it boots. All of it ends when this is dropped.
///
/// It acts on the objects of every plane that it watches: those it is told of, and those it boots itself, so that it goes on
/// when objects are moved from one to the other. Objects that are paused are left alone, wherever they are.
pub struct ProcessCloud {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for ProcessCloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ProcessCloud").field(&self.ledger()).finish()
    }
}

impl ProcessCloud {
    /// A cloud without machines. What it does is in `process-cloud.log` among the ground's logs. It belongs to the runtime that it
    /// is used in.
    ///
    /// # Errors
    /// Its log cannot be written.
    pub fn new(ground: &Arc<Ground>) -> Result<ProcessCloud, GroundError> {
        Ok(ProcessCloud { shared: Arc::new(Shared::new(Arc::clone(ground))?) })
    }

    /// Fulfils the contract for the objects of this plane from now on, as soon as it has their definitions.
    pub fn watch(&self, plane: &Plane) {
        self.shared.watch(plane.name(), plane.client());
    }

    /// The plane that the first control plane machine of a cluster booted, while it is there.
    pub fn plane(&self, cluster: &ClusterName) -> Option<Arc<Plane>> {
        self.shared.books().plane(cluster)
    }

    /// The planes that machines have booted, by name, and every change of that.
    pub(crate) fn booted(&self) -> watch::Receiver<BTreeMap<String, PlaneAccess>> {
        self.shared.booted()
    }

    /// What there is and was.
    pub fn ledger(&self) -> Ledger {
        self.shared.books().ledger()
    }

    /// From now on this happens to machines that come, if their names begin so.
    pub fn set_fault(&self, prefix: &str, fault: Fault) {
        self.shared.books().faults.set(prefix, fault);
        self.shared.look_again();
    }

    /// Takes a fault back: machines that wait come now.
    pub fn clear_fault(&self, prefix: &str) {
        self.shared.books().faults.clear(prefix);
        self.shared.look_again();
    }

    /// Takes machines of this name away, as if somebody had terminated the instance behind Cluster API's back; gives their number.
    pub async fn vanish(&self, machine: &str) -> usize {
        let keys = self.shared.books().named(machine);
        for key in &keys {
            machine_life::end(&self.shared, key).await;
        }
        self.shared.look_again();
        keys.len()
    }
}

impl Drop for ProcessCloud {
    fn drop(&mut self) {
        self.shared.close();
    }
}
