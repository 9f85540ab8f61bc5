//! MachineDeployments: one MachineSet per rolling template, sized by the rollout's arithmetic.

use std::sync::Arc;

use futures::FutureExt;
use serde_json::{Value, json};

use super::machine_set::selector_text;
use super::machines::{all_ready, all_up_to_date, scaling, tally, versions, write_tally};
use super::replicas::{bootstrap_template, infrastructure_template, overlay};
use super::rollout::{Set, differences, next};
use super::scope::{
    CLUSTER, CORE_GATE, DEPLOYMENT, MANAGER, claim, cluster_of, paused, paused_condition, same_cluster, say_paused, status_of,
};
use crate::conditions::{find, merge, say};
use crate::delays::Delay;
use crate::fleet::Fleet;
use crate::kinds::Kind;
use crate::object::{Fields, Key, Meta, Object, finalizers, int_or_percent, owner_reference, short_hash, with_owner, without_empty};
use crate::plane::{Event, Next, Plane, Provider, Result};

const FINALIZER: &str = "cluster.x-k8s.io/machinedeployment";
const HASH: &str = "machine-template-hash";
const REVISION: &str = "machinedeployment.clusters.x-k8s.io/revision";

/// The MachineDeployments of a plane.
pub const MACHINE_DEPLOYMENTS: Provider = Provider {
    name: "machinedeployments",
    kind: Kind::MachineDeployment,
    gate: CORE_GATE,
    concerns,
    reconcile: |fleet, plane, key| look(fleet, plane, key).boxed(),
};

fn concerns(plane: &Plane, event: &Event) -> Vec<Key> {
    match event.kind {
        Kind::MachineSet => event.beside(event.object.owner_name("MachineDeployment")),
        Kind::Machine => event.beside(event.object.label(DEPLOYMENT)),
        Kind::Cluster => same_cluster(plane, Kind::MachineDeployment, event),
        _ => Vec::new(),
    }
}

async fn look(fleet: &Arc<Fleet>, plane: &Arc<Plane>, key: &Key) -> Result<Next> {
    let Some(deployment) = plane.get(Kind::MachineDeployment, key) else {
        return Ok(Next::Wait);
    };
    // Until its webhook or this controller labels it, no event of the Cluster leads here.
    let Some(cluster) = cluster_of(plane, &deployment) else {
        return Ok(Next::After(fleet.delays.of(Delay::Retry) * 5));
    };
    if paused(&cluster, &deployment) {
        say_paused(fleet, plane, Kind::MachineDeployment, &deployment).await?;
        return Ok(Next::Wait);
    }
    claim(fleet, plane, &cluster).await?;
    let mut sets = plane.cache().owned(Kind::MachineSet, deployment.uid());
    sets.sort_by_key(|set| (set.created(), revision(set), set.name().to_owned()));
    if deployment.deleting() {
        for set in sets.iter().filter(|set| !set.deleting()) {
            plane.delete(Kind::MachineSet, set).await?;
        }
        if sets.is_empty()
            && let Some(all) = finalizers(&deployment, FINALIZER, false)
        {
            plane.merge(Kind::MachineDeployment, &deployment, json!({"metadata": {"finalizers": all}}), MANAGER).await?;
        }
        return Ok(Next::Wait);
    }
    if prepare(plane, &cluster, &deployment).await? {
        return Ok(Next::Wait);
    }
    let template = deployment.at("/spec/template");
    let current = sets.iter().rev().find(|set| !set.deleting() && differences(set.at("/spec/template"), template).is_empty()).cloned();
    let newest = sets
        .iter()
        .filter(|set| current.as_ref().is_none_or(|current| current.uid() != set.uid()))
        .map(|set| revision(set))
        .max()
        .unwrap_or(0);
    let Some(current) = current else {
        if !deployment.flag("/spec/paused") {
            bootstrap_template(plane, &cluster, template.at("/spec/bootstrap/configRef")).await?;
            infrastructure_template(plane, &cluster, template.at("/spec/infrastructureRef")).await?;
            plane.create(Kind::MachineSet, machine_set(&deployment, cluster.name(), newest + 1), MANAGER).await?;
        }
        return Ok(Next::Wait);
    };
    synchronise(plane, &deployment, &current, newest).await?;
    if !deployment.flag("/spec/paused") {
        roll(plane, &deployment, &sets, current.uid()).await?;
    }
    let sets = plane.cache().owned(Kind::MachineSet, deployment.uid());
    let machines: Vec<Arc<Object>> = sets.iter().flat_map(|set| plane.cache().owned(Kind::Machine, set.uid())).collect();
    let status = status(&deployment, &machines, &sets, current.uid(), fleet.clock.now());
    plane.set_status(Kind::MachineDeployment, &deployment, status, MANAGER).await?;
    Ok(Next::Wait)
}

