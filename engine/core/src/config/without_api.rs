//! Clusters whose own API takes nothing that windlass writes: what they may not have, told where it is written. Knows no cloud by name.

use std::collections::BTreeMap;

use crate::addr::Address;
use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::provider::{Body, Provider};
use crate::value::Value;

use super::model::{ClusterModel, LayerModel};
use super::profile::Evaluation;

/// Refuses pivot and agent for such a cluster. `body` is that of its block, which stands at `header`.
pub fn refuse_inhabitants(body: &Body, provider: &dyn Provider, what: &str, header: Span, diagnostics: &mut Diagnostics) {
    if provider.has_workload_api() {
        return;
    }
    let is_set = |path: &[&str]| body.value.get_path(path).and_then(Value::as_bool) == Some(true);
    if is_set(&["pivot"]) {
        let how = if body.written("pivot").is_some() { "" } else { ", which is the default" };
        let error = Diagnostic::error(Code::INVALID_VALUE, format!("{what} cannot pivot{how}"));
        let detail = format!("Cluster API cannot move into it: {}.", nature(provider));
        diagnostics.push(error.at(body.written("pivot").unwrap_or(header)).detail(detail).hint("write `pivot = false`"));
    }
    if is_set(&["agent", "enabled"]) {
        let place = body.written("agent.enabled").or_else(|| body.written("agent")).unwrap_or(header);
        let error = Diagnostic::error(Code::INVALID_VALUE, format!("{what} cannot have an agent")).at(place);
        let detail = format!("It would have nowhere to run: {}.", nature(provider));
        diagnostics.push(error.detail(detail).hint("leave the `agent` block out; without it such a cluster has none"));
    }
}

/// Whether a cluster has an agent unless its block says otherwise.
pub fn has_agent_by_default(provider: &dyn Provider) -> bool {
    provider.has_workload_api()
}

/// Refuses what holds objects among the layers of such a cluster, and leaves out those that hold none: they ask for nothing.
pub fn refuse_layers(evaluation: &mut Evaluation, provider: &dyn Provider, cluster: &Address, header: Span, diagnostics: &mut Diagnostics) {
    if provider.has_workload_api() {
        return;
    }
    evaluation.layers.retain(|layer| !layer.objects.is_empty());
    let first = |layer: &LayerModel| layer.objects.iter().find_map(|object| object.span).or(layer.span).unwrap_or(header);
    let named = evaluation.layers.iter().map(|layer| (format!("layer {:?}", layer.name), first(layer)));
    let own = evaluation.cloud_controller.iter().filter(|(enabled, objects, _)| *enabled && !objects.is_empty());
    let own = own.map(|(_, _, span)| ("`cloud_controller`".to_owned(), *span));
    for (layer, place) in named.chain(own) {
        diagnostics.push(
            Diagnostic::error(Code::WRONG_LAYERS, format!("{layer} holds objects, and {cluster} takes none"))
                .at(place)
                .detail(format!("They cannot be applied: {}.", nature(provider)))
                .hint(format!(
                    "leave the layer out (such a cluster needs no network and no storage), or give it no objects there: `objects = \
                     target.cloud == {:?} ? [] : [ … ]`",
                    provider.name()
                )),
        );
    }
}

/// What a value asks of a cluster whose API is never spoken to, if it does; `what` holds the value.
pub fn refuse_reference(value: &Value, what: &str, clusters: &BTreeMap<Address, ClusterModel>) -> Option<Diagnostic> {
    let mut fault = None;
    value.walk_leaves(|_, leaf| {
        let Value::Unknown(unknown) = leaf.reveal() else { return };
        let Some((reference, (root, _))) = unknown.reference.as_deref().and_then(|text| Some((text, text.rsplit_once('.')?))) else {
            return;
        };
        let silent = root.parse::<Address>().ok().and_then(|address| clusters.get(&address));
        if let Some(cluster) = silent.filter(|cluster| !cluster.provider.has_workload_api()) {
            fault.get_or_insert_with(|| {
                Diagnostic::error(Code::INVALID_VALUE, format!("{what} asks for {reference}, which windlass does not find out"))
                    .detail(format!("It does not speak to that API: {}.", nature(cluster.provider)))
                    .hint(format!("`windlass kubeconfig {}` prints the way in", cluster.input.name))
            });
        }
    });
    fault
}

/// The same for the layers of all clusters, each at its place.
pub fn refuse_references(clusters: &BTreeMap<Address, ClusterModel>, diagnostics: &mut Diagnostics) {
    // Nothing can be meant where there is no such cluster, which is almost always.
    if clusters.values().all(|cluster| cluster.provider.has_workload_api()) {
        return;
    }
    for (address, layer) in clusters.iter().flat_map(|(address, cluster)| cluster.layers.iter().map(move |layer| (address, layer))) {
        let what = format!("layer {:?} of {address}", layer.name);
        for object in &layer.objects {
            if let Some(mut fault) = refuse_reference(&object.value, &what, clusters) {
                fault.primary = object.span.or(layer.span);
                diagnostics.push(fault);
            }
        }
    }
}

/// Why, as the second half of a sentence.
fn nature(provider: &dyn Provider) -> String {
    format!("the API of a cluster of cloud {:?} is a simulation without server-side apply", provider.name())
}
