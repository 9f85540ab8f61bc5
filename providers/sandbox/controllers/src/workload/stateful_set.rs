//! StatefulSets: numbered pods with their claims, made in order and replaced from the last to the first.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::adoption::{adopt, owners};
use super::deployment::template_hash;
use super::pods::{MANAGER, active, from_template, ready, refused};
use crate::fleet::Fleet;
use crate::kinds::Kind;
use crate::object::{Fields, Key, Meta, Object};
use crate::plane::{Controller, Event, Next, Plane, Result};

const HASH: &str = "controller-revision-hash";

/// The StatefulSets of a plane.
pub struct StatefulSets;

impl Controller for StatefulSets {
    fn name(&self) -> &'static str {
        "statefulsets"
    }
    fn kind(&self) -> Kind {
        Kind::StatefulSet
    }
    fn needs(&self) -> &'static [Kind] {
        &[Kind::StatefulSet, Kind::Pod, Kind::PersistentVolumeClaim, Kind::ServiceAccount]
    }
    fn concerns(&self, plane: &Plane, event: &Event) -> Vec<Key> {
        match event.kind {
            Kind::Pod => owners(plane, Kind::StatefulSet, event),
            Kind::ServiceAccount => {
                plane.cache().keys(Kind::StatefulSet).into_iter().filter(|key| key.0 == event.object.namespace()).collect()
            }
            _ => Vec::new(),
        }
    }
    fn reconcile<'a>(&'a self, _fleet: &'a Arc<Fleet>, plane: &'a Arc<Plane>, key: &'a Key) -> BoxFuture<'a, Result<Next>> {
        look(plane, key).boxed()
    }
}

/// The one thing to do next.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Create(i64),
    Delete(i64),
    Rest,
}

async fn look(plane: &Plane, key: &Key) -> Result<Next> {
    let Some(set) = plane.get(Kind::StatefulSet, key).filter(|set| !set.deleting()) else {
        return Ok(Next::Wait);
    };
    // Only pods that bear one of its names are its own.
    adopt(plane, Kind::Pod, Kind::StatefulSet, &set, |pod| ordinal(&set, pod).is_some()).await?;
    let hash = template_hash(set.at("/spec/template"));
    let pods = plane.cache().owned(Kind::Pod, set.uid());
    let numbered: BTreeMap<i64, Arc<Object>> = pods.into_iter().filter_map(|pod| Some((ordinal(&set, &pod)?, pod))).collect();
    let may_create = refused(plane, set.namespace(), set.name(), set.at("/spec/template")).is_none();
    match step(&set, &numbered, &hash) {
        Step::Create(number) if may_create => {
            for claim in set.items("/spec/volumeClaimTemplates") {
                let claim = claim_for(&set, claim, number);
                let there = (set.namespace().to_owned(), claim.text("/metadata/name").to_owned());
                if plane.get(Kind::PersistentVolumeClaim, &there).is_none() {
                    plane.create(Kind::PersistentVolumeClaim, claim, MANAGER).await?;
                }
            }
            plane.create(Kind::Pod, pod_for(&set, number, &hash), MANAGER).await?;
        }
        Step::Delete(number) => {
            if let Some(pod) = numbered.get(&number) {
                plane.delete(Kind::Pod, pod).await?;
            }
        }
        Step::Create(_) | Step::Rest => {}
    }
    let pods = plane.cache().owned(Kind::Pod, set.uid());
    plane.set_status(Kind::StatefulSet, &set, status(&set, &pods, &hash), MANAGER).await?;
    Ok(Next::Wait)
}

fn ordinal(set: &Object, pod: &Object) -> Option<i64> {
    pod.name().strip_prefix(set.name())?.strip_prefix('-')?.parse().ok()
}

