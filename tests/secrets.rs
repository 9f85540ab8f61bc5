//! Canary secrets in variables, credentials, Secrets and kubeconfigs are nowhere but in the sandbox's store: not in plan, state, journal, log,
//! report, error text, command line or environment of a child; after success, after a failure and after a kill.

#[path = "support/canary.rs"]
mod canary;
#[path = "support/cluster.rs"]
mod cluster;
mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use canary::{Canaries, Watchman};
use cluster::{Cluster, SECRET};
use data_encoding::BASE64;
use serde_json::{Value as Json, json};
use support::{Done, Place, binary};

/// Quotes, a backslash, a line break and a letter beyond ASCII: every escaping changes it.
const PASSWORD: &str = "canaryPassword7f3a\"x\\y'z\n\u{fc}secondLine8b1c";
const OLD_PASSWORD: &str = "canaryDriftedPassword55aa";
const ACCESS_KEY: &str = "AKIACANARY0KEY5D2E9";
const SECRET_KEY: &str = "canarySecretKey/4c+9a0b1d2e3f4a5b6c7d8e9f";
const SESSION: &str = "canarySessionToken1a2b3c4d5e6f";
const IN_MANIFEST: &str = "canaryManifestSecret9e8d7c6b";

/// What plays the server, and what the user wrote himself.
const ALLOWED: [&str; 6] = [
    ".windlass/sandbox/store",
    ".windlass/sandbox/management.kubeconfig",
    "keys.auto.wlvars",
    "more.wlvars.json",
    "shop/token.yaml",
    "wrong",
];

fn canaries() -> Canaries {
    let mut canaries = Canaries::default();
    for (name, secret) in [
        ("the password", PASSWORD),
        ("the drifted password", OLD_PASSWORD),
        ("the access key", ACCESS_KEY),
        ("the secret key", SECRET_KEY),
        ("the session token", SESSION),
        ("the manifest's secret", IN_MANIFEST),
    ] {
        canaries.add(name, secret.as_bytes());
    }
    canaries
}

/// The quickstart with a secret from each source: environment, `-var`, a file in HCL, a file in JSON, a manifest.
fn place() -> Place {
    let place = Place::example("quickstart");
    place.replace(
        "main.wl.hcl",
        "    role_arn = \"arn:aws:iam::111122223333:role/capa\"\n",
        "    role_arn          = \"arn:aws:iam::111122223333:role/capa\"\n    access_key_id     = var.access_key\n    secret_access_key = var.secret_key\n    session_token     = var.session\n",
    );
    place.write(
        "secrets.wl.hcl",
        "variable \"access_key\" {\n  type      = string\n  sensitive = true\n}\nvariable \"secret_key\" {\n  type      = string\n  sensitive = true\n}\nvariable \"session\" {\n  type      = string\n  sensitive = true\n}\noutput \"password\" {\n  value     = var.database_password\n  sensitive = true\n}\n",
    );
    place.write("keys.auto.wlvars.hcl", format!("secret_key = {SECRET_KEY:?}\n"));
    place.write("more.wlvars.json", json!({"session": SESSION}).to_string());
    place.write(
        "shop/token.yaml",
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\n  namespace: storefront\ndata:\n  token: {}\n",
            BASE64.encode(IN_MANIFEST.as_bytes())
        ),
    );
    place
}

/// Runs a command with all secrets given, and looks at what it says.
#[track_caller]
fn run(place: &Place, canaries: &Canaries, arguments: &[&str], environment: &[(&str, &str)]) -> Done {
    let access = format!("-var=access_key={ACCESS_KEY}");
    let mut command = place.command(arguments);
    if !matches!(arguments.first(), Some(&"sandbox" | &"version")) && arguments.first() != Some(&"show") {
        command.args([&access, "-var-file=more.wlvars.json"]);
    }
    command.env("WL_VAR_database_password", PASSWORD).env("RUST_LOG", "debug").env("RUST_BACKTRACE", "1").envs(environment.iter().copied());
    let done: Done = command.output().expect("the binary runs").into();
    let what = arguments.join(" ");
    canaries.absent_from(&format!("stdout of {what}"), &done.stdout);
    canaries.absent_from(&format!("stderr of {what}"), &done.stderr);
    done
}

