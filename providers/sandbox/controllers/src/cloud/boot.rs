//! A machine boots from its user data: the first one makes the workload plane, every one registers its node.

use std::sync::Arc;

use super::{kubeadm, node};
use crate::capi::{Role, UserData};
use crate::fleet::{Fleet, plane_id};
use crate::ledger::Resource;
use crate::object::{Fields, Key};
use crate::plane::Result;
use crate::ports::BootPlane;

/// Boots an instance; `false` when it has to try again (kubeadm's own retries).
pub async fn boot(fleet: &Arc<Fleet>, instance: &Resource, cluster: &Key) -> Result<bool> {
    let Some(text) = fleet.ledger.user_data(&instance.id)? else {
        return Ok(false);
    };
    let Some(data) = UserData::read(&text) else {
        tracing::warn!(instance = instance.id, "user data starts no kubeadm: the machine runs and joins nothing");
        return Ok(true);
    };
    let id = plane_id(cluster);
    let version = instance.attributes.text("/version");
    let plane = match (data.role, &data.ca, fleet.plane(&id)) {
        (Role::Init, Some((certificate, key)), _) => {
            let boot = boot_plane(&data, certificate, key, version);
            let kubeconfig = fleet.servers.boot(&id, boot).await?;
            fleet.ledger.set_plane(&instance.cluster, true)?;
            let plane = fleet.start_plane(&id, kubeconfig).await?;
            kubeadm::initialize(&plane, &data.cluster, version).await?;
            plane
        }
        (Role::ControlPlane, Some((certificate, key)), Some(plane)) => {
            // A newer control plane machine brings its newer API server.
            let served = plane.client.apiserver_version().await?.git_version;
            if numbers(version) > numbers(&served) {
                let boot = boot_plane(&data, certificate, key, version);
                fleet.servers.boot(&id, boot).await?;
            }
            plane
        }
        (_, _, Some(plane)) => plane,
        _ => return Ok(false),
    };
    node::register(&plane, instance, &data).await?;
    Ok(true)
}

/// What a control plane machine starts its API server with.
fn boot_plane(data: &UserData, certificate: &str, key: &str, version: &str) -> BootPlane {
    let subnets = data.cluster.text("/networking/serviceSubnet");
    BootPlane {
        ca_cert_pem: certificate.to_owned(),
        ca_key_pem: key.to_owned(),
        service_account_key_pem: data.service_account_key.clone(),
        version: version.to_owned(),
        service_cidr: subnets.split(',').next().unwrap_or_default().to_owned(),
    }
}

/// The numbers of `vX.Y.Z`.
fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split(|letter: char| !letter.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(numbers("v1.34.10") > numbers("v1.34.9"));
        assert!(numbers("v1.34.3") == numbers("v1.34.3+sandbox"));
    }
}
