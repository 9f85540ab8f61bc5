//! Guards that a plan cannot get around: `prevent_destroy`, and the lock file.

#[path = "support/minimal.rs"]
mod minimal;
mod support;

use serde_json::json;
use support::Place;
use support::small::{base, cluster};

const LOCK: &str = ".windlass.lock.hcl";
const GUARDED: &str = "  lifecycle {\n    prevent_destroy = true\n  }\n";

#[test]
fn prevent_destroy_alone_is_a_change_and_holds() {
    let place = minimal::place("", "");
    place.apply();
    place.settled();
    let ledger = place.ledger();

    // On: a change of its own, which touches nothing that lives.
    minimal::write(&place, "", GUARDED);
    place
        .run(&["plan", "-detailed-exitcode"])
        .expect(2)
        .says("      ~ lifecycle.prevent_destroy = false -> true")
        .says("0 to add, 1 to change, 0 to destroy.");
    place.run(&["plan", "-out=guard.wlplan", "-lock-timeout=5s", "-parallelism=2"]).expect(0).says("  ~ update in-place");
    place.run(&["apply", "-destroy", "guard.wlplan"]).expect(1).says("WL0500").says("`windlass plan -out=FILE`");
    place.run(&["apply", "guard.wlplan"]).expect(0).says("1 changed");
    place.settled();
    assert_eq!(place.ledger(), ledger);

    // It holds against destroy, against a cluster that is gone from the configuration, and against a flag that allows it.
    let state = place.state();
    place.run(&["destroy", "-auto-approve"]).expect(1).says("WL0404").says("cluster.small");
    place.run(&["plan", "-destroy"]).expect(1).says("WL0404");
    let whole = std::fs::read_to_string(place.path().join("main.wl.hcl")).expect("a file");
    place.write("main.wl.hcl", "cloud \"aws\" \"small\" {\n  region = \"eu-west-1\"\n}\n");
    place.run(&["plan"]).expect(1).says("WL0404").says("cluster.small");
    place.run(&["apply", "-auto-approve", "-allow-destroy=cluster.small"]).expect(1).says("WL0404");
    assert!(place.state() == state, "a refused plan writes nothing");
    assert_eq!(place.ledger(), ledger);

    // Off: a change again, and then it can go.
    place.write("main.wl.hcl", whole.replace("prevent_destroy = true", "prevent_destroy = false"));
    place.run(&["plan", "-detailed-exitcode"]).expect(2).says("prevent_destroy");
    place.apply();
    place.settled();

    // What was made can be looked at and taken away when its configuration is gone.
    std::fs::remove_file(place.path().join("main.wl.hcl")).expect("it is there");
    place.run(&["plan"]).expect(1).says("WL0502");
    place.run(&["drift"]).expect(0).says("No drift");
    place.run(&["plan", "-destroy"]).expect(0).says("cluster.small will be destroyed");
    place.run(&["destroy", "-auto-approve"]).expect(0);
    assert!(place.ledger().is_empty());
    assert!(place.objects().is_empty());
}

