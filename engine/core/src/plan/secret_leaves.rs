//! Secret leaves of a plan: which are needed to apply it, and whether their values are still those that were planned with.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Plan;
use crate::encode::{DigestKey, Placeholder};

/// A secret leaf whose value is not the planned one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleSecret {
    /// Where the value comes from: `cluster.shop.layer["x"].Secret ns/name.data.password`.
    pub source: String,
    /// The configuration has no such value any more.
    pub missing: bool,
}

/// Source and digest of every secret leaf that some step sends. Empty: the plan can be applied from its file alone.
pub fn secret_leaves(plan: &Plan) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    for step in &plan.steps {
        // Actions have string keys only, so this never fails.
        collect(&serde_json::to_value(&step.action).unwrap_or(Json::Null), &mut leaves);
    }
    leaves
}

/// The secret leaves that are stale. `values` are those of [`collect_secrets`](crate::encode::collect_secrets), made from the
/// configuration as it is now.
pub fn stale_secrets(plan: &Plan, values: &BTreeMap<String, Json>, key: &DigestKey) -> Vec<StaleSecret> {
    let changed = |(source, digest): (String, String)| match values.get(&source) {
        Some(value) if key.digest(value) == digest => None,
        found => Some(StaleSecret { source, missing: found.is_none() }),
    };
    secret_leaves(plan).into_iter().filter_map(changed).collect()
}

fn collect(value: &Json, leaves: &mut BTreeMap<String, String>) {
    if let Some(placeholder) = Placeholder::of(value) {
        if let Placeholder::Secret { digest, source: Some(source) } = placeholder {
            leaves.insert(source.to_owned(), digest.to_owned());
        }
        return;
    }
    match value {
        Json::Object(map) => map.values().for_each(|value| collect(value, leaves)),
        Json::Array(items) => items.iter().for_each(|item| collect(item, leaves)),
        _ => {}
    }
}
