//! `hold NAME [PLANE…]`: holds a ground with planes until it is told to stop, or its standard input ends without a word; one
//! that got a word there stays when whoever started it goes. With the argument `--cluster-api` the first plane has Cluster API.
//! Prints one line of JSON when all is ready, and leaves it beside the logs.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use windlass_proving_ground::{Ground, GroundError, MANAGERS, Manager, Plane, PlaneSpec, Service, install_cluster_api, that_may_run_now};

/// What is held, as the line of JSON says it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Held {
    /// The holder's process id.
    pub pid: u32,
    /// Its planes.
    pub planes: Vec<HeldPlane>,
    /// Ids of every process of it.
    pub processes: Vec<i32>,
    /// Where all of them log.
    pub logs: PathBuf,
    /// Providers that are not there: they run once on a host, and another plane has them.
    #[serde(default)]
    pub without: Vec<String>,
}

/// One plane.
#[derive(Debug, Serialize, Deserialize)]
pub struct HeldPlane {
    /// Its name.
    pub name: String,
    /// Its address.
    pub server: String,
    /// A file with every right.
    pub kubeconfig: PathBuf,
}

/// Runs until it is told to stop.
pub fn hold(name: &str, arguments: &[&str]) -> Result<(), String> {
    // No terminal ends it.
    let _ = rustix::process::setsid();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut stop = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        tokio::select! {
            // A ground that cannot begin says so, whatever became of standard input.
            biased;
            failed = come_up_and_stay(name, arguments) => failed.map_err(|error| error.to_string()),
            () = starter_is_gone() => Ok(()),
            _ = stop.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
        }
    })
}

async fn come_up_and_stay(name: &str, arguments: &[&str]) -> Result<(), GroundError> {
    let ground = Ground::begin(name)?;
    let with_cluster_api = arguments.contains(&"--cluster-api");
    let mut planes = Vec::new();
    for plane in arguments.iter().filter(|argument| !argument.starts_with("--")) {
        planes.push(Plane::start(&ground, PlaneSpec::named(plane)?).await?);
    }
    let mut managers: Vec<Manager> = Vec::new();
    let mut without: Vec<&str> = Vec::new();
    if let Some(plane) = planes.first().filter(|_| with_cluster_api) {
        plane.add_node("node-1").await?;
        let kinds = that_may_run_now(&MANAGERS)?;
        without = MANAGERS.iter().map(|kind| kind.label).filter(|label| !kinds.iter().any(|kind| kind.label == *label)).collect();
        managers = install_cluster_api(&ground, plane, kinds).await?.managers;
    }
    let said = serde_json::to_string(&held(&ground, &planes, &managers, &without)).unwrap_or_default();
    let note = note_of(ground.logs());
    std::fs::write(&note, &said).map_err(|source| GroundError::Io { what: note.display().to_string(), source })?;
    let mut out = std::io::stdout();
    // Whoever started us may have gone; then standard input has ended too.
    let _ = writeln!(out, "{said}").and_then(|()| out.flush());
    std::future::pending().await
}

/// Where a ground that is held says what is in it, once all is ready.
pub fn note_of(logs: &Path) -> PathBuf {
    logs.join("held.json")
}

/// Ends when standard input ends without a word.
async fn starter_is_gone() {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut words = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut words);
        // Nobody listens any more once we end for another reason.
        let _ = tell.send(words.is_empty());
    });
    if told.await != Ok(true) {
        std::future::pending::<()>().await;
    }
}

fn held(ground: &Ground, planes: &[Plane], managers: &[Manager], without: &[&str]) -> Held {
    let services = planes.iter().flat_map(Plane::services).chain(managers.iter().map(|manager| &manager.service));
    Held {
        pid: std::process::id(),
        planes: planes
            .iter()
            .map(|plane| HeldPlane {
                name: plane.name().to_owned(),
                server: plane.server(),
                kubeconfig: plane.kubeconfig_file().to_path_buf(),
            })
            .collect(),
        processes: services.filter_map(Service::process).map(|process| process.id()).collect(),
        logs: ground.logs().to_path_buf(),
        without: without.iter().map(ToString::to_string).collect(),
    }
}
