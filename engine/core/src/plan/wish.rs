//! The wish in placeholder form: what HCL asks for, ready to be compared with what was applied.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use windlass_kubeschema::fieldpath::{FieldPath, PathElement};

use super::kept_facts::{Kept, KeptCluster, KeptLayer, KeptNothing, KeptProvider, kept_input};
use super::{PlannedObject, ProviderSpec};
use crate::addr::{Address, Part};
use crate::desired::{Desired, DesiredCluster, DesiredHop, DesiredObject, DesiredProvider, DesiredResource, Home};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::diff::path_from_text;
use crate::drift::resolved;
use crate::encode::{DigestKey, Encoder, canonical_text, resolve_unknowns, sha256_digest};
use crate::marks::ANNOTATION_ADDRESS;
use crate::object::ObjectKey;
use crate::recorded::{Recorded, RecordedResource, ResourceStatus};

/// A rendered object in placeholder form.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) home: Home,
    pub(super) key: ObjectKey,
    pub(super) api_version: String,
    pub(super) content: Json,
    /// The content without the values of unknown leaves, where `content` has some.
    unresolved: Option<Json>,
    /// Where it is written, if that is somewhere else than its resource.
    pub(super) span: Option<Span>,
}

impl Placed {
    fn of(object: &DesiredObject, content: Json) -> Self {
        let (key, api_version) = (object.key.clone(), object.api_version.clone());
        Self { home: object.home, key, api_version, content, unresolved: None, span: object.span }
    }

    /// Fills in what is known by now of its unknown leaves.
    fn resolve(&mut self, known: &BTreeMap<String, Json>) {
        let content = match resolved(&self.content, known) {
            Cow::Owned(content) => content,
            Cow::Borrowed(_) => return,
        };
        self.unresolved = Some(std::mem::replace(&mut self.content, content));
    }

    /// The same object in a cluster, where another resource owns it.
    pub(super) fn copied(&self, cluster: &Address, owner: &Address) -> Placed {
        let mut content = self.content.clone();
        if let Some(annotations) = content.pointer_mut("/metadata/annotations").and_then(Json::as_object_mut) {
            annotations.insert(ANNOTATION_ADDRESS.to_owned(), Json::String(owner.to_string()));
        }
        let (key, api_version) = (self.key.on(cluster), self.api_version.clone());
        Placed { home: Home::Workload, key, api_version, content, unresolved: None, span: self.span }
    }

    /// To be applied on a plane; `create`: nothing of this name may be there that is not ours.
    pub(super) fn planned(&self, plane: &Address, create: bool) -> PlannedObject {
        PlannedObject { key: self.key.on(plane), api_version: self.api_version.clone(), content: self.content.clone(), create }
    }
}

/// A resource in placeholder form.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    pub(super) resource: &'a DesiredResource,
    pub(super) input: Json,
    pub(super) input_digest: String,
    pub(super) objects: Vec<Placed>,
    pub(super) facts: Json,
}

impl Wish<'_> {
    /// As it is to be recorded.
    pub(super) fn record(&self, status: ResourceStatus) -> RecordedResource {
        RecordedResource {
            status,
            input_digest: self.input_digest.clone(),
            render_revision: self.resource.render_revision,
            protect: self.resource.prevent_destroy,
            needs: self.resource.needs.clone(),
            facts: self.facts.clone(),
        }
    }

    /// Digest of what its objects hold. It is the same before and after an unknown value has become known, so that what an agent was given
    /// keeps its name.
    pub(super) fn content_digest(&self) -> String {
        let contents = self.objects.iter().map(|object| object.unresolved.as_ref().unwrap_or(&object.content).clone());
        sha256_digest(&canonical_text(&contents.collect::<Json>()))
    }
}

/// A control plane at a version that it passes through.
#[derive(Debug)]
pub(super) struct Hop {
    /// Without `v`.
    pub(super) version: String,
    pub(super) objects: Vec<Placed>,
    pub(super) faults: Vec<Diagnostic>,
}

/// All that HCL asks for.
#[derive(Debug)]
pub(super) struct Wishes<'a> {
    pub(super) resources: BTreeMap<&'a Address, Wish<'a>>,
    /// Control planes at the versions that they may pass through, by the cluster's address.
    pub(super) hops: BTreeMap<&'a Address, Vec<Hop>>,
    /// Objects of providers by the provider's address, as they are on the management plane.
    pub(super) components: BTreeMap<&'a Address, Vec<Placed>>,
    pub(super) outputs: BTreeMap<&'a str, Json>,
    pub(super) desired_digest: String,
    /// What unknown leaves stand for by now.
    pub(super) known: BTreeMap<String, Json>,
}

