//! External etcd of a cluster: what kubeadm is told of it, and the Secrets from which Cluster API brings its certificates to the machines.
//!
//! Source: `util/secret/consts.go` and `certificates.go` of Cluster API v1.14; the paths are those that kubeadm itself uses.

use crate::config::ExternalEtcd;
use crate::value::Value;

use super::mark::with_entry;

const CA_FILE: &str = "/etc/kubernetes/pki/etcd/ca.crt";
const CERT_FILE: &str = "/etc/kubernetes/pki/apiserver-etcd-client.crt";
const KEY_FILE: &str = "/etc/kubernetes/pki/apiserver-etcd-client.key";

/// A kubeadm configuration of a control plane that keeps its data there.
pub fn told(spec: &Value, etcd: &ExternalEtcd) -> Value {
    let external = Value::object([
        ("endpoints", Value::list(&etcd.endpoints)),
        ("caFile", Value::string(CA_FILE)),
        ("certFile", Value::string(CERT_FILE)),
        ("keyFile", Value::string(KEY_FILE)),
    ]);
    with_entry(spec, &["clusterConfiguration", "etcd", "external"], external)
}

/// The Secrets of a cluster, `<cluster>-etcd` and `<cluster>-apiserver-etcd-client`; `metadata` makes that of an object of the cluster from its
/// name. Cluster API makes neither by itself, and no machine before both are there.
pub fn secrets(etcd: &ExternalEtcd, cluster: &str, metadata: impl Fn(&str) -> Value) -> [Value; 2] {
    let secret = |purpose: &str, data: Value| {
        Value::object([
            ("apiVersion", Value::string("v1")),
            ("kind", Value::string("Secret")),
            ("metadata", metadata(&format!("{cluster}-{purpose}"))),
            ("type", Value::string("cluster.x-k8s.io/secret")),
            ("stringData", data),
        ])
    };
    [
        secret("etcd", Value::object([("tls.crt", Value::string(&etcd.ca.pem))])),
        secret(
            "apiserver-etcd-client",
            Value::object([("tls.crt", Value::string(&etcd.client.pem)), ("tls.key", etcd.client_key.clone())]),
        ),
    ]
}
