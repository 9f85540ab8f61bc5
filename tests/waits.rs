//! What never comes is waited for, told, and not held against the cluster: exit 7, apply again goes on, destroy works; Ctrl-C lets steps end,
//! SIGTERM does not.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use support::small::{base, cluster};
use support::{Done, Place};

const SHORT: &str = "  timeouts {\n    wait = \"6s\"\n  }\n";
/// Longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(120);

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

#[test]
fn a_deployment_that_is_never_ready_stops_only_what_needs_it() {
    let addons = r#"
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
            spec     = { containers = [{ name = "main", image = "registry.example.com/broken:never-ready" }] }
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
    let place = Place::small(&[base(addons), cluster("shop", "  timeouts {\n    wait = \"15s\"\n  }\n")]);
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

/// An apply that has begun to work on something, and its lines so far.
fn begun(place: &Place, marker: &str) -> (Child, std::thread::JoinHandle<String>) {
    let mut child =
        place.command(&["apply", "-auto-approve"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut seen = String::new();
    for line in lines.by_ref().map_while(Result::ok) {
        seen.push_str(&line);
        seen.push('\n');
        if line.contains(marker) {
            break;
        }
    }
    assert!(seen.contains(marker), "{marker:?} did not come:\n{seen}");
    let rest = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            seen.push_str(&line);
            seen.push('\n');
        }
        seen
    });
    (child, rest)
}

fn interrupt(child: &Child) {
    signal(child, rustix::process::Signal::INT);
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).expect("the process is there");
}

/// The exit code of a process that has to end by itself.
#[track_caller]
fn ends(child: &mut Child) -> Option<i32> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("the process is there");
    panic!("it does not end");
}

#[test]
fn one_interrupt_lets_running_steps_end_and_apply_goes_on() {
    let place = Place::small(&[base(""), cluster("shop", "")]);
    let (mut child, lines) = begun(&place, "cluster.shop.control_plane: waiting for");
    interrupt(&child);
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
    let (mut child, lines) = begun(&place, "no providerID");
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().expect("a child can be asked").is_none(), "the first lets a running step end");
    interrupt(&child);
    let start = Instant::now();
    assert_eq!(ends(&mut child), Some(130));
    assert!(start.elapsed() < Duration::from_secs(10), "the second does not wait");
    drop(lines.join());
    assert_eq!(place.ledger().get("instance"), Some(&1));
    destroyed(&place);
}

#[test]
fn sigterm_stops_at_once_with_its_own_exit_code_and_apply_goes_on() {
    let place = Place::small(&[base(""), cluster("shop", "")]);
    let (mut child, lines) = begun(&place, "cluster.shop.control_plane: waiting for");
    let start = Instant::now();
    signal(&child, rustix::process::Signal::TERM);
    assert_eq!(ends(&mut child), Some(143));
    assert!(start.elapsed() < Duration::from_secs(10), "it does not wait for what is under way");
    let lines = lines.join().expect("the lines are read");
    assert!(lines.contains("Stopping at once.") && lines.contains("Apply again to go on."), "{lines}");
    place.run(&["apply", "-auto-approve"]).expect(0).says("An earlier run did not end. It goes on.");
    place.settled();
    assert_eq!(place.ledger().get("instance"), Some(&2));
    destroyed(&place);
}
