//! What the simulation needs from outside: API servers for workload planes, code for known images, the time.
//! It knows only these traits; the roof fills them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use futures::future::BoxFuture;
use kube::config::Kubeconfig;
use tokio_util::sync::CancellationToken;

/// Why a port could not do what was asked, in words for a log or a condition.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct PortError(pub String);

/// What a workload plane needs to start: the cluster's CA, so that kubeconfigs signed by it are accepted.
#[derive(Clone)]
pub struct BootPlane {
    /// Certificate of the cluster's CA (`<cluster>-ca`, `tls.crt`).
    pub ca_cert_pem: String,
    /// Private key of the same CA, PKCS#8 PEM.
    pub ca_key_pem: String,
    /// Private key that signs ServiceAccount tokens (`<cluster>-sa`, `tls.key`).
    pub service_account_key_pem: String,
    /// Kubernetes version, `vX.Y.Z`, served at `/version`.
    pub version: String,
    /// Network of Services (`networking.serviceSubnet` of kubeadm's ClusterConfiguration), the first one if there are two; empty if none is named.
    pub service_cidr: String,
}

impl std::fmt::Debug for BootPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BootPlane").field("version", &self.version).finish_non_exhaustive()
    }
}

/// API servers of workload planes; `id` is `<namespace>.<cluster>`.
pub trait Planes: Send + Sync {
    /// The loopback address that the plane listens on, or will; the same at each call until `remove`.
    fn reserve<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<SocketAddr, PortError>>;
    /// Starts the plane and answers an administrator's kubeconfig; a second call answers the running plane's.
    fn boot<'a>(&'a self, id: &'a str, plane: BootPlane) -> BoxFuture<'a, Result<Kubeconfig, PortError>>;
    /// Starts a plane that was booted by an earlier process; `None` if there never was one.
    fn attach<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Kubeconfig>, PortError>>;
    /// Stops serving; the data stays.
    fn stop<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), PortError>>;
    /// Frees address and data.
    fn remove<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), PortError>>;
}

/// What a container is started with.
#[derive(Clone)]
pub struct PodStart {
    /// Arguments of the container.
    pub args: Vec<String>,
    /// Its literal environment variables, `metadata.name`/`metadata.namespace`/`spec.nodeName` field references resolved.
    pub env: BTreeMap<String, String>,
    /// Access to the pod's own plane with nothing but its ServiceAccount's token.
    pub kubeconfig: Kubeconfig,
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub name: String,
    /// Name of its ServiceAccount.
    pub service_account: String,
}

/// Real code behind known images; every other image is pure simulation.
pub trait PodRuntime: Send + Sync {
    /// Whether `image` is run by real code.
    fn knows(&self, image: &str) -> bool;
    /// Runs the image's code; `None` if the image is not known.
    fn start(&self, image: &str, pod: PodStart) -> Option<PodHandle>;
}

/// A runtime that knows no image.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPods;

impl PodRuntime for NoPods {
    fn knows(&self, _image: &str) -> bool {
        false
    }
    fn start(&self, _image: &str, _pod: PodStart) -> Option<PodHandle> {
        None
    }
}

/// A running pod's code; dropping the handle stops it.
#[derive(Debug)]
pub struct PodHandle {
    stop: CancellationToken,
    ended: CancellationToken,
}

impl PodHandle {
    /// Runs `code` as a task; the token it is given is cancelled when the pod is stopped.
    pub fn spawn<F, Fut>(code: F) -> Self
    where
        F: FnOnce(CancellationToken) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        // The guard tells the end of a panic too.
        let guard = ended.clone().drop_guard();
        let running = code(stop.clone());
        drop(tokio::spawn(async move {
            let _guard = guard;
            running.await;
        }));
        Self { stop, ended }
    }

    /// Cancelled when the code has ended, by itself or because it was stopped.
    pub fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

impl Drop for PodHandle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The time of day, for status fields and certificates.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> jiff::Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}
