//! A sandbox with its simulation in a folder of its own, and short ways to ask and wait.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::{Client, Config};
use serde_json::{Value, json};
use windlass_sandbox_api::{Boot, Options, Sandbox};
use windlass_sandbox_controllers::ledger::Reader;
use windlass_sandbox_controllers::{
    BootPlane, Faults, Ledger, NoPods, Planes, PodRuntime, PortError, Simulation, SimulationConfig, SystemClock,
};

pub struct World {
    pub sandbox: Arc<Sandbox>,
    pub simulation: Simulation,
    pub management: Plane,
    pub folder: tempfile::TempDir,
}

#[derive(Clone)]
pub struct Plane {
    pub client: Client,
}

struct Servers(Arc<Sandbox>);

const USER: &str = "windlass-controllers";

fn parse(text: &str) -> Result<Kubeconfig, PortError> {
    Kubeconfig::from_yaml(text).map_err(|error| PortError(error.to_string()))
}

fn failed(error: windlass_sandbox_api::Error) -> PortError {
    PortError(error.to_string())
}

impl Planes for Servers {
    fn reserve<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<std::net::SocketAddr, PortError>> {
        async move { self.0.reserve(id).await.map_err(failed) }.boxed()
    }
    fn boot<'a>(&'a self, id: &'a str, plane: BootPlane) -> BoxFuture<'a, Result<Kubeconfig, PortError>> {
        async move {
            let boot = Boot {
                ca_cert_pem: plane.ca_cert_pem,
                ca_key_pem: plane.ca_key_pem,
                service_account_key: plane.service_account_key_pem,
                version: plane.version,
                service_cidr: plane.service_cidr,
            };
            parse(&self.0.boot(id, boot).await.map_err(failed)?.internal_kubeconfig(USER))
        }
        .boxed()
    }
    fn attach<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Kubeconfig>, PortError>> {
        async move { self.0.plane(id).await.map(|plane| parse(&plane.internal_kubeconfig(USER))).transpose() }.boxed()
    }
    fn stop<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        async move { self.0.stop(id).await.map_err(failed) }.boxed()
    }
    fn remove<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        async move { self.0.remove(id).await.map_err(failed) }.boxed()
    }
}

impl World {
    pub async fn start() -> World {
        World::start_with(0.0, Faults::NONE, Arc::new(NoPods)).await
    }

    pub async fn start_with(speed: f64, faults: Faults, pods: Arc<dyn PodRuntime>) -> World {
        // RUST_LOG=windlass_sandbox_controllers=debug shows why a test waits.
        drop(tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_test_writer().try_init());
        let folder = tempfile::tempdir().expect("folder");
        let sandbox = Arc::new(Sandbox::open(&folder.path().join("api"), Options::default()).await.expect("sandbox"));
        let plane = sandbox.management().await.expect("management plane");
        let simulation = simulate(&sandbox, &folder.path().join("ledger.db"), speed, faults, pods).await;
        let management = Plane::connect(&plane.admin_kubeconfig()).await;
        World { sandbox, simulation, management, folder }
    }

    /// Ends the simulation and starts another one on the same APIs and ledger.
    pub async fn restart_simulation(&mut self) {
        self.simulation.stop();
        self.simulation = simulate(&self.sandbox, &self.ledger_path(), 0.0, Faults::NONE, Arc::new(NoPods)).await;
    }

    pub fn ledger_path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    pub fn ledger(&self) -> Reader {
        Ledger::open_read(&self.ledger_path()).expect("ledger")
    }

    pub fn live(&self, thing: &str) -> Vec<String> {
        self.ledger().live().expect("live").into_iter().filter(|one| one.thing == thing).map(|one| one.id).collect()
    }

    pub async fn workload(&self, namespace: &str, cluster: &str) -> Plane {
        let secret = self.management.get("v1", "Secret", namespace, &format!("{cluster}-kubeconfig")).await.expect("kubeconfig Secret");
        Plane::of_secret(&secret).await
    }
}

async fn simulate(sandbox: &Arc<Sandbox>, ledger: &std::path::Path, speed: f64, faults: Faults, pods: Arc<dyn PodRuntime>) -> Simulation {
    let management = sandbox.management().await.expect("management plane");
    let config = SimulationConfig {
        management_kubeconfig: Kubeconfig::from_yaml(&management.internal_kubeconfig(USER)).expect("kubeconfig"),
        planes: Arc::new(Servers(sandbox.clone())),
        pods,
        ledger_path: ledger.to_owned(),
        speed,
        faults,
        clock: Arc::new(SystemClock),
    };
    Simulation::start(config).await.expect("simulation")
}

impl Plane {
    pub async fn connect(kubeconfig: &str) -> Plane {
        let kubeconfig = Kubeconfig::from_yaml(kubeconfig).expect("kubeconfig");
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("config");
        Plane { client: Client::try_from(config).expect("client") }
    }

    pub async fn of_secret(secret: &Value) -> Plane {
        let encoded = secret["data"]["value"].as_str().expect("value");
        let text = String::from_utf8(data_encoding::BASE64.decode(encoded.as_bytes()).expect("base64")).expect("text");
        Plane::connect(&text).await
    }

