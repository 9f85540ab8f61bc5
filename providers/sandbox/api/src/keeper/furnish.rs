//! What every plane and every namespace has from its start.

use serde_json::{Value, json};

use crate::plane::Plane;
use crate::rbac::{BootstrapObject, GROUP, bootstrap_objects};
use crate::rules::network_address;
use crate::status::Failure;
use crate::verbs::{Call, create_object};
use crate::world::{GroupResource, ObjectKey};

/// Makes what a plane starts with, as far as it is not there.
pub(crate) async fn furnish(plane: &Plane) -> Result<(), Failure> {
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        ensure(plane, "", "namespaces", "", name, json!({}), "kube-apiserver").await?;
    }
    let written = bootstrap_objects().into_iter().map(|BootstrapObject { plural, namespace, name, content }| {
        ensure(plane, GROUP, plural, namespace, name, content, "kube-apiserver")
    });
    // Together: they are committed in one turn of the store.
    futures::future::try_join_all(written).await?;
    super::roles::aggregate(plane).await;
    let port = plane.address().port();
    let service = json!({
        "metadata": {"labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": network_address(plane.service_network(), 1),
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}],
        },
    });
    ensure(plane, "", "services", "default", "kubernetes", service, "kube-apiserver").await?;
    for (name, value) in [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)] {
        let class = json!({"value": value, "description": "Used for system critical pods."});
        ensure(plane, "scheduling.k8s.io", "priorityclasses", "", name, class, "kube-apiserver").await?;
    }
    Ok(())
}

/// Makes what kube-controller-manager puts into a new namespace.
pub(super) async fn namespace(plane: &Plane, namespace: &str) {
    let root = json!({"data": {"ca.crt": plane.ca_cert_pem()}});
    let made = [
        ensure(plane, "", "serviceaccounts", namespace, "default", json!({}), "kube-controller-manager").await,
        ensure(plane, "", "configmaps", namespace, "kube-root-ca.crt", root, "kube-controller-manager").await,
    ];
    for failure in made.into_iter().filter_map(Result::err) {
        // The namespace may be gone again.
        tracing::debug!(namespace, failure.message, "namespace is not furnished");
    }
}

async fn ensure(
    plane: &Plane,
    group: &str,
    plural: &str,
    namespace: &str,
    name: &str,
    mut object: Value,
    manager: &str,
) -> Result<(), Failure> {
    let kinds = plane.kinds();
    let key = ObjectKey::new(namespace, name);
    let resource = kinds.resource(&GroupResource::new(group, plural)).ok_or_else(Failure::no_such_path)?;
    let mut call = Call::internal(plane, resource, &key, manager).ok_or_else(Failure::no_such_path)?;
    if call.stored().is_some() {
        return Ok(());
    }
    call.claim(&mut object)?;
    match create_object(&mut call, object, true).await {
        Err(failure) if failure.reason != "AlreadyExists" => Err(failure),
        _ => Ok(()),
    }
}
