//! `StoreOutputs`: outputs get the values that are known only now.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use windlass_core::recorded::Effect;
use windlass_run::ports::{Outcome, SecretLeaves, StepError};

use crate::request::{fill, references, resolve};
use crate::work::Work;

pub async fn run(work: &Work<'_>, outputs: &BTreeMap<String, Json>, removed: &[String]) -> Result<Outcome, StepError> {
    let asked: BTreeSet<String> = outputs.values().flat_map(references).collect();
    let unknown = resolve(asked, work.planes).await?;
    let mut effects = Vec::with_capacity(outputs.len() + removed.len());
    for (name, value) in outputs {
        // Sensitive outputs are not stored; one that comes here all the same must not be filled.
        let value = fill(value, &SecretLeaves::default(), &unknown)?.body;
        effects.push(Effect::Output { name: name.clone(), value: Some(value) });
    }
    effects.extend(removed.iter().map(|name| Effect::Output { name: name.clone(), value: None }));
    Ok(Outcome { evidence: json!({"outputs": outputs.len()}), effects, ..Outcome::default() })
}
