//! The Secrets that a kubeadm control plane wants of an etcd that it does not manage.
//!
//! The process cloud needs such a control plane: a managed etcd is looked for in a pod of each machine, and there is none. Nobody
//! connects to it by these certificates, the planes of the cloud have an etcd of their own.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::kinds::CLUSTER_LABEL;
use crate::authority::Authority;
use crate::error::GroundError;

/// Secrets `<cluster>-etcd` (certificate of an authority, without its key) and `<cluster>-apiserver-etcd-client`.
///
/// # Errors
/// None in practice.
pub fn external_etcd_secrets(namespace: &str, cluster: &str) -> Result<[Json; 2], GroundError> {
    let authority = Authority::generate()?;
    let client = authority.client("kube-apiserver-etcd-client", "")?;
    let secret = |purpose: &str, data: BTreeMap<&str, &str>| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "cluster.x-k8s.io/secret", "stringData": data,
            "metadata": {"name": format!("{cluster}-{purpose}"), "namespace": namespace, "labels": {CLUSTER_LABEL: cluster}},
        })
    };
    Ok([
        secret("etcd", BTreeMap::from([("tls.crt", authority.certificate())])),
        secret("apiserver-etcd-client", BTreeMap::from([("tls.crt", client.certificate.as_str()), ("tls.key", client.key.as_str())])),
    ])
}
