//! Kubeconfig text for a plane. JSON, which is YAML, so that nothing needs quoting.

use data_encoding::BASE64;
use serde_json::json;

/// A kubeconfig with one cluster, one user with a bearer token, and one context, all named after the plane and user.
pub(crate) fn kubeconfig(plane: &str, url: &str, ca_cert_pem: &str, user: &str, token: &str) -> String {
    let context = format!("{user}@{plane}");
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": [{
            "name": plane,
            "cluster": {"server": url, "certificate-authority-data": BASE64.encode(ca_cert_pem.as_bytes())},
        }],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": context, "context": {"cluster": plane, "user": user}}],
        "current-context": context,
    });
    format!("{config:#}\n")
}