/// Writes the wish in placeholder form. `recorded`: what attributes that are left alone were applied with. `known`: references that were unknown to
/// HCL and are known to the planes.
pub(super) fn wishes<'a>(
    desired: &'a Desired,
    recorded: Option<&Recorded>,
    key: &DigestKey,
    known: BTreeMap<String, Json>,
    diagnostics: &mut Diagnostics,
) -> Wishes<'a> {
    let encoder = Encoder { key };
    let mut digest_input: BTreeMap<String, Json> = BTreeMap::new();
    let mut resources = BTreeMap::new();
    for (address, resource) in &desired.resources {
        let unknowns = matches!(address.part, Some(Part::Layer(_)));
        let mut objects = placed(&resource.objects, address, unknowns, resource.span, &encoder, diagnostics);
        let input = encoder.input(&resource.input, address);
        digest_input.insert(address.to_string(), json!([input, objects.iter().map(|object| &object.content).collect::<Vec<_>>()]));
        objects.iter_mut().for_each(|object| object.resolve(&known));
        let input = held(input, recorded.and_then(|recorded| recorded.resources.get(address)));
        let input_digest = key.digest(&input);
        let facts = facts(desired, address, &input);
        resources.insert(address, Wish { resource, input, input_digest, objects, facts });
    }
    let hops = desired.clusters.iter().map(|(address, cluster)| {
        let owner = address.with(Part::ControlPlane);
        let hop = |hop: &DesiredHop| {
            let objects = placed(&hop.objects, &owner, false, cluster.span, &encoder, &mut Diagnostics::new());
            Hop { version: hop.version.clone(), objects, faults: hop.faults.clone() }
        };
        (address, cluster.hops.iter().map(hop).collect())
    });
    let hops = hops.collect();
    let mut components = BTreeMap::new();
    for provider in &desired.providers {
        let span = desired.resources.get(&provider.address).and_then(|resource| resource.span);
        let mut one =
            |object: &DesiredObject| Placed::of(object, encoder.component(object, &provider.address, object.span.or(span), diagnostics));
        let objects: Vec<Placed> = provider.objects.iter().map(&mut one).collect();
        digest_input.insert(format!("{} objects", provider.address), objects.iter().map(|object| object.content.clone()).collect());
        components.insert(&provider.address, objects);
    }
    let mut outputs = BTreeMap::new();
    for (name, output) in &desired.outputs {
        let mut value = encoder.output(&output.value, name, output.sensitive, diagnostics);
        digest_input.insert(format!("output {name}"), value.clone());
        resolve_unknowns(&mut value, &known);
        outputs.insert(name.as_str(), value);
    }
    let desired_digest = sha256_digest(&canonical_text(&json!(digest_input)));
    Wishes { resources, hops, components, outputs, desired_digest, known }
}

/// The input with attributes that are left alone as they were applied last.
fn held(mut input: Json, record: Option<&RecordedResource>) -> Json {
    let before = record.map_or(&Json::Null, kept_input);
    let names = input.get("ignore_changes").and_then(Json::as_array).cloned().unwrap_or_default();
    // What a layer leaves alone is no part of its input, and its texts are no paths.
    let paths = names.iter().filter_map(Json::as_str).filter_map(|name| path_from_text(name).ok());
    for path in paths.filter(|_| before.is_object()) {
        let Some((PathElement::Field(last), above)) = path.0.split_last() else { continue };
        let above = FieldPath(above.to_vec());
        let old = path.get(before).cloned();
        let pointer: String = above.0.iter().filter_map(PathElement::as_field).map(|name| format!("/{}", escaped(name))).collect();
        match (input.pointer_mut(&pointer).and_then(Json::as_object_mut), old) {
            (Some(map), Some(old)) => drop(map.insert(last.clone(), old)),
            (Some(map), None) => drop(map.remove(last)),
            // The map that it stood in is gone with all else that was in it, or was not there before either.
            (None, _) => {}
        }
    }
    input
}

/// A name in a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn placed(
    objects: &[DesiredObject],
    owner: &Address,
    unknowns: bool,
    span: Option<Span>,
    encoder: &Encoder<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Placed> {
    objects.iter().map(|object| Placed::of(object, encoder.object(object, owner, unknowns, object.span.or(span), diagnostics))).collect()
}

fn facts(desired: &Desired, address: &Address, input: &Json) -> Json {
    let input = input.clone();
    let cluster = desired.clusters.get(&address.root());
    match (&address.part, cluster) {
        (None, Some(cluster)) => Kept { input, kind: kept_cluster(desired, cluster) }.to_json(),
        (Some(Part::Layer(name)), Some(cluster)) => match cluster.layers.iter().find(|layer| &layer.name == name) {
            Some(layer) => Kept { input, kind: KeptLayer { layer: layer.kind, depends_on: layer.depends_on.clone() } }.to_json(),
            None => Kept { input, kind: KeptNothing {} }.to_json(),
        },
        (Some(Part::Provider(_)), _) => match desired.providers.iter().find(|provider| &provider.address == address) {
            Some(provider) => Kept { input, kind: KeptProvider { provider: provider.spec.clone() } }.to_json(),
            None => Kept { input, kind: KeptNothing {} }.to_json(),
        },
        _ => Kept { input, kind: KeptNothing {} }.to_json(),
    }
}

fn kept_cluster(desired: &Desired, cluster: &DesiredCluster) -> KeptCluster {
    KeptCluster {
        name: cluster.name.clone(),
        namespace: cluster.namespace.clone(),
        management: desired.management.as_ref().map_or_else(|| cluster.address.clone(), |management| management.address.clone()),
        cloud: cluster.cloud.clone(),
        pivot: cluster.pivot,
        agent: cluster.agent,
        without_api: cluster.without_api,
        kubernetes_version: cluster.kubernetes_version.clone(),
        providers: providers_of(desired, cluster).map(|provider| provider.spec.clone()).collect::<Vec<ProviderSpec>>(),
        timeout_seconds: cluster.timeout_seconds,
    }
}

/// The providers that a cluster needs, in the order in which they are installed.
pub(super) fn providers_of<'a>(desired: &'a Desired, cluster: &'a DesiredCluster) -> impl Iterator<Item = &'a DesiredProvider> {
    desired.providers.iter().filter(|provider| provider.core || provider.spec.name == cluster.provider)
}

/// Those of them whose managers act on what a pivot moves.
pub(super) fn moving<'p>(providers: impl Iterator<Item = &'p ProviderSpec>) -> Vec<ProviderSpec> {
    providers.filter(|provider| !provider.is_cert_manager()).cloned().collect()
}