#[track_caller]
fn private(path: &Path) {
    let mode = std::fs::metadata(path).unwrap_or_else(|_| panic!("{} is there", path.display())).permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{}", path.display());
}

/// Keys and tokens of a kubeconfig become canaries.
fn learn_kubeconfig(canaries: &mut Canaries, name: &str, text: &str) -> usize {
    let kubeconfig = kube::config::Kubeconfig::from_yaml(text).expect("a kubeconfig");
    let users = serde_json::to_value(kubeconfig.auth_infos).expect("JSON");
    let mut found = 0;
    for user in users.as_array().into_iter().flatten() {
        if let Some(token) = user.pointer("/user/token").and_then(Json::as_str) {
            canaries.add(&format!("the token of {name}"), token.as_bytes());
            found += 1;
        }
        if let Some(key) = user.pointer("/user/client-key-data").and_then(Json::as_str) {
            let pem = BASE64.decode(key.as_bytes()).expect("base64");
            found += canaries.add_private_keys(&format!("the key of {name}"), &String::from_utf8(pem).expect("PEM"));
        }
    }
    assert!(found > 0, "{name} holds neither key nor token");
    found
}

/// Secrets of a plane become canaries: private keys, tokens, kubeconfigs.
fn learn(canaries: &mut Canaries, name: &str, kubeconfig: &str) -> usize {
    let mut keys = learn_kubeconfig(canaries, &format!("{name}'s kubeconfig"), kubeconfig);
    for secret in Cluster::open(kubeconfig).list(SECRET, "") {
        let id = format!("Secret {} of {name}", secret.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default());
        for (key, value) in secret.get("data").and_then(Json::as_object).into_iter().flatten() {
            let bytes = BASE64.decode(value.as_str().unwrap_or_default().as_bytes()).expect("data is base64");
            let Ok(text) = String::from_utf8(bytes) else { continue };
            keys += canaries.add_private_keys(&format!("{id}, {key}"), &text);
            if key == "value" && text.contains("current-context") {
                keys += learn_kubeconfig(canaries, &id, &text);
            }
            if key == "token" {
                canaries.add(&id, text.as_bytes());
            }
        }
    }
    keys
}

/// Secrets of all planes that exist by now become canaries: the management plane's, and those of the planes that its Secrets open.
fn learn_planes(canaries: &mut Canaries, place: &Place) -> usize {
    let management = place.run(&["sandbox", "kubeconfig"]).expect(0).stdout;
    let mut keys = learn(canaries, "the management plane", &management);
    for secret in Cluster::open(&management).list(SECRET, "") {
        let Some(kubeconfig) = windlass_kube::kubeconfig::secret_text(&secret, "value") else { continue };
        let name = secret.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default();
        if kubeconfig.contains("current-context") {
            // A plane that is not up yet has its keys already.
            let learn = if Cluster::open(&kubeconfig).answers() { learn } else { learn_kubeconfig };
            keys += learn(canaries, &format!("the plane of {name}"), &kubeconfig);
        }
    }
    keys
}

