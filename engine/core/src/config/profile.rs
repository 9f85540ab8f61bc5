//! `profile` blocks: closures, evaluated once for each cluster that uses them, with `target` in scope.

use std::collections::BTreeMap;

use crate::addr::Address;
use crate::diag::{Code, Diagnostic, Diagnostics, SourceMap, Span};
use crate::lang::{Block, Body, Names, Scope};
use crate::layer::LayerKind;
use crate::provider::{Body as Evaluated, Provider};
use crate::value::{Type, Value};

use super::block::{Handled, Reader};
use super::layer;
use super::model::{LayerModel, LayerObject};
use super::variable::{self, VariableInput, VariableOrigin, VariableText, Variables};
use super::{Inputs, schema};

/// Profiles by name, not evaluated.
pub type Profiles<'a> = BTreeMap<String, &'a Block>;

/// Block types that may stand in a profile.
const BLOCKS: [&str; 7] = ["variable", "os", "kubernetes", "network", "storage", "addon", "cloud_controller"];

/// Finds the profiles of a module.
pub fn collect<'a>(body: &'a Body, diagnostics: &mut Diagnostics) -> Profiles<'a> {
    let mut profiles = Profiles::new();
    for block in body.blocks_of("profile") {
        let Some(name) = block.label(0) else { continue };
        if let Some(attribute) = block.body.attribute("for_each") {
            diagnostics.push(
                Diagnostic::error(Code::NOT_YET, "`for_each` on a profile is not supported by this release yet")
                    .at(attribute.name_span)
                    .hint("a profile is evaluated for each cluster anyway: use `target` and its own variables"),
            );
        }
        profiles.insert(name.to_string(), block);
    }
    profiles
}

/// Makes `profile.*` known as references.
pub fn name(profiles: &Profiles<'_>, names: &mut Names<'_>) {
    names.group("profile", "profile");
    for profile in profiles.keys() {
        names.set_entry("profile", profile.as_str(), Value::object([("address", Value::string(format!("profile.{profile}")))]));
    }
}

/// What a cluster gets from its profiles.
#[derive(Default)]
pub struct Evaluation {
    /// Profiles and versions in order.
    pub versions: Vec<(String, String)>,
    /// The `os` layer.
    pub os: Option<Evaluated>,
    /// Kubernetes version without `v`, with its place.
    pub kubernetes: Option<(String, Span)>,
    /// Versions to pass through on the way there, with their place.
    pub hops: Vec<(String, Span)>,
    /// Layers with objects.
    pub layers: Vec<LayerModel>,
    /// `cloud_controller` block, if one stands in a profile: enabled, own objects.
    pub cloud_controller: Option<(bool, Vec<LayerObject>, Span)>,
}

/// What profiles may know of the cluster that they are evaluated for.
pub struct Target<'a> {
    /// Its address.
    pub address: &'a Address,
    /// Kubernetes name; not known if it has a fault.
    pub name: Value,
    /// Its provider.
    pub provider: &'a dyn Provider,
    /// Region: text, null if the cloud has none, or not known.
    pub region: Value,
    /// Whether all of the cluster's profiles could be read: else nothing of them is missed.
    pub whole: bool,
    /// Pods; not known if it has a fault.
    pub pod_cidr: Value,
    /// Services; not known if it has a fault.
    pub service_cidr: Value,
    /// Where the cluster's block stands.
    pub span: Span,
    /// Where its `profile_values` stand.
    pub values_span: Span,
}

impl Target<'_> {
    fn value(&self, kubernetes: Option<Value>) -> Value {
        let mut parts = vec![
            ("name", self.name.clone()),
            ("cloud", Value::string(self.provider.name())),
            ("region", self.region.clone()),
            ("pod_cidr", self.pod_cidr.clone()),
            ("service_cidr", self.service_cidr.clone()),
            ("endpoint", Value::unknown_reference(Type::String, format!("{}.endpoint", self.address))),
        ];
        parts.extend(kubernetes.map(|version| ("kubernetes_version", version)));
        Value::object(parts)
    }
}

