//! State files that are no state, or not whole, or newer, or on a full disk; plan files of which a byte was changed.

use std::process::Stdio;

use crate::refusal::Told::{No, This};
use crate::refusal::{HINT, NO_FILE, Refusal, Told};
use crate::support::Place;

/// A folder with a fresh state, and its bytes.
fn initialised() -> (Place, Vec<u8>) {
    let place = Place::example("quickstart");
    place.run(&["init"]).expect(0);
    let state = place.state();
    assert!(state.len() > 4096, "{}", state.len());
    (place, state)
}

#[test]
fn a_state_that_is_not_whole_is_never_taken_for_an_empty_one() {
    let (place, good) = initialised();
    let mut torn = good.clone();
    torn.iter_mut().skip(100).step_by(7).for_each(|byte| *byte ^= 0x55);
    let mut newer = good.clone();
    newer.splice(60..64, 99u32.to_be_bytes());
    let mut foreign = good.clone();
    foreign.splice(68..72, [0; 4]);
    let mut text = b"{\"version\": 4, \"terraform_version\": \"1.11.4\"}\n".to_vec();
    text.resize(500, b' ');
    let restore = "put back a copy";
    let rows: [(&[u8], &str, &str); 7] = [
        (&torn, "is damaged", restore),
        (&good[..good.len() / 2], "is damaged: it has ", restore),
        (&good[..10], "is damaged: it ends after 10 bytes", restore),
        (b"", "is empty (0 bytes)", "hint: an empty file is never taken for an empty world"),
        (&text, "is not a windlass state", "hint: -state or WL_STATE names the right file"),
        (&foreign, "is a SQLite file, but not a windlass state", "hint: -state or WL_STATE names the right file"),
        (&newer, "has format 99; this windlass knows formats up to ", "hint: use the windlass that wrote it, or a newer one"),
    ];
    for (bytes, fault, hint) in rows {
        place.write("windlass.wlstate", bytes);
        for command in
            [&["plan"][..], &["apply", "-auto-approve"], &["destroy", "-auto-approve"], &["drift"], &["show"], &["kubeconfig", "shop"]]
        {
            Refusal { code: "WL0503", place: NO_FILE, hint: HINT, says: &[fault, hint], exit: 1 }.of(&place, command);
        }
    }
    std::fs::remove_file(place.path().join("windlass.wlstate")).expect("it is there");
    std::fs::create_dir(place.path().join("windlass.wlstate")).expect("a folder can be made");
    Refusal { code: "WL0503", place: NO_FILE, hint: HINT, says: &["is not a file"], exit: 1 }.of(&place, &["apply", "-auto-approve"]);
    assert!(!place.path().join(".windlass/sandbox").exists(), "nothing was started");
}

#[test]
fn a_damaged_plan_is_refused_whatever_byte_it_is() {
    let (place, _) = initialised();
    place.run(&["plan", "-out=good.wlplan"]).expect(0);
    place.run(&["sandbox", "stop"]).expect(0);
    let good = std::fs::read(place.path().join("good.wlplan")).expect("the plan");
    place.run(&["show", "good.wlplan"]).expect(0).says("14 to add");
    // Every byte of a small plan is walked in `plan::file`; here some of a large one, then a few through the binary.
    let last = good.len() - 1;
    let mut bad = good.clone();
    for position in (0..=last).step_by(last / 100) {
        for change in [1, 2, 0x20, 0x80] {
            bad[position] = good[position] ^ change;
            assert!(windlass_core::plan::file::from_bytes(&bad).is_err(), "byte {position} ^ {change}");
        }
        bad[position] = good[position];
    }
    for position in [0, last / 3, last / 2, last] {
        let mut bad = good.clone();
        bad[position] ^= 1;
        place.write("bad.wlplan", &bad);
        let hint = "hint: make the plan again with `windlass plan -out`; nothing has been written";
        Refusal { code: "WL0506", place: NO_FILE, hint: HINT, says: &["bad.wlplan", hint], exit: 1 }.of(&place, &["apply", "bad.wlplan"]);
    }
    for bad in [&good[..good.len() / 2], b"", b"{}"] {
        place.write("bad.wlplan", bad);
        Refusal { code: "WL0506", place: NO_FILE, hint: HINT, says: &["bad.wlplan"], exit: 1 }.of(&place, &["apply", "bad.wlplan"]);
        Refusal { code: "WL0506", place: NO_FILE, hint: HINT, says: &["bad.wlplan"], exit: 1 }.of(&place, &["show", "bad.wlplan"]);
    }
    assert!(!place.path().join("windlass.wlstate-wal").exists(), "nothing was written");
    // A plan that was edited with care carries a digest that fits it; only one that travels another way finds it.
    let digest = format!("-plan-digest=sha256:{}", "0".repeat(64));
    let says = ["good.wlplan is not the plan that was reviewed", "hint: apply the file that was reviewed"];
    Refusal { code: "WL0506", place: NO_FILE, hint: HINT, says: &says, exit: 1 }.of(&place, &["apply", &digest, "good.wlplan"]);
    // A plan belongs to the state that it was made from.
    place.run(&["init", "-state=other.wlstate"]).expect(0);
    let says = ["the plan was made for another state", "hint: apply it with the state file that it was made from"];
    Refusal { code: "WL0507", place: NO_FILE, hint: HINT, says: &says, exit: 5 }
        .of(&place, &["apply", "-state=other.wlstate", "good.wlplan"]);
    assert!(place.ledger().is_empty(), "nothing was made");
}