#[test]
fn secrets_are_only_where_the_sandbox_plays_the_server() {
    let place = place();
    let mut canaries = canaries();
    let watchman = Watchman::start(binary());

    // Plans.
    run(&place, &canaries, &["plan", "-out=a.wlplan"], &[]).expect(0);
    run(&place, &canaries, &["plan", "-out=a.wlplan.zst"], &[]).expect(0);
    run(&place, &canaries, &["plan", "-json"], &[]).expect(0);
    for file in ["a.wlplan", "a.wlplan.zst"] {
        run(&place, &canaries, &["show", file], &[]).expect(0);
        run(&place, &canaries, &["show", "-json", file], &[]).expect(0);
        private(&place.path().join(file));
    }
    canaries.absent_below(place.path(), &ALLOWED);

    // Killed, three times, the last time while the cluster is being pivoted or later.
    let mut keys = 0;
    for environment in [
        &[("WL_CRASH_AFTER", "12")][..],
        &[("WL_CRASH_STEP", "open_plane"), ("WL_CRASH_AFTER", "2")],
        &[("WL_CRASH_STEP", "pivot"), ("WL_CRASH_AFTER", "35")],
    ] {
        let killed = run(&place, &canaries, &["apply", "-auto-approve"], environment);
        assert_eq!(killed.code, None, "{}\n{}", killed.stdout, killed.stderr);
        assert!(place.path().join("windlass.wlstate-wal").exists(), "a killed run leaves its log");
        // What was made meanwhile is a secret from now on, and what the killed run left is searched for it.
        keys = learn_planes(&mut canaries, &place);
        canaries.absent_from("stdout of the killed run", &killed.stdout);
        canaries.absent_from("stderr of the killed run", &killed.stderr);
        canaries.absent_below(place.path(), &ALLOWED);
        private(&place.path().join("windlass.wlstate"));
        private(&place.path().join("windlass.wlstate-wal"));
    }
    assert!(keys >= 6, "only {keys} keys and tokens were on the planes in the middle of the pivot");

    // A panic, with all secrets in memory, in the middle of the layers.
    let panicking = [("WL_CRASH_STEP", "publish_layer"), ("WL_PANIC_AFTER", "1")];
    let panicked =
        run(&place, &canaries, &["apply", "-auto-approve"], &panicking).expect(1).says("panicked at").says("secret leaves (sensitive)");
    assert!(panicked.stderr.contains("storefront"), "the panic tells the plan, whose secrets it does not tell");
    canaries.absent_below(place.path(), &ALLOWED);

    // To the end.
    run(&place, &canaries, &["apply", "-auto-approve", "-json"], &[]).expect(0).says("Apply complete!");
    let kubeconfig = place.run_with(&["kubeconfig", "shop", "-var=access_key=x", "-var-file=more.wlvars.json"], &[]).expect(0).stdout;
    let management = place.run(&["sandbox", "kubeconfig"]).expect(0).stdout;
    let keys = learn(&mut canaries, "shop", &kubeconfig) + learn(&mut canaries, "the management plane", &management);
    assert!(keys >= 6, "only {keys} keys and tokens were found on the planes");
    canaries.absent_from("the panic", format!("{}{}", panicked.stdout, panicked.stderr));
    assert!(!canaries.find(kubeconfig.as_bytes()).is_empty(), "the search finds a key in a kubeconfig");
    canaries.absent_below(place.path(), &ALLOWED);
    for command in [vec!["show"], vec!["show", "-json"]] {
        run(&place, &canaries, &command, &[]).expect(0);
    }
    run(&place, &canaries, &["output"], &[]).expect(0);
    run(&place, &canaries, &["output", "-json"], &[]).expect(0);
    run(&place, &canaries, &["output", "password"], &[]).expect(1).says("sensitive");
    run(&place, &canaries, &["state", "show", "cluster.shop.layer[\"shop\"]"], &[]).expect(0);

    // Somebody changes a Secret: neither value is told.
    let shop = Cluster::open(&kubeconfig);
    let changed = json!({"data": {"password": BASE64.encode(OLD_PASSWORD.as_bytes())}});
    shop.merge(SECRET, "storefront", "database", "kubectl-edit", changed);
    run(&place, &canaries, &["drift"], &[]).expect(2).says("kubectl-edit");
    run(&place, &canaries, &["drift", "-json"], &[]).expect(2);
    run(&place, &canaries, &["plan", "-out=b.wlplan", "-detailed-exitcode"], &[]).expect(2);
    run(&place, &canaries, &["plan", "-json"], &[]).expect(0).says("Drift detected");
    run(&place, &canaries, &["apply", "-json", "b.wlplan"], &[]).expect(0);
    let repaired = shop.get(SECRET, "storefront", "database");
    assert_eq!(repaired.pointer("/data/password"), Some(&json!(BASE64.encode(PASSWORD.as_bytes()))), "the repair is real");
    run(&place, &canaries, &["plan", "-detailed-exitcode"], &[]).expect(0);
    canaries.absent_below(place.path(), &ALLOWED);

    // Down.
    run(&place, &canaries, &["destroy", "-auto-approve", "-json"], &[]).expect(0);
    canaries.absent_below(place.path(), &ALLOWED);

    // The store may hold them, and is shut; the sandbox's process has neither argument nor environment with one.
    let store = place.path().join(".windlass/sandbox/store");
    assert_eq!(std::fs::metadata(&store).expect("the store").permissions().mode() & 0o777, 0o700);
    for file in std::fs::read_dir(&store).expect("the store").flatten().filter(|entry| entry.path().is_file()) {
        private(&file.path());
    }
    private(&place.path().join(".windlass/sandbox/management.kubeconfig"));
    private(&place.path().join(".windlass/sandbox/sandbox.log"));
    let processes = watchman.end();
    let of_windlass: Vec<_> = processes.iter().filter(|(_, process)| !process.ours).collect();
    let sandbox = |command: &[u8]| {
        let words = String::from_utf8_lossy(command);
        words.contains("serve") && words.contains(&*place.path().to_string_lossy())
    };
    assert!(of_windlass.iter().any(|(_, process)| sandbox(&process.command)), "the sandbox was not seen");
    assert!(processes.values().any(|process| process.ours), "the test's own children were seen, and are told apart");
    for (pid, process) in of_windlass {
        canaries.absent_from(&format!("the command line of process {pid}"), &process.command);
        canaries.absent_from(&format!("the environment of process {pid}"), &process.environment);
    }
}

