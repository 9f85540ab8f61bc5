//! Real values of a plan's secret leaves, evaluated again from the module folder just before they are sent.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use windlass_core::desired::Desired;
use windlass_core::diag::{Code, Diagnostic};
use windlass_core::encode::{DigestKey, collect_secrets};
use windlass_core::expand::expand;
use windlass_core::plan::{Plan, secret_leaves};
use windlass_run::ports::SecretLeaves;

use crate::argv::VariableFlag;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::module::{self, Evaluated};
use crate::session::Session;
use crate::view::View;

/// The values that a saved plan needs. The configuration is read only if there are any, and may be wrong elsewhere: a value that has the
/// digest that was planned is the value that was planned.
pub fn for_saved(plan: &Plan, session: &Session, flags: &[VariableFlag], key: &DigestKey, view: &View) -> Result<SecretLeaves, Failure> {
    let wanted = secret_leaves(plan);
    let Some(first) = wanted.keys().next() else { return Ok(SecretLeaves::default()) };
    let unreadable = |failure: Failure| {
        failure.because(
            Diagnostic::error(Code::SECRETS_UNREADABLE, format!("the secrets of the plan cannot be evaluated: {first}"))
                .detail("A plan holds digests of secrets only; their values are read from the configuration and its variables when it is applied, and the configuration has errors. Nothing has been written.")
                .hint("put the configuration and the variables back to what the plan was made from, or make a new plan"),
        )
    };
    let Evaluated { model, sources, mut diagnostics } = module::evaluate(session, flags).map_err(unreadable)?;
    let (desired, found) = expand(&model, &plan.lineage);
    diagnostics.extend(found);
    match for_plan(plan, &desired, key) {
        Ok(values) => {
            if diagnostics.has_errors() {
                view.note(
                    "The configuration has errors by now. They do not concern the secrets of the plan, which is applied as it was saved.\n",
                );
            }
            Ok(values)
        }
        Err(_) if diagnostics.has_errors() => Err(unreadable(Failure::in_configuration(diagnostics, sources))),
        Err(stale) => Err(stale),
    }
}

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