/// Evaluates profiles for one cluster. `values` are the cluster's `profile_values`.
pub fn evaluate(
    inputs: &Inputs<'_>,
    chosen: &[(&str, &Block)],
    target: &Target<'_>,
    values: Option<&Value>,
    module: (&dyn Scope, &Variables),
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Evaluation {
    let (scope, module_variables) = module;
    let mut evaluation = Evaluation::default();
    if target.whole {
        check_values(chosen, values, target, diagnostics);
    }
    // Two rounds: what other layers may know of the target includes the Kubernetes version, which is itself a layer.
    let mut scopes = Vec::new();
    for (name, block) in chosen {
        let mut names = Names::on(scope);
        names.set("target", target.value(None));
        let mut variables = module_variables.clone();
        variables.extend(own_variables(inputs, (*name, *block), values, target, &names, sources, diagnostics));
        variable::name(&variables, &mut names);
        let what = format!("profile {name:?}");
        let reader = Reader { scope: &names, files: inputs.files, what: &what };
        head(&reader, name, block, &mut evaluation, sources, diagnostics);
        scopes.push(names);
    }
    let content = if target.provider.has_workload_api() { layer::Content::Needed } else { layer::Content::Optional };
    let kubernetes = evaluation.kubernetes.as_ref().map_or(Value::unknown(Type::String), |(version, _)| Value::string(version));
    for ((name, block), mut names) in chosen.iter().zip(scopes) {
        names.set("target", target.value(Some(kubernetes.clone())));
        let what = format!("profile {name:?}");
        let reader = Reader { scope: &names, files: inputs.files, what: &what };
        for layer in &block.body.blocks {
            if let Some((_, kind)) = layer::KINDS.iter().find(|(kind, _)| *kind == &*layer.kind) {
                evaluation.layers.extend(layer::read(&reader, layer, *kind, content, sources, diagnostics));
            }
        }
    }
    complete(&evaluation, target, diagnostics);
    evaluation
}

fn check_values(chosen: &[(&str, &Block)], values: Option<&Value>, target: &Target<'_>, diagnostics: &mut Diagnostics) {
    if values.is_some_and(Value::is_secret) {
        diagnostics.push(sensitive_values("profile_values", target));
    }
    for (name, given) in values.and_then(Value::as_entries).into_iter().flatten() {
        if given.is_secret() {
            diagnostics.push(sensitive_values(&format!("profile_values.{name}"), target));
        }
        if !chosen.iter().any(|(profile, _)| *profile == &**name) {
            diagnostics.push(
                Diagnostic::error(
                    Code::UNKNOWN_NAME,
                    format!("`profile_values` of {} names profile {:?}, which it does not use", target.address, &**name),
                )
                .at(target.values_span)
                .did_you_mean(name, chosen.iter().map(|(profile, _)| *profile)),
            );
        }
    }
}

/// A map that is sensitive with its keys: which variables are set is no secret, and messages tell it.
fn sensitive_values(place: &str, target: &Target<'_>) -> Diagnostic {
    Diagnostic::error(Code::SECRET_NOT_ALLOWED, format!("`{place}` of {} is sensitive as a whole", target.address)).at(target.span).hint(
        "names of profiles and variables are shown: write plain keys with sensitive values, `{ shop = { password = var.creds.password } }`",
    )
}

fn own_variables(
    inputs: &Inputs<'_>,
    (name, block): (&str, &Block),
    values: Option<&Value>,
    target: &Target<'_>,
    scope: &dyn Scope,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Variables {
    let given = values.and_then(|values| values.get(name)).and_then(Value::as_entries).into_iter().flatten();
    let given: Vec<VariableInput> = given
        .map(|(key, value)| VariableInput {
            name: key.to_string(),
            text: VariableText::Value(value.clone()),
            origin: format!("profile_values of profile {name:?}"),
            kind: VariableOrigin::CommandLine,
        })
        .collect();
    let mut found = Diagnostics::new();
    let variables = variable::evaluate(&block.body, &given, inputs.files, scope, sources, &mut found);
    for mut fault in found {
        // Neither the command line nor the environment gives values to a profile.
        if fault.code == Code::MISSING_VARIABLE {
            fault.hint = Some(format!("give one in the cluster with `profile_values = {{ {name} = {{ … }} }}`, or declare a default"));
        }
        fault.primary = fault.primary.or(Some(target.values_span));
        diagnostics.push(fault);
    }
    variables
}

/// Version, `os`, `kubernetes` and `cloud_controller` of a profile.
fn head(
    reader: &Reader<'_>,
    name: &str,
    block: &Block,
    evaluation: &mut Evaluation,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) {
    let handled = Handled { attributes: &[], blocks: &BLOCKS, refused: &["for_each"] };
    let body = reader.read(&block.body, block.header_span, &[&schema::PROFILE], handled, diagnostics);
    let version = body.value.get("version").and_then(Value::as_str).unwrap_or_default().to_owned();
    evaluation.versions.push((name.to_owned(), version));
    for inner in &block.body.blocks {
        let what = format!("{} of {}", inner.kind, reader.what);
        let reader = Reader { scope: reader.scope, files: reader.files, what: &what };
        let labels: &[&str] = if &*inner.kind == "cloud_controller" { &[] } else { &["name"] };
        if BLOCKS.contains(&&*inner.kind) && !super::toplevel::labelled(inner, labels, diagnostics) {
            continue;
        }
        match &*inner.kind {
            "os" => {
                let mut os = reader.read(&inner.body, inner.header_span, &[&schema::OS], Handled::default(), diagnostics);
                os.value = crate::expand::with_entry(&os.value, &["name"], inner.label(0).map_or(Value::Null, Value::string));
                if evaluation.os.replace(os).is_some() {
                    diagnostics.push(twice("os", inner.header_span));
                }
            }
            "kubernetes" => {
                let kubernetes = reader.read(&inner.body, inner.header_span, &[&schema::KUBERNETES], Handled::default(), diagnostics);
                let place = kubernetes.span_of("version").unwrap_or(inner.header_span);
                let label = inner.label(0).map(|label| label.to_string()).unwrap_or_default();
                if label != "kubeadm" {
                    diagnostics.push(
                        Diagnostic::error(Code::INVALID_VALUE, format!("there is no Kubernetes distribution {label:?}"))
                            .at(inner.header_span)
                            .hint("write `kubernetes \"kubeadm\"`"),
                    );
                }
                let hops_place = kubernetes.span_of("hops").unwrap_or(inner.header_span);
                for hop in kubernetes.value.get("hops").and_then(Value::as_elements).unwrap_or_default() {
                    let hop = hop.as_str().unwrap_or_default().trim_start_matches('v').to_owned();
                    if !is_patch_version(&hop) {
                        let refused = Diagnostic::error(Code::INVALID_VALUE, format!("{hop:?} is no Kubernetes version"));
                        diagnostics.push(refused.at(hops_place).hint("write all three numbers: `hops = [\"1.33.7\"]`"));
                        continue;
                    }
                    evaluation.hops.push((hop, hops_place));
                }
                let Some(version) =
                    kubernetes.value.get("version").and_then(Value::as_str).map(|text| text.trim_start_matches('v').to_owned())
                else {
                    continue;
                };
                if !is_patch_version(&version) {
                    diagnostics.push(
                        Diagnostic::error(Code::INVALID_VALUE, format!("{version:?} is no Kubernetes version"))
                            .at(place)
                            .hint("write all three numbers: `1.34.3`"),
                    );
                }
                if evaluation.kubernetes.replace((version, place)).is_some() {
                    diagnostics.push(twice("kubernetes", inner.header_span));
                }
            }
            "cloud_controller" => {
                let body = reader.read(&inner.body, inner.header_span, &[&schema::CLOUD_CONTROLLER], Handled::default(), diagnostics);
                let enabled = body.value.get("enabled").and_then(Value::as_bool).unwrap_or(true);
                let objects = layer::manifests(
                    &reader,
                    body.value.get("manifests"),
                    body.span_of("manifests").unwrap_or(inner.header_span),
                    sources,
                    diagnostics,
                );
                if evaluation.cloud_controller.replace((enabled, objects, inner.header_span)).is_some() {
                    diagnostics.push(twice("cloud_controller", inner.header_span));
                }
            }
            _ => {}
        }
    }
}

/// Whether a version has all three numbers.
pub fn is_patch_version(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
}

fn twice(kind: &str, span: Span) -> Diagnostic {
    Diagnostic::error(Code::DUPLICATE_BLOCK, format!("a cluster's profiles hold more than one `{kind}` layer"))
        .at(span)
        .hint("exactly one of its profiles may hold it")
}

/// Exactly one of each infrastructure layer (of those with objects at most one where none can be applied), unique names, dependencies that
/// exist.
fn complete(evaluation: &Evaluation, target: &Target<'_>, diagnostics: &mut Diagnostics) {
    let count = |kind: LayerKind| evaluation.layers.iter().filter(|layer| layer.kind == kind).count();
    let applied = target.provider.has_workload_api();
    let found = [
        ("os", usize::from(evaluation.os.is_some()), true),
        ("kubernetes", usize::from(evaluation.kubernetes.is_some()), true),
        ("network", count(LayerKind::Network), applied),
        ("storage", count(LayerKind::Storage), applied),
    ];
    for (kind, count, needed) in found {
        if count == 1 || (count == 0 && !(target.whole && needed)) {
            continue;
        }
        let summary = if count == 0 {
            format!("{} has no `{kind}` layer", target.address)
        } else {
            format!("{} has {count} `{kind}` layers", target.address)
        };
        diagnostics.push(
            Diagnostic::error(Code::WRONG_LAYERS, summary)
                .at(target.span)
                .detail(
                    "A cluster has exactly one layer of each of os, kubernetes, network and storage, from all of its profiles together.",
                )
                .hint(if count == 0 {
                    format!("add a `{kind}` block to one of its profiles, or name a profile that has one")
                } else {
                    format!("keep one `{kind}` block in its profiles; what else it needs goes into an `addon`")
                }),
        );
    }
    let mut names: BTreeMap<&str, Option<Span>> = BTreeMap::new();
    for layer in &evaluation.layers {
        if layer.name == super::cluster::CLOUD_CONTROLLER || names.insert(&layer.name, layer.span).is_some() {
            let mut diagnostic =
                Diagnostic::error(Code::DUPLICATE_BLOCK, format!("{} has two layers named {:?}", target.address, layer.name))
                    .hint("layer names are unique in a cluster, whatever their kind");
            diagnostic.primary = layer.span;
            diagnostics.push(diagnostic);
        }
    }
    for layer in evaluation.layers.iter().filter(|_| target.whole) {
        for missing in
            layer.depends_on.iter().filter(|name| !names.contains_key(name.as_str()) && name.as_str() != super::cluster::CLOUD_CONTROLLER)
        {
            let mut diagnostic = Diagnostic::error(
                Code::UNKNOWN_NAME,
                format!("layer {:?} depends on {missing:?}, which is no layer of {}", layer.name, target.address),
            )
            .hint(format!("layers of it are {}", names.keys().copied().collect::<Vec<_>>().join(", ")))
            .did_you_mean(missing, names.keys().copied());
            diagnostic.primary = layer.depends_places.get(missing).copied().or(layer.span);
            diagnostics.push(diagnostic);
        }
    }
}
