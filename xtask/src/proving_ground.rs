//! `cargo xtask proving-ground …`: runs the proving ground's own program, and its tests. Knows nothing else of it.

use std::path::Path;
use std::process::Command;

/// The program does it, and says what it does.
pub fn run(words: &[&str]) -> Result<String, String> {
    cargo(&[&["run", "--quiet", "--locked", "-p", "windlass-proving-ground", "--"], words].concat())?;
    Ok(format!("proving-ground {}: done", words.join(" ")))
}

/// Builds what is missing, and runs the tests that need it. A test that fails ends it with an error.
pub fn test() -> Result<String, String> {
    run(&["build"])?;
    // Two planes with their managers fill two cores; more at once would only make each of them slower.
    cargo(&["test", "--locked", "-p", "windlass-proving-ground", "--tests", "--", "--ignored", "--nocapture", "--test-threads=2"])?;
    Ok("proving-ground test: every test passed".to_owned())
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let status = Command::new(cargo).args(arguments).current_dir(root).status().map_err(|error| format!("cargo cannot be run: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`cargo {}` failed ({status})", arguments.join(" "))) }
}
