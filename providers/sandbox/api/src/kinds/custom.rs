//! CustomResourceDefinition objects to resources, and the status that the real server's controllers give them.
//! Knows no store; conversion webhooks are not called, versions differ by `apiVersion` only.

use std::sync::Arc;

use serde_json::{Value, json};
use windlass_kubeschema::{Definitions, KindFact, crd};

use super::{Resource, TypeSchema, Version};
use crate::world::GroupResource;

/// Holds a definition until its objects are gone.
pub(crate) const CLEANUP_FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// The resource that a definition describes, or why it describes none.
pub(crate) fn custom_resource(definition: &Value) -> Result<Resource, String> {
    let mut facts = crd::kind_facts(definition).map_err(|error| error.to_string())?;
    facts.sort_by_key(|a| version_order(&a.version));
    let first = facts.first().ok_or("spec.versions: Required value")?;
    let storage = facts.iter().find(|fact| fact.storage).ok_or("spec.versions: no version is the storage version")?;
    let definitions = Arc::new(Definitions::new());
    Ok(Resource {
        id: GroupResource::new(&first.group, &first.plural),
        singular: first.singular.clone(),
        kind: first.kind.clone(),
        short_names: first.short_names.clone(),
        categories: first.categories.clone(),
        namespaced: first.scope == windlass_kubeschema::facts::Scope::Namespaced,
        storage: storage.version.clone(),
        versions: facts.iter().map(|fact| Arc::new(version(fact, &definitions))).collect(),
        custom: true,
        terminating: definition.pointer("/metadata/deletionTimestamp").is_some(),
        generation: true,
    })
}

fn version(fact: &KindFact, definitions: &Arc<Definitions>) -> Version {
    Version {
        name: fact.version.clone(),
        served: fact.served,
        schema: Some(TypeSchema { schema: fact.schema.clone(), definitions: definitions.clone() }),
        status: fact.subresources.status,
        scale: fact.subresources.scale.clone(),
        columns: fact.printer_columns.clone(),
    }
}

/// Kubernetes' order of preference: GA before beta before alpha, higher numbers first, then other names.
fn version_order(name: &str) -> (u8, std::cmp::Reverse<(u64, u64)>, String) {
    let parsed = name.strip_prefix('v').and_then(|rest| {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (major, rest) = rest.split_at(digits);
        let major: u64 = major.parse().ok()?;
        if rest.is_empty() {
            return Some((0, major, 0));
        }
        let (class, minor) = match (rest.strip_prefix("beta"), rest.strip_prefix("alpha")) {
            (Some(minor), _) => (1, minor),
            (_, Some(minor)) => (2, minor),
            _ => return None,
        };
        Some((class, major, minor.parse().ok()?))
    });
    match parsed {
        Some((class, major, minor)) => (class, std::cmp::Reverse((major, minor)), String::new()),
        None => (3, std::cmp::Reverse((0, 0)), name.to_owned()),
    }
}

/// Gives a definition the status of one whose names are accepted and which is served.
pub(crate) fn accepted(definition: &mut Value, now: &str) {
    let names = complete_names(definition);
    let versions: Vec<Value> = definition
        .pointer("/spec/versions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|version| version.get("storage") == Some(&Value::Bool(true)))
        .filter_map(|version| version.get("name").cloned())
        .collect();
    let old = definition.pointer("/status/storedVersions").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut stored = old;
    for version in versions {
        if !stored.contains(&version) {
            stored.push(version);
        }
    }
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now});
    let conditions = definition.pointer("/status/conditions").cloned().unwrap_or_else(|| {
        json!([
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ])
    });
    if let Some(map) = definition.as_object_mut() {
        map.insert("status".into(), json!({"acceptedNames": names, "conditions": conditions, "storedVersions": stored}));
    }
}

/// Fills in `listKind` and `singular` as the server defaults them, and returns the names.
fn complete_names(definition: &mut Value) -> Value {
    let Some(names) = definition.pointer_mut("/spec/names").and_then(Value::as_object_mut) else { return json!({}) };
    let kind = names.get("kind").and_then(Value::as_str).unwrap_or("").to_owned();
    names.entry("listKind").or_insert_with(|| format!("{kind}List").into());
    names.entry("singular").or_insert_with(|| kind.to_lowercase().into());
    Value::Object(names.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_maturity_then_number() {
        let mut names = ["v1alpha1", "foo", "v1", "v2beta1", "v10", "v1beta2", "v1beta10"];
        names.sort_by_key(|name| version_order(name));
        assert_eq!(names, ["v10", "v1", "v2beta1", "v1beta10", "v1beta2", "v1alpha1", "foo"]);
    }
}
