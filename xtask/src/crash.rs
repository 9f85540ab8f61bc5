//! `cargo xtask crash`: the whole crash table. The tests live in `tests/crash`; this builds what they need and runs them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::cargo::{heard, program};

/// Whose deaths at random moments are looked at.
pub enum Build {
    /// That of the tests, which is there already.
    Tests,
    /// As a release is built.
    Release,
}

/// Runs both halves of the table: after every journal record (that needs the hook of the tests' build), and at 50 random moments. The second half
/// runs whatever the first one says; an error holds the figures and failures of both.
pub fn run(build: Build) -> Result<String, String> {
    let binary = match build {
        Build::Tests => None,
        Build::Release => Some(release()?),
    };
    let records = table("all", "a_death_after_every_record_is_no_harm", None);
    let moments = table("moments", "a_death_at_any_moment_is_no_harm", binary.as_deref());
    let failed = records.is_err() || moments.is_err();
    let told: Vec<String> = [records, moments].into_iter().map(|told| told.unwrap_or_else(|told| told)).collect();
    if failed { Err(told.join("\n")) } else { Ok(told.join("\n")) }
}

/// Builds the release binary, as the README's first command does, and says where it is.
fn release() -> Result<PathBuf, String> {
    let (good, text) = heard(&["build", "--release", "--locked", "-p", "windlass"], &[])?;
    if good { Ok(program("release", "windlass")) } else { Err(text) }
}

/// Runs one test of the table and gives the lines with its figures and failures; as an error if it failed.
fn table(mode: &str, test: &str, binary: Option<&Path>) -> Result<String, String> {
    let mut environment = vec![("WL_CRASH", OsStr::new(mode))];
    environment.extend(binary.map(|binary| ("WL_TEST_BINARY", binary.as_os_str())));
    let (good, text) = heard(&["test", "--locked", "--workspace", "--test", "crash", test, "--", "--nocapture", "--exact"], &environment)?;
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("crash table, ")).collect();
    match (good, lines.is_empty()) {
        (true, false) => Ok(lines.join("\n")),
        (false, false) => Err(lines.join("\n")),
        (_, true) => Err(format!("the test {test} printed no figures:\n{text}")),
    }
}
