//! The life of a machine: it starts, does what its bootstrap data says, and ends.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, PostParams};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::books::{ClusterName, Founding, MachineKey};
use super::bootstrap::{Bootstrap, Init, Kubeadm};
use super::host;
use super::kinds;
use super::ledger::Role;
use super::shared::Shared;
use super::site::Site;
use crate::authority::END;
use crate::error::GroundError;
use crate::plane::{Plane, PlaneSpec};

/// The annotation that saves the control plane provider a look at the certificate through a kubelet, which there is not.
const CERTIFICATE_END: &str = "machine.cluster.x-k8s.io/certificates-expiry";
/// What a server may take that may be frozen.
const PATIENCE: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(500);

/// A machine as its objects ask for it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub key: MachineKey,
    pub cluster: ClusterName,
    pub role: Role,
    pub provider_id: String,
    pub zone: String,
    pub instance_type: String,
    /// Kubernetes, with its `v`.
    pub version: String,
    /// The Secret with its bootstrap data.
    pub secret: String,
    /// The KubeadmConfig that the bootstrap data was made of.
    pub kubeadm_config: Option<String>,
}

impl Asked {
    /// Where it could be reached if it were a machine.
    pub fn addresses(&self) -> [Json; 2] {
        let hash = Sha256::digest(&self.provider_id);
        let [x, y] = [hash.first(), hash.get(1)].map(|byte| byte.copied().unwrap_or_default());
        [json!({"type": "InternalIP", "address": format!("10.0.{x}.{y}")}), json!({"type": "Hostname", "address": self.key.1})]
    }

    fn refused(&self, reason: impl Into<String>) -> GroundError {
        GroundError::Cloud { what: self.key.1.clone(), reason: reason.into() }
    }
}

/// Does what the bootstrap data of a running machine says, until its node is there. Twice is once.
pub(super) async fn join(site: &Site, asked: &Asked) -> Result<(), GroundError> {
    let user_data = site.secret(&asked.key.0, &asked.secret, "value").await?;
    let user_data = user_data.ok_or_else(|| asked.refused(format!("the Secret {} has no value", asked.secret)))?;
    let Bootstrap { kubeadm, registration } = Bootstrap::read(&user_data, &asked.key.1).map_err(|reason| asked.refused(reason))?;
    let plane = match kubeadm {
        Kubeadm::Init(init) => found_control_plane(site, asked, *init).await?,
        Kubeadm::Join { endpoint, token, control_plane } => {
            if control_plane != (asked.role == Role::ControlPlane) {
                return Err(asked.refused("its bootstrap data are of another role"));
            }
            find_control_plane(site, asked, &endpoint, &token).await?
        }
    };
    host::register(&plane.client(), asked, &registration).await?;
    if let Some(config) = asked.kubeadm_config.as_ref().filter(|_| asked.role == Role::ControlPlane) {
        note_end_of_certificates(site, &asked.key.0, config).await?;
    }
    if site.cloud.books().joined(&asked.key) {
        site.cloud.log.say(&format!("{}: {} has joined {}", site.name, asked.key.1, plane.name()));
        return Ok(());
    }
    // It was taken away meanwhile.
    host::unregister(&plane.client(), &asked.provider_id).await
}

/// Takes a machine away, and what is left of it; the last one of a control plane takes the plane with it. Twice is once.
pub(super) async fn end(cloud: &Arc<Shared>, key: &MachineKey) {
    let ending = cloud.books().terminate(key);
    let Some(provider_id) = ending.provider_id else { return };
    cloud.log.say(&format!("{} ends", key.1));
    if let Some(plane) = ending.ends {
        cloud.end(plane).await;
    }
    let Some(plane) = ending.leaves else { return };
    if unregister(&plane, &provider_id).await {
        return;
    }
    // The machine is gone whether the API answers or not; the node goes when it does again.
    let cloud = Arc::clone(cloud);
    tokio::spawn(async move {
        let there = |cloud: &Shared| cloud.books().is_there(&plane);
        while there(&cloud) && !unregister(&plane, &provider_id).await {
            tokio::time::sleep(AGAIN).await;
        }
    });
}

async fn unregister(plane: &Plane, provider_id: &str) -> bool {
    let client = plane.client();
    tokio::time::timeout(PATIENCE, host::unregister(&client, provider_id)).await.is_ok_and(|outcome| outcome.is_ok())
}

/// `kubeadm init`.
async fn found_control_plane(site: &Site, asked: &Asked, init: Init) -> Result<Arc<Plane>, GroundError> {
    let founding = site.cloud.books().found(&asked.cluster, &asked.key);
    let (name, port) = match founding.map_err(|reason| asked.refused(reason))? {
        Founding::Done(plane) => return Ok(plane),
        Founding::Wanted { name, port } => (name, port),
    };
    let mut spec = PlaneSpec { authority: init.authority, service_accounts: init.service_accounts, ..PlaneSpec::named(&name)? };
    spec.port = Some(port);
    spec.services = init.services.unwrap_or(spec.services);
    let plane = Arc::new(Box::pin(Plane::start(&site.cloud.ground, spec)).await?);
    site.cloud.log.say(&format!("{}: {} has made {plane:?}", site.name, asked.key.1));
    upload_configuration(&plane.client(), &init.cluster_configuration).await?;
    let taken = site.cloud.books().set_plane(&asked.cluster, &asked.key, Arc::clone(&plane));
    if let Err(unwanted) = taken {
        unwanted.end().await;
        return Err(asked.refused("it was taken away while it started"));
    }
    site.cloud.has_booted(&plane);
    Ok(plane)
}

/// What `kubeadm init` leaves for those that join; Cluster API takes it for the sign that the control plane is initialised.
async fn upload_configuration(client: &kube::Client, configuration: &str) -> Result<(), GroundError> {
    let what = "ConfigMap kubeadm-config";
    let map = json!({"metadata": {"name": "kubeadm-config"}, "data": {"ClusterConfiguration": configuration}});
    let map: ConfigMap =
        serde_json::from_value(map).map_err(|error| GroundError::Cloud { what: what.to_owned(), reason: error.to_string() })?;
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-system");
    api.create(&PostParams::default(), &map).await.map(drop).map_err(GroundError::api(what))
}

/// The discovery of `kubeadm join`: the address is the cluster's, and knows the token.
async fn find_control_plane(site: &Site, asked: &Asked, endpoint: &str, token: &str) -> Result<Arc<Plane>, GroundError> {
    let plane = site.cloud.books().plane(&asked.cluster);
    let plane = plane.ok_or_else(|| asked.refused(format!("there is no API server at {endpoint}")))?;
    if plane.server() != format!("https://{endpoint}") {
        return Err(asked.refused(format!("it joins {endpoint}, and its cluster answers at {}", plane.server())));
    }
    let name = format!("bootstrap-token-{}", token.split('.').next().unwrap_or_default());
    let secrets: Api<Secret> = Api::namespaced(plane.client(), "kube-system");
    let found = secrets.get_opt(&name).await.map_err(GroundError::api(&name))?;
    found.map(|_| plane).ok_or_else(|| asked.refused(format!("the API server does not know {name}")))
}

async fn note_end_of_certificates(site: &Site, namespace: &str, config: &str) -> Result<(), GroundError> {
    let kind = kinds::kubeadm_config();
    let Some(config) = site.get(&kind, namespace, config).await? else { return Ok(()) };
    if config.metadata.annotations.as_ref().is_some_and(|found| found.contains_key(CERTIFICATE_END)) {
        return Ok(());
    }
    site.merge(&kind, &config, json!({"metadata": {"annotations": {CERTIFICATE_END: END}}})).await
}
