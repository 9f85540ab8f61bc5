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

/// The kind, from the newest facts that hold it; `None`: this release knows nothing of it, and nothing may be concluded.
pub fn known_kind(api_version: &str, kind: &str) -> Option<Kind> {
    let (group, version) = split_api_version(api_version);
    // Kubernetes' own groups have no dot or end in k8s.io; Cluster API's end in x-k8s.io and stand in the other files.
    let built_in = !group.contains('.') || (group.ends_with(".k8s.io") && !group.ends_with("x-k8s.io"));
    let files = bundles().iter().rev().filter(|file| (file.name == "kubernetes") == built_in);
    files.filter_map(|file| bundle(file.name, file.version)?.ok()).find_map(|bundle| {
        let fact = bundle.kind(group, version, kind)?;
        Some(Kind { schema: bundle.schema_of(fact), namespaced: fact.scope == Scope::Namespaced })
    })
}
