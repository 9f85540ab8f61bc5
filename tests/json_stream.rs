//! `-json` of plan, apply and destroy: one JSON object a line in Terraform's message shapes, and nothing else.

#[path = "support/minimal.rs"]
mod minimal;
#[path = "support/running.rs"]
mod running;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::{Value as Json, json};
use support::{Done, Place};

const OUTPUTS: &str =
    "output \"name\" {\n  value = \"small\"\n}\noutput \"key\" {\n  value     = \"hidden-value\"\n  sensitive = true\n}\n";

/// The messages of a command; each line is one, with the keys that all have, and stderr is empty.
#[track_caller]
fn messages(done: &Done) -> Vec<Json> {
    assert_eq!(done.stderr, "", "everything stands on stdout");
    let messages: Vec<Json> =
        done.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect();
    for message in &messages {
        for key in ["@level", "@message", "@module", "@timestamp", "type"] {
            assert!(message[key].is_string(), "{key} is missing in {message}");
        }
        assert_eq!(message["@module"], "windlass.ui");
        let time = message["@timestamp"].as_str().unwrap_or_default();
        assert!(time.len() == "2026-01-01T00:00:00.000000Z".len() && time.ends_with('Z'), "{time}");
    }
    assert_eq!(messages.first().map(|first| (&first["type"], &first["ui"])), Some((&json!("version"), &json!("1.2"))));
    messages
}

fn of_kind<'a>(messages: &'a [Json], kind: &str) -> Vec<&'a Json> {
    messages.iter().filter(|message| message["type"] == kind).collect()
}

/// Addresses and actions of all messages of a kind; `at`: where the resource stands.
fn told(messages: &[Json], kind: &str, at: &str) -> BTreeMap<String, String> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let of = of_kind(messages, kind);
    let told: BTreeMap<_, _> = of.iter().map(|message| (text(&message[at]["resource"]["addr"]), text(&message[at]["action"]))).collect();
    assert_eq!(told.len(), of.len(), "no resource is told twice of by {kind}");
    told
}

/// What is planned is begun and completed, each resource once, in this order.
#[track_caller]
fn carried_out(messages: &[Json], planned: &BTreeMap<String, String>) {
    let (begun, completed) = (told(messages, "apply_start", "hook"), told(messages, "apply_complete", "hook"));
    assert_eq!(begun, completed);
    assert!(of_kind(messages, "apply_errored").is_empty());
    let acted: BTreeMap<_, _> = begun.into_iter().filter(|(_, action)| action != "noop").collect();
    let missing: Vec<_> = planned.iter().filter(|(address, action)| acted.get(*address) != Some(action)).collect();
    assert!(missing.is_empty(), "planned and not done: {missing:?}");
    assert_eq!(acted.len(), planned.len(), "done and not planned");
    let mut open = BTreeSet::new();
    for message in messages {
        let address = message["hook"]["resource"]["addr"].to_string();
        match message["type"].as_str().unwrap_or_default() {
            "apply_start" => assert!(open.insert(address), "{message}"),
            "apply_complete" => assert!(open.remove(&address), "{message}"),
            "apply_progress" => assert!(open.contains(&address) && message["hook"]["elapsed_seconds"].is_u64(), "{message}"),
            _ => {}
        }
    }
}

#[track_caller]
fn summary(messages: &[Json], operation: &str) -> Json {
    let mut found = of_kind(messages, "change_summary").into_iter().filter(|message| message["changes"]["operation"] == operation);
    let summary = found.next().unwrap_or_else(|| panic!("no change_summary of {operation}"))["changes"].clone();
    assert!(found.next().is_none(), "two of {operation}");
    summary
}

