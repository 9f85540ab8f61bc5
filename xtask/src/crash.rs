//! `cargo xtask crash`: the whole crash table. The tests live in `tests/crash`; this builds what they need and runs them.

use std::path::PathBuf;
use std::process::Command;

/// Runs both halves of the table: after every journal record (debug build, which has the hook), at 50 random moments (release build). The second
/// half runs whatever the first one says; an error holds the figures and failures of both.
pub fn run() -> Result<String, String> {
    let records = table("all", "a_death_after_every_record_is_no_harm", None);
    let moments = release().and_then(|binary| table("moments", "a_death_at_any_moment_is_no_harm", Some(&binary)));
    let failed = records.is_err() || moments.is_err();
    let told: Vec<String> = [records, moments].into_iter().map(|told| told.unwrap_or_else(|told| told)).collect();
    if failed { Err(told.join("\n")) } else { Ok(told.join("\n")) }
}

/// Builds the release binary and says where it is.
fn release() -> Result<String, String> {
    let (good, text) = cargo(&["build", "--release", "--locked", "-p", "windlass"], &[])?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    if good { Ok(target.join("release/windlass").display().to_string()) } else { Err(text) }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs one test of the table and gives the lines with its figures and failures; as an error if it failed.
fn table(mode: &str, test: &str, binary: Option<&str>) -> Result<String, String> {
    let mut environment = vec![("WL_CRASH", mode)];
    environment.extend(binary.map(|binary| ("WL_TEST_BINARY", binary)));
    // The whole workspace, with the features of `cargo test --workspace`: what that has built is not built again.
    let (good, text) = cargo(&["test", "--locked", "--workspace", "--test", "crash", test, "--", "--nocapture", "--exact"], &environment)?;
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("crash table, ")).collect();
    match (good, lines.is_empty()) {
        (true, false) => Ok(lines.join("\n")),
        (false, false) => Err(lines.join("\n")),
        (_, true) => Err(format!("the test {test} printed no figures:\n{text}")),
    }
}

/// Whether cargo succeeded, and what it said on both streams.
fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> Result<(bool, String), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(root())
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    Ok((output.status.success(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))))
}
