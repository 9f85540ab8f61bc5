//! A saved plan is applied exactly as it was reviewed: whatever happens to the configuration meanwhile, in whatever folder, and never late.

#[path = "support/minimal.rs"]
mod minimal;
mod support;

use std::path::Path;

use support::Place;

const MANAGEMENT: &str = "management \"ci\" {\n  kubeconfig        = \"management.kubeconfig\"\n  install_providers = false\n}\n";

fn read(place: &Place, file: &str) -> Vec<u8> {
    std::fs::read(place.path().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Copies a folder as a CI job's artifact is: without the scratch folder.
fn copy(from: &Place, to: &Place) {
    fn folder(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).expect("a folder can be made");
        for entry in std::fs::read_dir(from).expect("a folder").flatten() {
            let target = to.join(entry.file_name());
            match entry.file_type().expect("a type").is_dir() {
                true if entry.file_name() == ".windlass" => {}
                true => folder(&entry.path(), &target),
                false => {
                    std::fs::copy(entry.path(), target).expect("a file can be copied");
                }
            }
        }
    }
    folder(from.path(), to.path());
}

#[test]
fn the_plans_world_results_though_the_configuration_was_edited() {
    let place = Place::example("quickstart");
    place.run(&["plan", "-out=a.wlplan"]).expect(0).says("Digest: sha256:");
    place.run(&["plan", "-out=b.wlplan"]).expect(0);
    assert!(read(&place, "a.wlplan") == read(&place, "b.wlplan"), "the same plan gives the same bytes");
    place.run(&["plan", "-out=a.wlplan.zst"]).expect(0);
    place.run(&["plan", "-out=b.wlplan.zst"]).expect(0);
    assert!(read(&place, "a.wlplan.zst") == read(&place, "b.wlplan.zst"), "the same plan gives the same compressed bytes");
    let shown = place.run(&["show", "-json", "a.wlplan"]).expect(0).stdout;
    assert_eq!(shown, place.run(&["show", "-json", "b.wlplan.zst"]).expect(0).stdout);

    // A secret that is not the planned one: nothing is written.
    let (state, ledger) = (place.state(), place.ledger());
    let other = "-var=database_password=another-one";
    let leaf = "cluster.shop.layer[\"shop\"].Secret storefront/database.data.password";
    place.run(&["apply", other, "a.wlplan"]).expect(5).says("WL0507").says(leaf).says("another value");
    assert!(place.state() == state && place.ledger() == ledger, "nothing was written");

    // The configuration is edited after the review.
    place.replace("main.wl.hcl", "    replicas = 2\n", "    replicas = 1\n");
    place.replace("main.wl.hcl", "  value = cluster.shop.endpoint", "  value = \"edited\"");
    place
        .run(&["apply", "-plan-digest=sha256:0000000000000000000000000000000000000000000000000000000000000000", "a.wlplan"])
        .expect(1)
        .says("WL0506");
    assert!(place.state() == state, "nothing was written");
    place.run(&["apply", "a.wlplan.zst"]).expect(0).says("Apply complete!");
    assert_eq!(place.ledger().get("instance"), Some(&5), "three of the control plane and two workers, as planned");
    assert!(place.run(&["output", "-raw", "shop_endpoint"]).expect(0).stdout.starts_with("https://"), "the output that was planned");
    place.run(&["plan"]).expect(1).says("WL0403").says("cluster.shop.worker_pool[\"general\"]").says("replicas");

    // Once more: late.
    let state = place.state();
    place.run(&["apply", "a.wlplan"]).expect(5).says("WL0507");
    assert!(place.state() == state, "nothing was written");

    // Back to what was reviewed: nothing to do, but for nothing.
    place.replace("main.wl.hcl", "    replicas = 1\n", "    replicas = 2\n");
    place.replace("main.wl.hcl", "  value = \"edited\"", "  value = cluster.shop.endpoint");
    place.settled();
}

/// One job plans, another applies in another folder; they share the state file and a real API, never a scratch folder.
#[test]
fn two_ci_jobs_share_a_state_and_a_real_api() {
    let server = Place::empty();
    server.write("main.wl.hcl", minimal::SEED);
    server.apply();
    let kubeconfig = server.run(&["sandbox", "kubeconfig"]).expect(0).stdout;
    assert!(kubeconfig.contains("https://127.0.0.1:"), "a real API over HTTPS");

    let planner = minimal::place(MANAGEMENT, "");
    // The pivot waits until both APIs have answered for a while: a minute on a real plane, which is cut short here.
    planner.replace("main.wl.hcl", "pivot    = false", "pivot    = true");
    let soon = [("WL_STABLE_SECONDS", "1")];
    planner.write("management.kubeconfig", &kubeconfig);
    planner.run(&["plan", "-out=ci.wlplan"]).expect(0).says("management.ci.provider[\"aws\"]");
    let text = String::from_utf8(read(&planner, "ci.wlplan")).expect("a plan is text");
    assert!(!text.contains(&*planner.path().to_string_lossy()), "a plan names no folder");

    let applier = Place::empty();
    copy(&planner, &applier);
    // This copy is made before anything is applied.
    let old = Place::empty();
    copy(&planner, &old);
    applier.run_with(&["apply", "ci.wlplan"], &soon).expect(0).says("Apply complete!");
    applier.settled();
    let clusters = "/apis/cluster.x-k8s.io/v1beta2/namespaces/small/clusters/small";
    assert!(applier.kubectl("small").get(clusters).is_some(), "it lives in itself");
    assert!(server.kubectl_on_management().get(clusters).is_none(), "and no longer on the management plane");
    assert!(!applier.path().join(".windlass/sandbox").exists(), "a real API needs no sandbox");
    assert_eq!(server.ledger().get("instance"), Some(&2));
    assert!(applier.run(&["kubeconfig", "small"]).expect(0).stdout.contains("https://127.0.0.1:"));

    // The first folder's state is older than the plane has seen: neither planned nor applied with.
    let (state, objects) = (planner.state(), applier.objects());
    planner.run(&["plan"]).expect(1).says("WL0406").says("older");
    planner.run(&["apply", "-auto-approve"]).expect(1).says("WL0406");
    old.run(&["apply", "ci.wlplan"]).expect(1).says("older");
    assert!(planner.state() == state, "a refused copy of the state is not changed");
    assert_eq!(server.ledger().get("instance"), Some(&2));

    // The state travels back, and the first job goes on.
    std::fs::copy(applier.path().join("windlass.wlstate"), planner.path().join("windlass.wlstate")).expect("a copy");
    planner.settled();
    assert_eq!(planner.objects(), objects);
    planner.run_with(&["destroy", "-auto-approve"], &soon).expect(0);
    assert_eq!(server.ledger(), Default::default());
    // Who only checked the providers does not remove them.
    server.settled();
}
