//! MachineSets: as many Machines as asked for, made only while the control plane is stable and of the same minor version.

use std::sync::Arc;

use futures::FutureExt;
use serde_json::{Value, json};

use super::machines::{all_ready, all_up_to_date, minor, scaling, tally, versions, write_tally};
use super::replicas::{Recipe, bootstrap_template, create, infrastructure_template};
use super::scope::{
    CLUSTER, CORE_GATE, DEPLOYMENT, MANAGER, SET, claim, cluster_of, paused, paused_condition, reference, same_cluster, say_paused,
    status_of,
};
use crate::conditions::{find, merge, say};
use crate::delays::Delay;
use crate::fleet::Fleet;
use crate::kinds::Kind;
use crate::object::{Fields, Key, Meta, Object, finalizers, owner_reference, random_suffix, with_owner, without_empty};
use crate::plane::{Event, Next, Plane, Provider, Result};

const FINALIZER: &str = "cluster.x-k8s.io/machineset";
const SKIP: &str = "machineset.cluster.x-k8s.io/skip-preflight-checks";
const DELETE_FIRST: &str = "cluster.x-k8s.io/delete-machine";

/// The MachineSets of a plane.
pub const MACHINE_SETS: Provider = Provider {
    name: "machinesets",
    kind: Kind::MachineSet,
    gate: CORE_GATE,
    concerns,
    reconcile: |fleet, plane, key| look(fleet, plane, key).boxed(),
};

fn concerns(plane: &Plane, event: &Event) -> Vec<Key> {
    match event.kind {
        Kind::Machine => event.beside(event.object.owner_name("MachineSet")),
        Kind::Cluster | Kind::KubeadmControlPlane | Kind::MachineDeployment => same_cluster(plane, Kind::MachineSet, event),
        _ => Vec::new(),
    }
}

async fn look(fleet: &Arc<Fleet>, plane: &Arc<Plane>, key: &Key) -> Result<Next> {
    let Some(set) = plane.get(Kind::MachineSet, key) else {
        return Ok(Next::Wait);
    };
    let Some(cluster) = cluster_of(plane, &set) else {
        return Ok(Next::Wait);
    };
    if paused(&cluster, &set) {
        say_paused(fleet, plane, Kind::MachineSet, &set).await?;
        return Ok(Next::Wait);
    }
    claim(fleet, plane, &cluster).await?;
    let machines = plane.cache().owned(Kind::Machine, set.uid());
    if set.deleting() {
        for machine in machines.iter().filter(|machine| !machine.deleting()) {
            plane.delete(Kind::Machine, machine).await?;
        }
        if machines.is_empty()
            && let Some(all) = finalizers(&set, FINALIZER, false)
        {
            plane.merge(Kind::MachineSet, &set, json!({"metadata": {"finalizers": all}}), MANAGER).await?;
        }
        return Ok(Next::Wait);
    }
    let owners = if set.controller_uid().is_none() {
        with_owner(&set, &owner_reference(&Kind::Cluster.api_version(), "Cluster", &cluster, false))
    } else {
        None
    };
    let finalizers = finalizers(&set, FINALIZER, true);
    if owners.is_some() || finalizers.is_some() || set.label(CLUSTER) != Some(cluster.name()) {
        let mut patch = json!({"metadata": {"labels": {CLUSTER: cluster.name()}}});
        for (field, value) in [("ownerReferences", owners), ("finalizers", finalizers)] {
            if let Some(value) = value {
                patch["metadata"][field] = value;
            }
        }
        plane.merge(Kind::MachineSet, &set, patch, MANAGER).await?;
        return Ok(Next::Wait);
    }
    synchronise(plane, &set, &machines).await?;
    let (blocked, retry) = scale(plane, &cluster, &set, &machines).await?;
    let machines = plane.cache().owned(Kind::Machine, set.uid());
    mark_up_to_date(fleet, plane, &set, &machines).await?;
    let machines = plane.cache().owned(Kind::Machine, set.uid());
    let status = status(&set, &machines, &blocked, fleet.clock.now());
    plane.set_status(Kind::MachineSet, &set, status, MANAGER).await?;
    Ok(if retry { Next::After(fleet.delays.of(Delay::Retry)) } else { Next::Wait })
}

