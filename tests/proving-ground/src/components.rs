//! What the proving ground is made of: one line for each program, and where it lies when it is built.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::error::GroundError;
use crate::workspace::{go_modules_folder, proving_ground_folder};

/// A Go module that names what is built, below `components/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoModule {
    /// Programs of others, as its `tool` lines name them.
    Programs,
    /// cert-manager, which publishes controllers but no programs: few lines of `main` for each, and one that renders its chart.
    CertManager,
}

impl GoModule {
    /// Both of them.
    pub(crate) const ALL: [GoModule; 2] = [GoModule::Programs, GoModule::CertManager];

    /// Where it lies.
    pub(crate) fn folder(self) -> PathBuf {
        match self {
            GoModule::Programs => go_modules_folder(),
            GoModule::CertManager => go_modules_folder().join("cert-manager"),
        }
    }

    /// Files that decide what is built, by their names in its folder.
    fn files(self) -> &'static [&'static str] {
        match self {
            GoModule::Programs => &["go.mod", "go.sum"],
            GoModule::CertManager => &["go.mod", "go.sum", "cainjector/main.go", "chart/main.go", "controller/main.go", "webhook/main.go"],
        }
    }
}

/// A Go program.
#[derive(Debug, Clone, Copy)]
pub struct Component {
    /// The name of its file.
    pub program: &'static str,
    /// The module that it is built in.
    pub module: GoModule,
    /// Its package.
    pub package: &'static str,
}

/// A program of somebody else's.
const fn program(program: &'static str, package: &'static str) -> Component {
    Component { program, module: GoModule::Programs, package }
}

/// A program of cert-manager's controllers.
const fn cert_manager(program: &'static str, package: &'static str) -> Component {
    Component { program, module: GoModule::CertManager, package }
}

