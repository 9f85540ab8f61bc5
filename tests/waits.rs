//! What never comes is waited for, told, and not held against the cluster: exit 7, apply again goes on, destroy works; Ctrl-C lets steps end,
//! SIGTERM does not.

#[path = "support/running.rs"]
mod running;
mod support;

use std::time::{Duration, Instant};

use running::{begun, ends, signal};
use rustix::process::Signal;
use support::small::{base, cluster};
use support::{Done, Place};

const SHORT: &str = "  timeouts {\n    wait = \"6s\"\n  }\n";

/// Applies until the cluster stands still for these reasons: on a slow machine an earlier step may take longer than the timeout.
#[track_caller]
fn times_out(place: &Place, reasons: &[&str]) -> Done {
    for _ in 0..8 {
        let done = place.run(&["apply", "-auto-approve"]).expect(7);
        if reasons.iter().all(|reason| done.stderr.contains(reason) || done.stdout.contains(reason)) {
            return done;
        }
    }
    panic!("it does not say {reasons:?}");
}

/// Destroys; on a slow machine a deletion may take longer than the timeout, which is "apply again" here, too.
#[track_caller]
fn destroyed(place: &Place) {
    for _ in 0..8 {
        let done = place.run(&["destroy", "-auto-approve"]);
        if done.code != Some(7) {
            done.expect(0);
            break;
        }
    }
    assert!(place.ledger().is_empty(), "{:?}", place.ledger());
    assert!(place.objects().is_empty());
}

/// A cluster that stands still says why, keeps what it has, says the same again, and can be destroyed.
#[track_caller]
fn stands_still(place: &Place, reasons: &[&str]) {
    times_out(place, reasons);
    let (objects, machines) = (place.objects(), place.ledger());
    assert_eq!(machines.get("instance"), Some(&1), "{machines:?}");
    assert!(objects.iter().any(|object| object.contains("control_plane")), "{objects:?}");
    times_out(place, reasons);
    assert_eq!((place.objects(), place.ledger()), (objects, machines), "nothing is lost and nothing is made twice");
    place.run(&["plan", "-detailed-exitcode"]).expect(2).says("0 to destroy.");
    destroyed(place);
}

#[test]
fn without_the_cloud_controller_nodes_get_no_provider_id_and_the_saga_says_so() {
    let place = Place::small(&[base("  cloud_controller {\n    enabled = false\n  }"), cluster("late", SHORT)]);
    stands_still(&place, &["has no providerID yet", "Node "]);
}

#[test]
fn without_the_network_nodes_are_not_ready_and_the_saga_says_so() {
    let place = Place::small(&[base(""), cluster("late", SHORT)]);
    let text = std::fs::read_to_string(place.path().join("network/flannel.yaml")).expect("the layer is there");
    let kept: Vec<&str> = text.split("---\n").filter(|document| !document.contains("kind: DaemonSet")).collect();
    place.write("network/flannel.yaml", kept.join("---\n"));
    stands_still(&place, &["cni plugin not initialized", "Node "]);
}

/// An addon whose Deployment selects the label and runs an image with this tag, one that needs it, and one that does not.
fn broken_addon(image: &str) -> String {
    let text = r#"
  addon "broken" {
    objects = [
      { apiVersion = "v1", kind = "Namespace", metadata = { name = "broken" } },
      {
        apiVersion = "apps/v1"
        kind       = "Deployment"
        metadata   = { name = "broken", namespace = "broken" }
        spec = {
          selector = { matchLabels = { app = "broken" } }
          template = {
            metadata = { labels = { app = "broken" } }
            spec     = { containers = [{ name = "main", image = "IMAGE" }] }
          }
        }
      },
    ]
  }
  addon "after" {
    manifests  = ["${path.module}/platform/*.yaml"]
    depends_on = [addon.broken]
  }
  addon "beside" {
    objects = [{ apiVersion = "v1", kind = "Namespace", metadata = { name = "beside" } }]
  }
"#;
    text.replace("IMAGE", image)
}

#[test]
fn a_deployment_that_is_never_ready_stops_only_what_needs_it() {
    let place = Place::small(&[
        base(&broken_addon("registry.example.com/broken:never-ready")),
        cluster("shop", "  timeouts {\n    wait = \"15s\"\n  }\n"),
    ]);
    let done = times_out(&place, &["Deployment broken/broken"]);
    let told = |done: &Done, text: &str| done.stdout.contains(text) || done.stderr.contains(text);
    assert!(told(&done, "layer[\"after\"]"), "what was left out is told:\n{}\n{}", done.stdout, done.stderr);
    let kubectl = place.kubectl("shop");
    assert!(kubectl.get("/api/v1/namespaces/beside").is_some(), "an independent layer goes on");
    assert!(kubectl.get("/api/v1/namespaces/platform").is_none(), "a layer that needs it does not");
    let machines = place.ledger();
    times_out(&place, &["Deployment broken/broken"]);
    assert_eq!(place.ledger(), machines);
    // The configuration is mended before the layer was ever ready; apply goes on where it stopped.
    place.replace("main.wl.hcl", "broken:never-ready", "broken:2");
    place.apply();
    place.settled();
    assert!(kubectl.get("/api/v1/namespaces/platform").is_some());
    assert_eq!(place.ledger(), machines);
    destroyed(&place);
}

