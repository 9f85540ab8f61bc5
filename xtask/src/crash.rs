//! `cargo xtask crash`: the whole crash table. The tests live in `tests/crash`; this builds what they need and runs them.

use std::path::PathBuf;
use std::process::Command;

/// Runs both halves of the table: after every journal record (debug build, which has the hook), at 50 random moments (release build).
pub fn run() -> Result<String, String> {
    let records = table("all", "a_death_after_every_record_is_no_harm", None)?;
    cargo(&["build", "--release", "--locked", "-p", "windlass"], &[])?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let binary = target.join("release/windlass").display().to_string();
    let moments = table("moments", "a_death_at_any_moment_is_no_harm", Some(&binary))?;
    Ok(format!("{records}\n{moments}"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs one test of the table and gives the line with its figures.
fn table(mode: &str, test: &str, binary: Option<&str>) -> Result<String, String> {
    let mut environment = vec![("WL_CRASH", mode)];
    environment.extend(binary.map(|binary| ("WL_TEST_BINARY", binary)));
    let text = cargo(&["test", "--locked", "-p", "windlass", "--test", "crash", test, "--", "--nocapture", "--exact"], &environment)?;
    let line = text.lines().find(|line| line.starts_with("crash table"));
    line.map(str::to_owned).ok_or_else(|| format!("the test {test} printed no figures:\n{text}"))
}

fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(root())
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!("cargo {} failed:\n{text}\n{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)))
}
