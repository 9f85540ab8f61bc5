//! The kinds of a Cluster API provider from the CRDs of its module; it must not know built-in kinds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use windlass_kubeschema::{Bundle, KindFact, Schema, crd};

use super::kustomize;
use super::sources::CrdSource;

/// The facts of all served versions of a provider's kinds.
///
/// # Errors
/// A module that cannot be fetched, or a CRD that is not what apiextensions.k8s.io/v1 says.
pub fn bundle(source: &CrdSource) -> Result<Bundle, String> {
    let module = source.module.fetch()?;
    let mut kinds = Vec::new();
    for folder in source.folders {
        for mut object in kustomize::crds(&module.join(folder.path))? {
            for (label, value) in folder.labels {
                if let Some(labels) = object.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
                    labels.insert((*label).to_owned(), (*value).into());
                }
            }
            let facts = crd::kind_facts(&object).map_err(|error| format!("{}: {error}", folder.path))?;
            kinds.extend(facts.into_iter().filter(|fact| fact.served).map(without_messages));
        }
    }
    Ok(Bundle {
        origin: source.name.to_owned(),
        module: source.module.path.to_owned(),
        version: source.module.version.to_owned(),
        kinds,
        ..Bundle::default()
    })
}

/// Rules keep their expressions; their messages are prose.
fn without_messages(mut fact: KindFact) -> KindFact {
    fact.schema = silent(&fact.schema);
    fact
}

fn silent(schema: &Arc<Schema>) -> Arc<Schema> {
    let mut schema = Schema::clone(schema);
    for rule in &mut schema.rules {
        rule.message = None;
    }
    let properties: BTreeMap<_, _> = schema.properties.iter().map(|(name, property)| (name.clone(), silent(property))).collect();
    schema.properties = properties;
    schema.items = schema.items.as_ref().map(silent);
    schema.additional_properties = schema.additional_properties.as_ref().map(silent);
    Arc::new(schema)
}