/// Everything that is built. Cluster API's core comes before its siblings: it compiles what they share.
pub const COMPONENTS: [Component; 16] = [
    program("etcd", "go.etcd.io/etcd/server/v3"),
    program("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    program("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    program("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    program("kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    program("cluster-api-core", "sigs.k8s.io/cluster-api/core"),
    program("cluster-api-kubeadm-bootstrap", "sigs.k8s.io/cluster-api/bootstrap/kubeadm"),
    program("cluster-api-kubeadm-control-plane", "sigs.k8s.io/cluster-api/controlplane/kubeadm"),
    program("cluster-api-dev", "sigs.k8s.io/cluster-api/test/infrastructure/docker"),
    program("clusterctl", "sigs.k8s.io/cluster-api/cmd/clusterctl"),
    program("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    program("kustomize", "sigs.k8s.io/kustomize/kustomize/v5"),
    cert_manager("cert-manager-webhook", "./webhook"),
    cert_manager("cert-manager-cainjector", "./cainjector"),
    cert_manager("cert-manager-controller", "./controller"),
    cert_manager("cert-manager-chart", "./chart"),
];

/// The version of Cluster API's modules, as its releases are named.
pub const CLUSTER_API_VERSION: &str = "v1.14.2";
/// The version of cert-manager's module: the one that this clusterctl installs.
pub const CERT_MANAGER_VERSION: &str = "v1.21.1";

/// A file, or a folder of files, that is needed beside the programs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ModuleFile {
    /// The module that names the one that has it.
    pub module: GoModule,
    /// The one that has it.
    pub of: &'static str,
    /// Its path there.
    pub path: &'static str,
    /// The folder that it is copied into.
    pub to: &'static str,
}

const fn file(of: &'static str, path: &'static str, to: &'static str) -> ModuleFile {
    ModuleFile { module: GoModule::Programs, of, path, to }
}

/// All of them.
pub(crate) const FILES: [ModuleFile; 14] = [
    file("sigs.k8s.io/kwok", "kustomize/stage/node/fast/node-initialize.yaml", "stages"),
    file("sigs.k8s.io/kwok", "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml", "stages"),
    file("sigs.k8s.io/kwok", "kustomize/stage/pod/fast/pod-ready.yaml", "stages"),
    file("sigs.k8s.io/kwok", "kustomize/stage/pod/fast/pod-complete.yaml", "stages"),
    file("sigs.k8s.io/kwok", "kustomize/stage/pod/fast/pod-delete.yaml", "stages"),
    file("sigs.k8s.io/cluster-api", "core/config", "cluster-api-core"),
    file("sigs.k8s.io/cluster-api", "bootstrap/kubeadm/config", "cluster-api-kubeadm-bootstrap"),
    file("sigs.k8s.io/cluster-api", "controlplane/kubeadm/config", "cluster-api-kubeadm-control-plane"),
    file("sigs.k8s.io/cluster-api/test", "infrastructure/docker/config", "cluster-api-dev"),
    file("sigs.k8s.io/cluster-api", "metadata.yaml", "cluster-api-core"),
    file("sigs.k8s.io/cluster-api", "metadata.yaml", "cluster-api-kubeadm-bootstrap"),
    file("sigs.k8s.io/cluster-api", "metadata.yaml", "cluster-api-kubeadm-control-plane"),
    // Its own module has none: it is released with the others.
    file("sigs.k8s.io/cluster-api", "metadata.yaml", "cluster-api-dev"),
    ModuleFile {
        module: GoModule::CertManager,
        of: "github.com/cert-manager/cert-manager",
        path: "deploy/charts/cert-manager",
        to: "cert-manager-chart",
    },
];

/// Flags of every `go build`. Without the stamp Cluster API refuses the server.
pub(crate) const LINKER_FLAGS: &str = "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 \
    -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36";

/// What is made of the files, in words: other words are another build.
const RENDERING: &str = "kustomize build of each default folder, cert-manager's chart";

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
        Ok(Components { folder: proving_ground_folder().join(format!("built-{}", lock_digest(&lock_files())?)) })
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

/// Every file that decides what is built.
fn lock_files() -> Vec<PathBuf> {
    GoModule::ALL.into_iter().flat_map(|module| module.files().iter().map(move |file| module.folder().join(file))).collect()
}

/// The first 12 hex digits of a hash over the lock, the list of components and how they are built.
fn lock_digest(lock: &[PathBuf]) -> Result<String, GroundError> {
    let mut hash = Sha256::new();
    for path in lock {
        let bytes = std::fs::read(path).map_err(GroundError::io(path))?;
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    }
    let lists = COMPONENTS.iter().map(|one| format!("{} {:?} {}\n", one.program, one.module, one.package));
    let files = FILES.iter().map(|one| format!("{} {} {}\n", one.of, one.path, one.to));
    lists.chain(files).chain([LINKER_FLAGS.to_owned(), RENDERING.to_owned()]).for_each(|line| hash.update(line));
    let mut digest = HEXLOWER.encode(&hash.finalize());
    digest.truncate(12);
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go_mod(module: GoModule) -> String {
        std::fs::read_to_string(module.folder().join("go.mod")).expect("go.mod")
    }

    /// The version that a module's lock requires of another.
    fn version(module: GoModule, of: &str) -> String {
        let text = go_mod(module);
        let mut lines = text.lines().map(|line| line.trim().trim_start_matches("require ").split_whitespace());
        lines.find_map(|mut words| (words.next() == Some(of)).then(|| words.next()).flatten().map(str::to_owned)).expect("a version")
    }

    #[test]
    fn another_lock_is_another_folder() {
        let module = tempfile::tempdir().expect("a folder");
        let digest = |sum: &str| {
            std::fs::write(module.path().join("go.sum"), sum).expect("written");
            lock_digest(&[module.path().join("go.sum")]).expect("a digest")
        };
        assert_eq!(digest("a"), digest("a"));
        assert_ne!(digest("a"), digest("b"));
    }

    #[test]
    fn the_lock_is_all_that_is_in_the_modules() {
        for module in GoModule::ALL {
            let mut found = Vec::new();
            for entry in std::fs::read_dir(module.folder()).expect("a folder").flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                match entry.path().join("main.go").is_file() {
                    true => found.push(format!("{name}/main.go")),
                    false if entry.path().is_file() => found.push(name),
                    false => assert!(entry.path().join("go.mod").is_file(), "{name} is neither a program nor a module"),
                }
            }
            found.sort();
            let mut named = module.files().to_vec();
            named.sort_unstable();
            assert_eq!(found, named);
        }
    }

    #[test]
    fn the_module_names_every_component() {
        let text = go_mod(GoModule::Programs);
        for component in COMPONENTS.iter().filter(|component| component.module == GoModule::Programs) {
            assert!(text.lines().any(|line| line.trim() == component.package), "{} is no tool of go.mod", component.package);
        }
    }

    #[test]
    fn versions_are_those_of_the_modules() {
        assert_eq!(version(GoModule::Programs, "sigs.k8s.io/cluster-api"), CLUSTER_API_VERSION);
        assert_eq!(version(GoModule::Programs, "sigs.k8s.io/cluster-api/test"), CLUSTER_API_VERSION);
        assert_eq!(version(GoModule::CertManager, "github.com/cert-manager/cert-manager"), CERT_MANAGER_VERSION);
    }

    #[test]
    fn the_stamp_is_the_version_of_the_module() {
        let version = version(GoModule::Programs, "k8s.io/kubernetes");
        let (minor, _) = version.strip_prefix("v1.").and_then(|rest| rest.split_once('.')).expect("v1.minor.patch");
        assert!(LINKER_FLAGS.contains(&format!("gitVersion={version} ")) && LINKER_FLAGS.ends_with(&format!("gitMinor={minor}")));
    }
}
