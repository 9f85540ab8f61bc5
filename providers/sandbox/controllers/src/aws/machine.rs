//! AWSMachines: one instance in the ledger each, found again by providerID or token, never made twice.

use std::sync::Arc;

use futures::FutureExt;
use serde_json::{Value, json};

use crate::capi::scope::{AWS_GATE, CONTROL_PLANE, MANAGER, claim, cluster_of, paused, same_cluster, status_of};
use crate::conditions::{Say, merge_v1beta1, say};
use crate::delays::Delay;
use crate::fleet::{Fleet, secret_text};
use crate::kinds::{Kind, unwatched};
use crate::ledger::{Order, Resource, Thing};
use crate::object::{Fields, Key, Meta, Object, finalizers};
use crate::plane::{Event, Next, Plane, Provider, Result};

const FINALIZER: &str = "awsmachine.infrastructure.cluster.x-k8s.io";
const CAPA: &str = "capa";

/// The AWSMachines of a plane.
pub const AWS_MACHINES: Provider = Provider {
    name: "awsmachines",
    kind: Kind::AwsMachine,
    gate: AWS_GATE,
    concerns,
    reconcile: |fleet, plane, key| look(fleet, plane, key).boxed(),
};

fn concerns(plane: &Plane, event: &Event) -> Vec<Key> {
    match event.kind {
        Kind::Cluster | Kind::AwsCluster => same_cluster(plane, Kind::AwsMachine, event),
        Kind::Machine => event.beside(Some(event.object.text("/spec/infrastructureRef/name"))),
        _ => Vec::new(),
    }
}

async fn look(fleet: &Arc<Fleet>, plane: &Arc<Plane>, key: &Key) -> Result<Next> {
    let Some(object) = plane.get(Kind::AwsMachine, key) else {
        return Ok(Next::Wait);
    };
    let Some(cluster) = cluster_of(plane, &object) else {
        return Ok(Next::Wait);
    };
    if paused(&cluster, &object) {
        return Ok(Next::Wait);
    }
    if object.deleting() {
        claim(fleet, plane, &cluster).await?;
        return delete(fleet, plane, &cluster, &object).await;
    }
    let owner = object.owner_name("Machine").and_then(|name| plane.get(Kind::Machine, &(object.namespace().to_owned(), name.to_owned())));
    let Some(machine) = owner else {
        return Ok(Next::Wait);
    };
    claim(fleet, plane, &cluster).await?;
    if let Some(all) = finalizers(&object, FINALIZER, true) {
        plane.merge(Kind::AwsMachine, &object, json!({"metadata": {"finalizers": all}}), MANAGER).await?;
        return Ok(Next::Wait);
    }
    let infrastructure = cluster.flag("/status/initialization/infrastructureProvisioned");
    let secret = machine.text("/spec/bootstrap/dataSecretName");
    let instance = match known_instance(fleet, &cluster, &object)? {
        Some(instance) => {
            fleet.ledger.touch(&instance.id, &plane.id, CAPA)?;
            instance
        }
        None if !infrastructure => {
            return wait(fleet, plane, &object, "WaitingForClusterInfrastructure", "").await;
        }
        None if secret.is_empty() => {
            return wait(fleet, plane, &object, "WaitingForBootstrapData", "").await;
        }
        None => match run_instance(fleet, plane, &cluster, &machine, &object, secret).await? {
            Ok(instance) => instance,
            Err(words) => {
                wait(fleet, plane, &object, "InstanceProvisionFailed", &words).await?;
                return Ok(Next::After(fleet.delays.of(Delay::Retry)));
            }
        },
    };
    report(fleet, plane, &object, &machine, &instance).await
}

fn token(cluster: &Object, object: &Object) -> String {
    format!("instance/{}/{}/{}", cluster.namespace(), cluster.name(), object.name())
}

/// The instance of an AWSMachine: by providerID, else by the name that it was ordered under. A terminated one stays its instance.
fn known_instance(fleet: &Fleet, cluster: &Object, object: &Object) -> Result<Option<Resource>> {
    if let Some((_, id)) = object.text("/spec/providerID").rsplit_once('/') {
        return Ok(fleet.ledger.get(id)?);
    }
    Ok(fleet.ledger.living(&token(cluster, object))?)
}

