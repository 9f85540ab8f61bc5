//! Which pages there are, and how they are written or compared; it must not know what stands on them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{blocks, cli, codes, exit_codes, functions};
use crate::crds::Mode;

/// Said at the top of each page.
const HEAD: &str = "<!-- Written by `cargo xtask docs`. Edit the tables in the code, not this page. -->\n\n";

/// Pages of `docs/reference` that need nothing but the sources.
pub fn from_sources(root: &Path) -> Result<Vec<(&'static str, String)>, String> {
    Ok(vec![
        ("blocks.md", blocks::page()),
        ("codes.md", codes::page()),
        ("exit-codes.md", exit_codes::page(&root.join("engine/cli/src/exit.rs"))?),
        ("functions.md", functions::page()),
    ])
}

/// Writes or compares all pages; `cli.md` comes from the built binary.
///
/// # Errors
/// A page that cannot be made, written or read, or (comparing) one that is out of date.
pub fn run(mode: Mode) -> Result<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut outdated = Vec::new();
    let pages = from_sources(&root)?;
    for (name, text) in &pages {
        outdated.extend(settle(&root, name, text, mode)?);
    }
    // Last, because it needs a build of everything.
    outdated.extend(settle(&root, "cli.md", &cli::page(&binary(&root)?)?, mode)?);
    if outdated.is_empty() {
        return Ok(format!("{} pages in docs/reference are up to date", pages.len() + 1));
    }
    Err(format!("docs/reference: {} out of date; run `cargo xtask docs`", outdated.join(", ")))
}

/// Writes a page, or gives its name if it is out of date.
fn settle(root: &Path, name: &str, text: &str, mode: Mode) -> Result<Option<String>, String> {
    let path = root.join("docs/reference").join(name);
    let text = format!("{HEAD}{text}");
    if std::fs::read_to_string(&path).is_ok_and(|present| present == text) {
        return Ok(None);
    }
    match mode {
        Mode::Write => std::fs::write(&path, text).map(|()| None).map_err(|error| format!("{}: {error}", path.display())),
        Mode::Check => Ok(Some(name.to_owned())),
    }
}

/// The binary of this work tree, built.
fn binary(root: &Path) -> Result<PathBuf, String> {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "windlass", "--message-format", "json"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("windlass does not build:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let executables = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message.get("executable")?.as_str().map(PathBuf::from)
    });
    executables.collect::<Vec<_>>().pop().ok_or_else(|| "cargo names no binary".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{HEAD, from_sources};
    use std::path::Path;

    #[test]
    fn reference_pages_are_up_to_date() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (name, text) in from_sources(&root).expect("the pages can be made") {
            let present = std::fs::read_to_string(root.join("docs/reference").join(name)).unwrap_or_default();
            assert!(present == format!("{HEAD}{text}"), "docs/reference/{name} is out of date; run `cargo xtask docs`");
        }
    }
}