fn revision(set: &Object) -> u64 {
    set.annotation(REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Finalizer, owner and label; `true` if something was written.
async fn prepare(plane: &Plane, cluster: &Object, deployment: &Object) -> Result<bool> {
    let owners = with_owner(deployment, &owner_reference(&Kind::Cluster.api_version(), "Cluster", cluster, false));
    let finalizers = finalizers(deployment, FINALIZER, true);
    if owners.is_none() && finalizers.is_none() && deployment.label(CLUSTER) == Some(cluster.name()) {
        return Ok(false);
    }
    let mut patch = json!({"metadata": {"labels": {CLUSTER: cluster.name()}}});
    for (field, value) in [("ownerReferences", owners), ("finalizers", finalizers)] {
        if let Some(value) = value {
            patch["metadata"][field] = value;
        }
    }
    plane.merge(Kind::MachineDeployment, deployment, patch, MANAGER).await?;
    Ok(true)
}

fn machine_set(deployment: &Object, cluster: &str, revision: u64) -> Value {
    let mut template = deployment.at("/spec/template").clone();
    let rolling = json!([
        template.at("/spec/version"),
        template.at("/spec/bootstrap"),
        template.at("/spec/infrastructureRef"),
        template.at("/spec/failureDomain")
    ]);
    // The revision is in: going back to an earlier template makes a set of its own, since the old one is gone or going.
    let hash = short_hash(&format!("{}/{revision}/{}", deployment.uid(), without_empty(&rolling)), 5);
    let mut labels = template.at("/metadata/labels").clone();
    overlay(&mut labels, &json!({HASH: hash, DEPLOYMENT: deployment.name(), CLUSTER: cluster}));
    template["metadata"]["labels"] = labels.clone();
    let mut selector = deployment.at("/spec/selector").clone();
    selector["matchLabels"][HASH] = json!(hash);
    let mut annotations: Value = deployment.metadata.annotations.as_ref().map_or_else(|| json!({}), |all| json!(all));
    if let Some(fields) = annotations.as_object_mut() {
        fields.remove("kubectl.kubernetes.io/last-applied-configuration");
        fields.insert(REVISION.to_owned(), json!(revision.to_string()));
    }
    let mut spec = json!({"clusterName": deployment.text("/spec/clusterName"), "replicas": 0, "selector": selector, "template": template});
    if !deployment.at("/spec/deletion").is_null() {
        spec["deletion"] = deployment.at("/spec/deletion").clone();
    }
    json!({
        "metadata": {
            "name": format!("{}-{hash}", deployment.name()), "namespace": deployment.namespace(), "labels": labels, "annotations": annotations,
            "ownerReferences": [owner_reference(&Kind::MachineDeployment.api_version(), "MachineDeployment", deployment, true)],
            "finalizers": ["cluster.x-k8s.io/machineset"],
        },
        "spec": spec,
    })
}

/// In-place fields of the current set, and its revision.
async fn synchronise(plane: &Plane, deployment: &Object, current: &Object, newest: u64) -> Result<()> {
    let mut patch = json!({});
    if revision(current) <= newest {
        patch["metadata"]["annotations"][REVISION] = json!((newest + 1).to_string());
    }
    for pointer in ["labels", "annotations"] {
        for (key, value) in deployment.data["spec"]["template"]["metadata"][pointer].as_object().into_iter().flatten() {
            if current.data["spec"]["template"]["metadata"][pointer][key.as_str()] != *value {
                patch["spec"]["template"]["metadata"][pointer][key.as_str()] = value.clone();
            }
        }
    }
    for field in ["deletion", "minReadySeconds", "readinessGates", "taints"] {
        let (wanted, there) = (&deployment.data["spec"]["template"]["spec"][field], &current.data["spec"]["template"]["spec"][field]);
        if without_empty(wanted) != without_empty(there) {
            patch["spec"]["template"]["spec"][field] = wanted.clone();
        }
    }
    if without_empty(deployment.at("/spec/deletion")) != without_empty(current.at("/spec/deletion")) {
        patch["spec"]["deletion"] = deployment.at("/spec/deletion").clone();
    }
    if patch.as_object().is_some_and(|fields| !fields.is_empty()) {
        plane.merge(Kind::MachineSet, current, patch, MANAGER).await?;
    }
    if deployment.annotation(REVISION) != current.annotation(REVISION) && revision(current) > newest {
        let patch = json!({"metadata": {"annotations": {REVISION: current.annotation(REVISION)}}});
        plane.merge(Kind::MachineDeployment, deployment, patch, MANAGER).await?;
    }
    Ok(())
}

/// Sizes of the sets, and old empty sets go once the rollout is complete.
async fn roll(plane: &Plane, deployment: &Object, sets: &[Arc<Object>], current: &str) -> Result<()> {
    let sizes: Vec<Set> = sets
        .iter()
        .map(|set| {
            let number = |pointer: &str| set.int(pointer).unwrap_or(0);
            Set {
                new: set.uid() == current,
                wanted: number("/spec/replicas"),
                there: number("/status/replicas"),
                available: number("/status/availableReplicas"),
            }
        })
        .collect();
    for (set, replicas) in sets.iter().zip(next(deployment, &sizes)).filter(|(set, replicas)| set.int("/spec/replicas") != Some(*replicas))
    {
        plane.merge(Kind::MachineSet, set, json!({"spec": {"replicas": replicas}}), MANAGER).await?;
    }
    let wanted = deployment.int("/spec/replicas").unwrap_or(1);
    let complete = sizes
        .iter()
        .all(|size| if size.new { size.available == wanted && size.there == wanted } else { size.wanted == 0 && size.there == 0 });
    let seen = |set: &Object| set.generation() <= set.int("/status/observedGeneration").unwrap_or(0);
    for (set, _) in sets.iter().zip(&sizes).filter(|(set, size)| complete && !size.new && !set.deleting() && seen(set)) {
        plane.delete(Kind::MachineSet, set).await?;
    }
    Ok(())
}

fn status(deployment: &Object, machines: &[Arc<Object>], sets: &[Arc<Object>], current: &str, now: jiff::Timestamp) -> Value {
    let mut status = status_of(deployment);
    let numbers = tally(machines);
    write_tally(&mut status, numbers);
    let wanted = deployment.int("/spec/replicas").unwrap_or(1);
    status["observedGeneration"] = json!(deployment.generation());
    status["selector"] = json!(selector_text(deployment.at("/spec/selector")));
    let versions = versions(machines);
    if versions.is_null() {
        status.as_object_mut().map(|fields| fields.remove("versions"));
    } else {
        status["versions"] = versions;
    }
    let old: i64 = sets.iter().filter(|set| set.uid() != current).map(|set| set.int("/spec/replicas").unwrap_or(0)).sum();
    let rolling = old > 0 || numbers.up_to_date < numbers.replicas;
    status["phase"] = json!(match () {
        () if numbers.replicas < wanted || numbers.available < wanted => "ScalingUp",
        () if numbers.replicas > wanted => "ScalingDown",
        () => "Running",
    });
    let slack = int_or_percent(deployment.at("/spec/rollout/strategy/rollingUpdate/maxUnavailable"), wanted, false, 0);
    let least = (wanted - slack).max(0);
    let available = if numbers.available >= least {
        say("Available", true, "Available", "")
    } else {
        say(
            "Available",
            false,
            "NotAvailable",
            format!(
                "{} available replicas, at least {least} required (spec.rollout.strategy.rollingUpdate.maxUnavailable is {slack}, spec.replicas is {wanted})",
                numbers.available
            ),
        )
    };
    let blocked = sets
        .iter()
        .filter_map(|set| find(&**set, "ScalingUp"))
        .filter_map(|one| one.text("/message").split_once("because:\n* "))
        .map(|(_, why)| why.to_owned())
        .next()
        .unwrap_or_default();
    let mut says = vec![
        available,
        paused_condition(false),
        say("Deleting", false, "NotDeleting", ""),
        say("Remediating", false, "NotRemediating", ""),
        all_ready("MachinesReady", machines),
        all_up_to_date("MachinesUpToDate", machines),
        if rolling {
            say("RollingOut", true, "RollingOut", format!("Rolling out {} not up-to-date replicas", numbers.replicas - numbers.up_to_date))
        } else {
            say("RollingOut", false, "NotRollingOut", "")
        },
    ];
    says.extend(scaling(wanted, numbers.replicas, false, &blocked));
    status["conditions"] = merge(deployment.items("/status/conditions"), &says, deployment.generation(), now);
    status
}
