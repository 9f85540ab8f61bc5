//! CAPI providers as resources of the management plane: which, in which version, with which credentials.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::{Address, Part};
use crate::config::Model;
use crate::desired::{Desired, DesiredManagement, DesiredObject, DesiredProvider, DesiredResource, Home};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::plan::ProviderSpec;
use crate::provider::Release;
use crate::value::Value;

use super::mark::Marker;
use super::{RENDER_REVISION, components};

/// Version of Cluster API that this release installs unless HCL says otherwise (the one whose facts are carried).
const CLUSTER_API: &str = "v1.14.2";

/// Name, label, type, namespace, Deployment, image, API groups.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

/// Core, bootstrap and control plane provider in clusterctl's order of installation.
#[rustfmt::skip]
const CORE: [Row; 3] = [
    ("cluster-api", "cluster-api", "CoreProvider", "capi-system", "capi-controller-manager",
     "registry.k8s.io/cluster-api/cluster-api-controller",
     &["cluster.x-k8s.io", "addons.cluster.x-k8s.io", "ipam.cluster.x-k8s.io", "runtime.cluster.x-k8s.io"]),
    ("bootstrap-kubeadm", "bootstrap-kubeadm", "BootstrapProvider", "capi-kubeadm-bootstrap-system", "capi-kubeadm-bootstrap-controller-manager",
     "registry.k8s.io/cluster-api/kubeadm-bootstrap-controller", &["bootstrap.cluster.x-k8s.io"]),
    ("control-plane-kubeadm", "control-plane-kubeadm", "ControlPlaneProvider", "capi-kubeadm-control-plane-system", "capi-kubeadm-control-plane-controller-manager",
     "registry.k8s.io/cluster-api/kubeadm-control-plane-controller", &["controlplane.cluster.x-k8s.io"]),
];

/// Names and namespaces of the providers that every cluster needs.
pub fn core_namespaces() -> impl Iterator<Item = (&'static str, &'static str)> {
    CORE.iter().map(|(name, _, _, namespace, ..)| (*name, *namespace))
}

/// Names of the providers that every cluster needs.
pub fn core_providers() -> impl Iterator<Item = &'static str> {
    CORE.iter().map(|(name, ..)| *name)
}

/// The release of a provider that a configuration uses: the pinned one or the default.
pub fn release(model: &Model, provider: &dyn crate::provider::Provider) -> Result<&'static Release, Box<Diagnostic>> {
    let releases = provider.releases();
    let Some((version, span)) = model.provider_versions.get(provider.name()) else {
        return releases.last().ok_or_else(|| {
            Box::new(Diagnostic::error(Code::UNKNOWN_VERSION, format!("no release of provider {:?} is known", provider.name())))
        });
    };
    releases.iter().find(|release| release.version.trim_start_matches('v') == version.trim_start_matches('v')).ok_or_else(|| {
        let known: Vec<&str> = releases.iter().map(|release| release.version).collect();
        let mut diagnostic =
            Diagnostic::error(Code::UNKNOWN_VERSION, format!("version {version:?} of provider {:?} is not known", provider.name()))
                .hint(format!("this release of windlass carries the CRD facts of {}", known.join(", ")));
        diagnostic.primary = *span;
        Box::new(diagnostic)
    })
}