#[test]
fn a_layer_that_the_api_refuses_fails_at_once_and_stops_only_what_needs_it() {
    // The timeout is the usual hour: nobody waits for it.
    let place = Place::small(&[base(&broken_addon("")), cluster("shop", "")]);
    let done = place.run(&["apply", "-auto-approve"]).expect(1);
    let words =
        ["cluster.shop.layer[\"broken\"]", "Deployment broken/broken", "spec.template.spec.containers[0].image", "layer[\"after\"]"];
    let done = words.iter().fold(done, |done, words| done.says(words));
    assert!(!done.stdout.contains("Apply complete!"));
    let kubectl = place.kubectl("shop");
    let layer = kubectl.get("/apis/agent.windlass.dev/v1alpha1/namespaces/windlass-system/layers/broken").expect("it is handed over");
    let stalled = layer["status"]["conditions"].as_array().into_iter().flatten().find(|condition| condition["type"] == "Stalled");
    assert!(stalled.is_some_and(|stalled| stalled["message"].as_str().is_some_and(|text| text.contains("Deployment broken/broken"))));
    assert!(kubectl.get("/api/v1/namespaces/beside").is_some(), "an independent layer goes on");
    assert!(kubectl.get("/api/v1/namespaces/platform").is_none(), "a layer that needs it does not");
    place.run(&["apply", "-auto-approve"]).expect(1).says("spec.template.spec.containers[0].image");

    place.replace("main.wl.hcl", "image = \"\"", "image = \"registry.example.com/broken:2\"");
    place.apply();
    place.settled();
    assert!(kubectl.get("/api/v1/namespaces/platform").is_some());
    destroyed(&place);
}

#[test]
fn one_interrupt_lets_running_steps_end_and_apply_goes_on() {
    let place = Place::small(&[base(""), cluster("shop", "")]);
    let (mut child, lines) = begun(&place, "apply", "cluster.shop.control_plane: waiting for");
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    let lines = lines.join().expect("the lines are read");
    // What had started has ended before the process did.
    for line in lines.lines().filter(|line| line.ends_with("...")) {
        let step = line.trim_end_matches("...");
        let ended = |other: &str| other.starts_with(step) && other.contains(" after ");
        assert!(lines.lines().any(ended), "{step} has not ended:\n{lines}");
    }
    place.apply();
    place.settled();
    assert_eq!(place.ledger().get("instance"), Some(&2));
    destroyed(&place);
}

#[test]
fn two_interrupts_stop_at_once_and_apply_goes_on() {
    let place = Place::small(&[base("  cloud_controller {\n    enabled = false\n  }"), cluster("shop", "")]);
    let (mut child, lines) = begun(&place, "apply", "no providerID");
    signal(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().expect("a child can be asked").is_none(), "the first lets a running step end");
    signal(&child, Signal::INT);
    let start = Instant::now();
    assert_eq!(ends(&mut child), Some(130));
    assert!(start.elapsed() < Duration::from_secs(10), "the second does not wait");
    let lines = lines.join().expect("the lines are read");
    assert!(lines.contains(" 0 failed, ") && lines.contains(" stopped, "), "a stopped step has not failed:\n{lines}");
    assert!(lines.contains("stopped cluster.shop"), "it is named:\n{lines}");
    assert_eq!(place.ledger().get("instance"), Some(&1));
    destroyed(&place);
}

#[test]
fn sigterm_stops_at_once_with_its_own_exit_code_and_apply_goes_on() {
    let place = Place::small(&[base(""), cluster("shop", "")]);
    let (mut child, lines) = begun(&place, "apply", "cluster.shop.control_plane: waiting for");
    let start = Instant::now();
    signal(&child, Signal::TERM);
    assert_eq!(ends(&mut child), Some(143));
    assert!(start.elapsed() < Duration::from_secs(10), "it does not wait for what is under way");
    let lines = lines.join().expect("the lines are read");
    assert!(lines.contains("Stopping at once.") && lines.contains("Apply again to go on."), "{lines}");
    assert!(lines.contains(" 0 failed, ") && lines.contains(" stopped, "), "a stopped step has not failed:\n{lines}");
    let done = place.run(&["apply", "-auto-approve"]).expect(0).says("An earlier run did not end. It goes on.").says("Apply complete!");
    assert!(!done.stdout.contains("0 added"), "the last words are those of the run: {}", done.stdout);
    place.settled();
    assert_eq!(place.ledger().get("instance"), Some(&2));
    destroyed(&place);
}
