//! KubeadmControlPlanes: certificates, kubeconfig, Machines one at a time, rolled by version, template name and kubeadm configuration.

mod plan;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};

use super::certificate_secrets::{self, Certificates, certificate_pair, is_etcd_external, secret_object};
use super::certificates::kubeconfig;
use super::control_plane_status::{Parts, machine_conditions, status};
use super::machine_set::in_place;
use super::replicas::{Recipe, create, infrastructure_template, overlay};
use super::scope::{
    CLUSTER, CONTROL_PLANE, CONTROL_PLANE_GATE, MANAGER, claim, cluster_key, cluster_of, paused, paused_condition, say_paused, status_of,
};
use crate::conditions::{holds, merge, say};
use crate::delays::Delay;
use crate::fleet::Fleet;
use crate::kinds::{Kind, unwatched};
use crate::object::{Fields, Key, Meta, Object, finalizers, random_suffix};
use crate::plane::{Event, Next, Plane, Provider, Result};
use plan::{Member, Move, next_move};

const FINALIZER: &str = "kubeadm.controlplane.cluster.x-k8s.io";
const NAME_LABEL: &str = "cluster.x-k8s.io/control-plane-name";
/// The manager looks at everything again after this time (`--sync-period`), since it watches no Secret.
const SYNC_PERIOD: Duration = Duration::from_secs(600);

/// The KubeadmControlPlanes of a plane.
pub const CONTROL_PLANES: Provider = Provider {
    name: "kubeadmcontrolplanes",
    kind: Kind::KubeadmControlPlane,
    gate: CONTROL_PLANE_GATE,
    concerns,
    reconcile: |fleet, plane, key| look(fleet, plane, key).boxed(),
};

