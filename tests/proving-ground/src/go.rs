//! The `go` command: whether it is there, and what is asked of it. Knows no component.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::error::GroundError;

const NEEDS: &str = "the proving ground is built from Go modules and needs Go 1.26 or newer (https://go.dev/doc/install) and a Go module proxy; \
    nothing else of windlass does";

/// The `go` command in a module's folder.
#[derive(Debug)]
pub(crate) struct Go {
    module: PathBuf,
}

impl Go {
    /// Go, if it can be run and is new enough.
    pub fn find(module: &Path) -> Result<Go, GroundError> {
        let go = Go { module: module.to_path_buf() };
        // Go looks for a newer toolchain by itself where that is allowed; what it says is then its version.
        go.ask(&["env", "GOVERSION"]).map(|_| go)
    }

    /// Builds a package into a file.
    pub fn build(&self, package: &str, linker_flags: &str, to: &Path) -> Result<(), GroundError> {
        let file = to.display().to_string();
        self.ask(&["build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", linker_flags, "-o", &file, package]).map(drop)
    }

    /// The folder of a module's files.
    pub fn module_folder(&self, module: &str) -> Result<PathBuf, GroundError> {
        self.ask(&["list", "-m", "-mod=readonly", "-f", "{{.Dir}}", module]).map(|text| PathBuf::from(text.trim()))
    }

    /// Downloads every module that the lock names.
    pub fn download(&self) -> Result<(), GroundError> {
        self.ask(&["mod", "download"]).map(drop)
    }

    fn ask(&self, arguments: &[&str]) -> Result<String, GroundError> {
        let output = self.run(arguments)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if said.contains("requires go >=") {
            return Err(GroundError::Go(format!("this Go is too old: {said}\n{NEEDS}")));
        }
        Err(GroundError::Go(format!("`go {}` failed:\n{said}", arguments.join(" "))))
    }

    fn run(&self, arguments: &[&str]) -> Result<Output, GroundError> {
        let mut command = Command::new("go");
        // No C compiler, and no work file of a folder above.
        command.args(arguments).current_dir(&self.module).env("CGO_ENABLED", "0").env("GOWORK", "off");
        command.output().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => GroundError::Go(format!("there is no `go` on PATH\n{NEEDS}")),
            _ => GroundError::Io { what: "go".to_owned(), source: error },
        })
    }
}
