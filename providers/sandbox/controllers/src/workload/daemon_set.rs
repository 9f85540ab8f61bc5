//! DaemonSets: one pod on every node that takes it, replaced node by node when the template changes.

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
use crate::node::allows;
use crate::object::{Fields, Key, Meta, Object, int_or_percent, random_suffix};
use crate::plane::{Controller, Event, Next, Plane, Result};

const HASH: &str = "controller-revision-hash";

/// The DaemonSets of a plane.
pub struct DaemonSets;

impl Controller for DaemonSets {
    fn name(&self) -> &'static str {
        "daemonsets"
    }
    fn kind(&self) -> Kind {
        Kind::DaemonSet
    }
    fn needs(&self) -> &'static [Kind] {
        &[Kind::DaemonSet, Kind::Pod, Kind::Node, Kind::ServiceAccount]
    }
    fn concerns(&self, plane: &Plane, event: &Event) -> Vec<Key> {
        match event.kind {
            Kind::Pod => owners(plane, Kind::DaemonSet, event),
            Kind::Node => plane.cache().keys(Kind::DaemonSet),
            Kind::ServiceAccount => {
                plane.cache().keys(Kind::DaemonSet).into_iter().filter(|key| key.0 == event.object.namespace()).collect()
            }
            _ => Vec::new(),
        }
    }
    fn reconcile<'a>(&'a self, fleet: &'a Arc<Fleet>, plane: &'a Arc<Plane>, key: &'a Key) -> BoxFuture<'a, Result<Next>> {
        look(fleet, plane, key).boxed()
    }
}

async fn look(_fleet: &Fleet, plane: &Plane, key: &Key) -> Result<Next> {
    let Some(set) = plane.get(Kind::DaemonSet, key).filter(|set| !set.deleting()) else {
        return Ok(Next::Wait);
    };
    adopt(plane, Kind::Pod, Kind::DaemonSet, &set, |_| true).await?;
    let template = set.at("/spec/template");
    let hash = template_hash(template);
    let spec = with_daemon_tolerations(template.at("/spec"));
    let nodes = plane.cache().all(Kind::Node);
    let wanted: Vec<&str> = nodes.iter().filter(|node| !node.deleting() && allows(&spec, node)).map(|node| node.name()).collect();
    let pods = plane.cache().owned(Kind::Pod, set.uid());
    let mut by_node: BTreeMap<&str, Vec<&Arc<Object>>> = BTreeMap::new();
    for pod in &pods {
        by_node.entry(target(pod)).or_default().push(pod);
    }
    let may_create = refused(plane, set.namespace(), &format!("{}-", set.name()), template).is_none();
    for node in &wanted {
        let there = by_node.get(node).is_some_and(|pods| pods.iter().any(|pod| pod.deleting() || active(pod)));
        if !there && may_create {
            plane.create(Kind::Pod, pod_for(&set, &spec, node, &hash), MANAGER).await?;
        }
    }
    for (node, pods) in &by_node {
        let surplus = if wanted.contains(node) { 1 } else { 0 };
        let finished = pods.iter().filter(|pod| !pod.deleting() && !active(pod));
        let extra = pods.iter().filter(|pod| active(pod)).skip(surplus);
        for pod in finished.chain(extra) {
            plane.delete(Kind::Pod, pod).await?;
        }
    }
    roll(plane, &set, &pods, &hash, wanted.len()).await?;
    let pods = plane.cache().owned(Kind::Pod, set.uid());
    let status = status(&set, &pods, &wanted, nodes.len(), &hash);
    plane.set_status(Kind::DaemonSet, &set, status, MANAGER).await?;
    Ok(Next::Wait)
}

/// Pods of an old template go: those that do not serve at once, others as far as `maxUnavailable` allows.
async fn roll(plane: &Plane, set: &Object, pods: &[Arc<Object>], hash: &str, wanted: usize) -> Result<()> {
    if set.text("/spec/updateStrategy/type") == "OnDelete" {
        return Ok(());
    }
    let total = i64::try_from(wanted).unwrap_or(i64::MAX);
    let allowed = int_or_percent(set.at("/spec/updateStrategy/rollingUpdate/maxUnavailable"), total, true, 1).max(1);
    let serving = i64::try_from(pods.iter().filter(|pod| ready(pod)).count()).unwrap_or(0);
    let mut room = allowed - (total - serving).max(0);
    for pod in pods.iter().filter(|pod| active(pod) && pod.label(HASH) != Some(hash)) {
        if !ready(pod) {
            plane.delete(Kind::Pod, pod).await?;
        } else if room > 0 {
            room -= 1;
            plane.delete(Kind::Pod, pod).await?;
        }
    }
    Ok(())
}

