//! Objects of providers whose kind nobody serves: told before anything is installed, and not by the API server in the middle of it. Judges
//! by what planes say of kinds, and by what is installed before the object; knows no schema.

use std::collections::{BTreeMap, BTreeSet};

use super::verdict::View;
use super::wish::{Placed, providers_of};
use crate::addr::{Address, Part};
use crate::definitions::Definitions;
use crate::desired::{DesiredCluster, DesiredProvider};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::kinds::is_built_in;

/// Reports them, each once. What the sandbox's providers consist of is carried, and served there.
pub(super) fn refuse_unserved(view: &View<'_>, diagnostics: &mut Diagnostics) {
    if view.is_sandboxed() {
        return;
    }
    let management = view.management(&Address::management(""));
    let clusters: Vec<(&DesiredCluster, Definitions)> = view
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
    let mut defined = Definitions::default();
    for provider in &view.desired.providers {
        let objects = view.wishes.components.get(&provider.address).map(Vec::as_slice).unwrap_or_default();
        // Definitions come before the rest of their provider's objects.
        objects.iter().for_each(|object| defined.add(&object.content));
        let installed = provider.spec.install && !view.is_others(provider, &management);
        for object in objects.iter().filter(|object| !defined.serve(&object.api_version, &object.key.kind)) {
            let here = installed && view.facts.is_unserved(&management, &object.api_version, &object.key.kind);
            let there = || {
                let with = |address: &Address| copied.get(address).is_some_and(|providers| providers.contains(&provider.address));
                let mut planes = clusters.iter().filter(|(cluster, _)| with(&cluster.address));
                planes.find(|(cluster, layers)| lacks(view, &cluster.address, layers, object)).map(|(cluster, _)| &cluster.address)
            };
            if let Some(plane) = Some(&management).filter(|_| here).or_else(there) {
                diagnostics.push(refusal(provider, object, plane));
            }
        }
    }
}

/// Whether a cluster's own API does not serve, or will not serve when it comes up, the kind of an object that nothing before it defines.
fn lacks(view: &View<'_>, cluster: &Address, layers: &Definitions, object: &Placed) -> bool {
    let (api_version, kind) = (object.api_version.as_str(), object.key.kind.as_str());
    let lacking = match view.facts.reachable(cluster) {
        Some(_) => view.facts.is_unserved(cluster, api_version, kind),
        None => !is_built_in(api_version),
    };
    lacking && !layers.serve(api_version, kind)
}

/// What a cluster's layers define.
fn of_layers(view: &View<'_>, cluster: &Address) -> Definitions {
    let layers =
        view.wishes.resources.iter().filter(|(address, _)| address.root() == *cluster && matches!(address.part, Some(Part::Layer(_))));
    layers.flat_map(|(_, wish)| &wish.objects).map(|object| &object.content).collect()
}

fn refusal(provider: &DesiredProvider, object: &Placed, plane: &Address) -> Diagnostic {
    let (key, spec) = (&object.key, &provider.spec);
    let summary = format!("{} of {} {} cannot be made on {plane}", key.short(), spec.label, spec.version);
    let mut refused = Diagnostic::error(Code::COMPONENTS, summary)
        .detail(format!("Its API serves no {} of {}, and no component that is installed before defines it.", key.kind, object.api_version))
        .hint("install what defines the kind on the plane, or take the object out of the components");
    refused.primary = object.span;
    refused
}
