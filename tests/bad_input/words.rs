//! Command lines that are not ours: words of Terraform, flags that do not exist, questions that nobody can answer.

use crate::refusal::{HINT, NO_FILE, Refusal, nothing_was_begun};
use crate::support::Place;

#[test]
fn words_of_terraform_are_answered_with_our_way() {
    let place = Place::empty();
    place.write("main.wl.hcl", "output \"x\" {\n  value = 1\n}\n");
    let rows: &[(&[&str], &str, &str)] = &[
        (&["taint", "cluster.shop"], "windlass has no `taint`", "hint: use `windlass apply -replace=ADDR`"),
        (&["workspace", "list"], "windlass has no `workspace`", "hint: an environment is a state file and a variable file"),
        (&["force-unlock", "1"], "windlass has no `force-unlock`", "hint: a lock is freed by the operating system"),
        (&["plan", "-refresh-only"], "windlass has no `-refresh-only`", "hint: `windlass drift` shows"),
        (&["state", "rm", "cluster.shop"], "windlass has no `state rm`", "hint: not supported by this release yet"),
        (&["validate", "-json"], "windlass has no `validate -json`", "hint: not supported by this release yet"),
        (&["init", "-upgrade"], "windlass has no `init -upgrade`", "hint: the providers belong to the release"),
        (&["apply", "--refresh-only"], "windlass has no `-refresh-only`", "hint: `windlass drift` shows"),
    ];
    for (command, fault, hint) in rows {
        Refusal { code: "WL0517", place: NO_FILE, hint: HINT, says: &[fault, hint], exit: 1 }.of(&place, command);
    }
    let rows: &[(&[&str], &str)] = &[
        (&["plna"], "'plan'"),
        (&["plan", "-count=3"], "unexpected argument '-count'"),
        (&["apply", "-lock-timeout=soon", "-auto-approve"], "\"soon\" is no duration"),
        (&["destroy", "-lock-timeout=soon", "-auto-approve"], "\"soon\" is no duration"),
        (&["apply", "-lock-timeout=5µ", "-auto-approve"], "\"5µ\" is no duration"),
        (&["plan", "-var", "x"], "-var needs NAME=VALUE"),
        (&["apply", "-plan-digest=sha256:0"], "-plan-digest needs a saved plan"),
        (&["apply", "-parallelism=0", "-auto-approve"], "at least one step must be allowed"),
        (&["destroy", "-parallelism=0", "-auto-approve"], "at least one step must be allowed"),
        (&["plan", "-parallelism=many"], "invalid digit"),
        (&["plan", "-lock-timeout=abc"], "\"abc\" is no duration"),
        (&["plan", "-detailed-exitcode=maybe"], "'maybe'"),
        (&["apply", "-destroy", "-replace=cluster.shop", "-auto-approve"], "-replace=cluster.shop does not go with -destroy"),
        (&["plan", "-destroy", "-replace=cluster.shop"], "-replace=cluster.shop does not go with -destroy"),
    ];
    for (command, fault) in rows {
        Refusal { code: "WL0500", place: NO_FILE, hint: HINT, says: &[fault], exit: 1 }.of(&place, command);
    }
}

#[test]
fn folders_and_files_that_are_not_there_are_named() {
    let place = Place::empty();
    Refusal { code: "WL0502", place: NO_FILE, hint: HINT, says: &["holds no *.wl.hcl file", "hint: name the folder with -chdir"], exit: 1 }
        .of(&place, &["plan"]);
    Refusal { code: "WL0501", place: NO_FILE, hint: HINT, says: &["nowhere is no folder", "hint: -chdir names"], exit: 1 }
        .of(&place, &["plan", "-chdir=nowhere"]);
    // The last of repeated flags counts.
    Refusal { code: "WL0501", place: NO_FILE, hint: HINT, says: &["nowhere is no folder"], exit: 1 }
        .of(&place, &["-chdir=nowhere", "plan"]);
    place.write("main.wl.hcl", "output \"x\" {\n  value = 1\n}\n");
    place.run(&["validate", "-no-color=true", "-compact-warnings=false"]).expect(0);
    let says = ["plan.wlplan cannot be read", "hint: `windlass plan -out=FILE` makes a plan"];
    Refusal { code: "WL0501", place: NO_FILE, hint: HINT, says: &says, exit: 1 }.of(&place, &["apply", "plan.wlplan"]);
    let says = ["does not exist", "hint: `windlass init`, `plan` or `apply` creates it"];
    for command in [&["show"][..], &["output"], &["state", "list"], &["drift"], &["kubeconfig", "shop"], &["plan", "-destroy", "-out=p"]] {
        Refusal { code: "WL0503", place: NO_FILE, hint: HINT, says: &says, exit: 1 }.of(&place, command);
    }
    // A state that is named must be there, above all for what would take down what it holds.
    let says = ["typo.wlstate does not exist"];
    for command in [&["destroy", "-auto-approve"][..], &["apply", "-destroy", "-auto-approve"], &["plan", "-destroy"], &["drift"]] {
        let command = [command, &["-state=typo.wlstate"]].concat();
        Refusal { code: "WL0503", place: NO_FILE, hint: HINT, says: &says, exit: 1 }.of(&place, &command);
    }
    for command in [&["destroy", "-auto-approve"][..], &["apply", "-destroy"], &["plan", "-destroy"]] {
        place.run(command).expect(0).says("windlass.wlstate, so there is nothing to destroy");
    }
    assert!(!place.path().join("typo.wlstate").exists() && !place.path().join("typo.wlstate.lock").exists());
    nothing_was_begun(&place);
    place.run(&["init"]).expect(0);
    let says = ["nowhere/p cannot be written", "hint: -out names a file in a folder that is there"];
    Refusal { code: "WL0501", place: NO_FILE, hint: HINT, says: &says, exit: 1 }.of(&place, &["plan", "-out=nowhere/p"]);
}
