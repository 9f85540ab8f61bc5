//! Deployments: one ReplicaSet per pod template, rolled by surge and unavailability.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::adoption::{adopt, adoptable, owners};
use super::pods::MANAGER;
use crate::conditions::{Say, find, say, stamp};
use crate::fleet::Fleet;
use crate::kinds::Kind;
use crate::object::{Fields, Key, Meta, Object, int_or_percent, owner_reference, short_hash, without_empty};
use crate::plane::{Controller, Error, Event, Next, Plane, Result};

const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAX: &str = "deployment.kubernetes.io/max-replicas";
/// Annotations of a Deployment that its ReplicaSets do not get: kubectl's copy of it, and what each ReplicaSet has of its own.
const NOT_COPIED: [&str; 6] =
    ["kubectl.kubernetes.io/last-applied-configuration", REVISION, HISTORY, DESIRED, MAX, "deprecated.deployment.rollback.to"];

/// The Deployments of a plane.
pub struct Deployments;

impl Controller for Deployments {
    fn name(&self) -> &'static str {
        "deployments"
    }
    fn kind(&self) -> Kind {
        Kind::Deployment
    }
    fn needs(&self) -> &'static [Kind] {
        &[Kind::Deployment, Kind::ReplicaSet]
    }
    fn concerns(&self, plane: &Plane, event: &Event) -> Vec<Key> {
        if event.kind == Kind::ReplicaSet { owners(plane, Kind::Deployment, event) } else { Vec::new() }
    }
    fn reconcile<'a>(&'a self, fleet: &'a Arc<Fleet>, plane: &'a Arc<Plane>, key: &'a Key) -> BoxFuture<'a, Result<Next>> {
        look(fleet, plane, key).boxed()
    }
}

async fn look(fleet: &Fleet, plane: &Plane, key: &Key) -> Result<Next> {
    let Some(deployment) = plane.get(Kind::Deployment, key).filter(|one| !one.deleting()) else {
        return Ok(Next::Wait);
    };
    adopt(plane, Kind::ReplicaSet, Kind::Deployment, &deployment, |_| true).await?;
    let hash = name_hash(&deployment);
    let sets = plane.cache().owned(Kind::ReplicaSet, deployment.uid());
    let current = sets.iter().find(|set| set.label(HASH) == Some(hash.as_str()));
    // One from before a collision has another hash, and the same template.
    let current = current.or_else(|| sets.iter().find(|set| set.label(HASH).is_some() && has_template_of(set, &deployment))).cloned();
    let hash = current.as_ref().and_then(|set| set.label(HASH)).map_or(hash, str::to_owned);
    let revision = |set: &Object| set.annotation(REVISION).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let newest = sets.iter().filter(|set| set.label(HASH) != Some(hash.as_str())).map(|set| revision(set)).max().unwrap_or(0);
    let paused = deployment.flag("/spec/paused");
    let Some(current) = current else {
        if !paused {
            let mut set = replica_set(&deployment, &hash, newest + 1);
            // Not from zero: orphans that it adopts would be too many at first, and end.
            set["spec"]["replicas"] = json!(first_size(&deployment, &sets));
            if let Err(error) = plane.create(Kind::ReplicaSet, set, MANAGER).await {
                return name_is_taken(plane, &deployment, &hash, error).await;
            }
        }
        return Ok(Next::Wait);
    };
    let outdated = outdated_annotations(&deployment, &current, newest);
    if !outdated.is_empty() {
        plane.merge(Kind::ReplicaSet, &current, json!({"metadata": {"annotations": outdated}}), MANAGER).await?;
        return Ok(Next::Wait);
    }
    if deployment.annotation(REVISION) != current.annotation(REVISION) {
        let patch = json!({"metadata": {"annotations": {REVISION: current.annotation(REVISION)}}});
        plane.merge(Kind::Deployment, &deployment, patch, MANAGER).await?;
        return Ok(Next::Wait);
    }
    let sizes: Vec<Size> = sets.iter().map(|set| size(set, set.uid() == current.uid())).collect();
    if !paused {
        for (set, replicas) in sets.iter().zip(roll(&deployment, &sizes)) {
            if set.int("/spec/replicas") != Some(replicas) {
                let patch = json!({"metadata": {"annotations": sizes_of(&deployment)}, "spec": {"replicas": replicas}});
                plane.merge(Kind::ReplicaSet, set, patch, MANAGER).await?;
            }
        }
        prune(plane, &deployment, &sets, &current).await?;
    }
    let sets = plane.cache().owned(Kind::ReplicaSet, deployment.uid());
    let (status, next) = status(&deployment, &sets, &hash, fleet);
    plane.set_status(Kind::Deployment, &deployment, status, MANAGER).await?;
    Ok(next)
}

