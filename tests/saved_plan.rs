//! A saved plan is applied exactly as it was reviewed: whatever happens to the configuration meanwhile, in whatever folder, and never late.

#[path = "support/minimal.rs"]
mod minimal;
#[path = "support/repository.rs"]
mod repository;
mod support;

use std::path::Path;

use support::Place;

const KUBECONFIG: &str = "  kubeconfig        = \"management.kubeconfig\"\n";
const MANAGEMENT: &str = "management \"ci\" {\n  kubeconfig        = \"management.kubeconfig\"\n  install_providers = false\n  component_repository = \"components\"\n  provider \"aws\" {\n    variables = { REGISTRY_TOKEN = \"none\" }\n  }\n}\n";

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

/// The Lease of a state, held by a run that nobody knows.
struct Lease {
    kubectl: support::kubectl::Kubectl,
    path: String,
}

impl Lease {
    #[track_caller]
    fn of_another_run(server: &Place, place: &Place) -> Lease {
        let shown = place.run(&["show", "-json"]).expect(0).stdout;
        let lineage = serde_json::from_str::<serde_json::Value>(&shown).expect("JSON")["lineage"].as_str().expect("a lineage").to_owned();
        let (kubectl, name) = (server.kubectl_on_management(), format!("windlass-{lineage}"));
        let folder = "/apis/coordination.k8s.io/v1/namespaces/windlass-system/leases";
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        let spec = serde_json::json!({"holderIdentity": "of-another", "leaseDurationSeconds": 60, "renewTime": now});
        let metadata = serde_json::json!({"name": name, "namespace": "windlass-system"});
        let lease = serde_json::json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec});
        kubectl.apply(&format!("{folder}/{name}"), &lease);
        Lease { kubectl, path: format!("{folder}/{name}") }
    }

    fn delete(self) {
        self.kubectl.delete(&self.path);
    }
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
    place.run(&["plan", "-detailed-exitcode"]).expect(2).says("cluster.shop.worker_pool[\"general\"]").says("replicas");

    // Once more: late.
    let state = place.state();
    place.run(&["apply", "a.wlplan"]).expect(5).says("WL0507");
    assert!(place.state() == state, "nothing was written");

    // Back to what was reviewed: nothing to do, but for nothing.
    place.replace("main.wl.hcl", "    replicas = 1\n", "    replicas = 2\n");
    place.replace("main.wl.hcl", "  value = \"edited\"", "  value = cluster.shop.endpoint");
    place.settled();
}

/// A plan without secrets needs neither the module nor its lock file.
#[test]
fn a_plan_without_secrets_applies_from_its_file_alone() {
    const LOCK: &str = ".windlass.lock.hcl";
    let head = "windlass {\n  required_version = \"~> 0.1\"\n}\n";
    let place = minimal::place(head, "");
    let remove = |name: &str| std::fs::remove_file(place.path().join(name)).expect("it is there");
    place.apply();
    // A change of the guard alone sends nothing anywhere.
    minimal::write(&place, head, "  lifecycle {\n    prevent_destroy = true\n  }\n");
    place.run(&["plan", "-out=guard.wlplan"]).expect(0).says("prevent_destroy");
    let guarded = read(&place, "main.wl.hcl");
    place.write("main.wl.hcl", "cluster \"small\" {");
    remove(LOCK);
    place.run(&["plan"]).expect(1);
    place.run(&["apply", "-lockfile=readonly", "guard.wlplan"]).expect(0).says("Management plane: sandbox").says("1 changed");
    assert!(!place.path().join(LOCK).exists(), "nothing was locked");
    place.write("main.wl.hcl", guarded);
    place.settled();

    minimal::write(&place, head, "");
    place.run(&["plan", "-out=unguard.wlplan"]).expect(0);
    remove("main.wl.hcl");
    place.run(&["apply", "unguard.wlplan"]).expect(0).says("1 changed");
    minimal::write(&place, head, "");
    place.settled();

    // Without the state it is no plan of anything, and no state is made.
    remove("windlass.wlstate");
    place.run(&["apply", "unguard.wlplan"]).expect(1).says("WL0503");
    assert!(place.state().is_empty());
}