async fn run_instance(
    fleet: &Fleet,
    plane: &Plane,
    cluster: &Object,
    machine: &Object,
    object: &Object,
    secret: &str,
) -> Result<std::result::Result<Resource, String>> {
    let Some(secret) = plane.read(&unwatched::secret(), object.namespace(), secret).await? else {
        return Ok(Err(format!("Secret {}/{secret} not found", object.namespace())));
    };
    let Some(data) = secret_text(&secret, "value") else {
        return Ok(Err(format!("Secret {}/{} has no key value", object.namespace(), secret.name())));
    };
    let infrastructure = crate::capi::scope::reference(cluster.namespace(), cluster.at("/spec/infrastructureRef"))
        .and_then(|(kind, key)| plane.get(kind, &key));
    let region = infrastructure.as_ref().map_or("local", |one| one.text("/spec/region")).to_owned();
    let zone = zone(machine, infrastructure.as_deref(), object.name(), &region);
    let (books, owner, token) = (
        format!("{}/{}", cluster.namespace(), cluster.name()),
        format!("AWSMachine/{}/{}", object.namespace(), object.name()),
        token(cluster, object),
    );
    if fleet.faults.lacks_capacity(&token) {
        return Ok(Err(format!("InsufficientInstanceCapacity: there is no {} left in {zone} (fault)", object.text("/spec/instanceType"))));
    }
    let attributes = json!({
        "region": region, "zone": zone, "type": object.text("/spec/instanceType"), "version": machine.text("/spec/version"),
        "controlPlane": machine.label(CONTROL_PLANE).is_some(), "ami": object.text("/spec/ami/id"),
    });
    let order = Order {
        thing: Thing::Instance,
        token: &token,
        cluster: &books,
        owner: &owner,
        plane: &plane.id,
        manager: CAPA,
        state: "pending",
        attributes,
    };
    let (mut instance, _) = fleet.ledger.ensure(&order)?;
    if instance.attributes.text("/address").is_empty() {
        let address = format!("10.0.{}.{}", (instance.number / 250) % 256, instance.number % 250 + 4);
        instance.attributes["hostname"] = json!(format!("ip-{}.{region}.compute.internal", address.replace('.', "-")));
        instance.attributes["address"] = json!(address);
        fleet.ledger.put_user_data(&instance.id, &data)?;
        fleet.ledger.set_attributes(&instance.id, &instance.attributes)?;
    }
    fleet.cloud.add((String::new(), instance.id.clone()));
    Ok(Ok(instance))
}

/// The Machine's failure domain, or one of the cluster's zones by name.
fn zone(machine: &Object, infrastructure: Option<&Object>, name: &str, region: &str) -> String {
    let wanted = machine.text("/spec/failureDomain");
    if !wanted.is_empty() {
        return wanted.to_owned();
    }
    let zones: Vec<&String> =
        infrastructure.and_then(|one| one.at("/status/failureDomains").as_object()).map(|all| all.keys().collect()).unwrap_or_default();
    let sum: usize = name.bytes().map(usize::from).sum();
    zones.get(sum.checked_rem(zones.len()).unwrap_or(0)).map_or_else(|| format!("{region}a"), |zone| (*zone).clone())
}

async fn report(fleet: &Fleet, plane: &Plane, object: &Object, machine: &Object, instance: &Resource) -> Result<Next> {
    let facts = &instance.attributes;
    if object.text("/spec/providerID").is_empty() {
        let patch = json!({"spec": {"providerID": format!("aws:///{}/{}", facts.text("/zone"), instance.id), "instanceID": instance.id}});
        plane.merge(Kind::AwsMachine, object, patch, MANAGER).await?;
        return Ok(Next::Wait);
    }
    let running = instance.state == "running";
    let mut status = status_of(object);
    status["instanceState"] = json!(instance.state);
    status["ready"] = json!(running);
    if running {
        status["addresses"] = json!([
            {"type": "InternalDNS", "address": facts.text("/hostname")}, {"type": "InternalIP", "address": facts.text("/address")}, {"type": "Hostname", "address": facts.text("/hostname")},
        ]);
    }
    let mut says = vec![if running {
        say("InstanceReady", true, "", "")
    } else {
        say("InstanceReady", false, "InstanceNotReady", format!("instance {} is {}", instance.id, instance.state))
    }];
    if running {
        says.push(say("SecurityGroupsReady", true, "", ""));
        if machine.label(CONTROL_PLANE).is_some() {
            says.push(say("ELBAttached", true, "", ""));
        }
    }
    write(fleet, plane, object, status, says).await?;
    if instance.state == "pending" {
        fleet.cloud.add((String::new(), instance.id.clone()));
    }
    Ok(Next::Wait)
}

async fn wait(fleet: &Fleet, plane: &Plane, object: &Object, reason: &str, message: &str) -> Result<Next> {
    let mut status = status_of(object);
    status["ready"] = json!(false);
    write(fleet, plane, object, status, vec![say("InstanceReady", false, reason, message)]).await?;
    Ok(Next::Wait)
}

async fn write(fleet: &Fleet, plane: &Plane, object: &Object, mut status: Value, mut says: Vec<Say>) -> Result<()> {
    let lacking = says.iter().find(|say| say.status != "True").cloned();
    says.push(lacking.map_or_else(|| say("Ready", true, "", ""), |lacking| Say { kind: "Ready", ..lacking }));
    status["conditions"] = merge_v1beta1(object.items("/status/conditions"), &says, fleet.clock.now());
    plane.set_status(Kind::AwsMachine, object, status, MANAGER).await
}

async fn delete(fleet: &Fleet, plane: &Plane, cluster: &Object, object: &Object) -> Result<Next> {
    if !object.has_finalizer(FINALIZER) {
        return Ok(Next::Wait);
    }
    if let Some(instance) = known_instance(fleet, cluster, object)?.filter(|instance| instance.terminated_ms.is_none()) {
        fleet.ledger.set_state(&instance.id, "shutting-down", &plane.id, CAPA)?;
        fleet.cloud.add((String::new(), instance.id));
        let mut status = status_of(object);
        status["ready"] = json!(false);
        status["instanceState"] = json!("shutting-down");
        write(fleet, plane, object, status, vec![say("InstanceReady", false, "Deleting", "")]).await?;
        // The cloud tells when it is gone; the timer is for a restart in between.
        return Ok(Next::After(fleet.delays.of(Delay::Retry)));
    }
    if let Some(all) = finalizers(object, FINALIZER, false) {
        plane.merge(Kind::AwsMachine, object, json!({"metadata": {"finalizers": all}}), MANAGER).await?;
    }
    Ok(Next::Wait)
}
