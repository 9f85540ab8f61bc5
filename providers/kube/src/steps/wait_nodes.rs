//! `WaitNodes`: nodes are Ready and known to the cloud, and every machine has its node.

use serde_json::{Value as Json, json};
use windlass_core::addr::Address;
use windlass_core::facts::ClusterAccess;
use windlass_core::marks::LABEL_CLUSTER_NAME;
use windlass_core::recorded::Effect;
use windlass_run::ports::{Outcome, StepError};

use crate::pivot::MACHINE_API_VERSION;
use crate::ready::machines::{has_node, node_ready, provider_ids};
use crate::work::Work;

/// Carries out the step.
pub async fn run(work: &Work<'_>, plane: &Address, machines: &Address, access: &ClusterAccess, nodes: u32) -> Result<Outcome, StepError> {
    let wanted = usize::try_from(nodes).unwrap_or(usize::MAX);
    let workload = work.plane(plane).await?;
    let watch = work.watch(&workload, "v1", "Node", None).await?;
    let ready = work
        .patience
        .until(&watch, &format!("{nodes} nodes of {plane}"), |view| {
            let troubled: Vec<String> = view.all().filter_map(|node| node_ready(node).err()).collect();
            let ready = view.all().count() - troubled.len();
            match (ready >= wanted, troubled.into_iter().next()) {
                (true, _) => Ok(ready),
                (false, Some(reason)) => Err(format!("{ready} of {wanted} are Ready: {reason}")),
                (false, None) => Err(format!("{ready} of {wanted} exist")),
            }
        })
        .await?;
    let home = work.plane(machines).await?;
    let watch = work.watch(&home, MACHINE_API_VERSION, "Machine", Some(&access.namespace)).await?;
    let found = work
        .patience
        .until(&watch, &format!("the machines of {plane}"), |view| {
            let ours: Vec<&Json> = view.all().filter(|machine| belongs_to(machine, &access.name)).collect();
            if ours.len() < wanted {
                return Err(format!("{} of {wanted} exist", ours.len()));
            }
            ours.iter().try_for_each(|machine| has_node(machine)).map(|()| (ours.len(), provider_ids(ours.into_iter())))
        })
        .await?;
    let (found, provider_ids) = found;
    let effects = vec![Effect::Machines { cluster: plane.clone(), provider_ids }];
    Ok(Outcome { evidence: json!({"nodes": ready, "machines": found}), effects, ..Outcome::default() })
}

/// Whether an object carries CAPI's label of a cluster.
pub fn belongs_to(object: &Json, cluster: &str) -> bool {
    let labels = object.get("metadata").and_then(|metadata| metadata.get("labels"));
    labels.and_then(|labels| labels.get(LABEL_CLUSTER_NAME)).and_then(Json::as_str) == Some(cluster)
}
