//! Built-in kinds from the `OpenAPI` v3 documents of k8s.io/kubernetes; it must not know CRDs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use windlass_kubeschema::facts::{ScalePaths, Scope, Subresources, VERBS};
use windlass_kubeschema::openapi::{Dialect, definition_name};
use windlass_kubeschema::{Bundle, Definitions, KindFact, Schema};

use super::go_module::read;
use super::short_names;
use super::sources::KUBERNETES;

/// The group versions that a cluster's layers may use.
const GROUP_VERSIONS: [(&str, &str); 19] = [
    ("", "v1"),
    ("admissionregistration.k8s.io", "v1"),
    ("apiextensions.k8s.io", "v1"),
    ("apiregistration.k8s.io", "v1"),
    ("apps", "v1"),
    ("autoscaling", "v1"),
    ("autoscaling", "v2"),
    ("batch", "v1"),
    ("certificates.k8s.io", "v1"),
    ("coordination.k8s.io", "v1"),
    ("discovery.k8s.io", "v1"),
    ("events.k8s.io", "v1"),
    ("networking.k8s.io", "v1"),
    ("node.k8s.io", "v1"),
    ("policy", "v1"),
    ("rbac.authorization.k8s.io", "v1"),
    ("resource.k8s.io", "v1"),
    ("scheduling.k8s.io", "v1"),
    ("storage.k8s.io", "v1"),
];

/// The one kind that is served in two of these versions, and the version that it is not stored in.
const NOT_STORED: (&str, &str) = ("autoscaling", "v1");

/// Resources that only mirror something else and that nobody writes.
const LEFT_OUT: [&str; 1] = ["componentstatuses"];

/// A quantity is written as text or as a number (`cpu: 1`, `cpu: 0.5`), though the documents say text.
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";

#[derive(Deserialize)]
struct Document {
    paths: BTreeMap<String, BTreeMap<String, Value>>,
    components: Components,
}

