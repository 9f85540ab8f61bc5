//! Kubeconfigs with a client certificate. JSON, which is YAML, so that nothing needs quoting.

use data_encoding::BASE64;
use serde_json::json;

use crate::authority::KeyAndCertificate;

/// A kubeconfig with one context, named after the plane.
pub fn kubeconfig(plane: &str, server: &str, ca_certificate: &str, user: &KeyAndCertificate) -> String {
    let encoded = |text: &str| BASE64.encode(text.as_bytes());
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": plane, "cluster": {"server": server, "certificate-authority-data": encoded(ca_certificate)}}],
        "users": [{"name": "admin", "user": {
            "client-certificate-data": encoded(&user.certificate),
            "client-key-data": encoded(&user.key),
        }}],
        "contexts": [{"name": plane, "context": {"cluster": plane, "user": "admin"}}],
        "current-context": plane,
    });
    format!("{config:#}\n")
}