/// Adds the providers that the configured clusters need, and nothing if there are no clusters.
pub fn expand(model: &Model, marker: &Marker, desired: &mut Desired, diagnostics: &mut Diagnostics) {
    if model.clusters.is_empty() && model.clouds.is_empty() {
        return;
    }
    let management = &model.management;
    let mut previous = BTreeSet::new();
    let mut add = |desired: &mut Desired, provider: DesiredProvider| {
        let input = Value::object([("version", Value::string(&provider.spec.version)), ("install", Value::Bool(provider.spec.install))]);
        let resource = DesiredResource {
            address: provider.address.clone(),
            input,
            render_revision: RENDER_REVISION,
            objects: Vec::new(),
            needs: previous.clone(),
            prevent_destroy: false,
            span: management.span,
            places: BTreeMap::new(),
        };
        previous.insert(provider.address.clone());
        desired.resources.insert(provider.address.clone(), resource);
        desired.providers.push(provider);
    };
    for (name, label, kind, namespace, deployment, image, groups) in CORE {
        if let Some((version, span)) = model.provider_versions.get(name)
            && version.trim_start_matches('v') != CLUSTER_API.trim_start_matches('v')
        {
            let mut diagnostic = Diagnostic::error(Code::UNKNOWN_VERSION, format!("version {version:?} of provider {name:?} is not known"))
                .hint(format!("this release of windlass carries the CRD facts of {CLUSTER_API}"));
            diagnostic.primary = *span;
            diagnostics.push(diagnostic);
        }
        let spec = ProviderSpec {
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
            install: management.install_providers,
        };
        let address = management.address.with(Part::Provider(name.to_owned()));
        let objects = components(&spec, &address, management, Vec::new(), marker, diagnostics);
        add(desired, DesiredProvider { address, spec, objects, core: true });
    }
    let mut used = BTreeMap::new();
    for cloud in model.clouds.values() {
        used.entry(cloud.provider.name()).or_insert_with(Vec::new).push(cloud);
    }
    for (name, clouds) in used {
        let Some(provider) = clouds.first().map(|cloud| cloud.provider) else { continue };
        let release = match release(model, provider) {
            Ok(release) => release,
            Err(diagnostic) => {
                diagnostics.push(*diagnostic);
                continue;
            }
        };
        let address = management.address.with(Part::Provider(name.to_owned()));
        let mut credentials: BTreeMap<_, DesiredObject> = BTreeMap::new();
        for cloud in clouds.into_iter().filter(|cloud| !cloud.input.body.value.contains_unknown()) {
            for rendered in provider.manager_credentials(&cloud.input, release) {
                let span = cloud.input.body.span;
                if let Some(object) = marker.mark(&rendered.object, &address, Home::Management, &management.address, span, diagnostics) {
                    credentials.entry(object.key.clone()).or_insert(object);
                }
            }
        }
        let credentials = credentials.into_values().collect();
        let spec = ProviderSpec {
            name: name.to_owned(),
            label: format!("infrastructure-{}", provider.clusterctl_name()),
            r#type: "InfrastructureProvider".to_owned(),
            version: release.version.to_owned(),
            contract: release.contract.to_owned(),
            namespace: release.namespace.to_owned(),
            deployment: release.deployment.to_owned(),
            image: release.image.to_owned(),
            facts: release.facts.to_owned(),
            groups: Vec::new(),
            install: management.install_providers,
        };
        let objects = components(&spec, &address, management, credentials, marker, diagnostics);
        add(desired, DesiredProvider { address, spec, objects, core: false });
    }
}

/// The marked objects of a provider, its Secrets among them, in the order in which they are applied.
fn components(
    spec: &ProviderSpec,
    address: &Address,
    management: &DesiredManagement,
    credentials: Vec<DesiredObject>,
    marker: &Marker,
    diagnostics: &mut Diagnostics,
) -> Vec<DesiredObject> {
    let secrets: Vec<String> =
        credentials.iter().filter(|object| object.key.kind == "Secret").map(|object| object.key.name.clone()).collect();
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let mut marked = |objects: Vec<serde_json::Value>| -> Vec<DesiredObject> {
        let mark = |object: &serde_json::Value| {
            marker.mark(&Value::from_json(object), address, Home::Management, &management.address, management.span, diagnostics)
        };
        objects.iter().filter_map(mark).collect()
    };
    let mut all = marked(components::before_credentials(spec));
    let last = marked(components::after_credentials(spec, &secrets));
    all.extend(credentials);
    all.extend(last);
    all
}