#[test]
fn a_full_disk_is_told_and_costs_nothing() {
    let (place, _) = initialised();
    place.run(&["sandbox", "kubeconfig"]).expect(0);
    let before = place.snapshot();
    // Files may grow to 100 kB: the state opens, and the run's own row does not fit any more.
    let arguments = place.command(&["apply", "-auto-approve"]);
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -f 200; trap '' XFSZ; exec \"$0\" \"$@\""]).arg(arguments.get_program()).args(arguments.get_args());
    limited.env_clear().stdin(Stdio::null());
    for (name, value) in arguments.get_envs() {
        limited.env(name, value.unwrap_or_default());
    }
    let done = limited.output().expect("sh runs").into();
    let says = ["the state could not be written", "hint: make room or fix the folder, then apply again"];
    Refusal { code: "WL0505", place: NO_FILE, hint: HINT, says: &says, exit: 1 }.check(&place, done, &before);
    assert!(place.ledger().is_empty(), "nothing was made");
}

#[test]
fn lock_files_and_variable_files_that_cannot_be_read_are_told() {
    let (place, _) = initialised();
    let lock = std::fs::read_to_string(place.path().join(".windlass.lock.hcl")).expect("the lock file");
    let rows: [(&str, &str, Told<'_>, &[&str]); 4] = [
        ("provider \"aws\" {\n", "WL0013", This(".windlass.lock.hcl:1:16"), &[".windlass.lock.hcl"]),
        (
            "provider \"aws\" {}\n",
            "WL0515",
            NO_FILE,
            &["without label, version or digest", "hint: remove the file and run `windlass init`"],
        ),
        (&lock.replace("version = \"v2", "version = \"v9"), "WL0515", NO_FILE, &["pins provider aws to v9"]),
        (
            &lock.replace("sha256:", "sha256:0"),
            "WL0515",
            NO_FILE,
            &["was written with other facts about provider", "hint: use the windlass that wrote it"],
        ),
    ];
    for (text, code, at, says) in rows {
        place.write(".windlass.lock.hcl", text);
        Refusal { code, place: at, hint: HINT, says, exit: 1 }.of(&place, &["plan"]);
    }
    place.write(".windlass.lock.hcl", "");
    let says = ["does not pin aws, cluster-api, and -lockfile=readonly forbids to add it", "hint: run `windlass init`"];
    Refusal { code: "WL0515", place: NO_FILE, hint: HINT, says: &says, exit: 1 }.of(&place, &["plan", "-lockfile=readonly"]);
    place.write(".windlass.lock.hcl", &lock);
    let says = ["none.wlvars.hcl cannot be read"];
    Refusal { code: "WL0501", place: NO_FILE, hint: HINT, says: &says, exit: 1 }.of(&place, &["plan", "-var-file=none.wlvars.hcl"]);
    // The fault is told, the password is not.
    place.write("bad.wlvars.json", "{\"database_password\": \"canary-4711\",}");
    let told = Refusal {
        code: "WL0010",
        place: No("a file of values is not shown, it may hold secrets; its line stands in the text"),
        hint: HINT,
        says: &["bad.wlvars.json:1:"],
        exit: 1,
    }
    .of(&place, &["plan", "-var-file=bad.wlvars.json"]);
    assert!(!told.stderr.contains("canary"), "{}", told.stderr);
    let says = ["gives a value to variable \"database_pasword\", which is not declared", "hint: did you mean `database_password`?"];
    let refusal = Refusal { code: "WL0100", place: NO_FILE, hint: HINT, says: &says, exit: 1 };
    let told = refusal.of(&place, &["plan", "-var", "database_pasword=canary-4711"]);
    assert!(!told.stderr.contains("canary"), "{}", told.stderr);
    assert!(!place.path().join(".windlass/sandbox").exists(), "nothing was started");
}
