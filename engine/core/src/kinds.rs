//! What is known of kinds: the compiled-in facts, found by `apiVersion` and kind. Knows no single kind by name.

use windlass_kubeschema::SchemaRef;
use windlass_kubeschema::facts::Scope;
use windlass_kubeschema::facts_table::{bundle, bundles};

use crate::object::split_api_version;

/// What the carried facts say of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Schema of its objects.
    pub schema: SchemaRef<'static>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

/// Whether a group looks like one of Kubernetes' own: they have no dot or end in k8s.io. Cluster API's end in x-k8s.io, and stand in other
/// files of facts.
pub(crate) fn is_built_in(api_version: &str) -> bool {
    let (group, _) = split_api_version(api_version);
    !group.contains('.') || (group.ends_with(".k8s.io") && !group.ends_with("x-k8s.io"))
}

/// The kind, from the newest facts that hold it; `None`: this release knows nothing of it, and nothing may be concluded.
pub fn known_kind(api_version: &str, kind: &str) -> Option<Kind> {
    let (group, version) = split_api_version(api_version);
    let built_in = is_built_in(api_version);
    let files = bundles().iter().rev().filter(|file| (file.name == "kubernetes") == built_in);
    files.filter_map(|file| bundle(file.name, file.version)?.ok()).find_map(|bundle| {
        let fact = bundle.kind(group, version, kind)?;
        Some(Kind { schema: bundle.schema_of(fact), namespaced: fact.scope == Scope::Namespaced })
    })
}