/// The size with which a new ReplicaSet begins beside the old ones.
fn first_size(deployment: &Object, old: &[Arc<Object>]) -> i64 {
    let none = Size { current: true, wanted: 0, there: 0, available: 0 };
    let sizes: Vec<Size> = old.iter().map(|set| size(set, false)).chain([none]).collect();
    roll(deployment, &sizes).last().copied().unwrap_or(0)
}

/// What to do when the ReplicaSet cannot be created. Another's of the same name is a collision, which is counted: the count goes into the hash,
/// and so into the name. Every other failure stays.
async fn name_is_taken(plane: &Plane, deployment: &Object, hash: &str, error: Error) -> Result<Next> {
    if error.code() != Some(409) {
        return Err(error);
    }
    let name = format!("{}-{hash}", deployment.name());
    let Some(there) = plane.read(&Kind::ReplicaSet.resource(), deployment.namespace(), &name).await? else {
        return Err(error);
    };
    if collides(deployment, &there) {
        plane.set_status(Kind::Deployment, deployment, with_collision(deployment), MANAGER).await?;
        return Ok(Next::Wait);
    }
    // The cache did not have it yet; the next look finds it or adopts it.
    plane.observe(Kind::ReplicaSet, there);
    Err(error)
}

/// Whether a ReplicaSet that has the name for a Deployment's new one is neither its own nor free to be adopted.
fn collides(deployment: &Object, there: &Object) -> bool {
    there.controller_uid() != Some(deployment.uid()) && !adoptable(deployment, there)
}

/// The Deployment's status with one more collision.
fn with_collision(deployment: &Object) -> Value {
    let mut status = deployment.at("/status").as_object().cloned().unwrap_or_default();
    status.insert("collisionCount".to_owned(), json!(collisions(deployment) + 1));
    Value::Object(status)
}

fn collisions(deployment: &Object) -> i64 {
    deployment.int("/status/collisionCount").unwrap_or(0)
}

/// Whether a ReplicaSet was made of the Deployment's present template.
fn has_template_of(set: &Object, deployment: &Object) -> bool {
    let mut template = set.at("/spec/template").clone();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(HASH);
    }
    without_empty(&template) == without_empty(deployment.at("/spec/template"))
}

/// The hash in the name of a Deployment's ReplicaSet: of its template, and of how often that name was another's.
fn name_hash(deployment: &Object) -> String {
    let template = deployment.at("/spec/template");
    match collisions(deployment) {
        0 => template_hash(template),
        count => short_hash(&format!("{}{count}", without_empty(template)), 10),
    }
}

/// A hash of a pod template that does not depend on the order of its fields.
pub fn template_hash(template: &Value) -> String {
    short_hash(&without_empty(template).to_string(), 10)
}

fn replica_set(deployment: &Object, hash: &str, revision: u64) -> Value {
    let mut template = deployment.at("/spec/template").clone();
    template["metadata"]["labels"][HASH] = json!(hash);
    let mut selector = deployment.at("/spec/selector").clone();
    selector["matchLabels"][HASH] = json!(hash);
    let labels = template.at("/metadata/labels").clone();
    let mut annotations = copied_annotations(deployment);
    annotations.extend(sizes_of(deployment));
    annotations.insert(REVISION.to_owned(), revision.to_string());
    json!({
        "metadata": {
            "name": format!("{}-{hash}", deployment.name()), "namespace": deployment.namespace(), "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner_reference("apps/v1", "Deployment", deployment, true)],
        },
        "spec": {"replicas": 0, "selector": selector, "template": template, "minReadySeconds": deployment.int("/spec/minReadySeconds").unwrap_or(0)},
    })
}