fn concerns(plane: &Plane, event: &Event) -> Vec<Key> {
    match event.kind {
        Kind::Cluster | Kind::Machine | Kind::KubeadmConfig | Kind::AwsMachine => {
            let cluster = if event.kind == Kind::Cluster { Some(event.object.key()) } else { cluster_key(&event.object) };
            let Some(cluster) = cluster.and_then(|key| plane.get(Kind::Cluster, &key)) else {
                return Vec::new();
            };
            super::scope::reference(cluster.namespace(), cluster.at("/spec/controlPlaneRef")).map(|(_, key)| key).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

async fn look(fleet: &Arc<Fleet>, plane: &Arc<Plane>, key: &Key) -> Result<Next> {
    let Some(control_plane) = plane.get(Kind::KubeadmControlPlane, key) else {
        return Ok(Next::Wait);
    };
    // Nothing before the Cluster owns it: without its owner a control plane has no endpoint.
    let owned = control_plane.owner_name("Cluster").is_some();
    let Some(cluster) = cluster_of(plane, &control_plane).filter(|_| owned) else {
        return Ok(Next::Wait);
    };
    if paused(&cluster, &control_plane) {
        say_paused(fleet, plane, Kind::KubeadmControlPlane, &control_plane).await?;
        return Ok(Next::Wait);
    }
    claim(fleet, plane, &cluster).await?;
    let machines = plane.cache().owned(Kind::Machine, control_plane.uid());
    if control_plane.deleting() {
        return delete(fleet, plane, &cluster, &control_plane, &machines).await;
    }
    if let Some(all) = finalizers(&control_plane, FINALIZER, true) {
        plane.merge(Kind::KubeadmControlPlane, &control_plane, json!({"metadata": {"finalizers": all}}), MANAGER).await?;
        return Ok(Next::Wait);
    }
    if !cluster.flag("/status/initialization/infrastructureProvisioned") {
        let parts = Parts {
            control_plane: &control_plane,
            machines: &machines,
            outdated: &[],
            certificates: Certificates::Waiting,
            initialized: false,
            connection: Err(String::new()),
            blocked: "Waiting for Cluster status.initialization.infrastructureProvisioned to be true".to_owned(),
        };
        plane.set_status(Kind::KubeadmControlPlane, &control_plane, status(&parts, fleet.clock.now()), MANAGER).await?;
        return Ok(Next::Wait);
    }
    let certificates = certificate_secrets::ensure(fleet, plane, &cluster, &control_plane).await?;
    if certificates == Certificates::Lacking {
        // Nothing else is done until they are there, and what was said of the machines holds.
        let parts = Parts {
            control_plane: &control_plane,
            machines: &machines,
            outdated: &outdated(plane, &control_plane, &machines),
            certificates,
            initialized: control_plane.flag("/status/initialization/controlPlaneInitialized"),
            connection: Ok(()),
            blocked: String::new(),
        };
        plane.set_status(Kind::KubeadmControlPlane, &control_plane, status(&parts, fleet.clock.now()), MANAGER).await?;
        return Ok(Next::After(fleet.delays.of(Delay::Retry).max(Duration::from_millis(100))));
    }
    ensure_kubeconfig(fleet, plane, &cluster, &control_plane).await?;
    infrastructure_template(plane, &cluster, control_plane.at("/spec/machineTemplate/spec/infrastructureRef")).await?;
    steer(fleet, plane, &cluster, &control_plane, machines).await
}

/// Looks at the workload plane, makes one move, writes the status.
async fn steer(
    fleet: &Arc<Fleet>,
    plane: &Arc<Plane>,
    cluster: &Object,
    control_plane: &Object,
    machines: Vec<Arc<Object>>,
) -> Result<Next> {
    let mut next = Next::Wait;
    let was_initialized = control_plane.flag("/status/initialization/controlPlaneInitialized");
    let workload = if machines.is_empty() { Err("no Machine yet".to_owned()) } else { fleet.reach(plane, &cluster.key()).await? };
    let initialized = was_initialized
        || match &workload {
            Ok(workload) => workload.read(&unwatched::config_map(), "kube-system", "kubeadm-config").await?.is_some(),
            Err(_) => false,
        };
    if !machines.is_empty() && (workload.is_err() || !initialized) {
        next = Next::After(fleet.delays.of(Delay::Retry).max(Duration::from_millis(100)));
    }
    let members: Vec<Member> = machines.iter().map(|machine| member(plane, control_plane, machine)).collect();
    for (machine, member) in machines.iter().zip(&members).filter(|(machine, _)| !machine.deleting()) {
        let mut status = status_of(machine);
        let says = machine_conditions(machine, workload.as_deref().ok(), control_plane, &member.outdated);
        status["conditions"] = merge(machine.items("/status/conditions"), &says, machine.generation(), fleet.clock.now());
        plane.set_status(Kind::Machine, machine, status, "capi-kubeadmcontrolplane").await?;
        let metadata = control_plane.at("/spec/machineTemplate/metadata");
        let fresh = plane.get(Kind::Machine, &machine.key()).unwrap_or_else(|| machine.clone());
        if let Some(patch) = in_place(&fresh, metadata, control_plane.at("/spec/machineTemplate/spec")) {
            plane.merge(Kind::Machine, &fresh, patch, "capi-kubeadmcontrolplane").await?;
        }
    }
    let machines = plane.cache().owned(Kind::Machine, control_plane.uid());
    let members: Vec<Member> = machines.iter().map(|machine| member(plane, control_plane, machine)).collect();
    let mut blocked = String::new();
    match next_move(control_plane, &members) {
        Move::Add => {
            let domain = failure_domain(cluster, &machines);
            create(plane, recipe(cluster, control_plane, machines.is_empty() && !initialized, domain)).await?;
        }
        Move::Remove(name) => {
            if let Some(machine) = machines.iter().find(|machine| machine.name() == name) {
                plane.delete(Kind::Machine, machine).await?;
            }
        }
        Move::Blocked(why) => blocked = why,
        Move::Rest => {}
    }
    let machines = plane.cache().owned(Kind::Machine, control_plane.uid());
    let parts = Parts {
        control_plane,
        machines: &machines,
        outdated: &outdated(plane, control_plane, &machines),
        certificates: Certificates::Available,
        initialized,
        connection: workload.map(|_| ()),
        blocked,
    };
    plane.set_status(Kind::KubeadmControlPlane, control_plane, status(&parts, fleet.clock.now()), MANAGER).await?;
    Ok(next.or_after(SYNC_PERIOD))
}

/// Names of the Machines that are not as the control plane wants them. What one on its way out was made from may be gone already: for it stands
/// what was said of it last.
fn outdated(plane: &Plane, control_plane: &Object, machines: &[Arc<Object>]) -> Vec<String> {
    let was = |machine: &Object| machine.deleting() && !holds(machine, "UpToDate");
    let is = |machine: &Object| !member(plane, control_plane, machine).outdated.is_empty();
    let outdated = machines.iter().filter(|machine| was(machine) || is(machine));
    outdated.map(|machine| machine.name().to_owned()).collect()
}

fn member(plane: &Plane, control_plane: &Object, machine: &Object) -> Member {
    let instance = plane.get(Kind::AwsMachine, &(machine.namespace().to_owned(), machine.text("/spec/infrastructureRef/name").to_owned()));
    let config =
        plane.get(Kind::KubeadmConfig, &(machine.namespace().to_owned(), machine.text("/spec/bootstrap/configRef/name").to_owned()));
    Member::of(control_plane, machine, instance.as_deref(), config.as_deref())
}

/// The failure domain with the fewest Machines; empty when the cluster has none.
fn failure_domain(cluster: &Object, machines: &[Arc<Object>]) -> String {
    let domains =
        cluster.items("/status/failureDomains").iter().filter(|domain| domain.flag("/controlPlane")).map(|domain| domain.text("/name"));
    let load = |domain: &str| machines.iter().filter(|machine| machine.text("/spec/failureDomain") == domain).count();
    domains.min_by_key(|domain| (load(domain), (*domain).to_owned())).unwrap_or_default().to_owned()
}

fn recipe<'a>(cluster: &'a Object, control_plane: &'a Object, first: bool, failure_domain: String) -> Recipe<'a> {
    let template = control_plane.at("/spec/machineTemplate");
    let mut labels = template.at("/metadata/labels").clone();
    overlay(&mut labels, &json!({CONTROL_PLANE: "", NAME_LABEL: control_plane.name(), CLUSTER: cluster.name()}));
    let mut spec = template.at("/spec").clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("infrastructureRef");
    }
    if spec.at("/deletion/nodeDeletionTimeoutSeconds").is_null() {
        spec["deletion"]["nodeDeletionTimeoutSeconds"] = json!(10);
    }
    let mut gates: Vec<Value> = spec.items("/readinessGates").to_vec();
    let mut needed = vec!["APIServerPodHealthy", "ControllerManagerPodHealthy", "SchedulerPodHealthy"];
    if !is_etcd_external(control_plane.at("/spec/kubeadmConfigSpec")) {
        needed.extend(["EtcdPodHealthy", "EtcdMemberHealthy"]);
    }
    gates.extend(needed.into_iter().map(|kind| json!({"conditionType": kind})));
    spec["readinessGates"] = Value::Array(gates);
    spec["version"] = json!(control_plane.text("/spec/version"));
    if !failure_domain.is_empty() {
        spec["failureDomain"] = json!(failure_domain);
    }
    let mut bootstrap = control_plane.at("/spec/kubeadmConfigSpec").clone();
    if let Some(fields) = bootstrap.as_object_mut() {
        fields.remove(if first { "joinConfiguration" } else { "initConfiguration" });
    }
    Recipe {
        owner_kind: Kind::KubeadmControlPlane,
        owner: control_plane,
        cluster,
        name: machine_name(cluster, control_plane),
        labels,
        annotations: template.at("/metadata/annotations").as_object().cloned().map_or_else(|| json!({}), Value::Object),
        spec,
        template: control_plane.at("/spec/machineTemplate/spec/infrastructureRef"),
        bootstrap,
        bootstrap_template: None,
    }
}

/// `<control plane>-<random>`, or `machineNaming.template` with its three variables.
fn machine_name(cluster: &Object, control_plane: &Object) -> String {
    let random = random_suffix();
    let template = control_plane.text("/spec/machineNaming/template");
    if template.is_empty() {
        return format!("{}-{random}", control_plane.name());
    }
    let mut name = template.to_owned();
    for (variable, value) in [(".cluster.name", cluster.name()), (".kubeadmControlPlane.name", control_plane.name()), (".random", &random)]
    {
        name = name.replace(&format!("{{{{ {variable} }}}}"), value).replace(&format!("{{{{{variable}}}}}"), value);
    }
    name
}

async fn ensure_kubeconfig(fleet: &Fleet, plane: &Plane, cluster: &Object, control_plane: &Object) -> Result<()> {
    let (host, name) = (cluster.text("/spec/controlPlaneEndpoint/host"), format!("{}-kubeconfig", cluster.name()));
    // One that somebody deletes is written again, however long the cluster runs already.
    if host.is_empty() || plane.read(&unwatched::secret(), cluster.namespace(), &name).await?.is_some() {
        return Ok(());
    }
    let Some(authority) = certificate_pair(plane, cluster, "ca").await? else {
        return Ok(());
    };
    let server = format!("https://{host}:{}", cluster.int("/spec/controlPlaneEndpoint/port").unwrap_or(6443));
    let text = kubeconfig(cluster.name(), &server, &authority, fleet.clock.now())?;
    let data = json!({"value": data_encoding::BASE64.encode(text.as_bytes())});
    plane.ensure(&unwatched::secret(), secret_object(cluster, control_plane, &name, data), MANAGER).await
}

/// Control plane Machines go when no worker is left; then the control plane itself.
async fn delete(fleet: &Fleet, plane: &Plane, cluster: &Object, control_plane: &Object, machines: &[Arc<Object>]) -> Result<Next> {
    let all = plane.cache().of_cluster(Kind::Machine, &cluster.key());
    let workers = all.iter().filter(|machine| machine.label(CONTROL_PLANE).is_none()).count();
    let (reason, words) = if workers > 0 {
        ("WaitingForWorkersDeletion", format!("* Worker Machines: {workers}"))
    } else {
        for machine in machines.iter().filter(|machine| !machine.deleting()) {
            plane.delete(Kind::Machine, machine).await?;
        }
        ("WaitingForMachineDeletion", format!("Deleting {} Machines", machines.len()))
    };
    if machines.is_empty() && workers == 0 {
        if let Some(all) = finalizers(control_plane, FINALIZER, false) {
            plane.merge(Kind::KubeadmControlPlane, control_plane, json!({"metadata": {"finalizers": all}}), MANAGER).await?;
        }
        return Ok(Next::Wait);
    }
    let mut status = status_of(control_plane);
    status["replicas"] = json!(machines.len());
    let says = [
        say("Deleting", true, reason, words.clone()),
        say("Available", false, "NotAvailable", format!("* Deleting: {words}")),
        paused_condition(false),
    ];
    status["conditions"] = merge(control_plane.items("/status/conditions"), &says, control_plane.generation(), fleet.clock.now());
    plane.set_status(Kind::KubeadmControlPlane, control_plane, status, MANAGER).await?;
    Ok(Next::Wait)
}
