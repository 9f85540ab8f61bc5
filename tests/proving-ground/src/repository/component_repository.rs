//! The repository as a test holds it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::document::{documents, file_of};
use super::infrastructure::InfrastructureProvider;
use super::without_cert_manager::without_cert_manager;
use crate::authority::Authority;
use crate::components::{CERT_MANAGER_VERSION, CLUSTER_API_VERSION, Components};
use crate::error::GroundError;
use crate::ground::Ground;
use crate::manager::MANAGERS;
use crate::render::{cert_manager_manifests, provider_manifests};

/// Whence serving certificates come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepositoryFlavour {
    /// From cert-manager, as upstream: Certificates and Issuers, and wishes for their authority. cert-manager itself lies in
    /// `cert-manager/<version>/cert-manager.yaml`.
    Upstream,
    /// They stand in the components. There is no cert-manager, and nothing that needs it.
    Static,
}

impl RepositoryFlavour {
    fn name(self) -> &'static str {
        match self {
            RepositoryFlavour::Upstream => "upstream",
            RepositoryFlavour::Static => "static",
        }
    }
}

/// A folder of components. It goes with its ground.
#[derive(Debug)]
pub struct ComponentRepository {
    folder: PathBuf,
    flavour: RepositoryFlavour,
    versions: BTreeMap<String, String>,
}

/// What the modules have beside what a release has: provider label, file of components, image as it was built and as it is released.
const RELEASES: [(&str, &str, [&str; 2]); 4] = [
    (
        "cluster-api",
        "core-components.yaml",
        ["gcr.io/k8s-staging-cluster-api/cluster-api-controller", "registry.k8s.io/cluster-api/cluster-api-controller"],
    ),
    (
        "bootstrap-kubeadm",
        "bootstrap-components.yaml",
        ["gcr.io/k8s-staging-cluster-api/kubeadm-bootstrap-controller", "registry.k8s.io/cluster-api/kubeadm-bootstrap-controller"],
    ),
    (
        "control-plane-kubeadm",
        "control-plane-components.yaml",
        ["gcr.io/k8s-staging-cluster-api/kubeadm-control-plane-controller", "registry.k8s.io/cluster-api/kubeadm-control-plane-controller"],
    ),
    (
        "infrastructure-docker",
        "infrastructure-components-development.yaml",
        ["gcr.io/k8s-staging-cluster-api/capd-manager", "gcr.io/k8s-staging-cluster-api/capd-manager"],
    ),
];

/// File of components of a provider that is for use.
const INFRASTRUCTURE: &str = "infrastructure-components.yaml";

impl ComponentRepository {
    /// Core, kubeadm bootstrap, kubeadm control plane and dev provider, of the version that the ground runs.
    ///
    /// # Errors
    /// A file cannot be read or written, or is not what it should be.
    pub fn make(ground: &Ground, flavour: RepositoryFlavour) -> Result<ComponentRepository, GroundError> {
        let folder = ground.data_folder(&format!("components-{}", flavour.name()))?;
        let mut repository = ComponentRepository { folder, flavour, versions: BTreeMap::new() };
        let authority = Authority::generate()?;
        for (label, file, images) in RELEASES {
            repository.add_release(ground.components(), label, file, images, &authority)?;
        }
        if let Some(path) = repository.cert_manager() {
            write(&path, &read(&cert_manager_manifests(ground.components()))?)?;
        }
        Ok(repository)
    }

    /// Adds a provider whose manager is nobody here.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn add(&mut self, provider: &InfrastructureProvider) -> Result<(), GroundError> {
        let label = provider.label();
        self.versions.insert(label.clone(), provider.version.clone());
        write(&self.file(&label, &provider.version, INFRASTRUCTURE), &file_of(&provider.documents()))?;
        write(&self.file(&label, &provider.version, "metadata.yaml"), &provider.metadata())
    }

    /// The folder of all of it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Versions by provider label: one each.
    pub fn versions(&self) -> &BTreeMap<String, String> {
        &self.versions
    }

    /// The components of a provider, if there is one of this label.
    pub fn components(&self, label: &str) -> Option<PathBuf> {
        let version = self.versions.get(label)?;
        let file = RELEASES.iter().find(|(release, _, _)| *release == label).map_or(INFRASTRUCTURE, |(_, file, _)| file);
        Some(self.file(label, version, file))
    }

    /// cert-manager's manifests, in the flavour that has them.
    pub fn cert_manager(&self) -> Option<PathBuf> {
        let path = self.file("cert-manager", CERT_MANAGER_VERSION, "cert-manager.yaml");
        (self.flavour == RepositoryFlavour::Upstream).then_some(path)
    }

    fn file(&self, label: &str, version: &str, name: &str) -> PathBuf {
        self.folder.join(label).join(version).join(name)
    }

    fn add_release(
        &mut self,
        components: &Components,
        label: &str,
        file: &str,
        [built, released]: [&str; 2],
        authority: &Authority,
    ) -> Result<(), GroundError> {
        let manager = MANAGERS.iter().find(|manager| manager.label == label);
        let program = manager.map(|manager| manager.program).unwrap_or_default();
        let path = provider_manifests(components, program);
        let manifest = |reason: String| GroundError::Manifest { path: path.clone(), reason };
        let text = released_text(&read(&path)?, built, released).ok_or_else(|| manifest(format!("its image is not {built}")))?;
        let text = match self.flavour {
            RepositoryFlavour::Upstream => text,
            RepositoryFlavour::Static => file_of(&without_cert_manager(documents(&text).map_err(manifest)?, authority)?),
        };
        self.versions.insert(label.to_owned(), CLUSTER_API_VERSION.to_owned());
        write(&self.file(label, CLUSTER_API_VERSION, file), &text)?;
        write(&self.file(label, CLUSTER_API_VERSION, "metadata.yaml"), &read(&components.files(program).join("metadata.yaml"))?)
    }
}

/// The text with the image that a release has, which is pulled only where it is not there.
fn released_text(text: &str, built: &str, released: &str) -> Option<String> {
    let built = format!("image: {built}:main");
    let found = text.contains(&built);
    let text = text.replace(&built, &format!("image: {released}:{CLUSTER_API_VERSION}"));
    found.then(|| text.replace("imagePullPolicy: Always", "imagePullPolicy: IfNotPresent"))
}

fn read(path: &Path) -> Result<String, GroundError> {
    std::fs::read_to_string(path).map_err(GroundError::io(path))
}

fn write(path: &Path, text: &str) -> Result<(), GroundError> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(GroundError::io(folder))?;
    std::fs::write(path, text).map_err(GroundError::io(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_is_that_of_the_release() {
        let text = "image: gcr.io/a/capd-manager:main\nimagePullPolicy: Always\n";
        let expected = format!("image: b/capd-manager:{CLUSTER_API_VERSION}\nimagePullPolicy: IfNotPresent\n");
        assert_eq!(released_text(text, "gcr.io/a/capd-manager", "b/capd-manager"), Some(expected));
        assert_eq!(released_text(text, "gcr.io/a/other", "b/other"), None);
    }

    #[test]
    fn every_manager_has_a_release() {
        assert_eq!(MANAGERS.each_ref().map(|manager| manager.label), RELEASES.map(|(label, _, _)| label));
    }
}
