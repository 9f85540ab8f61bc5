//! The Secrets with a control plane's keys and certificates: made where they are missing, and owned by it. Those of an etcd that somebody else
//! runs are waited for.

use serde_json::{Value, json};

use super::certificates::{Pair, account_keys, authority};
use super::scope::{CLUSTER, MANAGER};
use crate::conditions::holds;
use crate::fleet::{Fleet, secret_text};
use crate::kinds::{Kind, unwatched};
use crate::object::{Fields, Meta, Object, owner_reference, with_owner};
use crate::plane::{Plane, Result};

/// Type of these Secrets.
const TYPE: &str = "cluster.x-k8s.io/secret";
/// Purposes of what is made here, each with the name of its authority.
const MADE: [(&str, &str); 4] = [("ca", "kubernetes"), ("etcd", "etcd-ca"), ("proxy", "front-proxy-ca"), ("sa", "")];
/// Purposes of what must be given of an etcd that somebody else runs.
const GIVEN: [&str; 2] = ["apiserver-etcd-client", "etcd"];

/// How far a control plane's certificates are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificates {
    /// Nobody has looked at them yet.
    Waiting,
    /// One that must be given is missing or holds no certificate.
    Lacking,
    /// All are there.
    Available,
}

/// Whether somebody else runs the etcd of a control plane, or of a machine of one.
pub fn is_etcd_external(kubeadm: &Value) -> bool {
    kubeadm.at("/clusterConfiguration/etcd/external").is_object()
}

/// Makes what is missing. What is given is looked at each time; what was made is not, once all were there.
pub async fn ensure(fleet: &Fleet, plane: &Plane, cluster: &Object, control_plane: &Object) -> Result<Certificates> {
    let external = is_etcd_external(control_plane.at("/spec/kubeadmConfigSpec"));
    if external {
        for purpose in GIVEN {
            let Some(secret) = read(plane, cluster, purpose).await?.filter(|secret| secret_text(secret, "tls.crt").is_some()) else {
                return Ok(Certificates::Lacking);
            };
            own(plane, control_plane, &secret).await?;
        }
    }
    if holds(control_plane, "CertificatesAvailable") {
        return Ok(Certificates::Available);
    }
    let now = fleet.clock.now();
    for (purpose, name) in MADE.into_iter().filter(|(purpose, _)| !(external && GIVEN.contains(purpose))) {
        if let Some(secret) = read(plane, cluster, purpose).await? {
            own(plane, control_plane, &secret).await?;
            continue;
        }
        let pair = if purpose == "sa" { account_keys()? } else { authority(name, now)? };
        let encode = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
        let data = json!({"tls.crt": encode(&pair.certificate), "tls.key": encode(&pair.key)});
        let secret = secret_object(cluster, control_plane, &format!("{}-{purpose}", cluster.name()), data);
        plane.ensure(&unwatched::secret(), secret, MANAGER).await?;
    }
    Ok(Certificates::Available)
}

/// One of the Secrets `<cluster>-{ca,etcd,proxy,sa}`.
pub async fn certificate_pair(plane: &Plane, cluster: &Object, purpose: &str) -> Result<Option<Pair>> {
    let secret = read(plane, cluster, purpose).await?;
    Ok(secret.and_then(|secret| Some(Pair { certificate: secret_text(&secret, "tls.crt")?, key: secret_text(&secret, "tls.key")? })))
}

/// A Secret of a cluster that belongs to its control plane.
pub fn secret_object(cluster: &Object, control_plane: &Object, name: &str, data: Value) -> Value {
    json!({
        "metadata": {
            "name": name, "namespace": cluster.namespace(), "labels": {CLUSTER: cluster.name()}, "ownerReferences": [owner(control_plane)],
        },
        "type": TYPE,
        "data": data,
    })
}

/// The Secret `<cluster>-<purpose>`.
pub async fn read(plane: &Plane, cluster: &Object, purpose: &str) -> Result<Option<Object>> {
    plane.read(&unwatched::secret(), cluster.namespace(), &format!("{}-{purpose}", cluster.name())).await
}

/// A user's own Secret of the right type gets the control plane for its owner, and goes with it.
async fn own(plane: &Plane, control_plane: &Object, secret: &Object) -> Result<()> {
    let owners = with_owner(secret, &owner(control_plane)).filter(|_| secret.text("/type") == TYPE);
    if let Some(owners) = owners {
        let patch = json!({"metadata": {"uid": secret.uid(), "ownerReferences": owners}});
        plane.merge_unwatched(&unwatched::secret(), secret, &patch, MANAGER).await?;
    }
    Ok(())
}

fn owner(control_plane: &Object) -> Value {
    owner_reference(&Kind::KubeadmControlPlane.api_version(), "KubeadmControlPlane", control_plane, true)
}
