//! Where a command works: folder, state file, scratch folder, settings of the environment.

use std::path::{Path, PathBuf};

use windlass_core::diag::Code;

use crate::arguments::{Arguments, Module};
use crate::failure::Failure;

/// Name of the state file in the module folder.
const STATE: &str = "windlass.wlstate";
/// Name of the scratch folder in the module folder.
const SCRATCH: &str = ".windlass";

/// The place of work.
#[derive(Debug, Clone)]
pub struct Session {
    /// The module folder, as the user named it.
    pub folder: PathBuf,
    /// The state file.
    pub state: PathBuf,
    /// Scratch: sandbox data.
    pub scratch: PathBuf,
    /// Whether questions may be asked.
    pub input: bool,
}

impl Session {
    /// The place that the arguments name. `folder` is a positional folder, as `apply` takes it.
    pub fn new(arguments: &Arguments, module: &Module, folder: Option<&Path>) -> Result<Self, Failure> {
        let folder = match (&arguments.chdir, folder) {
            (Some(base), Some(folder)) => base.join(folder),
            (Some(base), None) => base.clone(),
            (None, Some(folder)) => folder.to_path_buf(),
            (None, None) => PathBuf::from("."),
        };
        if !folder.is_dir() {
            return Err(Failure::new(Code::FILE_SYSTEM, format!("{} is no folder", folder.display()))
                .hint("-chdir names the folder with the *.wl.hcl files"));
        }
        // -state is relative to the folder, as Terraform's is with -chdir.
        let state = module.state.as_deref().map_or_else(|| folder.join(STATE), |state| folder.join(state));
        let scratch = folder.join(SCRATCH);
        Ok(Self { folder, state, scratch, input: module.input })
    }

    /// The sandbox's data folder.
    pub fn sandbox(&self) -> PathBuf {
        self.scratch.join("sandbox")
    }
}
