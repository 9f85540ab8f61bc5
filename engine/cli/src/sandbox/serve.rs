//! What runs in the sandbox process: API servers, simulated controllers, and the agent behind its image.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use kube::config::Kubeconfig;
use tokio::sync::watch;
use windlass_agent::AgentOptions;
use windlass_core::diag::Code;
use windlass_sandbox_api::{Boot, Options, Sandbox};
use windlass_sandbox_controllers::{
    BootPlane, Planes, PodHandle, PodRuntime, PodStart, PortError, Simulation, SimulationConfig, SystemClock,
};

use super::process::{Server, private_folder, real_path};
use super::settings::Settings;
use super::{KUBECONFIG, SERVER, STORE, ledger};
use crate::failure::{Failure, io};

/// Time after the last request of a client other than its own controllers and pods.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// How often idleness and the folder are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Name by which controllers are known to their planes.
const CONTROLLERS: &str = "sandbox-controllers";

/// Serves the sandbox of a data folder until it is told to end, is idle, or its folder is gone.
pub async fn serve(data: &Path, detached: bool) -> Result<(), Failure> {
    if detached {
        // A process group of a terminal would get its Ctrl-C; the first process of a session of its own does not. It fails only if it is one already.
        let _ = rustix::process::setsid();
    }
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // A second subscriber in one process is refused; there is none.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).try_init();
    private_folder(data)?;
    let store = data.join(STORE);
    private_folder(&store)?;
    let settings = Settings::from_environment()?;
    let options = Options { faults: settings.api_faults, ..Options::default() };
    let sandbox = Arc::new(Sandbox::open(&store, options).await.map_err(|error| Failure::new(Code::SANDBOX, error.to_string()))?);
    let management = sandbox.management().await.map_err(|error| Failure::new(Code::SANDBOX, error.to_string()))?;
    let kubeconfig = Kubeconfig::from_yaml(&management.internal_kubeconfig(CONTROLLERS))
        .map_err(|error| Failure::new(Code::SANDBOX, error.to_string()))?;
    let config = SimulationConfig {
        management_kubeconfig: kubeconfig,
        planes: Arc::new(Servers { sandbox: sandbox.clone() }),
        pods: Arc::new(Images),
        ledger_path: ledger(data),
        speed: settings.speed,
        faults: settings.faults,
        clock: Arc::new(SystemClock),
    };
    let simulation =
        Simulation::start(config).await.map_err(|error| Failure::new(Code::SANDBOX, format!("the simulation does not start: {error}")))?;
    private_file(&data.join(KUBECONFIG), management.admin_kubeconfig().as_bytes())?;
    let server = Server {
        pid: std::process::id(),
        address: management.url(),
        ca: management.ca_cert_pem().to_owned(),
        data: real_path(data).unwrap_or_default(),
    };
    let text = serde_json::to_vec_pretty(&server).map_err(|error| Failure::new(Code::SANDBOX, error.to_string()))?;
    private_file(&data.join(SERVER), &text)?;
    until_the_end(&sandbox, data).await;
    // Before the store is closed: from then on the file may be another process's. Gone with its folder, perhaps.
    let _ = std::fs::remove_file(data.join(SERVER));
    simulation.stop();
    sandbox.close().await;
    Ok(())
}

async fn until_the_end(sandbox: &Sandbox, data: &Path) {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
    loop {
        let terminated = async {
            match &mut terminate {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return,
            _ = terminated => return,
            () = tokio::time::sleep(LOOK) => {
                if sandbox.idle() > IDLE || !data.is_dir() {
                    return;
                }
            }
        }
    }
}

/// Writes a file that only its owner may read, all at once.
fn private_file(path: &Path, content: &[u8]) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let beside = path.with_extension("new");
    std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|error| io(path, "cannot be written", &error))
}

/// API servers of workload planes.
struct Servers {
    sandbox: Arc<Sandbox>,
}

fn words(error: impl std::fmt::Display) -> PortError {
    PortError(error.to_string())
}

impl Planes for Servers {
    fn reserve<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<SocketAddr, PortError>> {
        Box::pin(async move { self.sandbox.reserve(id).await.map_err(words) })
    }

    fn boot<'a>(&'a self, id: &'a str, plane: BootPlane) -> BoxFuture<'a, Result<Kubeconfig, PortError>> {
        Box::pin(async move {
            let boot = Boot {
                // Tokens are signed with the cluster's own key: they hold after a restart, and in no other cluster.
                service_account_key: plane.ca_key_pem.clone(),
                ca_cert_pem: plane.ca_cert_pem,
                ca_key_pem: plane.ca_key_pem,
                version: plane.version,
                service_cidr: plane.service_cidr,
            };
            let plane = self.sandbox.boot(id, boot).await.map_err(words)?;
            Kubeconfig::from_yaml(&plane.internal_kubeconfig(CONTROLLERS)).map_err(words)
        })
    }

    fn attach<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Kubeconfig>, PortError>> {
        Box::pin(async move {
            match self.sandbox.plane(id).await {
                Some(plane) => Kubeconfig::from_yaml(&plane.internal_kubeconfig(CONTROLLERS)).map(Some).map_err(words),
                None => Ok(None),
            }
        })
    }

    fn stop<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move { self.sandbox.stop(id).await.map_err(words) })
    }

    fn remove<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move { self.sandbox.remove(id).await.map_err(words) })
    }
}

/// Images behind which real code runs.
struct Images;

/// What the agent's image is called, whatever its registry and tag.
const AGENT: &str = "/windlass:";

impl PodRuntime for Images {
    fn knows(&self, image: &str) -> bool {
        image.contains(AGENT)
    }

    fn start(&self, image: &str, pod: PodStart) -> Option<PodHandle> {
        self.knows(image).then(|| {
            PodHandle::spawn(move |stopped| async move {
                let (stop, stopping) = watch::channel(false);
                let work = async {
                    match windlass_kube::kubeconfig::client(pod.kubeconfig, None).await {
                        Ok(client) => {
                            windlass_agent::run(client, AgentOptions { identity: pod.name, ..AgentOptions::default() }, stopping).await
                        }
                        Err(error) => tracing::warn!(%error, "the agent's pod has no way to its API"),
                    }
                };
                let ending = async {
                    stopped.cancelled().await;
                    // Nobody listens any more if the agent has ended by itself.
                    let _ = stop.send(true);
                    std::future::pending::<()>().await
                };
                tokio::select! {
                    () = work => {}
                    () = ending => {}
                }
            })
        })
    }
}
