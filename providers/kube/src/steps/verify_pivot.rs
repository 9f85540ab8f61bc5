//! `VerifyPivot`: the cluster on its new plane is the same: its machines are its nodes, and nothing rolls.
//!
//! After a pivot back the cluster is about to be deleted, whole or not: then each node must have its machine, and nothing else is asked.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use windlass_core::plan::PivotSpec;
use windlass_core::recorded::Effect;
use windlass_run::ports::{Outcome, StepError};

use super::wait_nodes::belongs_to;
use crate::error::failed;
use crate::pivot::closure::cluster_reference;
use crate::pivot::pause::is_paused;
use crate::pivot::{CONTROL_PLANE_API_VERSION, MACHINE_API_VERSION};
use crate::ready::condition::{condition, must_not_be_true, observed};
use crate::ready::machines::{has_node, is_calm, name, provider_ids};
use crate::work::Work;

pub async fn run(work: &Work<'_>, pivot: &PivotSpec) -> Result<Outcome, StepError> {
    let to = work.plane(&pivot.to).await?;
    let namespace = Some(pivot.access.namespace.as_str());
    let cluster = cluster_reference(pivot);
    let what = format!("{} on {}", pivot.cluster, pivot.to);

    let watch = work.watch(&to, MACHINE_API_VERSION, "Cluster", namespace).await?;
    work.patience
        .until(&watch, &what, |view| {
            let live = view.get(namespace, &cluster.name).ok_or_else(|| "its Cluster is not there".to_owned())?;
            if is_paused(live) {
                return Err("it is still paused".to_owned());
            }
            observed(live)?;
            // The first thing a controller does after a pause is to say that it is over.
            must_not_be_true(live, "Paused")
        })
        .await?;
    let workload = work.plane(&pivot.cluster).await?;
    let nodes = work.watch(&workload, "v1", "Node", None).await?;
    let watch = work.watch(&to, MACHINE_API_VERSION, "Machine", namespace).await?;
    if pivot.to != pivot.cluster {
        let what = format!("the machines of {} on {}", pivot.cluster, pivot.to);
        let known = work.patience.until(&nodes, &what, |view| Ok(provider_ids(view.all()))).await?;
        let machines = work
            .patience
            .until(&watch, &what, |view| {
                let machines = provider_ids(view.all().filter(|machine| belongs_to(machine, &pivot.access.name)));
                missing(&known, &machines).map_or(Ok(machines), Err)
            })
            .await?;
        return Ok(seen(pivot, machines));
    }
    for (api_version, kind) in [(CONTROL_PLANE_API_VERSION, "KubeadmControlPlane"), (MACHINE_API_VERSION, "MachineDeployment")] {
        let watch = work.watch(&to, api_version, kind, namespace).await?;
        work.patience
            .until(&watch, &what, |view| {
                view.all().filter(|object| belongs_to(object, &pivot.access.name)).try_for_each(|object| {
                    let calm = observed(object).and_then(|()| {
                        ["Paused", "RollingOut", "ScalingUp", "ScalingDown", "Remediating"]
                            .iter()
                            .try_for_each(|kind| must_not_be_true(object, kind))
                    });
                    calm.map_err(|why| format!("{kind} {}: {why}", name(object)))
                })
            })
            .await?;
    }

    let known: BTreeSet<String> = work
        .patience
        .until(&nodes, &format!("the nodes of {}", pivot.cluster), |view| {
            let found = provider_ids(view.all());
            if found.is_empty() { Err("no node has a providerID".to_owned()) } else { Ok(found) }
        })
        .await?;
    let machines: BTreeSet<String> = work
        .patience
        .until(&watch, &format!("the machines of {}", pivot.cluster), |view| {
            let ours: Vec<&Json> = view.all().filter(|machine| belongs_to(machine, &pivot.access.name)).collect();
            for machine in &ours {
                is_calm(machine)?;
                has_node(machine)?;
                if condition(machine, "Paused").is_some_and(|c| c.status == "True") {
                    return Err(format!("Machine {} is still paused", name(machine)));
                }
            }
            Ok(provider_ids(ours.into_iter()))
        })
        .await?;
    let strangers: Vec<&String> = machines.symmetric_difference(&known).collect();
    if !strangers.is_empty() {
        let list: Vec<&str> = strangers.iter().map(|id| id.as_str()).collect();
        return Err(failed(
            format!("the machines of {} and its nodes are not the same: {}", pivot.cluster, list.join(", ")),
            "look at the Machines on the new plane; no machine was deleted by the pivot",
        ));
    }
    Ok(seen(pivot, machines))
}

fn seen(pivot: &PivotSpec, machines: BTreeSet<String>) -> Outcome {
    let evidence = json!({"machines": machines.len()});
    Outcome { evidence, effects: vec![Effect::Machines { cluster: pivot.cluster.clone(), provider_ids: machines }], ..Outcome::default() }
}

/// Which nodes have no machine on the plane from which the cluster will be deleted: their machines would stay for ever.
fn missing(nodes: &BTreeSet<String>, machines: &BTreeSet<String>) -> Option<String> {
    let lost: Vec<&str> = nodes.difference(machines).map(String::as_str).collect();
    (!lost.is_empty())
        .then(|| format!("no Machine for {}; a Node that is no machine of the cluster must be deleted by hand", lost.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_needs_its_machine_and_a_machine_may_have_no_node_yet() {
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<String>>();
        for (nodes, machines, lost) in
            [(&["a", "b"][..], &["a", "b"][..], ""), (&["a"], &["a", "b"], ""), (&[], &[], ""), (&["a", "b"], &["b"], "no Machine for a;")]
        {
            let found = missing(&set(nodes), &set(machines)).unwrap_or_default();
            assert!(found.starts_with(lost) && found.is_empty() == lost.is_empty(), "{nodes:?} {machines:?}: {found}");
        }
    }
}
