//! Where things lie in the work tree: the one place that knows the layout of `target/proving-ground`.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or_else(|| Path::new(".")).to_path_buf()
}

/// `target/proving-ground`, or the same below `CARGO_TARGET_DIR`.
pub fn proving_ground_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from);
    target.join("proving-ground")
}

/// The folder with one folder of logs for each ground, kept until a ground of that name begins again.
pub fn logs_folder() -> PathBuf {
    proving_ground_folder().join("logs")
}

/// The Go module that names what is built.
pub(crate) fn go_modules_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("components")
}
