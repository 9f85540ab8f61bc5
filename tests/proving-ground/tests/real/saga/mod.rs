//! The whole saga, real on both sides: the `windlass` binary on real kube-apiservers under Cluster API's real managers, from an empty
//! management plane to a cluster that manages itself, through drift and repair, and back to nothing.

#![expect(clippy::print_stdout, reason = "the figures of the README")]

pub mod kubectl;
mod module;
pub mod windlass;
mod world;

use serde_json::Value as Json;
use windlass_proving_ground::{ClusterName, RepositoryFlavour, Role};

use module::Module;
use world::World;

/// Name and namespace of the example's cluster.
const CLUSTER: &str = "shop";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn the_quickstart_lives_and_dies_on_real_planes() {
    let world = World::begin("saga", RepositoryFlavour::Static).await;
    let module = Module::quickstart(&world);
    let planned = module.windlass(&["plan", "-out=up.wlplan"]).await.ends(0);
    planned.says("management.ground.provider[\"cluster-api\"]").says("cluster.shop.pivot");
    module.windlass(&["apply", "up.wlplan"]).await.ends(0).says("Apply complete!").took("apply");

    it_manages_itself(&world, &module).await;
    module.windlass(&["plan", "-detailed-exitcode"]).await.ends(0).says("No changes.").took("no-op plan");
    module.windlass(&["drift"]).await.ends(0).took("drift, none");
    it_drifts_and_is_repaired(&world, &module).await;
    its_workers_become_other_machines(&world, &module).await;
    it_loses_layers_and_gets_a_worker(&world, &module).await;

    let before = world.cloud.ledger();
    assert!(before.machines.iter().all(|machine| machine.restarts == 0), "no machine was made twice: {before:#?}");
    module.windlass(&["destroy", "-auto-approve"]).await.ends(0).says("Destroy complete!").took("destroy");
    assert!(world.cloud.ledger().is_empty(), "{:#?}", world.cloud.ledger());
    nothing_is_left(&world, &module).await;
}

/// Upstream's own shape of components: certificates by cert-manager, on the management plane and in the cluster, which has one machine.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real servers: cargo xtask proving-ground test"]
async fn cert_manager_serves_both_sides() {
    let world = World::begin("saga-upstream", RepositoryFlavour::Upstream).await;
    let module = Module::quickstart(&world);
    module.replace("replicas = 3", "replicas = 1");
    module.replace("replicas = 2", "replicas = 1");
    let planned = module.windlass(&["plan", "-detailed-exitcode"]).await.ends(2);
    planned.says("management.ground.provider[\"cert-manager\"]");
    module.windlass(&["apply", "-auto-approve"]).await.ends(0).took("apply with cert-manager");
    let workload = world.cloud.plane(&ClusterName::new(CLUSTER, CLUSTER)).expect("the cluster's plane");
    for plane in [&world.management, &*workload] {
        let certificate = world.kubectl(plane).get("certificate", "capi-system", "capi-serving-cert").await;
        assert_eq!(certificate["status"]["conditions"][0]["status"], "True", "{certificate:#}");
    }
    let told = module.windlass(&["plan", "-detailed-exitcode"]).await;
    told.ends(0).says("No changes.");
    module.windlass(&["drift"]).await.ends(0);
    module.windlass(&["destroy", "-auto-approve"]).await.ends(0).took("destroy with cert-manager");
    assert!(world.cloud.ledger().is_empty(), "{:#?}", world.cloud.ledger());
    nothing_is_left(&world, &module).await;
}