/// Keys are shown, and so would be the line of a fault.
#[test]
fn a_secret_that_would_be_shown_is_refused_unseen() {
    let stands = "stringData = { password = var.database_password }";
    for instead in [
        "stringData = { (var.database_password) = \"a\" }",
        "stringData = { for p in [var.database_password] : p => \"a\" }",
        "data = { (sensitive(var.database_password)) = \"aGk=\" }",
    ] {
        let (place, canaries) = (place(), canaries());
        place.replace("main.wl.hcl", stands, instead);
        run(&place, &canaries, &["plan", "-out=a.wlplan"], &[]).expect(1).says("WL0115");
        canaries.absent_below(place.path(), &ALLOWED);
    }
    let (place, canaries) = (place(), canaries());
    place
        .write("pin.wl.hcl", format!("variable \"pin\" {{\n  type      = number\n  sensitive = true\n  default   = {IN_MANIFEST:?}\n}}\n"));
    run(&place, &canaries, &["plan"], &[]).expect(1).says("WL0103").says("pin.wl.hcl:1:1");
}

/// A place with a Secret that the API refuses, in words about its data: they are more than a Secret may hold.
fn refused(agent: &str) -> Place {
    let place = place();
    let stands = "stringData = { password = var.database_password }";
    let filler = "join(\"\", [for i in range(1000) : join(\"\", [for j in range(75) : \"0123456789abcdef\"])])";
    place.replace("main.wl.hcl", stands, &format!("stringData = {{ password = var.database_password, filler = {filler} }}"));
    place.replace("main.wl.hcl", "  pivot    = true\n", &format!("  pivot    = false\n{agent}"));
    place
}

/// Applied by windlass itself: the run fails.
#[test]
fn a_refused_secret_is_not_repeated_by_windlass() {
    let (place, canaries) = (refused("  agent {\n    enabled = false\n  }\n"), canaries());
    run(&place, &canaries, &["apply", "-auto-approve"], &[])
        .expect(1)
        .says("data: Too long")
        .says("WL0509")
        .says("Secret storefront/database");
    canaries.absent_below(place.path(), &ALLOWED);
    run(&place, &canaries, &["show", "-json"], &[]).expect(0);
    run(&place, &canaries, &["plan"], &[]);
    canaries.absent_below(place.path(), &ALLOWED);
}

/// Applied by the agent: the run waits and says why, until somebody kills it.
#[test]
fn a_refused_secret_is_not_repeated_by_the_agent() {
    let (place, canaries) = (refused(""), canaries());
    let mut command = place.command(&["apply", "-auto-approve", "-var-file=more.wlvars.json"]);
    command.env("WL_VAR_database_password", PASSWORD).env("WL_VAR_access_key", ACCESS_KEY).env("RUST_LOG", "debug");
    let out = place.path().join("out.log");
    let file = std::fs::File::create(&out).expect("a file");
    let mut child = command.stdout(file.try_clone().expect("a file")).stderr(file).spawn().expect("the binary runs");
    let said = || std::fs::read_to_string(&out).is_ok_and(|text| text.contains("data: Too long")).then_some(());
    cluster::eventually("the API's words in what apply waits for", said);
    child.kill().expect("it runs");
    child.wait().expect("it is ours");
    let log = std::fs::read_to_string(place.path().join(".windlass/sandbox/sandbox.log")).expect("a log");
    assert!(log.contains("data: Too long"), "the agent logs why");
    canaries.absent_below(place.path(), &ALLOWED);
    run(&place, &canaries, &["show", "-json"], &[]).expect(0);
    run(&place, &canaries, &["plan"], &[]);
}