type Annotations = BTreeMap<String, String>;

/// What a Deployment's annotations give to its ReplicaSets.
fn copied_annotations(deployment: &Object) -> Annotations {
    let own = deployment.metadata.annotations.iter().flatten();
    own.filter(|(name, _)| !NOT_COPIED.contains(&name.as_str())).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// How many pods the Deployment asks for, and how many it lets be while it rolls.
fn sizes_of(deployment: &Object) -> Annotations {
    let replicas = deployment.int("/spec/replicas").unwrap_or(1);
    let surge = if deployment.text("/spec/strategy/type") == "Recreate" { 0 } else { surge(deployment, replicas) };
    Annotations::from([(DESIRED.to_owned(), replicas.to_string()), (MAX.to_owned(), (replicas + surge).to_string())])
}

/// Annotations that the current ReplicaSet lacks or has with another value; `newest` is the highest revision of the others. What a
/// Deployment has no longer stays on it.
fn outdated_annotations(deployment: &Object, current: &Object, newest: u64) -> Annotations {
    let mut wanted = copied_annotations(deployment);
    wanted.extend(sizes_of(deployment));
    let revision = current.annotation(REVISION).unwrap_or_default();
    if revision.parse::<u64>().unwrap_or(0) <= newest {
        wanted.insert(REVISION.to_owned(), (newest + 1).to_string());
        if !revision.is_empty() {
            let history = current.annotation(HISTORY).map_or_else(|| revision.to_owned(), |history| format!("{history},{revision}"));
            wanted.insert(HISTORY.to_owned(), history);
        }
    }
    wanted.retain(|name, value| current.annotation(name) != Some(value.as_str()));
    wanted
}

fn surge(deployment: &Object, replicas: i64) -> i64 {
    int_or_percent(deployment.at("/spec/strategy/rollingUpdate/maxSurge"), replicas, true, (replicas * 25 + 99) / 100)
}

/// How large a ReplicaSet is asked to be and how many of its pods serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Whether it has the current template.
    pub current: bool,
    /// `spec.replicas`.
    pub wanted: i64,
    /// Pods that exist.
    pub there: i64,
    /// Available pods.
    pub available: i64,
}

fn size(set: &Object, current: bool) -> Size {
    let number = |pointer: &str| set.int(pointer).unwrap_or(0);
    Size { current, wanted: number("/spec/replicas"), there: number("/status/replicas"), available: number("/status/availableReplicas") }
}

/// The sizes that the sets shall have next, in their order.
pub fn roll(deployment: &Object, sizes: &[Size]) -> Vec<i64> {
    let replicas = deployment.int("/spec/replicas").unwrap_or(1);
    let old_there: i64 = sizes.iter().filter(|size| !size.current).map(|size| size.wanted.max(size.there)).sum();
    if deployment.text("/spec/strategy/type") == "Recreate" {
        return sizes.iter().map(|size| if size.current && old_there == 0 { replicas } else { 0 }).collect();
    }
    let surge = surge(deployment, replicas);
    let mut unavailable =
        int_or_percent(deployment.at("/spec/strategy/rollingUpdate/maxUnavailable"), replicas, false, replicas * 25 / 100);
    if surge == 0 && unavailable == 0 {
        unavailable = 1;
    }
    let total: i64 = sizes.iter().map(|size| size.wanted).sum();
    let room = (replicas + surge - total).max(0);
    let mut next: Vec<i64> = sizes.iter().map(|size| size.wanted).collect();
    for (size, next) in sizes.iter().zip(&mut next).filter(|(size, _)| size.current) {
        *next = if size.wanted > replicas { replicas } else { (size.wanted + room).min(replicas) };
    }
    // Old pods that do not serve go first and cost nothing; then as many serving ones as the new set makes up for.
    let current_unavailable: i64 = sizes.iter().filter(|size| size.current).map(|size| (size.wanted - size.available).max(0)).sum();
    let least = replicas - unavailable;
    let mut budget = (total - least - current_unavailable).max(0);
    for (size, next) in sizes.iter().zip(&mut next).filter(|(size, _)| !size.current) {
        let dead = (size.wanted - size.available).clamp(0, budget);
        *next -= dead;
        budget -= dead;
    }
    let available: i64 = sizes.iter().map(|size| size.available).sum();
    let mut spare = (available - least).max(0);
    for (size, next) in sizes.iter().zip(&mut next).filter(|(size, _)| !size.current) {
        let down = (*next).min(size.available).min(spare);
        *next -= down;
        spare -= down;
    }
    next
}