/// Its objects are in it and no longer on the management plane; machines are those that were asked for, the first one is still the first one.
async fn it_manages_itself(world: &World, module: &Module) {
    let workload = world.cloud.plane(&ClusterName::new(CLUSTER, CLUSTER)).expect("the cluster's plane");
    let (here, there) = (world.kubectl(&world.management), world.kubectl(&workload));
    for kind in ["clusters.cluster.x-k8s.io", "machines.cluster.x-k8s.io", "kubeadmcontrolplanes", "machinedeployments", "awsclusters"] {
        assert_eq!(here.list(kind, CLUSTER).await, Vec::<String>::new(), "{kind} on the management plane");
        assert!(!there.list(kind, CLUSTER).await.is_empty(), "{kind} in the cluster");
    }
    let control_plane = there.get("kubeadmcontrolplane", CLUSTER, "shop-control-plane").await;
    assert_eq!(control_plane["status"]["availableReplicas"], 3, "{:#}", control_plane["status"]);
    let pool = there.get("machinedeployment", CLUSTER, "shop-general").await;
    assert_eq!(pool["status"]["availableReplicas"], 2, "{:#}", pool["status"]);
    let storefront = there.get("deployment", "storefront", "web").await;
    assert_eq!(storefront["status"]["availableReplicas"], storefront["spec"]["replicas"], "{:#}", storefront["status"]);
    let info = there.get("configmap", "storefront", "cluster-info").await;
    assert_eq!(info["data"]["endpoint"].as_str(), Some(workload.server().as_str()));

    let ledger = world.cloud.ledger();
    assert_eq!(ledger.machines.len(), 5, "{ledger:#?}");
    let founder = ledger.machines.iter().min_by_key(|machine| machine.created).expect("a machine");
    assert_eq!(founder.planes.len(), 2, "first the management plane's objects, then its own: {founder:#?}");
    assert!(ledger.machines.iter().all(|machine| machine.restarts == 0 && machine.deleted.is_none()), "{ledger:#?}");
    let endpoint = module.windlass(&["output", "-raw", "shop_endpoint"]).await.ends(0);
    assert_eq!(endpoint.stdout.trim(), workload.server());
}

/// Somebody else's changes are found with their names, and taken back.
async fn it_drifts_and_is_repaired(world: &World, module: &Module) {
    let workload = world.cloud.plane(&ClusterName::new(CLUSTER, CLUSTER)).expect("the cluster's plane");
    let there = world.kubectl(&workload);
    there.run(&["-n", "storefront", "set", "image", "deployment/web", "*=registry.example/other:2"]).await;
    there.run(&["-n", CLUSTER, "patch", "machinedeployment", "shop-general", "--type=merge", "-p", "{\"spec\":{\"replicas\":1}}"]).await;
    let drift = module.windlass(&["drift"]).await.ends(2);
    drift.says("registry.example/other:2").says("kubectl-set").says("spec.replicas").says("kubectl-patch").took("drift");
    let told = module.windlass(&["drift", "-json"]).await.ends(2);
    let told: Json = serde_json::from_str(&told.stdout).expect("JSON");
    let text = told.to_string();
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    assert!(text.contains("kubectl-set") && text.contains(&today), "who and when: {told:#}");
    module.windlass(&["plan", "-detailed-exitcode"]).await.ends(2).says("cluster.shop.worker_pool[\"general\"]");
    module.windlass(&["apply", "-auto-approve"]).await.ends(0).took("repair");
    let storefront = there.get("deployment", "storefront", "web").await;
    assert!(!storefront.to_string().contains("registry.example/other:2"), "{storefront:#}");
    let pool = there.get("machinedeployment", CLUSTER, "shop-general").await;
    assert_eq!(pool["status"]["availableReplicas"], 2, "{:#}", pool["status"]);
    module.windlass(&["plan", "-detailed-exitcode"]).await.ends(0).says("No changes.");
}

/// Machines of each role that have been taken away.
fn taken_away(world: &World) -> (usize, usize) {
    let ledger = world.cloud.ledger();
    let of = |role: Role| ledger.machines.iter().filter(|machine| machine.role == role && machine.deleted.is_some()).count();
    (of(Role::ControlPlane), of(Role::Worker))
}