/// A result that was cut is no success, whatever the command has to say by its exit code.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_told() {
    let place = minimal::place("", "");
    for arguments in [&["validate"][..], &["plan", "-json"], &["plan", "-detailed-exitcode"], &["show", "-json"], &["version", "-json"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a device");
        let output = place.command(arguments).stdout(full).output().expect("the binary runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.contains("the output cannot be written"), "{arguments:?}: {stderr}");
    }
}

/// Outputs alone are told as such, as Terraform does.
#[test]
fn a_plan_of_outputs_alone_counts_nothing() {
    let place = minimal::place("", "");
    place.write("main.wl.hcl", "output \"a\" {\n  value = 1\n}\n");
    let plan = place.run(&["plan"]).expect(0).says("Changes to Outputs:\n  + a = 1\n").says("and nothing else");
    assert!(!plan.stdout.contains("to add"), "{}", plan.stdout);
    place.apply().says("Apply complete!");
    place.settled();
    place.apply().says("0 added, 0 changed, 0 destroyed.").says("a = 1");
}

#[test]
fn a_lock_file_that_does_not_fit_is_refused() {
    let place = minimal::place("", "");
    // Nothing is locked yet, and nothing may be.
    for command in ["plan", "init"] {
        place.run(&[command, "-lockfile=readonly"]).expect(1).says("WL0515").says("aws, cluster-api");
    }
    place.run(&["apply", "-lockfile=readonly", "-auto-approve"]).expect(1).says("WL0515");
    assert!(
        !place.path().join(LOCK).exists() && place.state().is_empty() && !place.path().join(".windlass").exists(),
        "nothing was written"
    );

    place.run(&["init"]).expect(0);
    let locked = std::fs::read_to_string(place.path().join(LOCK)).expect("init writes the lock file");
    place.run(&["init", "-lockfile=readonly"]).expect(0);

    // One provider is missing.
    let without = locked.split("\nprovider ").filter(|block| !block.starts_with("\"aws\"")).collect::<Vec<_>>().join("\nprovider ");
    assert_ne!(without, locked);
    place.write(LOCK, &without);
    place.run(&["plan", "-lockfile=readonly"]).expect(1).says("WL0515").says("does not pin aws");
    assert_eq!(std::fs::read_to_string(place.path().join(LOCK)).expect("a file"), without);
    place.run(&["init"]).expect(0).says("Locked aws");
    assert_eq!(std::fs::read_to_string(place.path().join(LOCK)).expect("a file"), locked, "what is added is what was there");

    // Other facts.
    let (head, digest) =
        locked.split_once("facts   = \"").and_then(|(head, rest)| Some((head, rest.split_once('"')?.0))).expect("a digest");
    assert!(!head.is_empty() && digest.len() > 32);
    let changed: String = digest.chars().rev().collect();
    place.write(LOCK, locked.replace(digest, &changed));
    for command in [vec!["plan"], vec!["init"], vec!["apply", "-auto-approve"], vec!["plan", "-lockfile=readonly"]] {
        place.run(&command).expect(1).says("WL0515").says(&changed).says(digest);
    }

    // Another version.
    let (_, version) = locked.split_once("version = \"").and_then(|(head, rest)| Some((head, rest.split_once('"')?.0))).expect("a version");
    place.write(LOCK, locked.replacen(version, "v0.0.1", 1));
    place.run(&["plan"]).expect(1).says("WL0515").says("v0.0.1").says(version);

    // Nonsense.
    for nonsense in ["provider {\n}\n", "provider \"aws\" {\n  version = 3\n}\n", "provider \"aws\" {"] {
        place.write(LOCK, nonsense);
        place.run(&["plan"]).expect(1).says(LOCK);
    }
    assert!(!place.path().join(".windlass").exists(), "no sandbox was started for any of this");
}

/// An addon that brings a Namespace.
const STORE: &str = r#"
  addon "store" {
    objects = [
      { apiVersion = "v1", kind = "Namespace", metadata = { name = "storefront" } },
    ]
  }
"#;

#[test]
fn what_others_put_into_a_layers_namespace_is_named_before_anything_is_destroyed() {
    let place = Place::small(&[base(STORE), cluster("shop", "  pivot = false\n")]);
    place.apply();
    let kubectl = place.kubectl("shop");
    let (notes, balancer) = ("/api/v1/namespaces/storefront/configmaps/notes", "/api/v1/namespaces/storefront/services/lb");
    kubectl.apply(notes, &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "notes", "namespace": "storefront"}}));
    let spec = json!({"type": "LoadBalancer", "selector": {"app": "lb"}, "ports": [{"port": 80}]});
    kubectl.apply(
        balancer,
        &json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "lb", "namespace": "storefront"}, "spec": spec}),
    );

    let (state, ledger) = (place.state(), place.ledger());
    let destroy = |more: &[&str]| place.run(&[&["destroy", "-auto-approve"], more].concat());
    destroy(&[]).expect(1).says("WL0408").says("Service storefront/lb (load balancer)").says("ConfigMap storefront/notes");
    destroy(&["-release-foreign"]).expect(1).says("WL0408").says("Namespace storefront of cluster.shop").says("ConfigMap storefront/notes");
    assert!(place.state() == state, "a refused plan writes nothing");
    assert_eq!(place.ledger(), ledger);
    assert!(kubectl.get(notes).is_some() && kubectl.get(balancer).is_some());

    kubectl.delete(notes);
    destroy(&[]).expect(1).says("-release-foreign");
    // Reviewed first: the saved plan holds the decision.
    for command in ["plan", "apply"] {
        place.run(&[command, "-release-foreign"]).expect(1).says("WL0500").says("-release-foreign needs -destroy");
    }
    place.run(&["plan", "-destroy", "-out=down.wlplan"]).expect(1).says("WL0408").says("-release-foreign");
    place.run(&["plan", "-destroy", "-release-foreign", "-out=down.wlplan"]).expect(0).says("Service storefront/lb");
    place.run(&["apply", "-release-foreign", "down.wlplan"]).expect(1).says("WL0500").says("go into the making of a plan");
    assert!(place.state() == state && kubectl.get(balancer).is_some(), "a plan writes nothing");
    place.run(&["apply", "down.wlplan"]).expect(0).says("Destroy complete!");
    assert!(place.ledger().is_empty(), "{:?}", place.ledger());
    assert!(place.objects().is_empty());
}
