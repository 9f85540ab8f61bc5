//! Every object of a plane has exactly one owner: cluster, provider, cloud, agent or layer. Knows keys, not content.

use std::collections::BTreeMap;

use crate::addr::{Address, Part};
use crate::desired::{Desired, DesiredObject, DesiredResource, Home};
use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::object::ObjectKey;

/// Who holds an object, and where that is written.
type Owner<'d> = (&'d Address, Option<Span>);

/// Tells every object that two resources hold on one plane, or one resource twice.
pub fn check(desired: &Desired, diagnostics: &mut Diagnostics) {
    let mut owners: BTreeMap<ObjectKey, Owner<'_>> = BTreeMap::new();
    let pivoted = || desired.clusters.values().filter(|cluster| cluster.pivot);
    for provider in &desired.providers {
        let span = desired.resources.get(&provider.address).and_then(|resource| resource.span);
        for object in &provider.objects {
            claim(&mut owners, object.key.clone(), (&provider.address, span), diagnostics);
            // Each pivoted cluster runs the providers that it needs by itself.
            for cluster in pivoted().filter(|cluster| provider.core || cluster.provider == provider.spec.name) {
                owners.entry(object.key.on(&cluster.address)).or_insert((&provider.address, span));
            }
        }
    }
    // Layers last: they are what the user can most easily change.
    let (layers, others): (Vec<_>, Vec<_>) = desired.resources.values().partition(|resource| is_layer(resource));
    for resource in others.into_iter().chain(layers) {
        for object in &resource.objects {
            let owner = (&resource.address, object.span.or(resource.span));
            claim(&mut owners, object.key.clone(), owner, diagnostics);
            if let Some(there) = after_pivot(desired, resource, object) {
                claim(&mut owners, there, owner, diagnostics);
            }
        }
    }
}

fn is_layer(resource: &DesiredResource) -> bool {
    matches!(resource.address.part, Some(Part::Layer(_)))
}

/// Where an object of a cluster's own lies once the cluster manages itself.
fn after_pivot(desired: &Desired, resource: &DesiredResource, object: &DesiredObject) -> Option<ObjectKey> {
    let plane = Address { part: None, ..resource.address.clone() };
    let moves = object.home == Home::Capi && desired.clusters.get(&plane).is_some_and(|cluster| cluster.pivot);
    moves.then(|| object.key.on(&plane))
}

fn claim<'d>(owners: &mut BTreeMap<ObjectKey, Owner<'d>>, key: ObjectKey, owner: Owner<'d>, diagnostics: &mut Diagnostics) {
    let Some((other, first)) = owners.get(&key) else {
        owners.insert(key, owner);
        return;
    };
    let (address, span) = owner;
    let summary = match (&other.part, &address.part) {
        _ if *other == address => format!("{address} holds {} twice", key.short()),
        (Some(Part::Layer(one)), Some(Part::Layer(two))) if other.root == address.root => {
            format!("layers {one:?} and {two:?} both hold {}", key.short())
        }
        _ => format!("{other} and {address} both hold {}", key.short()),
    };
    let mut diagnostic = Diagnostic::error(Code::OBJECT_TWICE, summary)
        .detail(format!("It would be on {} once.", key.plane))
        .hint("an object has exactly one owner; remove it from one of them");
    diagnostic.primary = span;
    diagnostic.related.extend(first.filter(|first| Some(*first) != span).map(|first| (first, format!("{other} holds it"))));
    diagnostics.push(diagnostic);
}
