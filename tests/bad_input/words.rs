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
    place.write("main.wl.hcl", "output \"x\" {\n  value = 1\n}\n");
    let says = ["plan.wlplan cannot be read", "hint: `windlass plan -out=FILE` makes a plan"];
    Refusal { code: "WL0501", place: NO_FILE, hint: HINT, says: &says, exit: 1 }.of(&place, &["apply", "plan.wlplan"]);
    let says = ["does not exist", "hint: `windlass init`, `plan` or `apply` creates it"];
    for command in [&["show"][..], &["output"], &["state", "list"], &["drift"]] {
        Refusal { code: "WL0503", place: NO_FILE, hint: HINT, says: &says, exit: 1 }.of(&place, command);
    }
    nothing_was_begun(&place);
}
