//! Which CAPI providers a configuration needs, in the order in which they are installed. Knows names and versions, no object.

use std::collections::BTreeMap;

use crate::config::{CloudModel, Model};
use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::plan::ProviderSpec;
use crate::provider::{Provider, Release};

/// Version of Cluster API that this release installs unless HCL says otherwise (the one whose facts are carried).
const CLUSTER_API: &str = "v1.14.2";
/// Version of cert-manager that goes with it (cmd/clusterctl/client/config/cert_manager_client.go).
const CERT_MANAGER_VERSION: &str = "v1.21.1";
/// Name of cert-manager in HCL, in addresses and in repositories: no provider, and installed like one.
pub const CERT_MANAGER: &str = "cert-manager";

/// Where each of the providers below is released (cmd/clusterctl/client/config/providers_client.go).
const CLUSTER_API_RELEASES: &str = "https://github.com/kubernetes-sigs/cluster-api/releases/download";
const CERT_MANAGER_RELEASES: &str = "https://github.com/cert-manager/cert-manager/releases/download";

/// Name, label, type, namespace, Deployment, image, API groups, file of components.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, &'static [&'static str], &'static str);

/// Core, bootstrap and control plane provider in clusterctl's order of installation.
#[rustfmt::skip]
const CORE: [Row; 3] = [
    ("cluster-api", "cluster-api", "CoreProvider", "capi-system", "capi-controller-manager",
     "registry.k8s.io/cluster-api/cluster-api-controller",
     &["cluster.x-k8s.io", "addons.cluster.x-k8s.io", "ipam.cluster.x-k8s.io", "runtime.cluster.x-k8s.io"], "core-components.yaml"),
    ("bootstrap-kubeadm", "bootstrap-kubeadm", "BootstrapProvider", "capi-kubeadm-bootstrap-system", "capi-kubeadm-bootstrap-controller-manager",
     "registry.k8s.io/cluster-api/kubeadm-bootstrap-controller", &["bootstrap.cluster.x-k8s.io"], "bootstrap-components.yaml"),
    ("control-plane-kubeadm", "control-plane-kubeadm", "ControlPlaneProvider", "capi-kubeadm-control-plane-system", "capi-kubeadm-control-plane-controller-manager",
     "registry.k8s.io/cluster-api/kubeadm-control-plane-controller", &["controlplane.cluster.x-k8s.io"], "control-plane-components.yaml"),
];

/// A provider that must run.
pub struct Needed<'m> {
    /// What is installed.
    pub spec: ProviderSpec,
    /// Whether every cluster needs it.
    pub core: bool,
    /// Folder of its releases upstream.
    pub releases: &'static str,
    /// Name of the file with its components.
    pub file: &'static str,
    /// The clouds that it acts for.
    pub clouds: Vec<(&'m CloudModel, &'static Release)>,
}

/// Names and namespaces of the providers that every cluster needs.
pub fn core_namespaces() -> impl Iterator<Item = (&'static str, &'static str)> {
    CORE.iter().map(|(name, _, _, namespace, ..)| (*name, *namespace)).chain([(CERT_MANAGER, CERT_MANAGER)])
}

/// Names of the providers that every cluster needs, and of what they need themselves.
pub fn core_providers() -> impl Iterator<Item = &'static str> {
    CORE.iter().map(|(name, ..)| *name).chain([CERT_MANAGER])
}

/// The release of a provider that a configuration uses: the pinned one or the default.
pub fn release(model: &Model, provider: &dyn Provider) -> Result<&'static Release, Box<Diagnostic>> {
    let releases = provider.releases();
    let Some((version, span)) = model.pinned_version(provider.name()) else {
        return releases.last().ok_or_else(|| {
            Box::new(Diagnostic::error(Code::UNKNOWN_VERSION, format!("no release of provider {:?} is known", provider.name())))
        });
    };
    releases.iter().find(|release| same_version(release.version, version)).ok_or_else(|| {
        let known: Vec<&str> = releases.iter().map(|release| release.version).collect();
        Box::new(unknown_version(provider.name(), version, span, &known.join(", ")))
    })
}

