//! Cargo as a child of a chore. Everything is built with the features of the whole workspace, as `cargo test --workspace` builds it, so that no
//! crate is compiled a second time for a chore.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where cargo puts a program of a profile (`debug`, `release`).
pub fn program(profile: &str, name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join(profile).join(name)
}

/// Runs cargo before the eyes of whoever called; a failure is an error that names the call.
pub fn watched(arguments: &[&str]) -> Result<(), String> {
    succeed(cargo().args(arguments), arguments)
}

/// Runs a program of the repository as [`watched`] runs cargo.
pub fn watched_program(program: &Path, arguments: &[&str]) -> Result<(), String> {
    succeed(Command::new(program).args(arguments).current_dir(root()), arguments)
}

/// Whether cargo succeeded, and what it said on both streams.
pub fn heard(arguments: &[&str], environment: &[(&str, &OsStr)]) -> Result<(bool, String), String> {
    let output = cargo()
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    Ok((output.status.success(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))))
}

fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

fn succeed(command: &mut Command, arguments: &[&str]) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("{program} cannot be run: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{program} {}` failed ({status})", arguments.join(" "))) }
}
