//! What a plan holds as digests only, read again from the module folder just before it is sent: values of secret leaves, and schemas of
//! components.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use windlass_core::desired::Desired;
use windlass_core::diag::{Code, Diagnostic};
use windlass_core::encode::{DigestKey, collect_secrets};
use windlass_core::expand::expand;
use windlass_core::plan::{Action, Plan, secret_leaves};
use windlass_run::ports::SecretLeaves;

use super::lockfile;
use crate::argv::VariableFlag;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::module::Evaluated;
use crate::session::Session;
use crate::view::View;

/// What a saved plan holds as digests only.
#[derive(Default)]
pub struct Digested {
    /// Values of its secret leaves.
    pub secrets: SecretLeaves,
    /// Schemas of the components that it installs, by digest.
    pub contents: BTreeMap<String, Json>,
}

/// What a saved plan needs. The configuration is read only if there is any such thing, and may be wrong elsewhere: a value that has the
/// digest that was planned is the value that was planned.
pub fn for_saved(plan: &Plan, session: &Session, flags: &[VariableFlag], key: &DigestKey, view: &View) -> Result<Digested, Failure> {
    let wanted = secret_leaves(plan);
    let Some(first) = wanted.keys().next() else {
        // Schemas that are not at hand may live on the plane already; the step tells, if they do not.
        let evaluated = installs(plan).then(|| lockfile::evaluate(session, flags).ok()).flatten();
        let contents = evaluated.map(|evaluated| evaluated.model.contents()).unwrap_or_default();
        return Ok(Digested { secrets: SecretLeaves::default(), contents });
    };
    let unreadable = |failure: Failure| {
        failure.because(
            Diagnostic::error(Code::SECRETS_UNREADABLE, format!("the secrets of the plan cannot be evaluated: {first}"))
                .detail("A plan holds digests of secrets only; their values are read from the configuration and its variables when it is applied, and the configuration has errors. Nothing has been written.")
                .hint("put the configuration and the variables back to what the plan was made from, or make a new plan"),
        )
    };
    let Evaluated { model, sources, mut diagnostics } = lockfile::evaluate(session, flags).map_err(unreadable)?;
    let (desired, found) = expand(&model, &plan.lineage);
    diagnostics.extend(found);
    match for_plan(plan, &desired, key) {
        Ok(secrets) => {
            if diagnostics.has_errors() {
                view.note(
                    "The configuration has errors by now. They do not concern the secrets of the plan, which is applied as it was saved.\n",
                );
            }
            Ok(Digested { secrets, contents: model.contents() })
        }
        Err(_) if diagnostics.has_errors() => Err(unreadable(Failure::in_configuration(diagnostics, sources))),
        Err(stale) => Err(stale),
    }
}

/// Whether a plan installs providers on a real plane.
fn installs(plan: &Plan) -> bool {
    let simulated = plan.planes.iter().any(|plane| plane.sandbox);
    !simulated && plan.steps.iter().any(|step| matches!(&step.action, Action::EnsureProvider { objects, .. } if !objects.is_empty()))
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
