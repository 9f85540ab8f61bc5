//! Questions about wishes and plans that are answered without facts: digest, validity, secret leaves.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Plan;
use super::validate::validate_objects;
use super::wish::wishes;
use crate::desired::Desired;
use crate::diag::Diagnostics;
use crate::encode::{DigestKey, MARK};

/// Digest of a wish, as it stands in [`Plan::desired_digest`]. It does not depend on what is known of living clusters.
pub fn desired_digest(desired: &Desired, key: &DigestKey) -> String {
    wishes(desired, key, BTreeMap::new(), &mut Diagnostics::new()).desired_digest
}

/// What is wrong with the rendered objects by the facts about their kinds.
pub fn validate(desired: &Desired) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    // Nothing of the placeholder form leaves this function, so that any key will do.
    let wishes = wishes(desired, &DigestKey([0; 32]), BTreeMap::new(), &mut diagnostics);
    validate_objects(&wishes, &mut diagnostics);
    diagnostics
}

/// The secret leaves that the steps of a plan send: `source` → digest.
pub fn secret_leaves(plan: &Plan) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    for step in &plan.steps {
        // A step is plain data; one that cannot be written down does not exist.
        if let Ok(action) = serde_json::to_value(&step.action) {
            collect(&action, &mut leaves);
        }
    }
    leaves
}

fn collect(value: &Json, leaves: &mut BTreeMap<String, String>) {
    match value {
        Json::Object(entries) => {
            let text = |key: &str| entries.get(key).and_then(Json::as_str);
            match (text(MARK), text("source"), text("digest")) {
                (Some("secret"), Some(source), Some(digest)) => {
                    leaves.insert(source.to_owned(), digest.to_owned());
                }
                _ => entries.values().for_each(|entry| collect(entry, leaves)),
            }
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, leaves)),
        _ => {}
    }
}
