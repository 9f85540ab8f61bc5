//! Bad input beside a living cluster: all rows share one, and none of them changes it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use windlass_kube::kubeconfig::{Origin, client, read};

use crate::refusal::Told::This;
use crate::refusal::{HINT, NO_FILE, NOT_IN_FILE, Refusal, Told};
use crate::support::Place;

/// The applied quickstart.
struct Life {
    place: Place,
    text: String,
    ledger: BTreeMap<String, usize>,
}

impl Life {
    /// A command on a changed configuration must be refused; machines stay as they are.
    #[track_caller]
    fn refuses(&self, from: &str, to: &str, command: &[&str], refusal: &Refusal<'_>) -> String {
        assert!(self.text.contains(from), "{from:?} is not in the example");
        self.place.write("main.wl.hcl", self.text.replacen(from, to, 1));
        let told = refusal.of(&self.place, command).stderr;
        assert_eq!(self.place.ledger(), self.ledger);
        self.place.write("main.wl.hcl", &self.text);
        told
    }

    /// Everything from the cluster on is taken out of the configuration.
    fn without_cluster(&self) -> String {
        let (before, _) = self.text.split_once("cluster \"shop\" {").expect("the cluster");
        before.to_owned()
    }
}

#[test]
fn nothing_bad_reaches_a_living_cluster() {
    let place = Place::example("quickstart");
    while_another_applies(&place);
    place.settled();
    let text = std::fs::read_to_string(place.path().join("main.wl.hcl")).expect("the example");
    let ledger = place.ledger();
    assert_eq!(ledger.get("instance"), Some(&5));
    let life = Life { place, text, ledger };
    day_two(&life);
    a_stale_plan(&life);
    a_cluster_that_is_gone_from_the_configuration(&life);
    another_plane(&life);
    a_configuration_with_errors(&life);
    life.place.settled();
    protected(&life);
    a_sandbox_that_was_reset(&life);
}

/// The first apply holds the lock; a second one is told who has it.
fn while_another_applies(place: &Place) {
    place.run(&["init"]).expect(0);
    let mut first = place.spawn(&["apply", "-auto-approve"]);
    let began = Instant::now();
    while !std::fs::read_to_string(place.path().join("windlass.wlstate.lock")).is_ok_and(|owner| owner.contains("windlass")) {
        assert!(began.elapsed() < Duration::from_secs(120), "the lock was never held");
        std::thread::sleep(Duration::from_millis(5));
    }
    // The state is the first one's to change: it stands still meanwhile, with the lock in its hand.
    let id = Pid::from_child(&first);
    kill_process(id, Signal::STOP).expect("it runs");
    let says = ["process ", "hint: wait for it, or pass -lock-timeout=5m"];
    Refusal { code: "WL0504", place: NO_FILE, hint: HINT, says: &says, exit: 6 }.of(place, &["apply", "-auto-approve"]);
    kill_process(id, Signal::CONT).expect("it is there");
    assert!(first.wait().expect("it ran").success(), "the first apply is not disturbed");
}

