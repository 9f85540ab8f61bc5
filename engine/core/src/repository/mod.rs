//! Component repositories: which of their files a configuration needs, and the provider objects that these hold.
//!
//! Layout and rules are clusterctl's (Cluster API, docs/book/src/developer/providers/contracts/clusterctl.md). Reads no file and asks no
//! network: the roof does, and hands the texts over.

mod envsubst;
mod metadata;
mod objects;
mod place;
mod variables;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::config::{Model, ProviderSettings, manifest_objects};
use crate::diag::{Code, Diagnostic, Diagnostics, SourceMap, Span};
use crate::encode::take_schemas;
use crate::expand::{CERT_MANAGER, Needed, needed};
use crate::plan::ProviderSpec;
use variables::Filled;

pub use place::{NoPlace, Place};

pub(crate) use objects::{asks_for_certificates, in_namespace, in_order, prepared};
pub(crate) use variables::{Sensitive, mentions};

/// The files of one provider in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What is installed.
    pub spec: ProviderSpec,
    /// Name of the file with its objects.
    pub file: &'static str,
    /// Name of the file that tells contracts of versions, if it has one.
    pub metadata: Option<&'static str>,
    /// Where both are released upstream: `https://github.com/…/releases/download/v1.14.2`.
    pub upstream: String,
}

impl Need {
    /// Folder of a repository in which the files lie: `infrastructure-aws/v2.11.1`.
    pub fn folder(&self) -> String {
        format!("{}/{}", self.spec.label, self.spec.version)
    }
}

/// Texts of a [`Need`].
#[derive(Debug, Clone)]
pub struct Texts {
    /// The file with the objects, as people know it: a path or an address.
    pub name: String,
    /// Its content.
    pub components: Vec<u8>,
    /// Content of the file with the contracts.
    pub metadata: Option<Vec<u8>>,
}

/// The components of one provider.
#[derive(Clone, Default)]
pub struct Components {
    /// Its objects as they are written, variables filled in, in the order of the file, each with its place. Schemas stand in them as
    /// digests, sensitive variables as marks.
    pub(crate) objects: Vec<(Json, Span)>,
    /// What these marks stand for.
    pub(crate) sensitive: Sensitive,
    /// Variables that its text asks for and that have no value.
    pub(crate) unset: Vec<String>,
    /// The schemas by digest.
    pub contents: BTreeMap<String, Json>,
}

/// The files that a configuration needs and that have not been read yet. More may be needed once these have been.
pub fn needs(model: &Model) -> Vec<Need> {
    if !model.reads_repository() {
        return Vec::new();
    }
    // What is wrong with versions is told by whoever expands the configuration.
    let all = needed(model, &mut Diagnostics::new());
    all.into_iter().filter(|needed| !model.components.contains_key(&needed.spec.name)).map(need).collect()
}

fn need(needed: Needed<'_>) -> Need {
    let Needed { spec, releases, file, .. } = needed;
    let metadata = (spec.name != CERT_MANAGER).then_some("metadata.yaml");
    let upstream = format!("{releases}/{}", spec.version);
    Need { spec, file, metadata, upstream }
}

/// Reads the texts of a need into a configuration.
pub fn read(model: &mut Model, need: &Need, texts: &Texts, sources: &mut SourceMap, diagnostics: &mut Diagnostics) {
    let named = model.management.span.unwrap_or_default();
    if let Some(metadata) = &texts.metadata {
        diagnostics.extend(metadata::check(&need.spec, metadata, named));
    }
    let components = components(model, need, texts, sources, diagnostics).unwrap_or_default();
    model.components.insert(need.spec.name.clone(), components);
}

fn components(model: &Model, need: &Need, texts: &Texts, sources: &mut SourceMap, diagnostics: &mut Diagnostics) -> Option<Components> {
    let settings = model.provider_settings.get(&need.spec.name);
    let named = model.settings_span(&need.spec.name).unwrap_or_default();
    let filled = match variables::fill(&texts.components, settings.map(|settings| &settings.variables)) {
        Ok(filled) => filled,
        Err((code, fault)) => {
            let refused = Diagnostic::error(code, format!("{}: {fault}", texts.name)).at(named);
            diagnostics.push(refused.hint("put the file back to what was released, or name another repository"));
            return None;
        }
    };
    if let Some(settings) = settings {
        diagnostics.extend(unasked(need, settings, &filled));
    }
    let mut objects = manifest_objects(&texts.name, filled.text.as_bytes(), named, sources, diagnostics);
    let mut contents = BTreeMap::new();
    for (object, _) in &mut objects {
        contents.append(&mut take_schemas(object));
    }
    if let Some((object, _)) = objects.iter().find(|(object, _)| filled.sensitive.in_key(object)) {
        let what = object.get("kind").and_then(Json::as_str).unwrap_or("an object");
        let refused = format!("{}: a sensitive variable would be a key of {what}", texts.name);
        diagnostics.push(Diagnostic::error(Code::SECRET_NOT_ALLOWED, refused).at(named).hint("`nonsensitive()` declares a value harmless"));
    }
    Some(Components { objects, sensitive: filled.sensitive, unset: filled.unset, contents })
}

/// Warns of variables that components do not ask for: a name may be misspelt, and its default would be taken without a word.
fn unasked<'a>(need: &'a Need, settings: &'a ProviderSettings, filled: &'a Filled) -> impl Iterator<Item = Diagnostic> + 'a {
    let unused = settings.variables.keys().filter(|name| !filled.used.contains(*name));
    unused.map(|name| {
        let summary = format!("the components of {} {} do not ask for the variable {name}", need.spec.label, need.spec.version);
        let mut warning = Diagnostic::warning(Code::NO_EFFECT, summary).hint("leave it out, or look at its name");
        warning.primary = settings.variable_spans.get(name).copied().or(settings.variables_span).or(settings.span);
        warning.did_you_mean(name, filled.named.iter().map(String::as_str).filter(|other| !settings.variables.contains_key(*other)))
    })
}
