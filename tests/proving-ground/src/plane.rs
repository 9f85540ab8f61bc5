//! One Kubernetes control plane of real processes, with simulated kubelets. Knows no Cluster API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::api::{Api, PostParams};
use serde_json::json;

use crate::authority::{Authority, ServiceAccountKeys};
use crate::egress::{Backends, ServiceProxy};
use crate::error::GroundError;
use crate::ground::Ground;
use crate::kubeconfig::kubeconfig;
use crate::launch::Launch;
use crate::ports::PortLease;
use crate::service::{Service, answers_ok};

/// Patience with a machine that has other work; a plane that has one of its own is ready in 5 s.
const PATIENCE: Duration = Duration::from_secs(120);
/// Addresses of Services where nobody chose any.
const SERVICES: &str = "10.96.0.0/16";

/// What distinguishes a plane from another.
#[derive(Debug)]
pub struct PlaneSpec {
    /// Its name on the ground and in its kubeconfig.
    pub name: String,
    /// Signs its certificates; clients are checked against it.
    pub authority: Authority,
    /// Sign its tokens.
    pub service_accounts: ServiceAccountKeys,
    /// Where its API server listens; a port of its own if none is given.
    pub port: Option<PortLease>,
    /// Addresses of its Services, as the API server's flag has them.
    pub services: String,
}

impl std::fmt::Debug for ServiceAccountKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServiceAccountKeys")
    }
}

impl PlaneSpec {
    /// A plane with keys of its own.
    ///
    /// # Errors
    /// None in practice.
    pub fn named(name: &str) -> Result<PlaneSpec, GroundError> {
        let (authority, service_accounts) = (Authority::generate()?, ServiceAccountKeys::generate()?);
        Ok(PlaneSpec { name: name.to_owned(), authority, service_accounts, port: None, services: SERVICES.to_owned() })
    }
}

/// A running plane. Its services can be stopped and started one by one; all of them end with it.
pub struct Plane {
    name: String,
    authority: Authority,
    kubeconfig: String,
    kubeconfig_file: PathBuf,
    client: kube::Client,
    port: u16,
    /// Simulated kubelets of every node.
    pub kubelets: Service,
    /// kube-scheduler.
    pub scheduler: Service,
    /// kube-controller-manager.
    pub controller_manager: Service,
    /// kube-apiserver.
    pub api_server: Service,
    /// etcd.
    pub etcd: Service,
    /// What stands behind its Services.
    services: ServiceProxy,
    _ports: [PortLease; 3],
}

/// What somebody needs who runs pods of a plane. It does not keep the plane alive.
#[derive(Clone)]
pub(crate) struct PlaneAccess {
    /// The plane's name on the ground.
    pub name: String,
    /// Its address.
    pub server: String,
    /// Signs for that address.
    pub ca_certificate: String,
    /// Has every right.
    pub client: kube::Client,
    /// What stands behind its Services.
    pub backends: Backends,
}

impl std::fmt::Debug for Plane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plane({} at {})", self.name, self.server())
    }
}

/// Makes the launches of one plane.
struct Launches<'a> {
    ground: &'a Ground,
    plane: &'a str,
    folder: PathBuf,
    logs: PathBuf,
}