/// The refusal of a version that this release does not know; `known`: those that it does.
fn unknown_version(provider: &str, version: &str, span: Option<Span>, known: &str) -> Diagnostic {
    let summary = format!("version {version:?} of provider {provider:?} is not known");
    let hint = format!("this release of windlass carries the CRD facts of {known}");
    let mut diagnostic = Diagnostic::error(Code::UNKNOWN_VERSION, summary).hint(hint);
    diagnostic.primary = span;
    diagnostic
}

/// The providers that the configured clouds and clusters need; none if there are no such.
pub fn needed<'m>(model: &'m Model, diagnostics: &mut Diagnostics) -> Vec<Needed<'m>> {
    if model.clusters.is_empty() && model.clouds.is_empty() {
        return Vec::new();
    }
    let mut all: Vec<Needed<'m>> = cert_manager(model).into_iter().collect();
    for row in CORE {
        if let Some((version, span)) = model.pinned_version(row.0)
            && !same_version(version, CLUSTER_API)
        {
            diagnostics.push(unknown_version(row.0, version, span, CLUSTER_API));
        }
        all.push(Needed { spec: core(model, row), core: true, releases: CLUSTER_API_RELEASES, file: row.7, clouds: Vec::new() });
    }
    let mut used: BTreeMap<&str, Vec<&CloudModel>> = BTreeMap::new();
    for cloud in model.clouds.values() {
        used.entry(cloud.provider.name()).or_default().push(cloud);
    }
    for clouds in used.into_values() {
        let Some(provider) = clouds.first().map(|cloud| cloud.provider) else { continue };
        match release(model, provider) {
            Ok(release) => all.push(infrastructure(model, provider, clouds, release)),
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
    }
    all
}

fn same_version(one: &str, other: &str) -> bool {
    one.trim_start_matches('v') == other.trim_start_matches('v')
}

/// cert-manager, where windlass installs components that may ask it for certificates. What runs in the sandbox asks for none.
fn cert_manager(model: &Model) -> Option<Needed<'_>> {
    if !model.reads_repository() || !model.needs_cert_manager() {
        return None;
    }
    let version = model.pinned_version(CERT_MANAGER).map_or(CERT_MANAGER_VERSION, |(version, _)| version);
    let spec = ProviderSpec {
        name: CERT_MANAGER.to_owned(),
        label: CERT_MANAGER.to_owned(),
        r#type: String::new(),
        version: format!("v{}", version.trim_start_matches('v')),
        contract: String::new(),
        namespace: CERT_MANAGER.to_owned(),
        deployment: CERT_MANAGER.to_owned(),
        image: String::new(),
        facts: String::new(),
        groups: Vec::new(),
        install: model.management.install_providers && model.management.cert_manager.is_installed(),
    };
    Some(Needed { spec, core: true, releases: CERT_MANAGER_RELEASES, file: "cert-manager.yaml", clouds: Vec::new() })
}

fn core(model: &Model, (name, label, kind, namespace, deployment, image, groups, _): Row) -> ProviderSpec {
    ProviderSpec {
        name: name.to_owned(),
        label: label.to_owned(),
        r#type: kind.to_owned(),
        version: CLUSTER_API.to_owned(),
        contract: "v1beta2".to_owned(),
        namespace: namespace.to_owned(),
        deployment: deployment.to_owned(),
        image: image.to_owned(),
        facts: "cluster-api".to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        install: model.management.install_providers,
    }
}

fn infrastructure<'m>(model: &Model, provider: &dyn Provider, clouds: Vec<&'m CloudModel>, release: &'static Release) -> Needed<'m> {
    let spec = ProviderSpec {
        name: provider.name().to_owned(),
        label: format!("infrastructure-{}", provider.clusterctl_name()),
        r#type: "InfrastructureProvider".to_owned(),
        version: release.version.to_owned(),
        contract: release.contract.to_owned(),
        namespace: release.namespace.to_owned(),
        deployment: release.deployment.to_owned(),
        image: release.image.to_owned(),
        facts: release.facts.to_owned(),
        groups: Vec::new(),
        install: model.management.install_providers,
    };
    let clouds = clouds.into_iter().map(|cloud| (cloud, release)).collect();
    Needed { spec, core: false, releases: release.releases, file: release.components, clouds }
}