/// Errors about a sensitive value name the place and not the value.
#[test]
fn errors_do_not_quote_secrets() {
    let canaries = canaries();
    let check = |name: &str, text: &str, flags: &[&str], files: &[(&str, String)], expected: &str| {
        let place = Place::empty();
        place.write("main.wl.hcl", text);
        for (file, content) in files {
            place.write(file, content);
        }
        for command in ["validate", "plan"] {
            let done: Done = place.command(&[command]).args(flags).env("WL_VAR_number", PASSWORD).output().expect("the binary runs").into();
            let done = done.expect(1).says(expected);
            canaries.absent_from(&format!("{command}, {name}: {}", done.stderr), format!("{}{}", done.stdout, done.stderr));
        }
    };
    let number = "variable \"number\" {\n  type      = number\n  sensitive = true\n}\n";
    let text = "variable \"text\" {\n  type      = string\n  sensitive = true\n}\n";
    let flag = format!("-var=text={SECRET_KEY}");
    check("a number from the environment", number, &[], &[], "number");
    check("a number of -var", number, &[&format!("-var=number={SECRET_KEY}")], &[], "number");
    check("a number of -var as an expression", number, &[&format!("-var=number=[\"{SESSION}\"]")], &[], "number");
    check("a number in a file", number, &[], &[("a.auto.wlvars.hcl", format!("number = {SECRET_KEY:?}\n"))], "number");
    check("a number in JSON", number, &[], &[("a.auto.wlvars.json", json!({"number": SECRET_KEY}).to_string())], "number");
    check("broken JSON", number, &[], &[("a.auto.wlvars.json", format!("{{\"number\": {SECRET_KEY}}}"))], "JSON");
    check("a broken file", number, &[], &[("a.auto.wlvars.hcl", format!("number = \"{SECRET_KEY}\n"))], "a.auto.wlvars.hcl:1");
    check(
        "a broken file, other line",
        number,
        &[],
        &[("a.auto.wlvars.hcl", format!("number = \"{SECRET_KEY}\" \"{SESSION}\"\n"))],
        "a.auto.wlvars.hcl:1",
    );
    check(
        "an expression in a file",
        number,
        &[],
        &[("a.auto.wlvars.hcl", format!("number = \"{SECRET_KEY}\" + 1\n"))],
        "a.auto.wlvars.hcl:1",
    );
    check(
        "a name in a file",
        text,
        &[],
        &[("a.auto.wlvars.hcl", format!("txt = \"{SESSION}\"\ntext = upper(\"{SECRET_KEY}\", 1)\n"))],
        "a.auto.wlvars.hcl:2",
    );
    for (name, expression) in [
        ("arithmetic", "var.text + 1"),
        ("an index", "{ a = 1 }[var.text]"),
        ("an attribute", "var.text.nothing"),
        ("a function", "tonumber(var.text)"),
        ("an argument", "cidrsubnet(var.text, 8, 1)"),
        ("a file", "file(var.text)"),
        ("JSON", "jsondecode(var.text)"),
        ("base64", "base64decode(var.text)"),
        ("a format", "format(\"%d\", var.text)"),
        ("a condition", "var.text ? 1 : 2"),
        ("a key twice", "{ for x in [1, 2] : var.text => x }"),
        ("a collection", "[for x in var.text : x]"),
        ("an element", "element(var.text, 0)"),
        ("YAML", "yamldecode(\"${var.text}: [\")"),
    ] {
        check(name, &format!("{text}output \"it\" {{\n  value     = {expression}\n  sensitive = true\n}}\n"), &[&flag], &[], "main.wl.hcl");
    }
    for (name, attribute) in
        [("a region", "region = var.text"), ("a count", "region = \"eu-west-1\"\n  credentials {\n    role_arn = var.text\n  }")]
    {
        check(name, &format!("{text}cloud \"aws\" \"main\" {{\n  {attribute}\n}}\n"), &[&flag], &[], "");
    }
}