impl Launches<'_> {
    fn of(&self, program: &str, arguments: Vec<String>) -> Launch {
        Launch {
            name: format!("{program} of {}", self.plane),
            program: self.ground.components().program(program),
            arguments,
            environment: std::collections::BTreeMap::new(),
            folder: self.folder.clone(),
            log: self.logs.join(format!("{program}.log")),
        }
    }

    fn file(&self, name: &str, content: &str) -> Result<String, GroundError> {
        let path = self.folder.join(name);
        std::fs::write(&path, content).map_err(GroundError::io(&path))?;
        Ok(path.display().to_string())
    }

    fn folder(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

impl Plane {
    /// Starts a plane and waits until it is ready: the API answers, controllers work, the default service account is there.
    ///
    /// # Errors
    /// A process does not come up.
    pub async fn start(ground: &Ground, spec: PlaneSpec) -> Result<Plane, GroundError> {
        let PlaneSpec { name, authority, service_accounts, port, services } = spec;
        let launches = Launches { ground, plane: &name, folder: ground.data_folder(&name)?, logs: ground.log_folder(&name)? };
        let ports = [port.map_or_else(PortLease::take, Ok)?, PortLease::take()?, PortLease::take()?];
        let [api, etcd_clients, etcd_peers] = [ports[0].port(), ports[1].port(), ports[2].port()];

        let server = format!("https://127.0.0.1:{api}");
        let admin = authority.client("windlass-proving-ground", "system:masters")?;
        let kubeconfig = kubeconfig(&name, &server, authority.certificate(), &admin);
        let kubeconfig_file = PathBuf::from(launches.file("admin.kubeconfig", &kubeconfig)?);
        let client = client(&kubeconfig).await?;
        let service_proxy = ServiceProxy::start(client.clone())?;

        let etcd = Service::start(launches.of("etcd", etcd_arguments(&launches, etcd_clients, etcd_peers)))?;
        let files = Files::write(&launches, &authority, &service_accounts)?;
        let mut arguments = api_server_arguments(&launches, &files, &services, [api, etcd_clients]);
        let egress = launches.file("egress.json", &service_proxy.configuration())?;
        arguments.push(format!("--egress-selector-config-file={egress}"));
        // It waits for etcd by itself.
        let api_server = Service::start(launches.of("kube-apiserver", arguments))?;
        etcd.wait_until(PATIENCE, || answers_ok(etcd_clients, "/health")).await?;
        api_server.wait_until(PATIENCE, || api_is_ready(&client)).await?;

        let config = kubeconfig_file.display().to_string();
        let controller_manager = Service::start(launches.of("kube-controller-manager", controller_manager_arguments(&files, &config)))?;
        let scheduler = Service::start(launches.of("kube-scheduler", scheduler_arguments(&config)))?;
        let kubelets = Service::start(launches.of("kwok", kubelet_arguments(ground, &config)?))?;
        controller_manager.wait_until(PATIENCE, || default_account_is_there(&client)).await?;

        let plane = Plane {
            port: api,
            _ports: ports,
            authority,
            kubeconfig,
            kubeconfig_file,
            client,
            kubelets,
            scheduler,
            controller_manager,
            api_server,
            etcd,
            services: service_proxy,
            name: name.clone(),
        };
        Ok(plane)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address of its API server.
    pub fn server(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The port of its API server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Signs its certificates.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// A client with every right. It belongs to the runtime that the plane was started in.
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// A kubeconfig with every right.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// The same as a file, which lives as long as the ground.
    pub fn kubeconfig_file(&self) -> &Path {
        &self.kubeconfig_file
    }

    pub(crate) fn access(&self) -> PlaneAccess {
        PlaneAccess {
            name: self.name.clone(),
            server: self.server(),
            ca_certificate: self.authority.certificate().to_owned(),
            client: self.client(),
            backends: self.services.backends().clone(),
        }
    }

    /// Starts what was stopped, and waits until the API answers.
    ///
    /// # Errors
    /// A process does not come up.
    pub async fn start_again(&self) -> Result<(), GroundError> {
        self.etcd.start_again()?;
        self.api_server.start_again()?;
        self.api_server.wait_until(PATIENCE, || api_is_ready(&self.client)).await?;
        for service in [&self.controller_manager, &self.scheduler, &self.kubelets] {
            service.start_again()?;
        }
        Ok(())
    }

    /// Ends all of it at once, as a power cut would, whoever else holds it.
    pub async fn end(&self) {
        for service in self.services() {
            service.kill().await;
        }
    }

    /// Adds an empty node, which the simulated kubelets make ready.
    ///
    /// # Errors
    /// The API server refuses it.
    pub async fn add_node(&self, name: &str) -> Result<Node, GroundError> {
        // A kubelet's own labels; pods choose nodes by them.
        let labels = json!({"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"});
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}});
        let what = format!("node {name}");
        let node: Node = serde_json::from_value(node).map_err(|error| GroundError::Io { what: what.clone(), source: error.into() })?;
        Api::all(self.client()).create(&PostParams::default(), &node).await.map_err(GroundError::api(what))
    }

    /// All of its services, the API server first.
    pub fn services(&self) -> [&Service; 5] {
        [&self.api_server, &self.etcd, &self.controller_manager, &self.scheduler, &self.kubelets]
    }
}

/// Files of keys and certificates, by path.
struct Files {
    ca: String,
    ca_key: String,
    serving: String,
    serving_key: String,
    tokens: String,
    tokens_key: String,
}