    async fn api(&self, version: &str, kind: &str, namespace: &str) -> Api<DynamicObject> {
        let (group, version) = version.rsplit_once('/').unwrap_or(("", version));
        let (resource, capabilities) = kube::discovery::pinned_kind(&self.client, &GroupVersionKind::gvk(group, version, kind))
            .await
            .unwrap_or_else(|error| panic!("{version} {kind}: {error}"));
        if namespace.is_empty() || capabilities.scope == kube::discovery::Scope::Cluster {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        }
    }

    pub async fn create(&self, object: Value) -> Value {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let api = self.api(&text("/apiVersion"), &text("/kind"), &text("/metadata/namespace")).await;
        let parsed: DynamicObject = serde_json::from_value(object.clone()).expect("object");
        let created = api.create(&PostParams::default(), &parsed).await.unwrap_or_else(|error| panic!("{object}: {error}"));
        serde_json::to_value(created).expect("json")
    }

    pub async fn create_all(&self, objects: Vec<Value>) {
        for object in objects {
            self.create(object).await;
        }
    }

    pub async fn get(&self, version: &str, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let found = self.api(version, kind, namespace).await.get_opt(name).await.expect("get")?;
        Some(serde_json::to_value(found).expect("json"))
    }

    pub async fn list(&self, version: &str, kind: &str, namespace: &str) -> Vec<Value> {
        let list = self.api(version, kind, namespace).await.list(&ListParams::default()).await.expect("list");
        list.items.into_iter().map(|one| serde_json::to_value(one).expect("json")).collect()
    }

    pub async fn names(&self, version: &str, kind: &str, namespace: &str) -> Vec<String> {
        self.list(version, kind, namespace)
            .await
            .iter()
            .map(|one| one["metadata"]["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    pub async fn patch(&self, version: &str, kind: &str, namespace: &str, name: &str, patch: Value) {
        let api = self.api(version, kind, namespace).await;
        api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
    }

    pub async fn delete(&self, version: &str, kind: &str, namespace: &str, name: &str) {
        self.api(version, kind, namespace)
            .await
            .delete(name, &DeleteParams::default())
            .await
            .unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
    }

    /// Deletes an object and lets its dependents be, as `kubectl delete --cascade=orphan` does; waits until it is gone. Its owner may have
    /// made another of the same name by then.
    pub async fn orphan(&self, version: &str, kind: &str, namespace: &str, name: &str) {
        let api = self.api(version, kind, namespace).await;
        let old = api.get(name).await.expect("get").metadata.uid;
        api.delete(name, &DeleteParams::orphan()).await.unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
        let began = Instant::now();
        while api.get_opt(name).await.expect("get").is_some_and(|found| found.metadata.uid == old) {
            assert!(began.elapsed() < Duration::from_secs(120), "{kind} {name} does not go");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until `done` holds for the object; panics with the object after two minutes.
    pub async fn until(&self, version: &str, kind: &str, namespace: &str, name: &str, done: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        let api = self.api(version, kind, namespace).await;
        loop {
            let answer = tokio::time::timeout(Duration::from_secs(60), api.get_opt(name)).await;
            let found = answer
                .unwrap_or_else(|_| panic!("the API does not answer"))
                .expect("get")
                .map(|one| serde_json::to_value(one).expect("json"));
            if let Some(found) = &found
                && done(found)
            {
                return found.clone();
            }
            if began.elapsed() > Duration::from_secs(120) {
                panic!("{kind} {namespace}/{name} never got there: {}", serde_json::to_string_pretty(&found.map(strip)).expect("json"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn until_condition(&self, version: &str, kind: &str, namespace: &str, name: &str, condition: &str) -> Value {
        self.until(version, kind, namespace, name, |object| status_of(object, condition) == "True").await
    }

    pub async fn until_gone(&self, version: &str, kind: &str, namespace: &str, name: &str) {
        let began = Instant::now();
        let api = self.api(version, kind, namespace).await;
        while let Some(found) = api.get_opt(name).await.expect("get") {
            let found = serde_json::to_value(found).expect("json");
            assert!(
                began.elapsed() < Duration::from_secs(120),
                "{kind} {name} does not go: {}",
                serde_json::to_string_pretty(&strip(found)).expect("json")
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn strip(mut object: Value) -> Value {
    object["metadata"]["managedFields"] = json!(null);
    object
}

/// Status of a condition; empty when there is none.
pub fn status_of<'a>(object: &'a Value, condition: &str) -> &'a str {
    find(object, condition).and_then(|one| one["status"].as_str()).unwrap_or_default()
}

/// Message of a condition; empty when there is none.
pub fn message_of<'a>(object: &'a Value, condition: &str) -> &'a str {
    find(object, condition).and_then(|one| one["message"].as_str()).unwrap_or_default()
}

fn find<'a>(object: &'a Value, condition: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|one| one["type"] == condition)
}

/// Lets everything that is under way come to rest.
pub async fn settle() {
    tokio::time::sleep(Duration::from_millis(700)).await;
}
