//! The house's edges (ARCHITECTURE.md): which crate may know which, and what the ground floors may not touch.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

/// The picture: each crate of the workspace, what it may be built on, and what only its tests may use besides.
const HOUSE: [(&str, &[&str], &[&str]); 12] = [
    ("windlass-kubeschema", &[], &[]),
    ("windlass-core", &["windlass-kubeschema"], &[]),
    ("windlass-clouds", &["windlass-core"], &["windlass-kubeschema"]),
    ("windlass-run", &["windlass-core"], &[]),
    ("windlass-state", &["windlass-core", "windlass-run"], &[]),
    ("windlass-kube", &["windlass-core", "windlass-kubeschema", "windlass-run"], &["windlass-sandbox-api"]),
    ("windlass-agent", &["windlass-core", "windlass-kube", "windlass-kubeschema"], &["windlass-run", "windlass-sandbox-api"]),
    ("windlass-sandbox-api", &["windlass-kubeschema"], &[]),
    ("windlass-sandbox-controllers", &[], &["windlass-kubeschema", "windlass-sandbox-api"]),
    (
        "windlass",
        &[
            "windlass-agent",
            "windlass-clouds",
            "windlass-core",
            "windlass-kube",
            "windlass-kubeschema",
            "windlass-run",
            "windlass-sandbox-api",
            "windlass-sandbox-controllers",
            "windlass-state",
        ],
        &[],
    ),
    ("windlass-proving-ground", &[], &["windlass-core", "windlass-kube", "windlass-kubeschema", "windlass-run"]),
    ("xtask", &["windlass-clouds", "windlass-core", "windlass-kubeschema"], &[]),
];

/// What the pure crates may not depend on: runtimes, clients, databases, and sources of time and chance.
const NOT_PURE: [&str; 12] =
    ["async-trait", "axum", "futures", "hyper", "jiff", "k8s-openapi", "kube", "rand", "rusqlite", "rustix", "tokio", "uuid"];

/// Crates without I/O, clock and chance, by folder.
const PURE: [(&str, &str); 3] =
    [("windlass-kubeschema", "engine/kubeschema"), ("windlass-core", "engine/core"), ("windlass-clouds", "providers/clouds")];

/// What no source file of a pure crate may say. clippy.toml says it too; this needs no clippy.
const IMPURE_WORDS: [&str; 11] = [
    "async fn",
    "async move",
    ".await",
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "std::time::Instant",
    "std::net::Tcp",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Dependencies of each crate of the workspace: name, kind (`normal`, `build`, `dev`).
fn dependencies() -> BTreeMap<String, Vec<(String, String)>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs the tests, so it is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Json = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Json| value.as_array().cloned().unwrap_or_default();
    list(&metadata["packages"])
        .iter()
        .map(|package| {
            let found = list(&package["dependencies"]);
            let kind = |value: &Json| value["kind"].as_str().unwrap_or("normal").to_owned();
            (text(&package["name"]), found.iter().map(|one| (text(&one["name"]), kind(one))).collect())
        })
        .collect()
}

/// Edges that are not in the picture, and crates that are not in it or are missing.
fn strangers(found: &BTreeMap<String, Vec<(String, String)>>) -> Vec<String> {
    let ours: BTreeSet<&str> = HOUSE.iter().map(|(name, ..)| *name).collect();
    let mut strangers: Vec<String> =
        found.keys().filter(|name| !ours.contains(name.as_str())).map(|name| format!("{name} is not in the picture")).collect();
    for (name, built_on, tested_with) in HOUSE {
        let Some(dependencies) = found.get(name) else {
            strangers.push(format!("{name} is in the picture only"));
            continue;
        };
        for (to, kind) in dependencies.iter().filter(|(to, _)| found.contains_key(to)) {
            // The roof's tests may use anything; it is built on anything already.
            let allowed = built_on.contains(&to.as_str()) || (kind == "dev" && (tested_with.contains(&to.as_str()) || to == name));
            if !allowed {
                strangers.push(format!("{name} -> {to} ({kind})"));
            }
        }
    }
    strangers
}

#[test]
fn every_edge_is_in_the_picture() {
    assert_eq!(strangers(&dependencies()), Vec::<String>::new());
}

#[test]
fn an_edge_that_is_not_in_the_picture_is_found() {
    for (from, to, kind, expected) in [
        ("windlass-core", "windlass-clouds", "normal", "windlass-core -> windlass-clouds (normal)"),
        ("windlass-sandbox-api", "windlass-core", "build", "windlass-sandbox-api -> windlass-core (build)"),
        ("windlass-clouds", "windlass-run", "dev", "windlass-clouds -> windlass-run (dev)"),
        ("windlass-sandbox-controllers", "windlass-sandbox-api", "normal", "windlass-sandbox-controllers -> windlass-sandbox-api (normal)"),
    ] {
        let mut found = dependencies();
        found.get_mut(from).expect("a crate of ours").push((to.to_owned(), kind.to_owned()));
        assert!(strangers(&found).iter().any(|stranger| stranger == expected), "{expected} is not found");
    }
}

#[test]
fn nothing_points_up() {
    // Every crate is listed below what it is built on: the picture itself has no circle.
    let mut below = BTreeSet::new();
    let mut left: Vec<_> = HOUSE.iter().map(|(name, built_on, _)| (*name, *built_on)).collect();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|(name, built_on)| {
            let rests = built_on.iter().all(|crate_below| below.contains(crate_below));
            if rests {
                below.insert(*name);
            }
            !rests
        });
        assert!(left.len() < before, "these rest on each other: {left:?}");
    }
}

#[test]
fn pure_crates_have_no_runtime_client_database_or_clock() {
    let found = dependencies();
    for (name, _) in PURE {
        let bad: Vec<&(String, String)> =
            found[name].iter().filter(|(to, kind)| kind != "dev" && NOT_PURE.contains(&to.as_str())).collect();
        assert!(bad.is_empty(), "{name} depends on {bad:?}");
    }
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of ours").flatten() {
        let path = entry.path();
        // Tests may look at the clock.
        if path.file_stem().is_some_and(|name| name.to_string_lossy().ends_with("tests")) {
            continue;
        }
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn pure_crates_do_not_wait_read_the_clock_or_touch_the_machine() {
    let mut bad = Vec::new();
    for (_, folder) in PURE {
        let mut files = Vec::new();
        sources(&root().join(folder).join("src"), &mut files);
        assert!(!files.is_empty(), "{folder} has sources");
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a source file of ours");
            let program = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            for (line, content) in (1..).zip(program.lines()) {
                let code = content.split("//").next().unwrap_or_default();
                bad.extend(
                    IMPURE_WORDS.iter().filter(|word| code.contains(**word)).map(|word| format!("{}:{line}: {word}", file.display())),
                );
            }
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn architecture_shows_this_picture() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let short = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{}`", name.trim_start_matches("windlass-"))).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    };
    for (name, built_on, tested_with) in HOUSE {
        let tests = if tested_with.is_empty() { String::new() } else { short(tested_with) };
        let row = format!("| `{}` | {} | {tests} |", name.trim_start_matches("windlass-"), short(built_on)).replace("|  |", "| |");
        assert!(page.contains(&row), "ARCHITECTURE.md lacks the row\n{row}");
    }
}