/// Adds or removes Machines; why it could not, and whether to try again by time.
async fn scale(plane: &Plane, cluster: &Object, set: &Object, machines: &[Arc<Object>]) -> Result<(String, bool)> {
    let wanted = usize::try_from(set.int("/spec/replicas").unwrap_or(1)).unwrap_or(0);
    if machines.len() > wanted {
        let alive: Vec<Arc<Object>> = machines.iter().filter(|machine| !machine.deleting()).cloned().collect();
        let going = machines.len() - alive.len();
        for machine in doomed(set, alive, (machines.len() - wanted).saturating_sub(going)) {
            plane.delete(Kind::Machine, &machine).await?;
        }
        return Ok((String::new(), false));
    }
    if machines.len() == wanted {
        return Ok((String::new(), false));
    }
    let control_plane = reference(cluster.namespace(), cluster.at("/spec/controlPlaneRef")).and_then(|(kind, key)| plane.get(kind, &key));
    if let Some(words) = preflight(set, control_plane.as_deref()) {
        return Ok((words, false));
    }
    for _ in machines.len()..wanted {
        if let Err(error) = create(plane, recipe(plane, cluster, set).await?).await {
            tracing::debug!(%error, set = set.name(), "machine");
            return Ok((error.to_string(), true));
        }
    }
    Ok((String::new(), false))
}

async fn recipe<'a>(plane: &Plane, cluster: &'a Object, set: &'a Object) -> Result<Recipe<'a>> {
    let template = set.at("/spec/template");
    let config = bootstrap_template(plane, cluster, template.at("/spec/bootstrap/configRef")).await?;
    infrastructure_template(plane, cluster, template.at("/spec/infrastructureRef")).await?;
    let mut labels = template.at("/metadata/labels").clone();
    if !labels.is_object() {
        labels = json!({});
    }
    labels[SET] = json!(set.name());
    if let Some(deployment) = set.label(DEPLOYMENT) {
        labels[DEPLOYMENT] = json!(deployment);
    }
    let mut spec = template.at("/spec").clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("bootstrap");
        fields.remove("infrastructureRef");
    }
    if spec.at("/deletion/nodeDeletionTimeoutSeconds").is_null() {
        spec["deletion"]["nodeDeletionTimeoutSeconds"] = json!(10);
    }
    Ok(Recipe {
        owner_kind: Kind::MachineSet,
        owner: set,
        cluster,
        name: format!("{}-{}", set.name(), random_suffix()),
        labels,
        annotations: template.at("/metadata/annotations").as_object().cloned().map_or_else(|| json!({}), Value::Object),
        spec,
        template: set.at("/spec/template/spec/infrastructureRef"),
        bootstrap: config.at("/spec/template/spec").clone(),
        bootstrap_template: Some(config.name().to_owned()),
    })
}

/// Why no Machine may be made now: the control plane is changing version, or is of another minor.
fn preflight(set: &Object, control_plane: Option<&Object>) -> Option<String> {
    let control_plane = control_plane?;
    let skipped = set.annotation(SKIP).unwrap_or_default();
    let skip = |check: &str| skipped.split(',').any(|one| one.trim() == check || one.trim() == "All");
    let (wanted, actual) = (control_plane.text("/spec/version"), control_plane.text("/status/version"));
    if !skip("ControlPlaneIsStable") && (actual.is_empty() || actual != wanted) {
        let what = if actual.is_empty() { "is provisioning" } else { "is upgrading" };
        return Some(format!(
            "KubeadmControlPlane {}/{} {what} (\"ControlPlaneIsStable\" preflight check failed)",
            control_plane.namespace(),
            control_plane.name()
        ));
    }
    let mine = set.text("/spec/template/spec/version");
    let (Some(pool), Some(plane)) = (minor(mine), minor(wanted)) else {
        return None;
    };
    if pool > plane && !skip("KubernetesVersionSkew") {
        return Some(format!(
            "MachineSet version ({mine}) and ControlPlane version ({wanted}) do not conform to the kubernetes version skew policy as MachineSet version is higher than ControlPlane version (\"KubernetesVersionSkew\" preflight check failed)"
        ));
    }
    if pool != plane && !skip("KubeadmVersionSkew") {
        return Some(format!(
            "MachineSet version ({mine}) and ControlPlane version ({wanted}) do not conform to kubeadm version skew policy as kubeadm only supports joining with the same major+minor version as the control plane (\"KubeadmVersionSkew\" preflight check failed)"
        ));
    }
    None
}