#[derive(Deserialize)]
struct Components {
    #[serde(default)]
    schemas: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Operation {
    #[serde(rename = "x-kubernetes-action")]
    action: Option<String>,
    #[serde(rename = "x-kubernetes-group-version-kind")]
    kind: Option<GroupVersionKind>,
}

#[derive(Deserialize, PartialEq)]
struct GroupVersionKind {
    group: String,
    version: String,
    kind: String,
}

#[derive(Default)]
struct Resource {
    kind: Option<String>,
    namespaced: bool,
    verbs: BTreeSet<&'static str>,
    subresources: BTreeSet<String>,
}

/// The facts of all built-in kinds.
///
/// # Errors
/// A module that cannot be fetched, or a document that is missing or does not have the expected shape.
pub fn bundle() -> Result<Bundle, String> {
    let module = KUBERNETES.fetch()?;
    let mut bundle = Bundle {
        origin: "kubernetes".to_owned(),
        module: KUBERNETES.path.to_owned(),
        version: KUBERNETES.version.to_owned(),
        ..Bundle::default()
    };
    for (group, version) in GROUP_VERSIONS {
        let place = if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
        let document = document(&module, &place)?;
        for (plural, resource) in resources(&document, &format!("/{place}/")) {
            if resource.verbs.contains("list") && !LEFT_OUT.contains(&plural.as_str()) {
                bundle.kinds.push(kind_fact(&document, (group, version), plural, &resource)?);
            }
        }
        define(&document, &mut bundle)?;
    }
    Ok(bundle)
}

fn document(module: &Path, place: &str) -> Result<Document, String> {
    let file = format!("api/openapi-spec/v3/{}_openapi.json", place.replace('/', "__"));
    serde_json::from_str(&read(&module.join(&file))?).map_err(|error| format!("{file}: {error}"))
}

/// The resources of one group version by plural name, as its paths tell them.
fn resources(document: &Document, prefix: &str) -> BTreeMap<String, Resource> {
    let mut found: BTreeMap<String, Resource> = BTreeMap::new();
    for (path, operations) in &document.paths {
        let Some(path) = path.strip_prefix(prefix) else { continue };
        let (path, watched) = path.strip_prefix("watch/").map_or((path, false), |rest| (rest, true));
        let (path, namespaced) = path.strip_prefix("namespaces/{namespace}/").map_or((path, false), |rest| (rest, true));
        let mut parts = path.split('/');
        let (Some(plural), name, subresource) = (parts.next(), parts.next(), parts.next()) else { continue };
        if plural.is_empty() || name.is_some_and(|name| name != "{name}") {
            continue;
        }
        let resource = found.entry(plural.to_owned()).or_default();
        resource.namespaced |= namespaced;
        match subresource {
            Some(subresource) => {
                resource.subresources.insert(subresource.to_owned());
            }
            None if watched => {
                resource.verbs.insert("watch");
            }
            None => operations.values().for_each(|operation| note_operation(resource, operation)),
        }
    }
    found
}

fn note_operation(resource: &mut Resource, operation: &Value) {
    let Ok(Operation { action: Some(action), kind }) = serde_json::from_value(operation.clone()) else {
        return; // the list of parameters that stands beside the operations
    };
    let verb = match action.as_str() {
        "post" => "create",
        "put" => "update",
        other => other,
    };
    if let Some(verb) = VERBS.into_iter().find(|known| *known == verb) {
        resource.verbs.insert(verb);
        resource.kind = kind.map(|kind| kind.kind).or(resource.kind.take());
    }
}

fn kind_fact(document: &Document, (group, version): (&str, &str), plural: String, resource: &Resource) -> Result<KindFact, String> {
    let kind = resource.kind.clone().ok_or_else(|| format!("{group}/{plural}: no kind"))?;
    let wanted = GroupVersionKind { group: group.to_owned(), version: version.to_owned(), kind: kind.clone() };
    let schemas = &document.components.schemas;
    let (definition, _) = schemas
        .iter()
        .find(|(_, schema)| kinds_of(schema).contains(&wanted))
        .ok_or_else(|| format!("{group}/{version} {kind}: no schema"))?;
    let (short_names, categories) = short_names::of(group, &plural);
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Ok(KindFact {
        group: group.to_owned(),
        version: version.to_owned(),
        singular: kind.to_lowercase(),
        kind,
        short_names: owned(short_names),
        categories: owned(categories),
        scope: if resource.namespaced { Scope::Namespaced } else { Scope::Cluster },
        missing_verbs: VERBS.into_iter().filter(|verb| !resource.verbs.contains(verb)).map(str::to_owned).collect(),
        storage: (group, version) != NOT_STORED,
        served: true,
        subresources: Subresources {
            status: resource.subresources.contains("status"),
            // The selector stands in the object as an object (`spec.selector`), so it has no path as a text.
            scale: resource.subresources.contains("scale").then(|| ScalePaths {
                spec: ".spec.replicas".to_owned(),
                status: ".status.replicas".to_owned(),
                selector: None,
            }),
        },
        schema: Arc::new(Schema { reference: Some(definition.clone()), ..Schema::default() }),
        plural,
        ..KindFact::default()
    })
}

fn kinds_of(schema: &Value) -> Vec<GroupVersionKind> {
    let kinds = schema.get("x-kubernetes-group-version-kind").cloned().unwrap_or_default();
    serde_json::from_value(kinds).unwrap_or_default()
}

/// Adds what the bundle's kinds refer to and the document defines.
fn define(document: &Document, bundle: &mut Bundle) -> Result<(), String> {
    let mut wanted: Vec<String> = bundle.kinds.iter().filter_map(|kind| kind.schema.reference.clone()).collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = wanted.pop() {
        let Some(text) = document.components.schemas.get(&name).filter(|_| seen.insert(name.clone())) else {
            continue;
        };
        // Go's zero values stay as defaults: they say which structs are no pointers, and what a missing list key is.
        let schema = if name == QUANTITY { json!({"anyOf": [{"type": "string"}, {"type": "number"}]}) } else { text.clone() };
        let schema = Schema::from_openapi(&schema, Dialect::BuiltIn, &definition_name).map_err(|error| format!("{name}: {error}"))?;
        references(&schema, &mut wanted);
        bundle.definitions.insert(name, Arc::new(schema));
    }
    Ok(())
}

fn references(schema: &Schema, found: &mut Vec<String>) {
    found.extend(schema.reference.clone());
    let children = schema.properties.values().chain(&schema.items).chain(&schema.additional_properties);
    children.for_each(|child| references(child, found));
}

/// Fails on a reference that leads nowhere, which readers would take for "any value".
pub fn dangling(definitions: &Definitions) -> Option<String> {
    let mut wanted = Vec::new();
    definitions.values().for_each(|schema| references(schema, &mut wanted));
    wanted.into_iter().find(|name| !definitions.contains_key(name))
}
