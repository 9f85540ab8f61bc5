//! A pod as the process that stands for it finds it, and the command that is made of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a command can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPod {
    /// The plane's name on the ground.
    pub plane: String,
    /// The Deployment's namespace.
    pub namespace: String,
    /// The Deployment's name.
    pub deployment: String,
    /// The container's image.
    pub image: String,
    /// The container's arguments, with paths of this host in place of its mounts.
    pub arguments: Vec<String>,
    /// The container's environment, likewise.
    pub environment: BTreeMap<String, String>,
    /// A file that speaks for the Deployment's own service account; `KUBECONFIG` names it too.
    pub kubeconfig: PathBuf,
    /// Ports of this host by the names of the container's ports, or by their numbers where they have none.
    pub ports: BTreeMap<String, u16>,
    /// Where the process runs; it can write there.
    pub folder: PathBuf,
    /// Folders and files of this host by the paths of the container's mounts.
    pub mounts: BTreeMap<String, PathBuf>,
}

impl HostPod {
    /// The place of this host for a path of the container, mounted or not.
    pub fn path(&self, path: &str) -> PathBuf {
        self.mounts.get(path).cloned().unwrap_or_else(|| self.folder.join("files").join(path.trim_start_matches('/')))
    }
}

/// The process that stands for a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment, besides that of the container and `KUBECONFIG`.
    pub environment: BTreeMap<String, String>,
}