/// The Machines to remove: marked ones, then those without a node or unhealthy, then by `deletion.order`.
fn doomed(set: &Object, mut machines: Vec<Arc<Object>>, count: usize) -> Vec<Arc<Object>> {
    let order = set.text("/spec/deletion/order").to_owned();
    machines.sort_by_key(|machine| {
        let urgency = match () {
            () if machine.annotation(DELETE_FIRST).is_some() => 0,
            () if machine.text("/status/nodeRef/name").is_empty() => 1,
            () if !crate::conditions::holds(&**machine, "NodeHealthy") => 2,
            () => 3,
        };
        let age = match order.as_str() {
            "Oldest" => machine.created(),
            "Newest" => -machine.created(),
            _ => 0,
        };
        (urgency, age, machine.name().to_owned())
    });
    machines.truncate(count);
    machines
}

/// Labels, annotations and times that change in place.
async fn synchronise(plane: &Plane, set: &Object, machines: &[Arc<Object>]) -> Result<()> {
    for machine in machines.iter().filter(|machine| !machine.deleting()) {
        if let Some(patch) = in_place(machine, set.at("/spec/template/metadata"), set.at("/spec/template/spec")) {
            plane.merge(Kind::Machine, machine, patch, MANAGER).await?;
        }
    }
    Ok(())
}

/// A patch that brings a Machine's in-place fields to its owner's template; `None` if they are so.
pub fn in_place(machine: &Object, metadata: &Value, spec: &Value) -> Option<Value> {
    let mut patch = json!({});
    for (field, wanted, there) in [
        ("labels", metadata.at("/labels"), &machine.metadata.labels),
        ("annotations", metadata.at("/annotations"), &machine.metadata.annotations),
    ] {
        for (key, value) in wanted.as_object().into_iter().flatten() {
            if there.as_ref().and_then(|all| all.get(key)).map(String::as_str) != value.as_str() {
                patch["metadata"][field][key.as_str()] = value.clone();
            }
        }
    }
    for field in ["nodeDrainTimeoutSeconds", "nodeVolumeDetachTimeoutSeconds", "nodeDeletionTimeoutSeconds"] {
        let wanted = &spec["deletion"][field];
        if !wanted.is_null() && *wanted != machine.data["spec"]["deletion"][field] {
            patch["spec"]["deletion"][field] = wanted.clone();
        }
    }
    for field in ["minReadySeconds", "taints"] {
        let wanted = &spec[field];
        if !wanted.is_null() && without_empty(wanted) != without_empty(&machine.data["spec"][field]) {
            patch["spec"][field] = wanted.clone();
        }
    }
    patch.as_object().is_some_and(|fields| !fields.is_empty()).then_some(patch)
}

/// The `UpToDate` condition of each Machine, as the deployment's current template says.
async fn mark_up_to_date(fleet: &Fleet, plane: &Plane, set: &Object, machines: &[Arc<Object>]) -> Result<()> {
    let deployment = set
        .owner_name("MachineDeployment")
        .and_then(|name| plane.get(Kind::MachineDeployment, &(set.namespace().to_owned(), name.to_owned())));
    let reasons = deployment
        .map_or_else(Vec::new, |deployment| super::rollout::differences(set.at("/spec/template"), deployment.at("/spec/template")));
    let condition = if reasons.is_empty() {
        say("UpToDate", true, "UpToDate", "")
    } else {
        say("UpToDate", false, "NotUpToDate", reasons.iter().map(|one| format!("* {one}")).collect::<Vec<_>>().join("\n"))
    };
    for machine in machines.iter().filter(|machine| !machine.deleting()) {
        let there = find(&**machine, "UpToDate");
        if there.is_some_and(|there| there.text("/status") == condition.status && there.text("/message") == condition.message) {
            continue;
        }
        let mut status = status_of(machine);
        status["conditions"] =
            merge(machine.items("/status/conditions"), std::slice::from_ref(&condition), machine.generation(), fleet.clock.now());
        plane.set_status(Kind::Machine, machine, status, "capi-machineset").await?;
    }
    Ok(())
}