/// As many machines of a pool are replaced as the plan announces, and no other one.
async fn its_workers_become_other_machines(world: &World, module: &Module) {
    let (of_control_plane, of_pool) = taken_away(world);
    module.replace("instance_type = \"m6i.xlarge\"", "instance_type = \"m7i.xlarge\"");
    let planned = module.windlass(&["plan", "-out=machines.wlplan"]).await.ends(0);
    planned.says("# cluster.shop.worker_pool[\"general\"] will be repaved, 2 machines are replaced");
    module.windlass(&["apply", "machines.wlplan"]).await.ends(0).took("repave of two workers");
    assert_eq!(taken_away(world), (of_control_plane, of_pool + 2), "{:#?}", world.cloud.ledger());
    assert_eq!(world.cloud.ledger().living().count(), 5);
    let there = world.kubectl(&world.cloud.plane(&ClusterName::new(CLUSTER, CLUSTER)).expect("the cluster's plane"));
    let templates = there.list("awsmachinetemplates", CLUSTER).await;
    assert_eq!(templates.iter().filter(|name| name.contains("shop-general")).count(), 1, "{templates:?}");
    module.windlass(&["plan", "-detailed-exitcode"]).await.ends(0).says("No changes.");
}

/// What a removed layer has brought is gone, and a pool grows, in one apply; no machine is replaced.
async fn it_loses_layers_and_gets_a_worker(world: &World, module: &Module) {
    let before = taken_away(world);
    module.replace("profiles = [profile.base, profile.shop]", "profiles = [profile.base]");
    module.replace("replicas = 2", "replicas = 3");
    module.windlass(&["apply", "-auto-approve"]).await.ends(0).took("a layer less, a worker more");
    assert_eq!((taken_away(world), world.cloud.ledger().living().count()), (before, 6));
    let there = world.kubectl(&world.cloud.plane(&ClusterName::new(CLUSTER, CLUSTER)).expect("the cluster's plane"));
    let namespaces = there.run(&["get", "namespaces", "-o", "name"]).await;
    assert!(namespaces.contains("namespace/platform") && !namespaces.contains("namespace/storefront"), "{namespaces}");
    module.windlass(&["plan", "-detailed-exitcode"]).await.ends(0).says("No changes.");
}

/// Nothing of the cluster is on the management plane, nothing in the state, and no secret was written anywhere.
async fn nothing_is_left(world: &World, module: &Module) {
    let here = world.kubectl(&world.management);
    for kind in [
        "clusters.cluster.x-k8s.io",
        "machines.cluster.x-k8s.io",
        "machinesets.cluster.x-k8s.io",
        "machinedeployments.cluster.x-k8s.io",
        "kubeadmcontrolplanes",
        "kubeadmconfigs",
        "kubeadmconfigtemplates",
        "awsclusters",
        "awsmachines",
        "awsmachinetemplates",
        "awsclusterroleidentities",
    ] {
        assert_eq!(here.run(&["get", kind, "-A", "-o", "name"]).await, "", "{kind} on the management plane");
    }
    // Credentials of the clouds' managers are among them.
    let ours = here.run(&["get", "secrets,leases,configmaps", "-A", "-l", "windlass.dev/lineage", "-o", "name"]).await;
    assert!(!ours.contains("secret/"), "{ours}");
    assert_eq!(here.list("secrets", CLUSTER).await, Vec::<String>::new());
    let namespaces = here.list_all("namespaces").await;
    assert!(!namespaces.contains(&CLUSTER.to_owned()), "{namespaces:?}");
    let access = here.list("secrets", "windlass-system").await;
    assert_eq!(access, Vec::<String>::new(), "the way into a cluster goes with it");
    assert!(world.cloud.plane(&ClusterName::new(CLUSTER, CLUSTER)).is_none());
    let state = module.windlass(&["state", "list"]).await.ends(0);
    assert_eq!(state.stdout.lines().filter(|line| line.starts_with("cluster.")).count(), 0, "{}", state.stdout);
    module.holds_no_secret();
}
