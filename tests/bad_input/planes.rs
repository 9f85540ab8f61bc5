//! Management planes that do not answer, and kubeconfigs that open nothing.

use crate::refusal::Told::This;
use crate::refusal::{HINT, NO_FILE, Refusal};
use crate::repository;
use crate::support::Place;

const KUBECONFIG: &str = "apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: \"https://127.0.0.1:PORT\"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
";

/// The quickstart on a plane of its own, which `hub.kubeconfig` opens.
fn on_a_real_plane() -> Place {
    let place = Place::example("quickstart");
    let text = std::fs::read_to_string(place.path().join("main.wl.hcl")).expect("the example");
    let block = "\nmanagement \"hub\" {\n  kubeconfig           = \"hub.kubeconfig\"\n  component_repository = \"components\"\n  provider \"aws\" {\n    variables = { REGISTRY_TOKEN = \"none\" }\n  }\n}\n";
    repository::make(&place.path().join(repository::FOLDER), repository::Certificates::None);
    place.write("main.wl.hcl", format!("{text}{block}"));
    place.run(&["init"]).expect(0);
    place
}

/// A port that nobody listens on.
fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}

#[test]
fn a_kubeconfig_that_opens_nothing_is_a_fault_of_the_configuration() {
    let place = on_a_real_plane();
    let rows = [
        (None, "hub.kubeconfig is no file", "hint: set `kubeconfig` in the `management` block"),
        (Some(": [".to_owned()), "the kubeconfig is no valid YAML of that kind", "hint: name another file"),
        (Some("apiVersion: v1\nkind: Config\n".to_owned()), "has no current context; it has none", "hint: name another file"),
        (Some(KUBECONFIG.replace("current-context: x", "current-context: y")), "has no context \"y\"; it has x", "hint: name another file"),
        (
            Some(KUBECONFIG.replace("cluster: c,", "cluster: d,")),
            "names cluster \"d\", which has no server in it",
            "hint: name another file",
        ),
    ];
    for (text, fault, hint) in rows {
        if let Some(text) = text {
            place.write("hub.kubeconfig", text);
        }
        for command in [&["plan"][..], &["apply", "-auto-approve"], &["destroy", "-auto-approve"], &["drift"]] {
            Refusal { code: "WL0501", place: NO_FILE, hint: HINT, says: &["hub.kubeconfig", fault, hint], exit: 1 }.of(&place, command);
        }
    }
    assert!(!place.path().join(".windlass/sandbox").exists(), "nothing was started");
}

#[test]
fn a_plane_that_does_not_answer_is_left_out_and_nothing_is_written() {
    let place = on_a_real_plane();
    place.write("hub.kubeconfig", KUBECONFIG.replace("PORT", &closed_port().to_string()));
    let says = ["management.hub", "cluster.shop", "Connection refused", "hint: check that the API is up"];
    let refusal = Refusal { code: "WL0508", place: This("main.wl.hcl:96:1"), hint: HINT, says: &says, exit: 3 };
    let began = std::time::Instant::now();
    for command in [&["plan"][..], &["apply", "-auto-approve"]] {
        let done = refusal.of(&place, command);
        assert!(done.stdout.contains("management.hub: not planned (unreachable: "), "{}", done.stdout);
        assert!(!done.stdout.contains("complete!") && !done.stdout.contains("matches the configuration"), "{}", done.stdout);
    }
    assert!(began.elapsed().as_secs() < 40, "a refused connection is known within seconds");
    assert!(!place.path().join(".windlass/sandbox").exists(), "nothing was started");
}

#[test]
fn a_sandbox_that_ends_takes_nothing_of_the_next_one_with_it() {
    let place = Place::example("quickstart");
    for ending in [&["sandbox", "stop"][..], &["sandbox", "reset", "-auto-approve"], &["sandbox", "stop"]] {
        place.run(&["sandbox", "kubeconfig"]).expect(0).says("https://127.0.0.1:");
        place.run(ending).expect(0);
        assert!(!place.path().join(".windlass/sandbox/server.json").exists(), "its end is told only when it has ended");
    }
    place.run(&["sandbox", "kubeconfig"]).expect(0).says("https://127.0.0.1:");
    std::thread::sleep(std::time::Duration::from_millis(500));
    place.run(&["sandbox", "status"]).expect(0).says("The sandbox runs");
}
