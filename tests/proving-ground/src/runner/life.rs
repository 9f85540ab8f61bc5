//! The life of one Deployment's process: what it waits for, how it is started, and when it ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::sync::watch;

use super::arguments::{expanded, on_this_host};
use super::host_pod::{HostCommand, HostPod};
use super::pod_spec::{Contents, PodSpec};
use super::programs::Row;
use super::running::{Entry, Key, Listed, Running};
use super::sources::{Sources, write_mounts};
use super::token::kubeconfig_of;
use crate::egress::{Backend, BackendPort, Backends};
use crate::error::GroundError;
use crate::ground::Ground;
use crate::host_lease::HostLease;
use crate::launch::Launch;
use crate::log::Log;
use crate::manager::alone_on_host;
use crate::plane::PlaneAccess;
use crate::ports::PortLease;
use crate::service::{Service, answers_ok};
use crate::steady::AGAIN;

/// Where files of mounts lie in a pod's folder.
const MOUNTS: &str = "mounts";
/// How often a process is asked whether it is ready.
const ASK_AGAIN: Duration = Duration::from_millis(25);

/// What all lives on one plane share.
pub(super) struct Stage {
    pub ground: Arc<Ground>,
    pub plane: PlaneAccess,
    pub rows: Arc<[Row]>,
    pub running: Arc<Running>,
    pub log: Arc<Log>,
}

impl Stage {
    fn say(&self, key: &Key, line: &str) {
        self.log.say(&format!("{}: {}/{}: {line}", self.plane.name, key.1, key.2));
    }

    fn note(&self, key: &Key, reason: &str) {
        if self.running.note(key, reason) {
            self.say(key, reason);
        }
    }
}

/// Ports of this host that stay those of a Deployment, by name and number in its container.
type Leases = BTreeMap<(Option<String>, i32), PortLease>;

