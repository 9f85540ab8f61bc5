//! What the proving ground is made of: one line for each program, and where it lies when it is built.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::error::GroundError;
use crate::workspace::{go_module_folder, proving_ground_folder};

/// A Go program of `components/go.mod`.
#[derive(Debug, Clone, Copy)]
pub struct Component {
    /// The name of its file.
    pub program: &'static str,
    /// Its package.
    pub package: &'static str,
}

/// Everything that is built. Cluster API's core comes before its siblings: it compiles what they share.
pub const COMPONENTS: [Component; 10] = [
    Component { program: "etcd", package: "go.etcd.io/etcd/server/v3" },
    Component { program: "kube-apiserver", package: "k8s.io/kubernetes/cmd/kube-apiserver" },
    Component { program: "kube-controller-manager", package: "k8s.io/kubernetes/cmd/kube-controller-manager" },
    Component { program: "kube-scheduler", package: "k8s.io/kubernetes/cmd/kube-scheduler" },
    Component { program: "kwok", package: "sigs.k8s.io/kwok/cmd/kwok" },
    Component { program: "cluster-api-core", package: "sigs.k8s.io/cluster-api/core" },
    Component { program: "cluster-api-kubeadm-bootstrap", package: "sigs.k8s.io/cluster-api/bootstrap/kubeadm" },
    Component { program: "cluster-api-kubeadm-control-plane", package: "sigs.k8s.io/cluster-api/controlplane/kubeadm" },
    Component { program: "cluster-api-dev", package: "sigs.k8s.io/cluster-api/test/infrastructure/docker" },
    Component { program: "clusterctl", package: "sigs.k8s.io/cluster-api/cmd/clusterctl" },
];

/// Files of the modules that are needed beside the programs: module, file or folder of YAML files, name here.
pub(crate) const FILES: [(&str, &str, &str); 12] = [
    ("sigs.k8s.io/kwok", "kustomize/stage/node/fast/node-initialize.yaml", "stages"),
    ("sigs.k8s.io/kwok", "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml", "stages"),
    ("sigs.k8s.io/kwok", "kustomize/stage/pod/fast/pod-ready.yaml", "stages"),
    ("sigs.k8s.io/kwok", "kustomize/stage/pod/fast/pod-complete.yaml", "stages"),
    ("sigs.k8s.io/kwok", "kustomize/stage/pod/fast/pod-delete.yaml", "stages"),
    ("sigs.k8s.io/cluster-api", "core/config", "cluster-api-core"),
    ("sigs.k8s.io/cluster-api", "bootstrap/kubeadm/config", "cluster-api-kubeadm-bootstrap"),
    ("sigs.k8s.io/cluster-api", "controlplane/kubeadm/config", "cluster-api-kubeadm-control-plane"),
    ("sigs.k8s.io/cluster-api/test", "infrastructure/docker/config", "cluster-api-dev"),
    ("sigs.k8s.io/cluster-api", "metadata.yaml", "cluster-api-core"),
    ("sigs.k8s.io/cluster-api", "metadata.yaml", "cluster-api-kubeadm-bootstrap"),
    ("sigs.k8s.io/cluster-api", "metadata.yaml", "cluster-api-kubeadm-control-plane"),
];

/// Flags of every `go build`. Without the stamp Cluster API refuses the server.
pub(crate) const LINKER_FLAGS: &str = "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 \
    -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36";

/// The built programs and their files.
#[derive(Debug, Clone)]
pub struct Components {
    folder: PathBuf,
}

impl Components {
    /// The components of this work tree's lock.
    ///
    /// # Errors
    /// They are not built.
    pub fn find() -> Result<Components, GroundError> {
        let components = Components::wanted()?;
        if components.complete_mark().is_file() { Ok(components) } else { Err(GroundError::NotBuilt) }
    }

    /// Where the components of this work tree's lock belong, built or not.
    pub(crate) fn wanted() -> Result<Components, GroundError> {
        Ok(Components { folder: proving_ground_folder().join(format!("built-{}", lock_digest(&go_module_folder())?)) })
    }

    /// The folder of all of them.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Written last.
    pub(crate) fn complete_mark(&self) -> PathBuf {
        self.folder.join("complete")
    }

    /// The file of a program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// The folder of a component's files, as its module has them.
    pub fn files(&self, name: &str) -> PathBuf {
        self.folder.join("files").join(name)
    }
}

/// The first 12 hex digits of a hash over the lock, the list of components and how they are built.
fn lock_digest(module: &Path) -> Result<String, GroundError> {
    let mut hash = Sha256::new();
    for name in ["go.mod", "go.sum"] {
        let path = module.join(name);
        let bytes = std::fs::read(&path).map_err(GroundError::io(&path))?;
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    }
    let lists = COMPONENTS.iter().map(|one| format!("{} {}\n", one.program, one.package));
    let files = FILES.iter().map(|(module, from, to)| format!("{module} {from} {to}\n"));
    lists.chain(files).chain([LINKER_FLAGS.to_owned()]).for_each(|line| hash.update(line));
    let mut digest = HEXLOWER.encode(&hash.finalize());
    digest.truncate(12);
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_lock_is_another_folder() {
        let module = tempfile::tempdir().expect("a folder");
        let digest = |sum: &str| {
            std::fs::write(module.path().join("go.mod"), "module m\n").expect("written");
            std::fs::write(module.path().join("go.sum"), sum).expect("written");
            lock_digest(module.path()).expect("a digest")
        };
        assert_eq!(digest("a"), digest("a"));
        assert_ne!(digest("a"), digest("b"));
    }

    #[test]
    fn the_module_names_every_component() {
        let text = std::fs::read_to_string(go_module_folder().join("go.mod")).expect("go.mod");
        for component in COMPONENTS {
            assert!(text.lines().any(|line| line.trim() == component.package), "{} is no tool of go.mod", component.package);
        }
    }

    #[test]
    fn the_stamp_is_the_version_of_the_module() {
        let text = std::fs::read_to_string(go_module_folder().join("go.mod")).expect("go.mod");
        let version = text.lines().find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes v")).expect("a version");
        // Go adds a comment.
        let version = version.split_whitespace().next().expect("a version");
        let (minor, _) = version.strip_prefix("1.").and_then(|rest| rest.split_once('.')).expect("1.minor.patch");
        assert!(LINKER_FLAGS.contains(&format!("gitVersion=v{version} ")) && LINKER_FLAGS.ends_with(&format!("gitMinor={minor}")));
    }
}
