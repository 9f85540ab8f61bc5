//! Real values of a plan's secret leaves, evaluated again from the module folder just before they are sent.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use windlass_core::desired::Desired;
use windlass_core::diag::Code;
use windlass_core::encode::{DigestKey, collect_secrets};
use windlass_core::plan::{Plan, secret_leaves};
use windlass_run::ports::SecretLeaves;

use crate::exit::Exit;
use crate::failure::Failure;

/// The values that a plan needs, each with the digest that was planned.
pub fn for_plan(plan: &Plan, desired: &Desired, key: &DigestKey) -> Result<SecretLeaves, Failure> {
    let wanted: BTreeMap<String, String> = secret_leaves(plan);
    if wanted.is_empty() {
        return Ok(SecretLeaves::default());
    }
    let present = collect_secrets(desired, key);
    let mut values: BTreeMap<String, Json> = BTreeMap::new();
    for (source, digest) in wanted {
        let reason = match present.get(&source) {
            None => "is not in the configuration any more",
            Some(value) if key.digest(value) != digest => "has another value now",
            Some(value) => {
                values.insert(source, value.clone());
                continue;
            }
        };
        return Err(Failure::new(Code::PLAN_STALE, format!("the plan is stale: secret {source} {reason}"))
            .detail("A plan holds digests of secrets only; their values are read from the configuration and its variables when it is applied. Nothing has been written.")
            .hint("give the variables the values that they had when the plan was made, or make a new plan")
            .exits(Exit::Stale));
    }
    Ok(SecretLeaves::new(values))
}
