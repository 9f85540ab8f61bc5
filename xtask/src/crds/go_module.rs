//! Fetches a pinned Go module through the `go` command; it must not know what is read from the module.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// A Go module at one version, with the checksum that `go.sum` would hold for its zip.
#[derive(Debug, Clone, Copy)]
pub struct GoModule {
    /// Module path, major suffix included.
    pub path: &'static str,
    /// Version with its `v`.
    pub version: &'static str,
    /// `h1:` checksum of the module zip; another one is an error.
    pub sum: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Download {
    dir: Option<PathBuf>,
    sum: Option<String>,
    error: Option<String>,
}

impl GoModule {
    /// The folder of the module's files in Go's module cache.
    ///
    /// # Errors
    /// No `go` command, no network and nothing cached, or a checksum that is not the pinned one.
    pub fn fetch(&self) -> Result<PathBuf, String> {
        let wanted = format!("{}@{}", self.path, self.version);
        let output = Command::new("go")
            .args(["mod", "download", "-json", &wanted])
            .current_dir(std::env::temp_dir())
            .output()
            .map_err(|error| format!("cannot start `go mod download {wanted}`: {error}; install Go 1.24 or newer"))?;
        let answer: Download = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("`go mod download -json {wanted}`: {error}; {}", String::from_utf8_lossy(&output.stderr)))?;
        if let Some(error) = answer.error {
            return Err(format!("`go mod download {wanted}`: {error}"));
        }
        match (answer.dir, answer.sum) {
            (Some(dir), Some(sum)) if sum == self.sum => Ok(dir),
            (_, sum) => Err(format!("{wanted} has checksum {sum:?}, pinned is {}", self.sum)),
        }
    }
}

/// Reads a file as text, with its path in the error.
pub fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
