//! Objects of providers whose kind nobody serves, or whose namespace nobody makes: told before anything is installed, and not by the API server
//! in the middle of it. Judges by what planes say, and by what is installed before the object; knows no schema.

use std::collections::{BTreeMap, BTreeSet};

use super::verdict::View;
use super::wish::{Placed, providers_of};
use crate::addr::{Address, Part};
use crate::definitions::Definitions;
use crate::desired::{DesiredCluster, DesiredProvider};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::kinds::is_built_in;

/// Namespaces that every API server makes by itself (k8s.io/kubernetes/pkg/controlplane/controller/systemnamespaces).
const EVERYWHERE: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// What is made before an object: kinds, and namespaces by name.
#[derive(Default)]
struct Before<'o> {
    kinds: Definitions,
    namespaces: BTreeSet<&'o str>,
}

impl<'o> Before<'o> {
    fn add(&mut self, object: &'o Placed) {
        self.kinds.add(&object.content);
        if object.key.group.is_empty() && object.key.kind == "Namespace" {
            self.namespaces.insert(&object.key.name);
        }
    }

    fn serves(&self, object: &Placed) -> bool {
        self.kinds.serve(&object.api_version, &object.key.kind)
    }

    fn holds(&self, object: &Placed) -> bool {
        object.key.namespace.as_deref().is_none_or(|namespace| EVERYWHERE.contains(&namespace) || self.namespaces.contains(namespace))
    }
}

/// Why an object cannot be made.
#[derive(Clone, Copy)]
enum Lack {
    Kind,
    Namespace,
}

/// Reports them, each once. What the sandbox's providers consist of is carried, and served there.
pub(super) fn refuse_unserved(view: &View<'_>, diagnostics: &mut Diagnostics) {
    if view.is_sandboxed() {
        return;
    }
    let management = view.management(&Address::management(""));
    let clusters: Vec<(&DesiredCluster, Before<'_>)> = view
        .desired
        .clusters
        .values()
        .filter(|cluster| cluster.pivot)
        .map(|cluster| (cluster, of_layers(view, &cluster.address)))
        .collect();
    let copied: BTreeMap<&Address, BTreeSet<&Address>> = clusters
        .iter()
        .map(|(cluster, _)| (&cluster.address, providers_of(view.desired, cluster).map(|provider| &provider.address).collect()))
        .collect();
    let mut before = Before::default();
    for provider in &view.desired.providers {
        let objects = view.wishes.components.get(&provider.address).map(Vec::as_slice).unwrap_or_default();
        // Namespaces and definitions come before the rest of their provider's objects.
        objects.iter().for_each(|object| before.add(object));
        let installed = provider.spec.install && !view.is_others(provider, &management);
        for object in objects.iter().filter(|object| !before.serves(object) || !before.holds(object)) {
            let here = || lacks_here(view, &management, &before, object).filter(|_| installed).map(|lack| (&management, lack));
            let there = || {
                let with = |address: &Address| copied.get(address).is_some_and(|providers| providers.contains(&provider.address));
                let mut planes = clusters.iter().filter(|(cluster, _)| with(&cluster.address));
                planes.find_map(|(cluster, layers)| Some((&cluster.address, lacks(view, &cluster.address, [&before, layers], object)?)))
            };
            if let Some((plane, lack)) = here().or_else(there) {
                diagnostics.push(refusal(provider, object, plane, lack));
            }
        }
    }
}

/// What the management plane lacks for an object, as far as it has said so.
fn lacks_here(view: &View<'_>, plane: &Address, before: &Before<'_>, object: &Placed) -> Option<Lack> {
    if !before.serves(object) && view.facts.is_unserved(plane, &object.api_version, &object.key.kind) {
        return Some(Lack::Kind);
    }
    (!before.holds(object) && !stands(view, plane, object)).then_some(Lack::Namespace)
}

/// What a cluster's own API lacks, or will lack when it comes up, for an object; `before`: what is made there before it, and by layers.
fn lacks(view: &View<'_>, cluster: &Address, before: [&Before<'_>; 2], object: &Placed) -> Option<Lack> {
    let (api_version, kind) = (object.api_version.as_str(), object.key.kind.as_str());
    let unserved = match view.facts.reachable(cluster) {
        Some(_) => view.facts.is_unserved(cluster, api_version, kind),
        None => !is_built_in(api_version),
    };
    if unserved && !before.iter().any(|before| before.serves(object)) {
        return Some(Lack::Kind);
    }
    (!before.iter().any(|before| before.holds(object)) && !stands(view, cluster, object)).then_some(Lack::Namespace)
}

/// Whether an object's namespace is on a plane, whoever has made it.
fn stands(view: &View<'_>, plane: &Address, object: &Placed) -> bool {
    object.key.on(plane).in_namespace().is_some_and(|namespace| view.facts.object(&namespace).is_some())
}

/// What a cluster's layers bring.
fn of_layers<'v>(view: &View<'v>, cluster: &Address) -> Before<'v> {
    let layers =
        view.wishes.resources.iter().filter(|(address, _)| address.root() == *cluster && matches!(address.part, Some(Part::Layer(_))));
    let mut brought = Before::default();
    layers.flat_map(|(_, wish)| &wish.objects).for_each(|object| brought.add(object));
    brought
}

fn refusal(provider: &DesiredProvider, object: &Placed, plane: &Address, lack: Lack) -> Diagnostic {
    let (key, spec) = (&object.key, &provider.spec);
    let (detail, hint) = match lack {
        Lack::Kind => (
            format!("Its API serves no {} of {}, and no component that is installed before defines it.", key.kind, object.api_version),
            "install what defines the kind on the plane, or take the object out of the components",
        ),
        Lack::Namespace => (
            format!(
                "It has no Namespace {}, and no component that is installed before makes it.",
                key.namespace.as_deref().unwrap_or_default()
            ),
            "make the Namespace on the plane, or add it to the components",
        ),
    };
    let summary = format!("{} of {} {} cannot be made on {plane}", key.short(), spec.label, spec.version);
    let mut refused = Diagnostic::error(Code::COMPONENTS, summary).detail(detail).hint(hint);
    refused.primary = object.span;
    refused
}