/// Secrets are evaluated from a module that may have errors elsewhere.
#[test]
fn a_plan_with_secrets_needs_the_configuration_of_these() {
    let place = Place::example("quickstart");
    let whole = String::from_utf8(read(&place, "main.wl.hcl")).expect("a configuration is text");
    place.run(&["plan", "-out=up.wlplan"]).expect(0);
    let (state, ledger) = (place.state(), place.ledger());
    let secret = "the secrets of the plan cannot be evaluated: ";
    let broken = [
        ("cluster \"shop\" {".to_owned(), "WL0013"),
        (whole.replacen("variable \"database_password\"", "variable \"database_passwort\"", 1), "WL0100"),
    ];
    for (text, code) in broken {
        assert_ne!(text, whole);
        place.write("main.wl.hcl", text);
        let done = place.run(&["apply", "up.wlplan"]).expect(1).says("WL0518").says(secret).says(code).says("main.wl.hcl:");
        assert!(done.stderr.contains("Nothing has been written."), "{}", done.stderr);
    }
    std::fs::remove_file(place.path().join("main.wl.hcl")).expect("it is there");
    place.run(&["apply", "up.wlplan"]).expect(1).says("WL0518").says(secret).says("WL0502");
    assert!(place.state() == state && place.ledger() == ledger, "nothing was written");

    place.write("main.wl.hcl", format!("{whole}\noutput \"wrong\" {{\n  value = nothing.at.all\n}}\ncluster \"next\" {{\n"));
    place.run(&["validate"]).expect(1).says("WL0013");
    place.run(&["apply", "up.wlplan"]).expect(0).says("The configuration has errors by now.").says("Apply complete!");
    place.write("main.wl.hcl", whole);
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
    repository::make(&planner.path().join(repository::FOLDER), repository::Certificates::None);
    planner.run(&["plan", "-out=ci.wlplan"]).expect(0).says("management.ci.provider[\"aws\"]");
    let text = String::from_utf8(read(&planner, "ci.wlplan")).expect("a plan is text");
    assert!(!text.contains(&*planner.path().to_string_lossy()), "a plan names no folder");

    let applier = Place::empty();
    copy(&planner, &applier);
    // This copy is made before anything is applied.
    let old = Place::empty();
    copy(&planner, &old);
    assert!(!text.contains("management.kubeconfig"), "nor a file");
    // Another run holds the plane: that is noticed before the state is written.
    let lease = Lease::of_another_run(&server, &planner);
    let state = applier.state();
    applier.run(&["apply", "ci.wlplan"]).expect(6).says("WL0504").says("run of-another");
    assert!(applier.state() == state, "a state whose plane is held is not changed");
    lease.delete();
    // The module's block says where the kubeconfig is; where it does not, a flag does, or KUBECONFIG, several files of it included.
    let module = read(&applier, "main.wl.hcl");
    applier.replace("main.wl.hcl", KUBECONFIG, "");
    applier.run(&["apply", "ci.wlplan"]).expect(1).says("WL0501").says("-kubeconfig management.NAME=FILE");
    let flag = "-kubeconfig=management.other=management.kubeconfig";
    applier.run(&["apply", flag, "ci.wlplan"]).expect(1).says("WL0500").says("the management plane is management.ci");
    applier
        .write("more.kubeconfig", "apiVersion: v1\nkind: Config\nclusters: [{name: more, cluster: {server: \"https://127.0.0.1:1\"}}]\n");
    let list =
        ["nothing", "more.kubeconfig", "management.kubeconfig"].map(|name| applier.path().join(name).display().to_string()).join(":");
    applier.run_with(&["apply", "ci.wlplan"], &[soon[0], ("KUBECONFIG", &list)]).expect(0).says("Apply complete!");
    applier.write("main.wl.hcl", module);
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
    old.replace("main.wl.hcl", KUBECONFIG, "");
    let flag = "-kubeconfig=management.ci=management.kubeconfig";
    let said = |done: support::Done| done.stderr.split_once("Error[WL0406]").map(|(_, said)| said.to_owned());
    let planned = said(planner.run(&["plan"]).expect(1));
    let applied = said(old.run(&["apply", flag, "ci.wlplan"]).expect(1));
    assert!(planned.is_some() && planned == applied, "the same words: {planned:?} {applied:?}");
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

/// A job is killed in the pivot, its state file is kept, and another job goes on with the run: the kept copy is old from then on.
#[test]
fn the_state_of_a_killed_run_is_old_once_the_run_has_gone_on() {
    let place = minimal::place("", "");
    place.replace("main.wl.hcl", "pivot    = false", "pivot    = true");
    let died = place.run_with(&["apply", "-auto-approve"], &[("WL_CRASH_AFTER", "60")]);
    assert_eq!(died.code, None, "{}", died.stdout);
    for (file, copy) in [("windlass.wlstate", "old.wlstate"), ("windlass.wlstate-wal", "old.wlstate-wal")] {
        std::fs::copy(place.path().join(file), place.path().join(copy)).expect("a killed run leaves both");
    }
    place.apply();
    let (ledger, objects) = (place.ledger(), place.objects());
    for arguments in [&["plan"][..], &["apply", "-auto-approve"], &["destroy", "-auto-approve"], &["drift"]] {
        place.run(&[arguments, &["-state=old.wlstate"]].concat()).expect(1).says("WL0406").says("older");
    }
    // Another wish, by the copy: the pivot that looks half done in it must not be finished or undone.
    let text = std::fs::read_to_string(place.path().join("main.wl.hcl")).expect("a configuration");
    place.write("main.wl.hcl", text.replace("m6i.large", "m6i.xlarge"));
    place.run(&["apply", "-auto-approve", "-state=old.wlstate"]).expect(1).says("WL0406");
    place.write("main.wl.hcl", text);
    assert_eq!((place.ledger(), place.objects()), (ledger, objects), "nothing was touched");
    place.settled();
}
