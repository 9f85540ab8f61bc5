//! One of two clusters of the same description: a management plane, a process cloud, the cluster, and the same managers in it.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use windlass_kube::plane::Plane;
use windlass_proving_ground::ClusterApi;

use super::belongings::{self, CLUSTER};
use super::dump::{Dump, Times, dump, plain};
use super::hands::{cluster, management, open};
use super::inventory;
use super::world::{World, install_providers};

/// In the order in which it ends.
pub struct Twin {
    pub its_own: ClusterApi,
    pub workload: Arc<windlass_proving_ground::Plane>,
    pub world: World,
    /// How many machines its pool has.
    workers: usize,
    /// The planes as windlass speaks to them.
    pub here: Arc<Plane>,
    pub there: Arc<Plane>,
}

impl Twin {
    /// A cluster with one control plane machine and so many workers that is calm, and ready to be moved into itself.
    pub async fn begin(name: &str, workers: usize) -> Twin {
        let world = World::begin(name).await;
        world.management.add_node("host").await.expect("a node");
        let here = open(management(), &world.management).await;
        inventory::install(&here).await;
        belongings::write(&here, workers).await;
        let workload = world.plane_of(CLUSTER).await;
        let its_own = Box::pin(install_providers(&world.ground, &workload)).await;
        let there = open(cluster(CLUSTER), &workload).await;
        inventory::install(&there).await;
        let twin = Twin { its_own, workload, world, workers, here, there };
        twin.runs(Side::Management, 1).await;
        twin
    }

    fn plane(&self, side: Side) -> (&windlass_proving_ground::Plane, &Plane) {
        match side {
            Side::Management => (&self.world.management, &self.here),
            Side::Workload => (&self.workload, &self.there),
        }
    }

    /// Waits until all machines run on the objects of a side and nobody writes anything any more; gives what is there.
    pub async fn runs(&self, side: Side, control_plane: usize) -> Dump {
        let (processes, plane) = self.plane(side);
        self.world.machines_run(processes, &self.workload, "shop-control-plane", control_plane).await;
        self.world.machines_run(processes, &self.workload, "shop-general", self.workers).await;
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut before = dump(plane).await;
        let mut calm_since = Instant::now();
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = dump(plane).await;
            if plain(&now, &now, Times::Count) != plain(&before, &before, Times::Count) {
                calm_since = Instant::now();
            }
            if calm_since.elapsed() >= Duration::from_secs(3) {
                return now;
            }
            assert!(Instant::now() < deadline, "it never comes to rest");
            before = now;
        }
    }

    /// `clusterctl move`; gives how long it took.
    pub fn clusterctl_move(&self, from: Side) -> Duration {
        let home = self.world.ground.data_folder("clusterctl").expect("a folder");
        let to = if from == Side::Management { Side::Workload } else { Side::Management };
        let mut command = Command::new(self.world.ground.components().program("clusterctl"));
        command.env_clear().env("HOME", &home).env("XDG_CONFIG_HOME", &home).env("CLUSTERCTL_DISABLE_VERSIONCHECK", "true");
        command.arg("move").arg(format!("--namespace={}", super::objects::NAMESPACE));
        command.arg("--kubeconfig").arg(self.plane(from).0.kubeconfig_file());
        command.arg("--to-kubeconfig").arg(self.plane(to).0.kubeconfig_file());
        let begun = Instant::now();
        // The cloud works meanwhile.
        let output = tokio::task::block_in_place(|| command.output()).expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        begun.elapsed()
    }
}

/// Which plane has a cluster's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Management,
    Workload,
}
