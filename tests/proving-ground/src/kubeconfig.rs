//! Kubeconfigs. JSON, which is YAML, so that nothing needs quoting.

use data_encoding::BASE64;
use serde_json::{Value as Json, json};

use crate::authority::KeyAndCertificate;

/// A kubeconfig with a client certificate and one context, named after the plane.
pub fn kubeconfig(plane: &str, server: &str, ca_certificate: &str, user: &KeyAndCertificate) -> String {
    let user = json!({"client-certificate-data": encoded(&user.certificate), "client-key-data": encoded(&user.key)});
    written(plane, server, ca_certificate, "default", user)
}

/// A kubeconfig with a token of a service account, in whose namespace its context is.
pub(crate) fn kubeconfig_with_token(plane: &str, server: &str, ca_certificate: &str, namespace: &str, token: &str) -> String {
    written(plane, server, ca_certificate, namespace, json!({"token": token}))
}

fn written(plane: &str, server: &str, ca_certificate: &str, namespace: &str, user: Json) -> String {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": plane, "cluster": {"server": server, "certificate-authority-data": encoded(ca_certificate)}}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": plane, "context": {"cluster": plane, "user": "user", "namespace": namespace}}],
        "current-context": plane,
    });
    format!("{config:#}\n")
}

fn encoded(text: &str) -> String {
    BASE64.encode(text.as_bytes())
}