fn step(set: &Object, pods: &BTreeMap<i64, Arc<Object>>, hash: &str) -> Step {
    let replicas = set.int("/spec/replicas").unwrap_or(1);
    let parallel = set.text("/spec/podManagementPolicy") == "Parallel";
    for number in 0..replicas {
        match pods.get(&number) {
            None => return Step::Create(number),
            Some(pod) if !pod.deleting() && !active(pod) => return Step::Delete(number),
            Some(pod) if !ready(pod) && !parallel && pod.label(HASH) == Some(hash) => {
                return Step::Rest;
            }
            Some(_) => {}
        }
    }
    if pods.values().any(|pod| pod.deleting()) {
        return Step::Rest;
    }
    if let Some((number, _)) = pods.iter().next_back().filter(|(number, _)| **number >= replicas) {
        return Step::Delete(*number);
    }
    let partition = set.int("/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
    if set.text("/spec/updateStrategy/type") == "OnDelete" {
        return Step::Rest;
    }
    let outdated = pods.iter().rev().take_while(|(number, _)| **number >= partition);
    for (number, pod) in outdated {
        if pod.label(HASH) != Some(hash) {
            return Step::Delete(*number);
        }
        if !ready(pod) {
            return Step::Rest;
        }
    }
    Step::Rest
}

fn claim_for(set: &Object, template: &Value, number: i64) -> Value {
    let name = format!("{}-{}-{number}", template.text("/metadata/name"), set.name());
    let labels = set.at("/spec/selector/matchLabels").clone();
    json!({"metadata": {"name": name, "namespace": set.namespace(), "labels": labels}, "spec": template.at("/spec")})
}

fn pod_for(set: &Object, number: i64, hash: &str) -> Value {
    let name = format!("{}-{number}", set.name());
    let mut template = set.at("/spec/template").clone();
    let mut volumes: Vec<Value> = template.items("/spec/volumes").to_vec();
    for claim in set.items("/spec/volumeClaimTemplates") {
        let volume = claim.text("/metadata/name");
        volumes.retain(|one| one.text("/name") != volume);
        volumes.push(json!({"name": volume, "persistentVolumeClaim": {"claimName": format!("{volume}-{name}")}}));
    }
    if !volumes.is_empty() {
        template["spec"]["volumes"] = Value::Array(volumes);
    }
    template["spec"]["hostname"] = json!(name);
    if let Some(service) = set.at("/spec/serviceName").as_str() {
        template["spec"]["subdomain"] = json!(service);
    }
    from_template(
        Kind::StatefulSet,
        set,
        &template,
        &name,
        &[(HASH, hash), ("statefulset.kubernetes.io/pod-name", &name), ("apps.kubernetes.io/pod-index", &number.to_string())],
    )
}

fn status(set: &Object, pods: &[Arc<Object>], hash: &str) -> Value {
    let there: Vec<_> = pods.iter().filter(|pod| active(pod)).collect();
    let serving = there.iter().filter(|pod| ready(pod)).count();
    let updated = there.iter().filter(|pod| pod.label(HASH) == Some(hash)).count();
    let revision = format!("{}-{hash}", set.name());
    let wanted = usize::try_from(set.int("/spec/replicas").unwrap_or(1)).unwrap_or(0);
    let done = updated == there.len() && there.len() == wanted;
    let before = set.text("/status/currentRevision");
    let current = if done || before.is_empty() { revision.clone() } else { before.to_owned() };
    let mut status = json!({
        "observedGeneration": set.generation(), "replicas": there.len(), "availableReplicas": serving, "currentRevision": current, "updateRevision": revision, "collisionCount": 0,
    });
    for (field, count) in
        [("readyReplicas", serving), ("updatedReplicas", updated), ("currentReplicas", if done { updated } else { there.len() - updated })]
    {
        if count > 0 {
            status[field] = json!(count);
        }
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_come_in_order_and_are_replaced_from_the_last() {
        let set: Object = serde_json::from_value(json!({"metadata": {"name": "s"}, "spec": {"replicas": 2}})).expect("set");
        let pods = |all: &[(i64, &str, &str)]| -> BTreeMap<i64, Arc<Object>> {
            let pod = |hash: &str, ready: &str| json!({"metadata": {"name": "p", "labels": {HASH: hash}}, "status": {"conditions": [{"type": "Ready", "status": ready}]}});
            all.iter().map(|(number, hash, ready)| (*number, Arc::new(serde_json::from_value(pod(hash, ready)).expect("pod")))).collect()
        };
        for (there, expected) in [
            (pods(&[]), Step::Create(0)),
            (pods(&[(0, "new", "False")]), Step::Rest),
            (pods(&[(0, "new", "True")]), Step::Create(1)),
            (pods(&[(0, "old", "True"), (1, "old", "True")]), Step::Delete(1)),
            (pods(&[(0, "old", "True"), (1, "new", "False")]), Step::Rest),
            (pods(&[(0, "old", "True"), (1, "new", "True")]), Step::Delete(0)),
            (pods(&[(0, "new", "True"), (1, "new", "True"), (2, "new", "True")]), Step::Delete(2)),
        ] {
            assert_eq!(step(&set, &there, "new"), expected);
        }
    }
}