impl Files {
    fn write(launches: &Launches<'_>, authority: &Authority, service_accounts: &ServiceAccountKeys) -> Result<Files, GroundError> {
        let names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
        let serving = authority.serving("kube-apiserver", &names)?;
        Ok(Files {
            ca: launches.file("ca.crt", authority.certificate())?,
            ca_key: launches.file("ca.key", authority.key())?,
            serving: launches.file("apiserver.crt", &serving.certificate)?,
            serving_key: launches.file("apiserver.key", &serving.key)?,
            tokens: launches.file("sa.pub", &service_accounts.public)?,
            tokens_key: launches.file("sa.key", &service_accounts.private)?,
        })
    }
}

fn etcd_arguments(launches: &Launches<'_>, clients: u16, peers: u16) -> Vec<String> {
    vec![
        "--name=member".to_owned(),
        format!("--data-dir={}", launches.folder("etcd")),
        format!("--listen-client-urls=http://127.0.0.1:{clients}"),
        format!("--advertise-client-urls=http://127.0.0.1:{clients}"),
        format!("--listen-peer-urls=http://127.0.0.1:{peers}"),
        format!("--initial-advertise-peer-urls=http://127.0.0.1:{peers}"),
        format!("--initial-cluster=member=http://127.0.0.1:{peers}"),
        // Its data is thrown away.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

fn api_server_arguments(launches: &Launches<'_>, files: &Files, services: &str, [port, etcd]: [u16; 2]) -> Vec<String> {
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        format!("--secure-port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--cert-dir={}", launches.folder("apiserver")),
        format!("--tls-cert-file={}", files.serving),
        format!("--tls-private-key-file={}", files.serving_key),
        format!("--client-ca-file={}", files.ca),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", files.tokens),
        format!("--service-account-signing-key-file={}", files.tokens_key),
        format!("--service-cluster-ip-range={services}"),
        "--authorization-mode=RBAC".to_owned(),
        "--allow-privileged=true".to_owned(),
    ]
}

fn controller_manager_arguments(files: &Files, kubeconfig: &str) -> Vec<String> {
    vec![
        format!("--kubeconfig={kubeconfig}"),
        // What speaks to a cloud has nobody to speak to; nodelifecycle stays, it takes the not-ready taint away.
        "--controllers=*,-cloud-node-lifecycle-controller,-service-lb-controller,-node-route-controller,-node-ipam-controller".to_owned(),
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
        format!("--root-ca-file={}", files.ca),
        format!("--service-account-private-key-file={}", files.tokens_key),
        format!("--cluster-signing-cert-file={}", files.ca),
        format!("--cluster-signing-key-file={}", files.ca_key),
        "--kube-api-qps=200".to_owned(),
        "--kube-api-burst=400".to_owned(),
    ]
}

fn scheduler_arguments(kubeconfig: &str) -> Vec<String> {
    vec![
        format!("--kubeconfig={kubeconfig}"),
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
        "--kube-api-qps=200".to_owned(),
        "--kube-api-burst=400".to_owned(),
    ]
}

fn kubelet_arguments(ground: &Ground, kubeconfig: &str) -> Result<Vec<String>, GroundError> {
    let folder = ground.components().files("stages");
    let entries = std::fs::read_dir(&folder).map_err(GroundError::io(&folder))?;
    let mut stages: Vec<String> = entries.flatten().map(|entry| format!("--config={}", entry.path().display())).collect();
    stages.sort();
    let mut arguments =
        vec![format!("--kubeconfig={kubeconfig}"), "--manage-all-nodes=true".to_owned(), "--node-lease-duration-seconds=40".to_owned()];
    arguments.extend(stages);
    Ok(arguments)
}

async fn client(kubeconfig: &str) -> Result<kube::Client, GroundError> {
    let refused = |error: String| GroundError::Certificate(format!("a kubeconfig of ours: {error}"));
    let config = kube::config::Kubeconfig::from_yaml(kubeconfig).map_err(|error| refused(error.to_string()))?;
    let options = kube::config::KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(config, &options).await.map_err(|error| refused(error.to_string()))?;
    kube::Client::try_from(config).map_err(GroundError::api("a client"))
}

async fn api_is_ready(client: &kube::Client) -> bool {
    let Ok(request) = http::Request::get("/readyz").body(Vec::new()) else { return false };
    let asked = tokio::time::timeout(Duration::from_secs(2), client.request_text(request));
    asked.await.is_ok_and(|answer| answer.is_ok_and(|text| text == "ok"))
}

async fn default_account_is_there(client: &kube::Client) -> bool {
    Api::<ServiceAccount>::namespaced(client.clone(), "default").get_opt("default").await.is_ok_and(|found| found.is_some())
}
