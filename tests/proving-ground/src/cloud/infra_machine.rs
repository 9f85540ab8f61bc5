//! AWSMachine: from an object that asks for a machine to one that describes it, in the words of the AWS provider.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use kube::api::DynamicObject;
use kube::runtime::controller::Action;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::books::{ClusterName, MachineKey, Start, State};
use super::conditions::{Says, conditions};
use super::kinds::{self, CONTROL_PLANE_LABEL, has_label, is_being_deleted, is_paused, name, namespace, says_yes, text};
use super::ledger::Role;
use super::machine_life::{self, Asked};
use super::site::{Site, now};
use crate::error::GroundError;

const FINALIZER: &str = "awsmachine.infrastructure.cluster.x-k8s.io";

/// Makes an AWSMachine so, or takes it away.
pub(super) async fn reconcile(seen: Arc<DynamicObject>, site: Arc<Site>) -> Result<Action, GroundError> {
    let kind = kinds::aws_machine();
    // What was seen may be of the past: then a machine could be made twice.
    let Some(object) = site.get(&kind, namespace(&seen), name(&seen)).await? else { return Ok(Action::await_change()) };
    let Some((machine, cluster)) = owners(&site, &object).await? else { return Ok(Action::await_change()) };
    if is_paused(&cluster, &object) {
        return Ok(Action::await_change());
    }
    let key: MachineKey = (namespace(&object).to_owned(), name(&object).to_owned());
    site.cloud.books().touch(&key, &site.name);
    if is_being_deleted(&object) {
        machine_life::end(&site.cloud, &key).await;
        site.drop_finalizer(&kind, &object, FINALIZER).await?;
        return Ok(Action::await_change());
    }
    if !says_yes(&cluster, "/status/initialization/infrastructureProvisioned") {
        return waiting(&site, &object, "WaitingForClusterInfrastructure").await;
    }
    let Some(secret) = text(&machine, "/spec/bootstrap/dataSecretName") else {
        return waiting(&site, &object, "WaitingForBootstrapData").await;
    };
    site.ensure_finalizer(&kind, &object, FINALIZER).await?;
    let asked = asked(&object, &machine, &cluster, &key, secret);
    let Some(state) = ensure_asked_for(&site, &object, &asked) else {
        let status = status(&object, "terminated", Says::No("InstanceNotFound", format!("there is no {}", asked.provider_id)), &[]);
        site.merge_status(&kind, &object, status).await?;
        return Ok(Action::await_change());
    };
    drive(&site, &object, &asked, state).await
}

/// From a state of the books to the machine's object, and on to the next state.
async fn drive(site: &Site, object: &DynamicObject, asked: &Asked, state: State) -> Result<Action, GroundError> {
    let kind = kinds::aws_machine();
    if text(object, "/spec/providerID").is_none() {
        let ids = json!({"providerID": asked.provider_id, "instanceID": instance_id(&asked.key)});
        site.merge(&kind, object, json!({"spec": ids})).await?;
    }
    if state == State::Terminated {
        let message = "EC2 instance state \"terminated\" is unexpected";
        let mut status = status(object, "terminated", Says::No("InstanceTerminated", message.to_owned()), &[]);
        status["failureReason"] = "UpdateError".into();
        status["failureMessage"] = message.into();
        site.merge_status(&kind, object, status).await?;
        return Ok(Action::await_change());
    }
    if state == State::Pending {
        let start = site.cloud.books().start(&asked.key);
        if start != Start::Now {
            site.merge_status(&kind, object, status(object, "pending", Says::NotYet("InstanceNotReady"), &[])).await?;
            return Ok(if let Start::In(left) = start { Action::requeue(left) } else { Action::await_change() });
        }
    }
    site.merge_status(&kind, object, status(object, "running", Says::Yes, &asked.addresses())).await?;
    if state != State::Joined {
        machine_life::join(site, asked).await?;
    }
    Ok(Action::await_change())
}

