//! Configuration: from parsed HCL to typed data. Knows every block and meta-argument of the language, and no Kubernetes object.
//!
//! ```text
//! body + inputs ─ variables ─ names (locals, for_each instances, in order of reference) ─ management, clouds ─
//!                 clusters (profiles evaluated once for each) ─ outputs ─> Model
//! ```
//! Errors are collected: what could not be evaluated is an unknown, so that the rest is still checked.

mod block;
mod cloud;
mod cluster;
mod der;
mod etcd;
mod key_pair;
mod layer;
mod lifecycle;
mod management;
mod manifest;
mod model;
mod naming;
mod network;
mod node;
mod output;
mod overrides;
mod pem;
mod pool;
mod profile;
mod required_version;
pub mod schema;
mod toplevel;
mod variable;
mod windlass;
mod without_api;

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Diagnostics, SourceMap};
use crate::files::Files;
use crate::lang::{Body, Names};
use crate::provider::Provider;
use crate::value::{Type, Value};

use windlass::Settings;

pub use etcd::ExternalEtcd;
pub use lifecycle::{IgnoredChanges, OF_POOLS};
pub(crate) use manifest::objects as manifest_objects;
pub use model::{AgentModel, CloudModel, ClusterModel, LayerModel, LayerObject, Model, NodeModel, ProviderSettings, Reading};
pub(crate) use output::made_of_unknown;
pub use overrides::{CAPI_OVERRIDE, OverrideModel};
pub use variable::{VariableInput, VariableOrigin, VariableText, parse_variable_file};

/// What a configuration is made from.
pub struct Inputs<'a> {
    /// All files of the module.
    pub body: &'a Body,
    /// Values of variables, later ones win.
    pub variables: &'a [VariableInput],
    /// The clouds that exist.
    pub providers: &'a [&'static dyn Provider],
    /// Files of the module folder.
    pub files: &'a dyn Files,
    /// Version of windlass, which `required_version` is held against.
    pub version: &'a str,
    /// Image of the agent, unless HCL names one.
    pub agent_image: &'a str,
}

/// Evaluates a configuration.
pub fn evaluate(inputs: &Inputs<'_>, sources: &mut SourceMap) -> (Model, Diagnostics) {
    let mut diagnostics = toplevel::check(inputs.body);
    let mut names = Names::new();
    names.set("path", Value::object([("module", "."), ("root", "."), ("cwd", ".")]));
    let variables = variable::evaluate(inputs.body, inputs.variables, inputs.files, &names, sources, &mut diagnostics);
    variable::name(&variables, &mut names);
    forgive(inputs.body, &mut names, "variable", "var");
    let profiles = profile::collect(inputs.body, &mut diagnostics);
    profile::name(&profiles, &mut names);
    forgive(inputs.body, &mut names, "profile", "profile");
    let instances = naming::evaluate(inputs, &mut names, &mut diagnostics);
    let (management, provider_settings) = management::evaluate(inputs, &names, &mut diagnostics);
    let Settings { agent_image, pace } = windlass::evaluate(inputs, &names, &mut diagnostics);
    let clouds = cloud::evaluate(inputs, &instances, &names, &mut diagnostics);
    cloud::refuse_sandbox(inputs, &management, &clouds, &mut diagnostics);
    let mut clusters = {
        let mut context = cluster::Context {
            inputs,
            clouds: &clouds,
            profiles: &profiles,
            names: &names,
            variables: &variables,
            sources,
            diagnostics: &mut diagnostics,
        };
        cluster::evaluate(&mut context, &instances)
    };
    naming::name_clusters(&clusters, &instances, &mut names);
    let outputs = output::evaluate(inputs, &clusters, &names, &mut diagnostics);
    without_api::refuse_references(&clusters, &mut diagnostics);
    let unread = clusters.values().any(|cluster| !cluster.reading.known);
    let names_missing = unread || !inputs.body.spoilt.is_empty() || !instances.unknown_keys.is_empty();
    if forget_consequences(names_missing, &mut diagnostics) {
        let layers = clusters.values_mut().flat_map(|cluster| &mut cluster.layers);
        layers.flat_map(|layer| &mut layer.objects).for_each(|object| object.value = forgiven(&object.value));
    }
    diagnostics.extend(instances.unknown_keys);
    if inputs.body.spoilt.is_empty() && !diagnostics.has_errors() {
        diagnostics.extend(clusters.values().filter_map(unexplained));
    }
    diagnostics.sort();
    (Model { management, provider_settings, components: BTreeMap::new(), agent_image, pace, clouds, clusters, outputs }, diagnostics)
}

/// Names that blocks with syntax errors would have declared are not missed: one fault is told once.
fn forgive(body: &Body, names: &mut Names<'_>, kind: &str, group: &str) {
    for spoilt in body.spoilt.iter().filter(|spoilt| spoilt.kind.as_deref().is_none_or(|other| other == kind)) {
        match spoilt.labels.as_slice() {
            [label] if spoilt.kind.is_some() => names.set_entry(group, label.clone(), Value::unknown(Type::Any)),
            _ => names.open(group),
        }
    }
}

/// A cluster that cannot be made though nothing was told of it: its cloud or a profile is a value that only a living cluster has. A name
/// that is none is told with the names.
fn unexplained(cluster: &ClusterModel) -> Option<Diagnostic> {
    let named = crate::kube_names::is_dns_label(&cluster.input.name);
    let summary = format!("{} is made of a value that is known only after apply", cluster.input.address);
    let mut fault = Diagnostic::error(Code::UNKNOWN_NOT_ALLOWED, summary)
        .hint("`cloud` and `profiles` take references: `cloud = cloud.aws.name`, `profiles = [profile.base]`");
    fault.primary = cluster.span;
    (named && !cluster.reading.whole).then_some(fault)
}

/// What a value with a fault is known by where values of a living cluster may stand.
pub(crate) const STAND_IN: &str = "(a value with a fault)";

/// Whether a value stands for one with a fault, which has been told.
pub(crate) fn stands_in(value: &Value) -> bool {
    matches!(value.reveal(), Value::Unknown(unknown) if unknown.reference.as_deref() == Some(STAND_IN))
}

/// The object with stand-ins where nobody can say any more why something is not known.
fn forgiven(object: &Value) -> Value {
    object.map_leaves(|_, leaf| match leaf.reveal() {
        Value::Unknown(unknown) if unknown.reference.is_none() => Value::unknown_reference(unknown.ty.clone(), STAND_IN),
        _ => leaf.clone(),
    })
}

/// What could not be evaluated has an unknown value: that it is not known where it is needed is no fault of its own. Tells whether there is
/// such a thing.
fn forget_consequences(names_missing: bool, diagnostics: &mut Diagnostics) -> bool {
    let leaves_unknown =
        |code: Code| (Code::UNKNOWN_NAME..=Code::FILE_UNREADABLE).contains(&code) || matches!(code, Code::MISSING_VARIABLE | Code::CYCLE);
    let forget = names_missing || diagnostics.iter().any(|diagnostic| diagnostic.is_error() && leaves_unknown(diagnostic.code));
    if forget {
        diagnostics.0.retain(|diagnostic| diagnostic.code != Code::UNKNOWN_NOT_ALLOWED);
    }
    forget
}
