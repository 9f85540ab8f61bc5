//! `Quiesce`: Deployments run no pod any more.

use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::marks::FIELD_MANAGER;
use windlass_core::object::ObjectKey;
use windlass_run::ports::{Ensured, Outcome, StepError};

use crate::kinds::ObjectRef;
use crate::ready::condition::{count, observed};
use crate::work::Work;

pub async fn run(work: &Work<'_>, plane: &Address, deployments: &[ObjectKey]) -> Result<Outcome, StepError> {
    let plane = work.plane(plane).await?;
    let mut ensured = Ensured::NotNeeded;
    for key in deployments {
        let reference = ObjectRef::of_key(key, "apps/v1");
        let failed_to = |error: crate::error::ApiError| error.during(&plane.address, &format!("stop {}", reference.short()));
        let Some(live) = plane.get(&reference).await.map_err(failed_to)? else { continue };
        if live.pointer("/spec/replicas").and_then(Json::as_u64) != Some(0) {
            plane.merge(&reference, &json!({"spec": {"replicas": 0}}), FIELD_MANAGER).await.map_err(failed_to)?;
            ensured = Ensured::Updated;
        }
        let watch = work.watch(&plane, "apps/v1", "Deployment", reference.namespace.as_deref()).await?;
        let selector = work
            .patience
            .until(&watch, &format!("{} to stop", reference.short()), |view| {
                let Some(live) = view.get(reference.namespace.as_deref(), &reference.name) else { return Ok(None) };
                if live.pointer("/spec/replicas").and_then(Json::as_u64) != Some(0) {
                    return Err("it is not scaled to none yet".to_owned());
                }
                observed(live)?;
                match count(live, "/status/replicas") {
                    0 => Ok(live.pointer("/spec/selector/matchLabels").cloned()),
                    n => Err(format!("{n} pods still run")),
                }
            })
            .await?;
        let Some(selector) = selector else { continue };
        // The Deployment counts a pod as gone while it still ends.
        let pods = work.watch(&plane, "v1", "Pod", reference.namespace.as_deref()).await?;
        work.patience
            .until(&pods, &format!("the pods of {} to end", reference.short()), |view| {
                match view.all().filter(|pod| selects(&selector, pod)).count() {
                    0 => Ok(()),
                    n => Err(format!("{n} pods are ending")),
                }
            })
            .await?;
    }
    Ok(Outcome { evidence: json!({"stopped": deployments.len()}), ensured, ..Outcome::default() })
}

fn selects(selector: &Json, pod: &Json) -> bool {
    let phase = pod.pointer("/status/phase").and_then(Json::as_str);
    let over = matches!(phase, Some("Succeeded" | "Failed"));
    let labels = pod.pointer("/metadata/labels");
    let matches = |(key, value): (&String, &Json)| labels.and_then(|labels| labels.get(key)) == Some(value);
    !over && selector.as_object().is_some_and(|wanted| !wanted.is_empty() && wanted.iter().all(matches))
}
