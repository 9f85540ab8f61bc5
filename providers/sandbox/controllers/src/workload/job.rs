//! Jobs: pods until enough have succeeded, or too many failed.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::pods::{MANAGER, active, from_template, owner_key, ready, refused};
use crate::conditions::{holds, merge_builtin, say, stamp};
use crate::fleet::Fleet;
use crate::kinds::Kind;
use crate::object::{Fields, Key, Meta, Object, random_suffix};
use crate::plane::{Controller, Event, Next, Plane, Result};

/// The Jobs of a plane.
pub struct Jobs;

impl Controller for Jobs {
    fn name(&self) -> &'static str {
        "jobs"
    }
    fn kind(&self) -> Kind {
        Kind::Job
    }
    fn needs(&self) -> &'static [Kind] {
        &[Kind::Job, Kind::Pod, Kind::ServiceAccount]
    }
    fn concerns(&self, plane: &Plane, event: &Event) -> Vec<Key> {
        match event.kind {
            Kind::Pod => owner_key(plane, Kind::Job, event).into_iter().collect(),
            Kind::ServiceAccount => plane.cache().keys(Kind::Job).into_iter().filter(|key| key.0 == event.object.namespace()).collect(),
            _ => Vec::new(),
        }
    }
    fn reconcile<'a>(&'a self, fleet: &'a Arc<Fleet>, plane: &'a Arc<Plane>, key: &'a Key) -> BoxFuture<'a, Result<Next>> {
        look(fleet, plane, key).boxed()
    }
}

async fn look(fleet: &Fleet, plane: &Plane, key: &Key) -> Result<Next> {
    let Some(job) = plane.get(Kind::Job, key).filter(|job| !job.deleting()) else {
        return Ok(Next::Wait);
    };
    if holds(&*job, "Complete") || holds(&*job, "Failed") {
        return Ok(Next::Wait);
    }
    let pods = plane.cache().owned(Kind::Pod, job.uid());
    let count = count(&pods);
    let missing = missing(&job, &count);
    let may_create = refused(plane, job.namespace(), &format!("{}-", job.name()), job.at("/spec/template")).is_none();
    if may_create && !job.flag("/spec/suspend") {
        let labels = [
            ("batch.kubernetes.io/job-name", job.name()),
            ("job-name", job.name()),
            ("batch.kubernetes.io/controller-uid", job.uid()),
            ("controller-uid", job.uid()),
        ];
        for _ in 0..missing {
            let pod = from_template(Kind::Job, &job, job.at("/spec/template"), &format!("{}-{}", job.name(), random_suffix()), &labels);
            plane.create(Kind::Pod, pod, MANAGER).await?;
        }
    }
    let status = status(&job, &count, missing, fleet.clock.now());
    plane.set_status(Kind::Job, &job, status, MANAGER).await?;
    Ok(Next::Wait)
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    active: i64,
    ready: i64,
    succeeded: i64,
    failed: i64,
}

fn count(pods: &[Arc<Object>]) -> Count {
    let number = |wanted: &dyn Fn(&Object) -> bool| i64::try_from(pods.iter().filter(|pod| wanted(pod)).count()).unwrap_or(0);
    Count {
        active: number(&|pod| active(pod)),
        ready: number(&|pod| active(pod) && ready(pod)),
        succeeded: number(&|pod| pod.text("/status/phase") == "Succeeded"),
        failed: number(&|pod| pod.text("/status/phase") == "Failed"),
    }
}

/// How many pods to add now.
fn missing(job: &Object, count: &Count) -> i64 {
    if count.failed > job.int("/spec/backoffLimit").unwrap_or(6) {
        return 0;
    }
    let completions = job.int("/spec/completions").unwrap_or(1);
    let parallelism = job.int("/spec/parallelism").unwrap_or(1);
    (completions - count.succeeded).min(parallelism).saturating_sub(count.active).max(0)
}

fn status(job: &Object, count: &Count, created: i64, now: jiff::Timestamp) -> Value {
    let mut status = job.at("/status").clone();
    if !status.is_object() {
        status = json!({});
    }
    if status.text("/startTime").is_empty() {
        status["startTime"] = json!(stamp(now));
    }
    for (field, number) in
        [("active", count.active + created), ("ready", count.ready), ("succeeded", count.succeeded), ("failed", count.failed)]
    {
        status[field] = if number > 0 || field == "ready" { json!(number) } else { Value::Null };
    }
    status["uncountedTerminatedPods"] = json!({});
    let before = job.items("/status/conditions");
    if count.failed > job.int("/spec/backoffLimit").unwrap_or(6) {
        let words = "Job has reached the specified backoff limit";
        let says = [say("FailureTarget", true, "BackoffLimitExceeded", words), say("Failed", true, "BackoffLimitExceeded", words)];
        status["conditions"] = merge_builtin(before, &says, now);
    } else if count.succeeded >= job.int("/spec/completions").unwrap_or(1) {
        let words = "Reached expected number of succeeded pods";
        let says = [say("SuccessCriteriaMet", true, "CompletionsReached", words), say("Complete", true, "CompletionsReached", words)];
        status["conditions"] = merge_builtin(before, &says, now);
        status["completionTime"] = json!(stamp(now));
    }
    crate::object::without_empty(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_to_add() {
        let job = |spec: Value| -> Object { serde_json::from_value(json!({"metadata": {"name": "j"}, "spec": spec})).expect("job") };
        for (spec, count, expected) in [
            (json!({}), Count::default(), 1),
            (json!({}), Count { active: 1, ..Count::default() }, 0),
            (json!({}), Count { succeeded: 1, ..Count::default() }, 0),
            (json!({"completions": 5, "parallelism": 2}), Count { succeeded: 1, ..Count::default() }, 2),
            (json!({"completions": 5, "parallelism": 2}), Count { succeeded: 4, ..Count::default() }, 1),
            (json!({"backoffLimit": 1}), Count { failed: 1, ..Count::default() }, 1),
            (json!({"backoffLimit": 1}), Count { failed: 2, ..Count::default() }, 0),
        ] {
            assert_eq!(missing(&job(spec), &count), expected);
        }
    }
}
