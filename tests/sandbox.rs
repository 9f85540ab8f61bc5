//! The sandbox as a thing that breaks: its process is killed in the middle of everything, its machines and requests fail on demand.

#[path = "support/running.rs"]
mod running;
mod support;

use running::{begun, ends, kill_sandbox, signal};
use rustix::process::Signal;
use support::Place;
use support::small::{base, cluster};

const FAULTS: &str = "WL_SANDBOX_FAULTS";

#[track_caller]
fn destroyed(place: &Place) {
    place.run(&["destroy", "-auto-approve"]).expect(0);
    assert!(place.ledger().is_empty(), "{:?}", place.ledger());
    assert!(place.objects().is_empty());
}

#[test]
fn the_server_is_killed_in_the_middle_and_the_next_command_brings_it_back() {
    let place = Place::example("quickstart");
    let kubeconfig = place.run(&["sandbox", "kubeconfig"]).expect(0).stdout;
    // A copy of the folder has a sandbox of its own, which cannot run beside the original's.
    let twin = Place::empty();
    let copied = std::process::Command::new("cp").arg("-r").arg(place.path().join(".")).arg(twin.path()).status();
    assert!(copied.is_ok_and(|status| status.success()));
    twin.run(&["sandbox", "kubeconfig"]).expect(1).says("is a copy of").says("sandbox reset");
    twin.run(&["sandbox", "reset", "-auto-approve"]).expect(0);
    assert_eq!(place.run(&["sandbox", "kubeconfig"]).expect(0).stdout, kubeconfig);
    assert_ne!(twin.run(&["sandbox", "kubeconfig"]).expect(0).stdout, kubeconfig);
    // With the engine, early and late.
    for marker in ["cluster.shop.control_plane: waiting for", "cluster.shop.pivot"] {
        let (mut child, lines) = begun(&place, "apply", marker);
        kill_sandbox(&place);
        signal(&child, Signal::KILL);
        assert_eq!(ends(&mut child), None);
        drop(lines.join());
    }
    // Without the engine, which brings it back by itself, and finds it again where it was.
    let (mut child, lines) = begun(&place, "apply", "cluster.shop.");
    kill_sandbox(&place);
    let code = ends(&mut child);
    assert_eq!(place.run(&["sandbox", "kubeconfig"]).expect(0).stdout, kubeconfig, "the same port, the same CA, the same rights");
    assert_eq!(code, Some(0), "{}", lines.join().expect("the lines are read"));
    assert_eq!(place.ledger().get("instance"), Some(&5), "none is lost, none is made twice");
    place.settled();
    place.run(&["drift"]).expect(0);

    for marker in ["cluster.shop.pivot", "cluster.shop: "] {
        let (mut child, lines) = begun(&place, "destroy", marker);
        kill_sandbox(&place);
        signal(&child, Signal::KILL);
        assert_eq!(ends(&mut child), None);
        drop(lines.join());
    }
    destroyed(&place);
    let status = place.run(&["sandbox", "status"]).expect(0);
    assert!(!status.stdout.contains("i-"), "{}", status.stdout);
}

#[test]
fn machines_that_never_come_are_waited_for_and_come_when_they_may() {
    for (faults, instances) in [("no-capacity=100", 0), ("never-boot=100", 1)] {
        let place = Place::small(&[base(""), cluster("late", "  timeouts {\n    wait = \"8s\"\n  }\n")]);
        let done = place.run_with(&["apply", "-auto-approve"], &[(FAULTS, faults)]).expect(7).says("API of cluster.late");
        // What stands nearest to the root is told first: waits are cut behind.
        let first = if instances == 0 { "the API of cluster.late: AWSMachine late-" } else { "the API of cluster.late: Machine late-" };
        let said = done.stderr.split_once(first).map(|(_, said)| said).unwrap_or_else(|| panic!("{first:?} is missing in {}", done.stderr));
        if instances == 0 {
            let place_of = |words: &str| said.find(words).unwrap_or(usize::MAX);
            assert!(place_of("InsufficientInstanceCapacity") < place_of("Connection refused").min(200), "{said}");
        }
        assert_eq!(place.ledger().get("instance").copied().unwrap_or_default(), instances);
        let machines = "/apis/infrastructure.cluster.x-k8s.io/v1beta2/namespaces/late/awsmachines";
        let told = place.kubectl_on_management().get(machines).expect("the kind is there").to_string();
        assert_eq!(told.contains("InsufficientInstanceCapacity"), instances == 0, "{told}");
        place.run(&["sandbox", "stop"]).expect(0);
        if instances == 0 {
            destroyed(&place);
            continue;
        }
        place.replace("main.wl.hcl", "wait = \"8s\"", "wait = \"5m\"");
        place.apply();
        place.settled();
        assert_eq!(place.ledger().get("instance"), Some(&2));
        destroyed(&place);
    }
}

#[test]
fn failing_requests_and_ending_watches_change_nothing_but_the_time() {
    let place = Place::small(&[base(""), cluster("shop", "")]);
    let faults = [(FAULTS, "seed=3,api-busy=2,api-error=2,api-conflict=1,api-close=1,api-lost=1,api-watch=20")];
    place.run_with(&["apply", "-auto-approve"], &faults).expect(0);
    place.run(&["sandbox", "stop"]).expect(0);
    place.settled();
    assert_eq!(place.ledger().get("instance"), Some(&2));
    destroyed(&place);
}

#[test]
fn settings_that_cannot_be_read_are_refused_before_anything_is_started() {
    let place = Place::small(&[base(""), cluster("shop", "")]);
    for (variable, value, words) in [
        (FAULTS, "never-boots=5", "there is no fault \"never-boots\""),
        (FAULTS, "api-error=5 %", "\"5 %\" is no percentage"),
        ("WL_SANDBOX_SPEED", "fast", "must be a number from 0"),
    ] {
        let done = place.run_with(&["apply", "-auto-approve"], &[(variable, value)]).expect(1).says(variable).says(words);
        assert!(done.stderr.contains("WL"), "a code: {}", done.stderr);
        assert!(!place.path().join(".windlass/sandbox/server.json").exists(), "nothing was started");
    }
}