#[test]
fn a_life_in_messages() {
    let place = minimal::place(OUTPUTS, "");

    // Plan: what `show -json` says of the same plan, in messages.
    let plan = messages(&place.run(&["plan", "-json", "-out=a.wlplan", "-detailed-exitcode"]).expect(2));
    let shown: Json = serde_json::from_str(&place.run(&["show", "-json", "a.wlplan"]).expect(0).stdout).expect("JSON");
    let planned = told(&plan, "planned_change", "change");
    let changes = shown["resource_changes"].as_array().expect("changes").iter();
    let expected: BTreeMap<String, String> = changes
        .map(|change| {
            (
                change["address"].as_str().unwrap_or_default().to_owned(),
                change["change"]["actions"][0].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    assert_eq!(planned, expected);
    let pool = of_kind(&plan, "planned_change").into_iter().find(|m| m["change"]["resource"]["resource_key"] == "general").expect("a pool");
    let resource = json!({
        "addr": "cluster.small.worker_pool[\"general\"]", "module": "", "resource": "cluster.small.worker_pool[\"general\"]",
        "implied_provider": "windlass", "resource_type": "windlass_worker_pool", "resource_name": "small", "resource_key": "general",
    });
    assert_eq!(pool["change"]["resource"], resource);
    assert_eq!(pool["@message"], "cluster.small.worker_pool[\"general\"]: Plan to create");
    let counted = summary(&plan, "plan");
    assert_eq!(counted["add"].as_u64(), Some(planned.len() as u64));
    let digest = &of_kind(&plan, "change_summary")[0]["windlass"]["plan_digest"];
    assert_eq!(digest, &shown["windlass"]["plan_digest"]);
    let outputs = &of_kind(&plan, "outputs")[0]["outputs"];
    assert_eq!(
        outputs,
        &json!({"name": {"sensitive": false, "action": "create"}, "key": {"sensitive": true, "action": "noop"}}),
        "what is sensitive is not kept"
    );

    // Nobody can be asked; the refusal is a message too.
    let refused = messages(&place.run(&["apply", "-json"]).expect(1));
    let diagnostic = &of_kind(&refused, "diagnostic")[0];
    assert_eq!((&diagnostic["@level"], &diagnostic["diagnostic"]["windlass"]["code"]), (&json!("error"), &json!("WL0500")));
    assert!(place.objects().is_empty());

    // The saved plan, killed on its way, then to its end.
    let killed = place.run_with(&["apply", "-json", "a.wlplan"], &[("WL_CRASH_AFTER", "30")]);
    assert_eq!(killed.code, None, "{}", killed.stdout);
    messages(&killed);
    let apply = messages(&place.run(&["apply", "-json", "a.wlplan"]).expect(0));
    assert_eq!(told(&apply, "planned_change", "change"), planned);
    assert!(of_kind(&apply, "log").iter().any(|log| log["@message"].as_str().unwrap_or_default().starts_with("Going on with run")));
    assert_eq!(told(&apply, "apply_start", "hook"), told(&apply, "apply_complete", "hook"));
    assert_eq!(summary(&apply, "apply")["add"], counted["add"]);
    let outputs = &of_kind(&apply, "outputs").last().expect("outputs")["outputs"];
    assert_eq!(outputs, &json!({"name": {"sensitive": false, "type": "string", "value": "small"}}));

    // Somebody changes an object: drift, and a repair that is one change.
    place.kubectl_on_management().scale("/apis/cluster.x-k8s.io/v1beta2/namespaces/small/machinedeployments/small-general", 2);
    let drifted = messages(&place.run(&["apply", "-json", "-auto-approve"]).expect(0));
    assert_eq!(told(&drifted, "resource_drift", "change"), told(&drifted, "planned_change", "change"));
    let planned = told(&drifted, "planned_change", "change");
    assert_eq!(planned, [("cluster.small.worker_pool[\"general\"]".to_owned(), "update".to_owned())].into());
    let leaf = &of_kind(&drifted, "planned_change")[0]["windlass"]["objects"][0]["leaves"][0];
    assert_eq!((&leaf["path"], &leaf["before"], &leaf["after"]), (&json!("spec.replicas"), &json!(2), &json!(1)));
    carried_out(&drifted, &planned);
    let quiet = messages(&place.run(&["apply", "-json", "-auto-approve"]).expect(0));
    assert_eq!(summary(&quiet, "apply"), json!({"add": 0, "change": 0, "import": 0, "remove": 0, "forget": 0, "operation": "apply"}));

    // Down, and nothing more to destroy.
    let down = messages(&place.run(&["destroy", "-json", "-auto-approve"]).expect(0));
    let planned = told(&down, "planned_change", "change");
    let count = |word: &str| planned.values().filter(|action| *action == word).count() as u64;
    // Providers of the sandbox are forgotten, not taken down.
    assert!(count("delete") > 5 && count("remove") > 0 && count("delete") + count("remove") == planned.len() as u64, "{planned:?}");
    carried_out(&down, &planned);
    let counted = summary(&down, "destroy");
    assert_eq!((counted["remove"].as_u64(), counted["forget"].as_u64()), (Some(count("delete")), Some(count("remove"))));
    assert!(place.ledger().is_empty());
    assert!(!down.iter().chain(&apply).chain(&plan).any(|message| message.to_string().contains("hidden-value")));
}

#[test]
fn a_whole_apply_begins_and_completes_every_resource() {
    let place = minimal::place("", "");
    let apply = messages(&place.run(&["apply", "-json", "-auto-approve"]).expect(0));
    carried_out(&apply, &told(&apply, "planned_change", "change"));
    let kinds: Vec<&str> = apply.iter().filter_map(|message| message["type"].as_str()).collect();
    let first = |kind: &str| kinds.iter().position(|known| *known == kind).unwrap_or_else(|| panic!("no {kind}"));
    assert!(first("planned_change") < first("change_summary") && first("change_summary") < first("apply_start"));
    place.run(&["destroy", "-auto-approve"]).expect(0);
}

#[test]
fn what_goes_wrong_is_a_message() {
    let place = Place::empty();
    place.write("main.wl.hcl", "cloud \"aws\" \"main\" {\n  region = nowhere\n}\n");
    let found = messages(&place.run(&["plan", "-json"]).expect(1));
    let diagnostic = &of_kind(&found, "diagnostic")[0];
    assert!(diagnostic["@message"].as_str().unwrap_or_default().starts_with("Error: "), "{diagnostic}");
    let (range, snippet) = (&diagnostic["diagnostic"]["range"], &diagnostic["diagnostic"]["snippet"]);
    assert_eq!(
        (&range["start"]["line"], &range["start"]["column"], &snippet["code"]),
        (&json!(2), &json!(12), &json!("  region = nowhere"))
    );
    // A state that is not there holds nothing.
    let nothing = messages(&place.run(&["destroy", "-json", "-auto-approve"]).expect(0));
    assert_eq!(summary(&nothing, "destroy")["remove"], 0);
    let nothing = messages(&place.run(&["plan", "-destroy", "-json"]).expect(0));
    assert_eq!(summary(&nothing, "plan")["remove"], 0);
}

/// What was begun and stopped has errored, once, and the command says how it ended by its exit code.
#[test]
fn a_run_that_is_stopped_leaves_no_resource_open() {
    let place = minimal::place("", "");
    let mut command = place.command(&["apply", "-json", "-auto-approve"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("a pipe")));
    let mut seen = Vec::new();
    for line in lines.by_ref().map_while(Result::ok) {
        let begun = line.contains("apply_start") && line.contains("control_plane");
        seen.push(line);
        if begun {
            break;
        }
    }
    running::signal(&child, Signal::TERM);
    seen.extend(lines.map_while(Result::ok));
    let code = running::ends(&mut child);
    let done = Done { code, stdout: seen.join("\n"), stderr: String::new() };
    let stopped = messages(&done.expect(143));
    let mut open = BTreeSet::new();
    for message in &stopped {
        let address = message["hook"]["resource"]["addr"].to_string();
        match message["type"].as_str().unwrap_or_default() {
            "apply_start" => assert!(open.insert(address)),
            "apply_complete" | "apply_errored" => assert!(open.remove(&address)),
            _ => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
    assert!(!of_kind(&stopped, "apply_errored").is_empty());
    place.run(&["destroy", "-auto-approve"]).expect(0);
}