/// Runs what is wanted, as it changes, until nobody can want anything any more.
pub(super) async fn live(stage: Arc<Stage>, key: Key, mut wanted: watch::Receiver<Option<PodSpec>>) {
    let (mut leases, mut restarts) = (Leases::new(), 0);
    loop {
        let spec = wanted.borrow_and_update().clone();
        let Some(spec) = spec else {
            if wanted.changed().await.is_err() {
                return;
            }
            continue;
        };
        let begun = tokio::select! {
            changed = wanted.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            begun = HostedPod::begin(&stage, &key, &spec, &mut leases, restarts) => begun,
        };
        match begun {
            Ok(pod) => match run(&stage, &key, pod, &mut wanted).await {
                End::Unwanted => continue,
                End::ByItself => restarts += 1,
            },
            Err(error) => stage.note(&key, &error.to_string()),
        }
        tokio::select! {
            _ = wanted.changed() => {}
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

/// Why a process is over.
enum End {
    Unwanted,
    ByItself,
}

async fn run(stage: &Stage, key: &Key, mut pod: HostedPod, wanted: &mut watch::Receiver<Option<PodSpec>>) -> End {
    stage.say(key, &format!("runs as process {}", pod.service.process().map(|process| process.id()).unwrap_or_default()));
    let reason = tokio::select! {
        _ = wanted.changed() => None,
        reason = pod.stay() => Some(reason),
    };
    match reason {
        Some(reason) => {
            stage.say(key, &reason);
            End::ByItself
        }
        None => {
            pod.service.stop().await;
            stage.say(key, "was stopped");
            End::Unwanted
        }
    }
}

/// A process that runs. It ends when this is dropped.
struct HostedPod {
    service: Arc<Service>,
    probe: Option<(u16, String)>,
    sources: Sources,
    spec: PodSpec,
    folder: PathBuf,
    behind: Behind,
    _listed: Listed,
    _alone: Option<HostLease>,
}

impl HostedPod {
    /// Waits for all that the pod needs, and starts its process.
    async fn begin(stage: &Stage, key: &Key, spec: &PodSpec, leases: &mut Leases, restarts: u32) -> Result<HostedPod, GroundError> {
        let refused = |reason: String| GroundError::Pod { what: format!("{}/{}", key.1, key.2), reason };
        let row = stage.rows.iter().find(|row| row.is_of(spec.image())).ok_or_else(|| refused("no program runs its image".to_owned()))?;
        let ports = lease(spec, leases)?;
        let behind = Behind::stand(&stage.plane.backends, spec, &ports);
        let mut sources = Sources::watch(&stage.plane.client, spec);
        while let Some(missing) = sources.missing().first() {
            stage.running.note(key, &format!("waits for {missing}"));
            sources.changed().await;
        }
        let alone = match row.alone {
            Some(program) => Some(alone_on_host(program).await?),
            None => None,
        };
        let folder = stage.ground.data_folder(&format!("pods-of-{}/{}.{}", stage.plane.name, key.1, key.2))?;
        let kubeconfig = folder.join("kubeconfig");
        let text = kubeconfig_of(&stage.plane, &spec.namespace, spec.service_account()).await?;
        std::fs::write(&kubeconfig, text).map_err(GroundError::io(&kubeconfig))?;

        let pod = host_pod(stage, spec, &ports, sources.now(), &folder, kubeconfig)?;
        let command = (row.command)(&pod).map_err(refused)?;
        let service = Arc::new(Service::start(launch(stage, key, pod, command)?)?);
        let probe = probe(spec, &ports);
        let listed = stage.running.add(key, Entry { service: Arc::clone(&service), probe: probe.clone(), restarts });
        Ok(HostedPod { service, probe, sources, spec: spec.clone(), folder, behind, _listed: listed, _alone: alone })
    }

    /// Keeps its files as their sources are, until it ends by itself; tells how.
    async fn stay(&mut self) -> String {
        let mut started = false;
        loop {
            tokio::select! {
                status = ended(&self.service) => return format!("ended by itself ({status})"),
                () = answers(self.probe.as_ref()), if !started => {
                    started = true;
                    self.behind.has_started();
                }
                () = self.sources.changed() => {
                    // A file that cannot be written now is no reason to end; the process goes on with what it has.
                    let _ = write_mounts(&self.folder.join(MOUNTS), &self.spec.mounts(), self.sources.now());
                }
            }
        }
    }
}

/// Leads calls of Services to a pod; when it is dropped, to nobody.
struct Behind {
    backends: Backends,
    namespace: String,
    deployment: String,
}

impl Behind {
    fn stand(backends: &Backends, spec: &PodSpec, ports: &[BackendPort]) -> Behind {
        let behind = Behind { backends: backends.clone(), namespace: spec.namespace.clone(), deployment: spec.deployment.clone() };
        let backend = Backend { labels: spec.labels(), ports: ports.to_vec(), starting: true };
        behind.backends.insert(&behind.namespace, &behind.deployment, backend);
        behind
    }

    fn has_started(&self) {
        self.backends.has_started(&self.namespace, &self.deployment);
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.backends.remove(&self.namespace, &self.deployment);
    }
}

/// Writes the files of its mounts, and makes all else out of the pod's words.
fn host_pod(
    stage: &Stage,
    spec: &PodSpec,
    ports: &[BackendPort],
    contents: &Contents,
    folder: &Path,
    kubeconfig: PathBuf,
) -> Result<HostPod, GroundError> {
    let mounts = write_mounts(&folder.join(MOUNTS), &spec.mounts(), contents)?;
    let environment = spec.environment(contents);
    let local = |text: &String| on_this_host(text, &mounts);
    Ok(HostPod {
        plane: stage.plane.name.clone(),
        namespace: spec.namespace.clone(),
        deployment: spec.deployment.clone(),
        image: spec.image().to_owned(),
        arguments: spec.arguments().iter().map(|argument| local(&expanded(argument, &environment))).collect(),
        environment: environment.iter().map(|(name, value)| (name.clone(), local(value))).collect(),
        ports: ports.iter().map(|port| (port.name.clone().unwrap_or_else(|| port.number.to_string()), port.local)).collect(),
        kubeconfig,
        folder: folder.to_path_buf(),
        mounts,
    })
}

fn launch(stage: &Stage, key: &Key, pod: HostPod, command: HostCommand) -> Result<Launch, GroundError> {
    let mut environment = pod.environment;
    environment.insert("KUBECONFIG".to_owned(), pod.kubeconfig.display().to_string());
    environment.extend(command.environment);
    Ok(Launch {
        name: format!("{}/{} of {}", key.1, key.2, stage.plane.name),
        program: command.program,
        arguments: command.arguments,
        environment,
        folder: pod.folder,
        log: stage.ground.log_folder(&stage.plane.name)?.join(format!("{}.{}.log", key.1, key.2)),
    })
}

fn lease(spec: &PodSpec, leases: &mut Leases) -> Result<Vec<BackendPort>, GroundError> {
    let mut ports = Vec::new();
    for (name, number) in spec.ports() {
        let key = (name.clone(), number);
        let lease = match leases.get(&key) {
            Some(lease) => lease.clone(),
            None => PortLease::take()?,
        };
        ports.push(BackendPort { name, number, local: lease.port() });
        leases.insert(key, lease);
    }
    Ok(ports)
}

fn probe(spec: &PodSpec, ports: &[BackendPort]) -> Option<(u16, String)> {
    let probe = spec.probe()?;
    let port = ports.iter().find(|port| match &probe.port {
        IntOrString::Int(number) => port.number == *number,
        IntOrString::String(name) => port.name.as_ref() == Some(name),
    });
    port.map(|port| (port.local, probe.path))
}

/// Waits until it answers; at once if it says nothing.
async fn answers(probe: Option<&(u16, String)>) {
    let Some((port, path)) = probe else { return };
    while !answers_ok(*port, path).await {
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// Waits until it ends by itself. Somebody who stops it has a reason, and starts it again.
async fn ended(service: &Service) -> std::process::ExitStatus {
    loop {
        if let Some(process) = service.process() {
            let status = process.wait().await;
            if service.process().is_some_and(|now| Arc::ptr_eq(&now, &process)) {
                return status;
            }
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