fn status(set: &Object, machines: &[Arc<Object>], blocked: &str, now: jiff::Timestamp) -> Value {
    let mut status = status_of(set);
    let numbers = tally(machines);
    write_tally(&mut status, numbers);
    status["observedGeneration"] = json!(set.generation());
    status["selector"] = json!(selector_text(set.at("/spec/selector")));
    let versions = versions(machines);
    if versions.is_null() {
        status.as_object_mut().map(|fields| fields.remove("versions"));
    } else {
        status["versions"] = versions;
    }
    let mut says = vec![
        paused_condition(false),
        say("Deleting", false, "NotDeleting", ""),
        say("Remediating", false, "NotRemediating", ""),
        all_ready("MachinesReady", machines),
        all_up_to_date("MachinesUpToDate", machines),
    ];
    says.extend(scaling(set.int("/spec/replicas").unwrap_or(1), numbers.replicas, false, blocked));
    status["conditions"] = merge(set.items("/status/conditions"), &says, set.generation(), now);
    status
}

/// `a=b,c=d`, as the scale subresource shows it.
pub fn selector_text(selector: &Value) -> String {
    let labels = crate::object::string_map(selector.at("/matchLabels"));
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Object {
        serde_json::from_value(value).expect("object")
    }

    #[test]
    fn no_machine_while_the_control_plane_is_of_another_minor() {
        let set = |version: &str| object(json!({"metadata": {"name": "s"}, "spec": {"template": {"spec": {"version": version}}}}));
        let plane = |wanted: &str, actual: &str| {
            object(json!({"metadata": {"name": "cp", "namespace": "n"}, "spec": {"version": wanted}, "status": {"version": actual}}))
        };
        let check = |set: &Object, plane: Object| preflight(set, Some(&plane)).unwrap_or_default();
        assert_eq!(check(&set("v1.34.1"), plane("v1.34.3", "v1.34.3")), "");
        assert!(check(&set("v1.34.1"), plane("v1.34.3", "v1.34.1")).contains("is upgrading"));
        assert!(check(&set("v1.34.1"), plane("v1.34.3", "")).contains("is provisioning"));
        assert!(check(&set("v1.33.1"), plane("v1.34.3", "v1.34.3")).contains("KubeadmVersionSkew"));
        assert!(check(&set("v1.35.0"), plane("v1.34.3", "v1.34.3")).contains("KubernetesVersionSkew"));
        let skipping = object(
            json!({"metadata": {"name": "s", "annotations": {SKIP: "KubeadmVersionSkew"}}, "spec": {"template": {"spec": {"version": "v1.33.0"}}}}),
        );
        assert_eq!(check(&skipping, plane("v1.34.3", "v1.34.3")), "");
    }

    #[test]
    fn who_goes_first() {
        let set = object(json!({"metadata": {"name": "s"}, "spec": {"deletion": {"order": "Newest"}}}));
        let machine = |name: &str, time: &str, node: &str, marked: bool| {
            let annotations = if marked { json!({DELETE_FIRST: "yes"}) } else { json!({}) };
            Arc::new(object(
                json!({"metadata": {"name": name, "creationTimestamp": time, "annotations": annotations}, "status": {"nodeRef": {"name": node}, "conditions": [{"type": "NodeHealthy", "status": "True"}]}}),
            ))
        };
        let all = vec![
            machine("old", "2026-01-01T00:00:00Z", "n", false),
            machine("young", "2026-01-02T00:00:00Z", "n", false),
            machine("nodeless", "2026-01-01T00:00:00Z", "", false),
            machine("marked", "2026-01-01T00:00:00Z", "n", true),
        ];
        let names: Vec<String> = doomed(&set, all, 3).iter().map(|machine| machine.name().to_owned()).collect();
        assert_eq!(names, ["marked", "nodeless", "young"]);
    }

    #[test]
    fn labels_change_in_place() {
        let machine = object(json!({"metadata": {"name": "m", "labels": {"a": "1"}}, "spec": {}}));
        assert_eq!(in_place(&machine, &json!({"labels": {"a": "1"}}), &json!({})), None);
        assert_eq!(
            in_place(&machine, &json!({"labels": {"a": "2"}}), &json!({"deletion": {"nodeDrainTimeoutSeconds": 5}})),
            Some(json!({"metadata": {"labels": {"a": "2"}}, "spec": {"deletion": {"nodeDrainTimeoutSeconds": 5}}})),
        );
    }
}