/// Old empty sets beyond `revisionHistoryLimit` go.
async fn prune(plane: &Plane, deployment: &Object, sets: &[Arc<Object>], current: &Object) -> Result<()> {
    let limit = usize::try_from(deployment.int("/spec/revisionHistoryLimit").unwrap_or(10)).unwrap_or(0);
    let empty = |set: &&Arc<Object>| {
        set.uid() != current.uid()
            && set.int("/spec/replicas") == Some(0)
            && set.int("/status/replicas").unwrap_or(0) == 0
            && !set.deleting()
    };
    let mut old: Vec<_> = sets.iter().filter(empty).collect();
    old.sort_by_key(|set| (set.created(), set.name().to_owned()));
    for set in old.iter().take(old.len().saturating_sub(limit)) {
        plane.delete(Kind::ReplicaSet, set).await?;
    }
    Ok(())
}

fn status(deployment: &Object, sets: &[Arc<Object>], hash: &str, fleet: &Fleet) -> (Value, Next) {
    let now = fleet.clock.now();
    let sum = |pointer: &str| sets.iter().map(|set| set.int(pointer).unwrap_or(0)).sum::<i64>();
    let wanted = deployment.int("/spec/replicas").unwrap_or(1);
    let current: i64 = sets.iter().filter(|set| set.label(HASH) == Some(hash)).map(|set| set.int("/status/replicas").unwrap_or(0)).sum();
    let (total, ready, available) = (sum("/status/replicas"), sum("/status/readyReplicas"), sum("/status/availableReplicas"));
    let slack = int_or_percent(deployment.at("/spec/strategy/rollingUpdate/maxUnavailable"), wanted, false, wanted * 25 / 100);
    let slack = if deployment.text("/spec/strategy/type") == "Recreate" { 0 } else { slack };
    let serves = available >= wanted - slack;
    let complete = current == wanted && total == wanted && available == wanted;
    let mut says = vec![if serves {
        say("Available", true, "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        say("Available", false, "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    }];
    let failure = sets.iter().find_map(|set| find(&**set, "ReplicaFailure")).map(|failure| failure.text("/message").to_owned());
    let (progress, next) = progress(deployment, hash, complete, [current, ready, available], fleet);
    says.push(progress);
    if let Some(message) = failure {
        says.push(say("ReplicaFailure", true, "FailedCreate", message));
    }
    let mut conditions = with_update_time(deployment.items("/status/conditions"), &says, now);
    if let Some(list) = conditions.as_array_mut() {
        list.retain(|condition| says.iter().any(|say| say.kind == condition.text("/type")));
    }
    let mut status = json!({"observedGeneration": deployment.generation(), "conditions": conditions});
    // Counts of zero are left out, as Kubernetes does.
    let unavailable = (wanted.max(total) - available).max(0);
    for (field, count) in [
        ("replicas", total),
        ("updatedReplicas", current),
        ("readyReplicas", ready),
        ("availableReplicas", available),
        ("unavailableReplicas", unavailable),
    ] {
        if count > 0 {
            status[field] = json!(count);
        }
    }
    if collisions(deployment) > 0 {
        status["collisionCount"] = json!(collisions(deployment));
    }
    (status, next)
}

/// The Progressing condition: complete, going on, or given up after the progress deadline.
fn progress(deployment: &Object, hash: &str, complete: bool, counts: [i64; 3], fleet: &Fleet) -> (Say, Next) {
    let set = format!("{}-{hash}", deployment.name());
    if complete {
        return (
            say("Progressing", true, "NewReplicaSetAvailable", format!("ReplicaSet \"{set}\" has successfully progressed.")),
            Next::Wait,
        );
    }
    let before = find(deployment, "Progressing");
    let status = deployment.at("/status");
    let number = |field: &str| status.get(field).and_then(Value::as_i64).unwrap_or(0);
    let moved = counts != [number("updatedReplicas"), number("readyReplicas"), number("availableReplicas")]
        || number("observedGeneration") != deployment.generation();
    let deadline = Duration::from_secs(deployment.int("/spec/progressDeadlineSeconds").unwrap_or(600).unsigned_abs());
    let deadline = fleet.delays.scale(deadline).max(Duration::from_secs(1));
    if !moved && let Some(before) = before {
        let since: Option<jiff::Timestamp> = before.text("/lastUpdateTime").parse().ok();
        let passed = since.map_or(0, |since| fleet.clock.now().as_second() - since.as_second());
        let late = before.text("/reason") == "ProgressDeadlineExceeded" || Duration::from_secs(passed.unsigned_abs()) > deadline;
        if late && before.text("/reason") != "NewReplicaSetAvailable" {
            return (
                say("Progressing", false, "ProgressDeadlineExceeded", format!("ReplicaSet \"{set}\" has timed out progressing.")),
                Next::Wait,
            );
        }
    }
    (
        say("Progressing", true, "ReplicaSetUpdated", format!("ReplicaSet \"{set}\" is progressing.")),
        Next::After(deadline + Duration::from_secs(1)),
    )
}

/// Deployment conditions carry `lastUpdateTime` too.
fn with_update_time(before: &[Value], says: &[Say], now: jiff::Timestamp) -> Value {
    let mut conditions = crate::conditions::merge_builtin(before, says, now);
    for condition in conditions.as_array_mut().into_iter().flatten() {
        let old = before.iter().find(|one| one.text("/type") == condition.text("/type"));
        let same = old.filter(|old| ["/status", "/reason", "/message"].iter().all(|field| old.text(field) == condition.text(field)));
        condition["lastUpdateTime"] = same.map_or_else(|| json!(stamp(now)), |old| json!(old.text("/lastUpdateTime")));
    }
    conditions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(replicas: i64, strategy: Value) -> Object {
        serde_json::from_value(json!({"metadata": {"name": "d"}, "spec": {"replicas": replicas, "strategy": strategy}}))
            .expect("deployment")
    }

    fn set(current: bool, wanted: i64, available: i64) -> Size {
        Size { current, wanted, there: wanted, available }
    }

    #[test]
    fn rolls() {
        let none = json!({});
        let careful = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
        let recreate = json!({"type": "Recreate"});
        for (replicas, strategy, sizes, expected) in [
            (3, &none, vec![set(true, 0, 0)], vec![3]),
            (3, &careful, vec![set(false, 3, 3), set(true, 0, 0)], vec![3, 1]),
            (3, &careful, vec![set(false, 3, 3), set(true, 1, 0)], vec![3, 1]),
            (3, &careful, vec![set(false, 3, 3), set(true, 1, 1)], vec![2, 1]),
            (3, &careful, vec![set(false, 2, 2), set(true, 1, 1)], vec![2, 2]),
            (3, &careful, vec![set(false, 0, 0), set(true, 3, 3)], vec![0, 3]),
            (1, &careful, vec![set(false, 1, 0), set(true, 0, 0)], vec![1, 1]),
            (2, &none, vec![set(true, 5, 5)], vec![2]),
            (2, &recreate, vec![set(false, 2, 2), set(true, 0, 0)], vec![0, 0]),
            (2, &recreate, vec![set(false, 0, 0), set(true, 0, 0)], vec![0, 2]),
        ] {
            assert_eq!(roll(&deployment(replicas, strategy.clone()), &sizes), expected, "{replicas} {strategy} {sizes:?}");
        }
    }

    #[test]
    fn a_replica_set_has_the_annotations_of_its_deployment_and_some_of_its_own() {
        let with = |annotations: Value| -> Object {
            let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
            serde_json::from_value(json!({
                "metadata": {"name": "d", "uid": "u", "annotations": annotations},
                "spec": {"replicas": 3, "strategy": rolling, "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}}},
            }))
            .expect("an object")
        };
        let deployment = with(json!({
            "windlass.dev/address": "x", REVISION: "1", DESIRED: "9", "kubectl.kubernetes.io/last-applied-configuration": "{}",
        }));
        let made = replica_set(&deployment, "h", 2);
        let own = json!({"windlass.dev/address": "x", REVISION: "2", DESIRED: "3", MAX: "4"});
        assert_eq!(made.at("/metadata/annotations"), &own);
        let outdated = |annotations: Value, newest| json!(outdated_annotations(&deployment, &with(annotations), newest));
        assert_eq!(outdated(own.clone(), 1), json!({}));
        // What is foreign on it stays; what it lacks or has otherwise is mended.
        assert_eq!(
            outdated(json!({"windlass.dev/address": "y", "mine": "1", REVISION: "2", MAX: "4"}), 1),
            json!({"windlass.dev/address": "x", DESIRED: "3"})
        );
        // Back to an older template.
        assert_eq!(outdated(own.clone(), 2), json!({REVISION: "3", HISTORY: "2"}));
        let mut again = own;
        again[HISTORY] = json!("1");
        assert_eq!(outdated(again, 5), json!({REVISION: "6", HISTORY: "1,2"}));
    }

    #[test]
    fn a_name_that_another_has_is_a_collision_and_gives_another_name() {
        let deployment = |status: Value| -> Object {
            serde_json::from_value(json!({
                "metadata": {"name": "d", "namespace": "n", "uid": "u"}, "status": status,
                "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"x": 1}}},
            }))
            .expect("a deployment")
        };
        let fresh = deployment(json!({}));
        let hash = name_hash(&fresh);
        assert_eq!(hash, template_hash(fresh.at("/spec/template")));
        let set = |change: &dyn Fn(&mut Value)| -> Object {
            let mut set = replica_set(&fresh, &hash, 1);
            change(&mut set);
            serde_json::from_value(set).expect("a replica set")
        };
        let own = set(&|_| {});
        assert!(has_template_of(&own, &fresh) && !collides(&fresh, &own));
        assert!(!collides(&fresh, &set(&|set| set["metadata"]["ownerReferences"] = json!([]))), "an orphan is adopted");
        assert!(collides(&fresh, &set(&|set| set["metadata"]["ownerReferences"][0]["uid"] = json!("another"))));
        let others = set(&|set| {
            set["metadata"]["ownerReferences"] = json!([]);
            set["metadata"]["labels"] = json!({"a": "c"});
        });
        assert!(collides(&fresh, &others), "nobody controls it, and it is not selected");
        let once = deployment(with_collision(&deployment(json!({"replicas": 1}))));
        assert_eq!(once.at("/status"), &json!({"replicas": 1, "collisionCount": 1}));
        assert_ne!(name_hash(&once), hash);
        assert!(has_template_of(&own, &once), "what was made before the collision is still known by its template");
    }

    #[test]
    fn the_hash_is_of_the_template_and_not_of_its_spelling() {
        let hash = template_hash(&json!({"spec": {"a": 1, "b": 2}}));
        assert_eq!(hash, template_hash(&json!({"spec": {"b": 2, "a": 1, "c": null}})));
        assert_ne!(hash, template_hash(&json!({"spec": {"a": 1, "b": 3}})));
    }
}
