//! A manager of Cluster API as a process of this host, with the webhooks that it serves. Does not install anything in a plane.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use data_encoding::BASE64;

use crate::authority::Authority;
use crate::definitions::WebhookAddress;
use crate::error::GroundError;
use crate::ground::Ground;
use crate::host_lease::HostLease;
use crate::launch::Launch;
use crate::plane::Plane;
use crate::ports::PortLease;
use crate::service::{Service, answers_ok};

const PATIENCE: Duration = Duration::from_secs(120);
/// Another test may have it for as long as a test lasts.
const PATIENCE_TO_BE_ALONE: Duration = Duration::from_secs(900);

/// Facts about a provider.
#[derive(Debug, PartialEq, Eq)]
pub struct ManagerKind {
    /// Program and folder of files.
    pub program: &'static str,
    /// Value of the label `cluster.x-k8s.io/provider`.
    pub label: &'static str,
    /// What its release puts before names.
    pub name_prefix: &'static str,
    /// Where its release installs it.
    pub namespace: &'static str,
    /// Only one of it may run on a host: its listeners have fixed ports.
    pub alone_on_host: bool,
}

/// Core, kubeadm bootstrap, kubeadm control plane, and the dev provider with clusters in memory.
pub const MANAGERS: [ManagerKind; 4] = [
    ManagerKind { program: "cluster-api-core", label: "cluster-api", name_prefix: "capi-", namespace: "capi-system", alone_on_host: false },
    ManagerKind {
        program: "cluster-api-kubeadm-bootstrap",
        label: "bootstrap-kubeadm",
        name_prefix: "capi-kubeadm-bootstrap-",
        namespace: "capi-kubeadm-bootstrap-system",
        alone_on_host: false,
    },
    ManagerKind {
        program: "cluster-api-kubeadm-control-plane",
        label: "control-plane-kubeadm",
        name_prefix: "capi-kubeadm-control-plane-",
        namespace: "capi-kubeadm-control-plane-system",
        alone_on_host: false,
    },
    ManagerKind {
        program: "cluster-api-dev",
        label: "infrastructure-docker",
        name_prefix: "capd-",
        namespace: "capd-system",
        alone_on_host: true,
    },
];

/// The place where a manager's webhooks answer: it exists before the manager, because definitions name it.
#[derive(Debug)]
pub struct Webhooks {
    port: PortLease,
    certificates: PathBuf,
    ca_certificate: String,
}

impl Webhooks {
    /// Leases a port and signs for it.
    ///
    /// # Errors
    /// No port, or a folder that cannot be written.
    pub fn prepare(ground: &Ground, authority: &Authority, name: &str) -> Result<Webhooks, GroundError> {
        let certificates = ground.data_folder(name)?;
        let serving = authority.serving("webhook", &[])?;
        for (file, text) in [("tls.crt", &serving.certificate), ("tls.key", &serving.key)] {
            let path = certificates.join(file);
            std::fs::write(&path, text).map_err(GroundError::io(&path))?;
        }
        Ok(Webhooks { port: PortLease::take()?, certificates, ca_certificate: authority.certificate().to_owned() })
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port.port())
    }

    /// What a `clientConfig` needs: the authority's certificate, PEM as base64.
    pub fn ca_bundle(&self) -> String {
        BASE64.encode(self.ca_certificate.as_bytes())
    }

    pub(crate) fn address(&self) -> WebhookAddress {
        WebhookAddress { url: self.url(), ca_bundle: self.ca_bundle() }
    }
}

/// A running manager.
#[derive(Debug)]
pub struct Manager {
    /// Its process.
    pub service: Service,
    kind: &'static ManagerKind,
    webhooks: Webhooks,
    health: PortLease,
    _diagnostics: PortLease,
    _alone: Option<HostLease>,
}

impl Manager {
    /// Starts a manager on a plane that has its definitions, and waits until it answers. One that must be alone on
    /// the host waits for the other to go first.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn start(ground: &Ground, plane: &Plane, kind: &'static ManagerKind, webhooks: Webhooks) -> Result<Manager, GroundError> {
        let alone = match kind.alone_on_host {
            true => Some(alone_on_host(kind.program).await?),
            false => None,
        };
        let (health, diagnostics) = (PortLease::take()?, PortLease::take()?);
        let launch = Launch {
            name: format!("{} of {}", kind.program, plane.name()),
            program: ground.components().program(kind.program),
            arguments: vec![
                format!("--kubeconfig={}", plane.kubeconfig_file().display()),
                format!("--webhook-port={}", webhooks.port.port()),
                format!("--webhook-cert-dir={}", webhooks.certificates.display()),
                format!("--health-addr=127.0.0.1:{}", health.port()),
                format!("--diagnostics-address=127.0.0.1:{}", diagnostics.port()),
                "--insecure-diagnostics".to_owned(),
                "--leader-elect=false".to_owned(),
            ],
            environment: [
                ("POD_NAMESPACE".to_owned(), kind.namespace.to_owned()),
                // Clusters in memory listen there.
                ("POD_IP".to_owned(), "127.0.0.1".to_owned()),
            ]
            .into(),
            folder: webhooks.certificates.clone(),
            log: ground.log_folder(plane.name())?.join(format!("{}.log", kind.program)),
        };
        let service = Service::start(launch)?;
        let manager = Manager { service, kind, webhooks, health, _diagnostics: diagnostics, _alone: alone };
        manager.wait_until_ready().await?;
        Ok(manager)
    }

    /// What it is.
    pub fn kind(&self) -> &'static ManagerKind {
        self.kind
    }

    /// Where its webhooks answer.
    pub fn webhooks(&self) -> &Webhooks {
        &self.webhooks
    }

    /// Starts it again after it was stopped, and waits until it answers.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn start_again(&self) -> Result<(), GroundError> {
        self.service.start_again()?;
        self.wait_until_ready().await
    }

    async fn wait_until_ready(&self) -> Result<(), GroundError> {
        let port = self.health.port();
        self.service.wait_until(PATIENCE, || answers_ok(port, "/readyz")).await
    }
}

/// The host's lease of a program; waits for another test to give it back.
/// Those of the managers that can run beside what runs on this host now: for who does not wait until others have ended.
///
/// # Errors
/// The system has no leases.
pub fn that_may_run_now(kinds: &'static [ManagerKind]) -> Result<Vec<&'static ManagerKind>, GroundError> {
    let mut may = Vec::new();
    for kind in kinds {
        if !kind.alone_on_host || HostLease::try_take(kind.program)?.is_some() {
            may.push(kind);
        }
    }
    Ok(may)
}

pub(crate) async fn alone_on_host(program: &'static str) -> Result<HostLease, GroundError> {
    let deadline = Instant::now() + PATIENCE_TO_BE_ALONE;
    loop {
        if let Some(lease) = HostLease::try_take(program)? {
            return Ok(lease);
        }
        if Instant::now() > deadline {
            return Err(GroundError::Alone(program));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