/// Changes that this release recognises and does not make.
fn day_two(life: &Life) {
    let rows: &[(&str, &str, Told<'_>, &[&str], usize)] =
        &[("pivot    = true", "pivot    = false", This("main.wl.hcl:73:14"), &["cluster.shop: switching the pivot"], 2)];
    for (from, to, place, says, faults) in rows {
        let mut says = says.to_vec();
        says.push("hint: this release does not make that change in a living cluster");
        let told = life.refuses(from, to, &["plan"], &Refusal { code: "WL0403", place: *place, hint: HINT, says: &says, exit: 1 });
        assert_eq!(told.matches("Error[").count(), *faults, "{told}");
    }
    for (version, says) in [
        ("1.34.2", ["Kubernetes 1.34.3 does not go back to 1.34.2", "hint: ask for 1.34.3 or newer"]),
        ("1.36.0", ["Kubernetes 1.34.3 goes to 1.36.0 by way of 1.35, for which no version is given", "hops = [\"1.35.0\"]"]),
    ] {
        let refusal = Refusal { code: "WL0421", place: This("main.wl.hcl:27:15"), hint: HINT, says: &says, exit: 1 };
        life.refuses("\"1.34.3\"", &format!("{version:?}"), &["apply", "-auto-approve"], &refusal);
    }
    // What no release makes in a cluster that lives.
    let says =
        ["cloud.aws.main: `region` stays as it is", "`region` was \"eu-west-1\"", "hint: put the old value back; another value needs"];
    let refusal = Refusal { code: "WL0420", place: This("main.wl.hcl:12:12"), hint: HINT, says: &says, exit: 1 };
    life.refuses("\"eu-west-1\"", "\"eu-west-2\"", &["apply", "-auto-approve"], &refusal);
}

/// A field changes between plan and apply, by somebody else.
fn a_stale_plan(life: &Life) {
    let place = &life.place;
    edit(place, "seen");
    place.run(&["plan", "-out=p.wlplan", "-detailed-exitcode"]).expect(2).says("changed outside of windlass by kubectl-edit");
    edit(place, "unseen");
    let says = [
        "ConfigMap kube-flannel/kube-flannel-cfg on cluster.shop",
        "data[\"net-conf.json\"] was \"seen\", is \"unseen\"",
        "hint: make a new plan and review it",
    ];
    let done = Refusal { code: "WL0507", place: NO_FILE, hint: HINT, says: &says, exit: 5 }.of(place, &["apply", "p.wlplan"]);
    assert!(done.stdout.contains("Nothing has been changed."), "{}", done.stdout);
    assert_eq!(place.ledger(), life.ledger);
    place.run(&["drift"]).expect(2).says("unseen");
    // Nobody can approve, so nothing happens; approved, the drift is repaired.
    let says = ["the plan needs approval, and nobody can answer", "hint: -auto-approve approves it"];
    Refusal { code: "WL0514", place: NO_FILE, hint: HINT, says: &says, exit: 1 }.of(place, &["apply"]);
    Refusal { code: "WL0514", place: NO_FILE, hint: HINT, says: &says, exit: 1 }.of(place, &["apply", "-input=false"]);
    place.run(&["drift"]).expect(2).says("unseen");
    place.apply();
    place.settled();
    // A run has changed the state since: the plan is of the past.
    let says = ["the plan was made from state serial", "hint: make a new plan and review it"];
    Refusal { code: "WL0507", place: NO_FILE, hint: HINT, says: &says, exit: 5 }.of(place, &["apply", "p.wlplan"]);
}

/// What `kubectl edit` sends.
fn edit(place: &Place, value: &str) {
    let kubeconfig = place.run(&["kubeconfig", "shop"]).expect(0).stdout;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let edited = runtime.block_on(async {
        let config = read(&kubeconfig, Origin::User).expect("a kubeconfig");
        let maps: Api<ConfigMap> = Api::namespaced(client(config, None).await.expect("a client"), "kube-flannel");
        let patch = Patch::Merge(json!({"data": {"net-conf.json": value}}));
        maps.patch("kube-flannel-cfg", &PatchParams { field_manager: Some("kubectl-edit".into()), ..PatchParams::default() }, &patch).await
    });
    edited.expect("the plane takes it");
}

fn a_cluster_that_is_gone_from_the_configuration(life: &Life) {
    let (place, without) = (&life.place, life.without_cluster());
    let says = ["the plan destroys cluster.shop, which -auto-approve does not cover", "hint: -allow-destroy='cluster.shop' allows it"];
    let refusal = Refusal { code: "WL0514", place: NO_FILE, hint: HINT, says: &says, exit: 1 };
    life.refuses(&life.text, &without, &["apply", "-auto-approve"], &refusal);
    let says = ["Warning: -allow-destroy=cluster.other: neither the configuration nor the state has this cluster.", says[0]];
    let refusal = Refusal { says: &says, ..refusal };
    life.refuses(&life.text, &without, &["apply", "-auto-approve", "-allow-destroy=other"], &refusal);
    let says = ["cluster.shop can be destroyed and is not abandoned", "Its API answers.", "hint: `windlass destroy` takes it down"];
    Refusal { code: "WL0417", place: NO_FILE, hint: HINT, says: &says, exit: 1 }
        .of(place, &["destroy", "-auto-approve", "-abandon=cluster.shop"]);
    let says = ["the plan needs approval, and nobody can answer"];
    Refusal { code: "WL0514", place: NO_FILE, hint: HINT, says: &says, exit: 1 }.of(place, &["destroy"]);
    for (command, code, says) in [
        (&["state", "show", "cluster.shap"][..], "WL0516", "hint: did you mean `cluster.shop`?"),
        (&["output", "nothing"], "WL0516", "the state holds no output \"nothing\""),
        (&["kubeconfig", "other"], "WL0516", "the state holds no cluster \"other\""),
        (&["plan", "-replace=cluster.shap"], "WL0403", "hint: did you mean `cluster.shop`?"),
        (&["plan", "-refresh=false"], "WL0500", "a plan always looks at what lives"),
        (&["plan", "-kubeconfig-dir=nowhere"], "WL0500", "nowhere is no folder"),
        (&["plan", "-target=cluster.shop"], "WL0211", "hint: plan the whole configuration"),
    ] {
        Refusal { code, place: NO_FILE, hint: HINT, says: &[says], exit: 1 }.of(place, command);
    }
    assert_eq!(place.ledger(), life.ledger);
}

/// The state belongs to the sandbox.
fn another_plane(life: &Life) {
    let block = "management \"hub\" {\n  kubeconfig        = \"hub.kubeconfig\"\n  install_providers = false\n}\n\ncluster \"shop\" {";
    let says =
        ["the state was made on management.sandbox, the configuration names management.hub", "Nothing has been written.", "-state=FILE"];
    for command in [&["plan"][..], &["apply", "-auto-approve"], &["destroy", "-auto-approve"], &["drift"]] {
        life.refuses("cluster \"shop\" {", block, command, &Refusal { code: "WL0405", place: NO_FILE, hint: HINT, says: &says, exit: 1 });
    }
}

/// Who only looks needs the management plane, and the state knows the sandbox.
fn a_configuration_with_errors(life: &Life) {
    let place = &life.place;
    for text in ["cluster \"shop\" {\n", "variable \"needed\" {\n  type = string\n}\n"] {
        place.write("main.wl.hcl", text);
        for command in [&["drift"][..], &["kubeconfig", "shop"]] {
            place.run(command).expect(0).says("the configuration has errors, which do not matter here");
        }
        place.run(&["plan"]).expect(1);
    }
    std::fs::remove_file(place.path().join("main.wl.hcl")).expect("it is there");
    place.run(&["kubeconfig", "shop"]).expect(0).says("clusters");
    place.write("main.wl.hcl", &life.text);
}

/// `prevent_destroy` is kept in the state: it holds when the block is gone.
fn protected(life: &Life) {
    let place = &life.place;
    let block = "pivot    = true\n  lifecycle {\n    prevent_destroy = true\n  }";
    place.replace("main.wl.hcl", "pivot    = true", block);
    place.run(&["plan", "-detailed-exitcode"]).expect(2).says("lifecycle.prevent_destroy: false -> true");
    place.apply();
    let says = ["cluster.shop is protected and would be destroyed", "with prevent_destroy = false first"];
    Refusal { code: "WL0404", place: This("main.wl.hcl:70:1"), hint: HINT, says: &says, exit: 1 }.of(place, &["destroy", "-auto-approve"]);
    place.write("main.wl.hcl", life.without_cluster());
    for command in [&["destroy", "-auto-approve"][..], &["plan"], &["apply", "-auto-approve", "-allow-destroy=cluster.shop"]] {
        Refusal { code: "WL0404", place: NOT_IN_FILE, hint: HINT, says: &says, exit: 1 }.of(place, command);
    }
    assert_eq!(place.ledger(), life.ledger);
    place.write("main.wl.hcl", &life.text);
}

/// Another world under the same state.
fn a_sandbox_that_was_reset(life: &Life) {
    let place = &life.place;
    let refusal = Refusal {
        code: "WL0514",
        place: NO_FILE,
        hint: HINT,
        says: &["the sandbox was not reset", "hint: -auto-approve approves it"],
        exit: 1,
    };
    refusal.of(place, &["sandbox", "reset"]);
    assert_eq!(place.ledger(), life.ledger);
    place.run(&["sandbox", "reset", "-auto-approve"]).expect(0);
    let says =
        ["management.sandbox is not the plane that this state was made with", "hint: check the kubeconfig; a state belongs to its planes"];
    for command in [&["plan"][..], &["apply", "-auto-approve"], &["destroy", "-auto-approve"], &["drift"]] {
        Refusal { code: "WL0405", place: NO_FILE, hint: HINT, says: &says, exit: 1 }.of(place, command);
    }
    assert!(place.ledger().is_empty(), "nothing was made in the new world");
}