/// The node that a daemon pod is for, bound or not.
fn target(pod: &Object) -> &str {
    let bound = pod.text("/spec/nodeName");
    if bound.is_empty() {
        pod.text("/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0")
    } else {
        bound
    }
}

fn pod_for(set: &Object, spec: &Value, node: &str, hash: &str) -> Value {
    let mut template = set.at("/spec/template").clone();
    template["spec"] = spec.clone();
    let here = json!({"key": "metadata.name", "operator": "In", "values": [node]});
    let required = &mut template["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    match required.get_mut("nodeSelectorTerms").and_then(Value::as_array_mut) {
        Some(terms) => terms.iter_mut().for_each(|term| term["matchFields"] = json!([here])),
        None => *required = json!({"nodeSelectorTerms": [{"matchFields": [here]}]}),
    }
    from_template(
        Kind::DaemonSet,
        set,
        &template,
        &format!("{}-{}", set.name(), random_suffix()),
        &[(HASH, hash), ("pod-template-generation", &set.generation().to_string())],
    )
}

/// What the DaemonSet controller adds to every daemon pod.
fn with_daemon_tolerations(spec: &Value) -> Value {
    let mut spec = spec.clone();
    let mut all: Vec<Value> = spec.items("/tolerations").to_vec();
    let mut add = |key: &str, effect: &str| {
        let toleration = json!({"key": key, "operator": "Exists", "effect": effect});
        if !all.contains(&toleration) {
            all.push(toleration);
        }
    };
    add("node.kubernetes.io/not-ready", "NoExecute");
    add("node.kubernetes.io/unreachable", "NoExecute");
    for pressure in ["disk-pressure", "memory-pressure", "pid-pressure", "unschedulable"] {
        add(&format!("node.kubernetes.io/{pressure}"), "NoSchedule");
    }
    if spec.flag("/hostNetwork") {
        add("node.kubernetes.io/network-unavailable", "NoSchedule");
    }
    spec["tolerations"] = Value::Array(all);
    spec
}

fn status(set: &Object, pods: &[Arc<Object>], wanted: &[&str], nodes: usize, hash: &str) -> Value {
    let on_wanted: Vec<_> = pods.iter().filter(|pod| active(pod) && wanted.contains(&target(pod))).collect();
    let serving = on_wanted.iter().filter(|pod| ready(pod)).count();
    let updated = on_wanted.iter().filter(|pod| pod.label(HASH) == Some(hash)).count();
    let astray = pods.iter().filter(|pod| active(pod) && !wanted.contains(&target(pod))).count();
    let mut status = json!({
        "currentNumberScheduled": on_wanted.len().min(wanted.len()), "desiredNumberScheduled": wanted.len(), "numberMisscheduled": astray.min(nodes),
        "numberReady": serving, "observedGeneration": set.generation(),
    });
    for (field, count) in
        [("updatedNumberScheduled", updated), ("numberAvailable", serving), ("numberUnavailable", wanted.len().saturating_sub(serving))]
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

    fn object(value: Value) -> Object {
        serde_json::from_value(value).expect("object")
    }

    #[test]
    fn a_daemon_pod_is_meant_for_one_node_before_it_is_bound() {
        let set = object(
            json!({"metadata": {"name": "cni", "namespace": "kube-system", "uid": "u"}, "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"hostNetwork": true, "containers": []}}}}),
        );
        let spec = with_daemon_tolerations(set.at("/spec/template/spec"));
        let pod = object(pod_for(&set, &spec, "node-1", "h"));
        assert_eq!(target(&pod), "node-1");
        assert_eq!(pod.label(HASH), Some("h"));
        let not_ready = object(
            json!({"metadata": {"name": "n"}, "spec": {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]}}),
        );
        assert!(!allows(&spec, &not_ready), "a daemon pod tolerates not-ready:NoExecute only, unless it says more");
    }

    #[test]
    fn status_counts() {
        let set = object(json!({"metadata": {"name": "s", "generation": 3}}));
        let pod = |node: &str, hash: &str, ready: &str| {
            Arc::new(object(
                json!({"metadata": {"name": node, "labels": {HASH: hash}}, "spec": {"nodeName": node}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}),
            ))
        };
        let pods = [pod("a", "new", "True"), pod("b", "old", "False")];
        assert_eq!(
            status(&set, &pods, &["a", "b", "c"], 3, "new"),
            json!({"currentNumberScheduled": 2, "desiredNumberScheduled": 3, "numberMisscheduled": 0, "numberReady": 1, "observedGeneration": 3, "updatedNumberScheduled": 1, "numberAvailable": 1, "numberUnavailable": 2}),
        );
    }
}
