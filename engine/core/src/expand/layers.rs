//! Layers as resources: the user's objects, marked, in an order in which they can be applied.

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::{Address, Part};
use crate::config::{ClusterModel, LayerModel};
use crate::desired::{Desired, DesiredObject, DesiredResource, Home};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::marks::SYSTEM_NAMESPACE;

use super::RENDER_REVISION;
use super::ignored;
use super::mark::Marker;

/// Adds one resource for each layer of a cluster.
pub fn expand(cluster: &ClusterModel, marker: &Marker, desired: &mut Desired, diagnostics: &mut Diagnostics) {
    let plane = &cluster.input.address;
    for layer in &cluster.layers {
        let address = plane.with(Part::Layer(layer.name.clone()));
        let mut objects: Vec<DesiredObject> = layer
            .objects
            .iter()
            .filter_map(|object| {
                let marked = marker.mark(&object.value, &address, Home::Workload, plane, object.span.or(layer.span), diagnostics)?;
                Some(DesiredObject { span: object.span, ..marked })
            })
            .collect();
        refuse_our_namespace(layer, plane, &mut objects, diagnostics);
        ignored::of_layer(layer, &mut objects, diagnostics);
        objects.sort_by_key(|object| application_rank(&object.key.group, &object.key.kind));
        let resource = DesiredResource {
            fixed: BTreeMap::new(),
            address: address.clone(),
            input: layer.input.clone(),
            render_revision: RENDER_REVISION,
            objects,
            needs: needs(cluster, layer),
            prevent_destroy: cluster.prevent_destroy,
            span: layer.span.or(cluster.span),
            places: BTreeMap::new(),
        };
        desired.resources.insert(address, resource);
    }
}

/// What stands in our own namespace is looked after by the engine and its agent, who would not know a layer's objects from their own.
fn refuse_our_namespace(layer: &LayerModel, plane: &Address, objects: &mut Vec<DesiredObject>, diagnostics: &mut Diagnostics) {
    objects.retain(|object| {
        let key = &object.key;
        let is_namespace = key.group.is_empty() && key.kind == "Namespace" && key.name == SYSTEM_NAMESPACE;
        if key.namespace.as_deref() != Some(SYSTEM_NAMESPACE) && !is_namespace {
            return true;
        }
        let summary = format!("layer {:?} of {plane} cannot hold {}: {SYSTEM_NAMESPACE} is windlass's own", layer.name, key.short());
        let mut diagnostic =
            Diagnostic::error(Code::INVALID_NAME, summary).hint("put it into a namespace of the layer's own, or of another name");
        diagnostic.primary = object.span.or(layer.span);
        diagnostics.push(diagnostic);
        false
    });
}

fn needs(cluster: &ClusterModel, layer: &LayerModel) -> BTreeSet<Address> {
    let plane = &cluster.input.address;
    let mut needs: BTreeSet<Address> = layer.depends_on.iter().map(|name| plane.with(Part::Layer(name.clone()))).collect();
    needs.insert(plane.with(Part::ControlPlane));
    if !layer.kind.before_agent() {
        if cluster.agent.enabled {
            needs.insert(plane.with(Part::Agent));
        }
        if cluster.pivot {
            needs.insert(plane.with(Part::Pivot));
        }
        needs.extend(cluster.input.worker_pools.iter().filter_map(|pool| pool.pool.clone()).map(|pool| plane.with(Part::WorkerPool(pool))));
    }
    needs
}

/// What must exist before what: namespaces and definitions, then what others refer to, then workloads, then custom resources.
fn application_rank(group: &str, kind: &str) -> u8 {
    match (group, kind) {
        ("", "Namespace") => 0,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => 1,
        ("scheduling.k8s.io", "PriorityClass") | ("", "ResourceQuota" | "LimitRange") => 2,
        ("", "ServiceAccount") => 3,
        ("rbac.authorization.k8s.io", _) => 4,
        ("", "Secret" | "ConfigMap" | "PersistentVolume") | ("storage.k8s.io", _) => 5,
        ("", _) => 6,
        ("apps" | "batch" | "policy" | "autoscaling" | "networking.k8s.io", _) => 7,
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => 8,
        _ => 9,
    }
}
