//! `StoreOutputs`: outputs get the values that are known only now.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use windlass_core::encode::{Placeholder, contains_placeholder, resolve_unknowns};
use windlass_core::recorded::Effect;
use windlass_run::ports::{Outcome, StepError};

use crate::error::failed;
use crate::request::{references, resolve};
use crate::work::Work;

pub async fn run(work: &Work<'_>, outputs: &BTreeMap<String, Json>, removed: &[String]) -> Result<Outcome, StepError> {
    let asked: BTreeSet<String> = outputs.values().flat_map(references).collect();
    let unknown = resolve(asked, work.planes).await?;
    let mut effects = Vec::with_capacity(outputs.len() + removed.len());
    for (name, value) in outputs {
        // Sensitive outputs are not stored; one that comes here all the same must not be.
        if contains_placeholder(value, &|placeholder| matches!(placeholder, Placeholder::Secret { .. })) {
            return Err(failed(format!("output {name:?} is sensitive and cannot be stored"), "this is a fault in the plan"));
        }
        // Not filled as a request is: a number that JSON would round keeps all its digits.
        let mut value = value.clone();
        resolve_unknowns(&mut value, &unknown);
        effects.push(Effect::Output { name: name.clone(), value: Some(value) });
    }
    effects.extend(removed.iter().map(|name| Effect::Output { name: name.clone(), value: None }));
    Ok(Outcome { evidence: json!({"outputs": outputs.len()}), effects, ..Outcome::default() })
}