/// The state of the machine, which is asked for if nobody did; none if the object is of a machine that the cloud does not know.
fn ensure_asked_for(site: &Site, object: &DynamicObject, asked: &Asked) -> Option<State> {
    let has_id = text(object, "/spec/providerID").is_some();
    let mut books = site.cloud.books();
    match books.state(&asked.key) {
        None if has_id => return None,
        // An id that was lost with the machine is given again, as a cloud would make another instance.
        None | Some(State::Terminated) if !has_id => {
            books.ask_for(&asked.key, &asked.cluster, asked.role, &asked.provider_id);
            site.cloud.log.say(&format!("{}: {} is asked for", site.name, asked.key.1));
        }
        _ => {}
    }
    books.touch(&asked.key, &site.name);
    books.state(&asked.key)
}

/// The Machine and the Cluster that it belongs to, once both are known.
async fn owners(site: &Site, object: &DynamicObject) -> Result<Option<(DynamicObject, DynamicObject)>, GroundError> {
    let Some(owner) = kinds::owner(object, "Machine") else { return Ok(None) };
    let Some(machine) = site.get(&kinds::machine(), namespace(object), owner).await? else { return Ok(None) };
    let Some(cluster) = text(&machine, "/spec/clusterName") else { return Ok(None) };
    let cluster = site.get(&kinds::cluster(), namespace(object), cluster).await?;
    Ok(cluster.map(|cluster| (machine, cluster)))
}

fn asked(object: &DynamicObject, machine: &DynamicObject, cluster: &DynamicObject, key: &MachineKey, secret: &str) -> Asked {
    let zone = text(machine, "/spec/failureDomain").or_else(|| text(cluster, "/status/failureDomains/0/name")).unwrap_or("us-east-1a");
    let config = text(machine, "/spec/bootstrap/configRef/name").filter(|_| {
        // Others' bootstrap providers have no use for what is written there.
        text(machine, "/spec/bootstrap/configRef/kind") == Some("KubeadmConfig")
    });
    Asked {
        cluster: ClusterName::new(&key.0, name(cluster)),
        role: if has_label(machine, CONTROL_PLANE_LABEL) { Role::ControlPlane } else { Role::Worker },
        provider_id: text(object, "/spec/providerID").map_or_else(|| format!("aws:///{zone}/{}", instance_id(key)), str::to_owned),
        zone: zone.to_owned(),
        instance_type: text(object, "/spec/instanceType").unwrap_or_default().to_owned(),
        version: text(machine, "/spec/version").unwrap_or_default().to_owned(),
        secret: secret.to_owned(),
        kubeadm_config: config.map(str::to_owned),
        key: key.clone(),
    }
}

/// A pure function of the machine's namespace and name: after a pivot, whatever was lost, it is the same.
fn instance_id((namespace, name): &MachineKey) -> String {
    let mut id = HEXLOWER.encode(&Sha256::digest(format!("{namespace}/{name}")));
    id.truncate(17);
    format!("i-{id}")
}

async fn waiting(site: &Site, object: &DynamicObject, reason: &'static str) -> Result<Action, GroundError> {
    let conditions = conditions(object, &[("InstanceReady", Says::NotYet(reason))], &now());
    site.merge_status(&kinds::aws_machine(), object, json!({"conditions": conditions})).await?;
    Ok(Action::await_change())
}

fn status(object: &DynamicObject, state: &str, says: Says, addresses: &[Json]) -> Json {
    let ready = says == Says::Yes;
    let conditions = conditions(object, &[("InstanceReady", says)], &now());
    let mut status = json!({"ready": ready, "instanceState": state, "conditions": conditions});
    if !addresses.is_empty() {
        status["addresses"] = addresses.into();
    }
    if object.data.pointer("/spec/spotMarketOptions").is_some() {
        status["interruptible"] = true.into();
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_from_the_name_alone() {
        let key = |namespace: &str, name: &str| (namespace.to_owned(), name.to_owned());
        let id = instance_id(&key("default", "shop-general-x"));
        assert_eq!(id, instance_id(&key("default", "shop-general-x")));
        assert_eq!(id.len(), 19);
        assert_ne!(id, instance_id(&key("other", "shop-general-x")));
    }
}
