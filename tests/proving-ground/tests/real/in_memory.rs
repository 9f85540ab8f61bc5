//! Clusters in memory under Cluster API's real managers: ten at once are made, scaled and deleted by the `windlass` binary, and what a step
//! waits for is told in the managers' own words.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use windlass_proving_ground::{ComponentRepository, DeploymentRunner, Ground, Plane, PlaneSpec, RepositoryFlavour};

use crate::saga::kubectl::Kubectl;
use crate::saga::windlass::{Done, run};

/// How many clusters at once.
const CLUSTERS: usize = 10;
/// The dev provider has fixed ports, so that its manager waits for those of other tests: seconds that a step may wait for it.
const PATIENCE: &str = "20m";

struct World {
    _runner: DeploymentRunner,
    folder: PathBuf,
    management: Plane,
    ground: Arc<Ground>,
}

impl World {
    async fn begin() -> World {
        let ground = Arc::new(Ground::begin("in-memory").expect("a ground"));
        let management = Plane::start(&ground, PlaneSpec::named("management").expect("keys")).await.expect("a plane");
        management.add_node("node-1").await.expect("a node");
        let runner = DeploymentRunner::new(&ground).expect("a runner");
        runner.follow(&management);
        let repository = ComponentRepository::make(&ground, RepositoryFlavour::Static).expect("a repository");
        let folder = ground.data_folder("module").expect("a folder");
        std::fs::write(folder.join("management.kubeconfig"), management.kubeconfig()).expect("written");
        let head = format!(
            "management \"ground\" {{\n  kubeconfig           = \"management.kubeconfig\"\n  component_repository = {:?}\n}}\n",
            repository.folder()
        );
        std::fs::write(folder.join("ground.wl.hcl"), head).expect("written");
        World { _runner: runner, folder, management, ground }
    }

    /// Writes clusters with so many machines in control plane and pool.
    fn ask_for(&self, control_plane: usize, workers: usize, more: &str) {
        let names: Vec<String> = (0..CLUSTERS).map(|number| format!("\"c{number}\"")).collect();
        let text = format!(
            r#"
cloud "dev" "memory" {{
}}

profile "demo" {{
  version = "1.0.0"
  os "none" {{
    version = "0"
  }}
  kubernetes "kubeadm" {{
    version = "1.34.3"
  }}
}}

cluster "demo" {{
  for_each = toset([{}])
  cloud    = cloud.dev.memory
  profiles = [profile.demo]
  pivot    = false
  timeouts {{
    wait = "{PATIENCE}"
  }}
  control_plane {{
    replicas = {control_plane}
    machine {{
    }}
  }}
  worker_pool "general" {{
    replicas = {workers}
    machine {{
{more}
    }}
  }}
}}
"#,
            names.join(", ")
        );
        std::fs::write(self.folder.join("main.wl.hcl"), text).expect("written");
    }

    async fn windlass(&self, arguments: &[&str]) -> Done {
        run(&self.folder, arguments, &[]).await
    }

    fn kubectl(&self) -> Kubectl {
        Kubectl::new(self.ground.components().program("kubectl"), self.management.kubeconfig_file())
    }

    /// Each cluster has so many machines, all of them running.
    async fn has_machines(&self, of_each: usize) {
        let phases = "jsonpath={range .items[*]}{.metadata.namespace} {.status.phase}{\"\\n\"}{end}";
        let text = self.kubectl().run(&["get", "machines.cluster.x-k8s.io", "-A", "-o", phases]).await;
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        for (cluster, phase) in text.lines().filter_map(|line| line.split_once(' ')) {
            assert_eq!(phase, "Running", "{text}");
            *found.entry(cluster).or_default() += 1;
        }
        assert!(found.len() == CLUSTERS && found.values().all(|machines| *machines == of_each), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn ten_clusters_in_memory_come_are_scaled_and_go() {
    let world = World::begin().await;
    world.ask_for(1, 1, "      vm_startup = \"15s\"");
    let made = world.windlass(&["apply", "-auto-approve"]).await.ends(0);
    made.says("Apply complete!").took("in memory: ten clusters of two machines, the managers included");
    // What takes long is told in the words of whoever is waited for.
    made.says("MachineDeployment").says("waiting for");
    world.has_machines(2).await;
    world.windlass(&["plan", "-detailed-exitcode"]).await.ends(0).says("No changes.").took("in memory: no-op plan of ten clusters");

    world.ask_for(3, 2, "      vm_startup = \"15s\"");
    world.windlass(&["plan", "-detailed-exitcode"]).await.ends(2).says("replicas");
    world.windlass(&["apply", "-auto-approve"]).await.ends(0).took("in memory: ten clusters scaled from 1 + 1 to 3 + 2");
    world.has_machines(5).await;
    world.windlass(&["plan", "-detailed-exitcode"]).await.ends(0).says("No changes.");

    world.ask_for(1, 1, "      vm_startup = \"15s\"");
    world.windlass(&["apply", "-auto-approve"]).await.ends(0).took("in memory: ten clusters scaled back");
    world.has_machines(2).await;

    world.windlass(&["destroy", "-auto-approve"]).await.ends(0).says("Destroy complete!").took("in memory: ten clusters destroyed");
    for kind in ["clusters.cluster.x-k8s.io", "machines.cluster.x-k8s.io", "devclusters", "devmachines", "devmachinetemplates"] {
        assert_eq!(world.kubectl().run(&["get", kind, "-A", "-o", "name"]).await, "", "{kind}");
    }
}
