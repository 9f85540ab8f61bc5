//! The way of an API server to what stands behind Services: webhooks by Service need no network of their own here. Knows no
//! Deployment and starts no process: whoever runs one says so in [`Backends`].
//!
//! The API server asks for connections by HTTP CONNECT on an abstract socket (its flag `--egress-selector-config-file`), which leaves
//! no file and has no length limit; connections to addresses of the host do not come this way.

use std::collections::BTreeMap;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::{Api, ListParams};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::error::GroundError;
use crate::host_lease;

/// More than any request of the API server has.
const LONGEST_HEAD: usize = 8 * 1024;
/// Less than webhooks are waited for, so that the reason is told.
const PATIENCE: Duration = Duration::from_secs(8);
const ASK_AGAIN: Duration = Duration::from_millis(25);

/// A process that stands behind Services, as a pod would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Backend {
    /// Labels of the pod.
    pub labels: BTreeMap<String, String>,
    /// Where it answers.
    pub ports: Vec<BackendPort>,
    /// It has not answered yet. Simulated kubelets call a pod ready before its process is, so that whoever calls it now waits.
    pub starting: bool,
}

/// A port of a container, and the one of this host that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackendPort {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its number in the container.
    pub number: i32,
    /// The port of this host.
    pub local: u16,
}

/// The processes of one plane that stand behind Services, by namespace and name of whatever runs them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backends(Arc<Mutex<BTreeMap<(String, String), Backend>>>);

impl Backends {
    /// A process answers from now on.
    pub fn insert(&self, namespace: &str, name: &str, backend: Backend) {
        self.held().insert((namespace.to_owned(), name.to_owned()), backend);
    }

    /// It has answered.
    pub fn has_started(&self, namespace: &str, name: &str) {
        if let Some(backend) = self.held().get_mut(&(namespace.to_owned(), name.to_owned())) {
            backend.starting = false;
        }
    }

    /// It does not any more.
    pub fn remove(&self, namespace: &str, name: &str) {
        self.held().remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// The port of this host for a port of a Service, and whether its process is still starting.
    fn find(&self, service: &Service, port: &ServicePort) -> Option<(u16, bool)> {
        let namespace = service.metadata.namespace.as_deref()?;
        // A Service without a selector has endpoints that somebody writes.
        let selector = service.spec.as_ref()?.selector.as_ref().filter(|selector| !selector.is_empty())?;
        let target = port.target_port.clone().unwrap_or(IntOrString::Int(port.port));
        let backends = self.held();
        let mut chosen = backends
            .iter()
            .filter(|((of, _), backend)| of == namespace && selector.iter().all(|(label, value)| backend.labels.get(label) == Some(value)));
        chosen.find_map(|(_, backend)| {
            let is_target = |port: &&BackendPort| match &target {
                IntOrString::Int(number) => port.number == *number,
                IntOrString::String(name) => port.name.as_ref() == Some(name),
            };
            backend.ports.iter().find(is_target).map(|port| (port.local, backend.starting))
        })
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<(String, String), Backend>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers the API server of one plane until it is dropped.
#[derive(Debug)]
pub(crate) struct ServiceProxy {
    socket: String,
    backends: Backends,
    task: JoinHandle<()>,
}

impl ServiceProxy {
    /// Begins to answer for the plane of this client. It belongs to the runtime that it is started in.
    pub fn start(client: kube::Client) -> Result<ServiceProxy, GroundError> {
        // None has the name of another, however shortly before that one ended.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let socket = format!("windlass-proving-ground/services-{process}-{count}");
        let failed = |source| GroundError::Io { what: format!("socket {socket}"), source };
        let listener = listen(&socket).map_err(failed)?;
        let backends = Backends::default();
        let task = tokio::spawn(answer(listener, client, backends.clone()));
        Ok(ServiceProxy { socket, backends, task })
    }

    /// The content of the API server's configuration file.
    pub fn configuration(&self) -> String {
        // Go writes an abstract socket with an @.
        let transport = json!({"uds": {"udsName": format!("@{}", self.socket)}});
        let selection = json!({"name": "cluster", "connection": {"proxyProtocol": "HTTPConnect", "transport": transport}});
        let kind = "EgressSelectorConfiguration";
        format!("{:#}\n", json!({"apiVersion": "apiserver.k8s.io/v1beta1", "kind": kind, "egressSelections": [selection]}))
    }

    /// Processes that it leads to.
    pub fn backends(&self) -> &Backends {
        &self.backends
    }
}

impl Drop for ServiceProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn listen(socket: &str) -> std::io::Result<UnixListener> {
    let listener: StdListener = host_lease::bind(socket)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

async fn answer(listener: UnixListener, client: kube::Client, backends: Backends) {
    // Connections end with this task.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(lead(stream, client.clone(), backends.clone()));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, until either side ends it.
async fn lead(mut stream: UnixStream, client: kube::Client, backends: Backends) {
    let led = async {
        let head = read_head(&mut stream).await?;
        let (host, port) = destination(&head).ok_or_else(|| format!("not understood: {head}"))?;
        connect(&client, &backends, &host, port).await
    };
    let led = tokio::time::timeout(PATIENCE, led).await.unwrap_or_else(|_| Err("nobody answers in time".to_owned()));
    // Whoever is at either end sees the other's end; there is nobody else to tell.
    match led {
        Ok(mut process) => {
            if stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.is_ok() {
                let _ = copy_bidirectional(&mut stream, &mut process).await;
            }
        }
        // The API server shows the status line to whoever waits for the webhook.
        Err(reason) => {
            let _ = stream.write_all(format!("HTTP/1.1 503 {}\r\n\r\n", reason.replace(['\r', '\n'], " ")).as_bytes()).await;
        }
    }
}

/// A connection to the process behind a Service; waits for one that is starting.
async fn connect(client: &kube::Client, backends: &Backends, host: &str, port: i32) -> Result<TcpStream, String> {
    let (service, port) = look_up(client, host, port).await?;
    loop {
        let found = backends.find(&service, &port);
        let (local, starting) = found.ok_or_else(|| format!("no process stands behind the Service {}", name_of(&service)))?;
        match TcpStream::connect(("127.0.0.1", local)).await {
            Ok(process) => return Ok(process),
            Err(_) if starting => tokio::time::sleep(ASK_AGAIN).await,
            Err(error) => return Err(format!("the process behind the Service {}: {error}", name_of(&service))),
        }
    }
}

/// Up to the empty line. The API server sends nothing more before it has its answer.
async fn read_head(stream: &mut UnixStream) -> Result<String, String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut part = [0; 512];
        let count = stream.read(&mut part).await.map_err(|error| error.to_string())?;
        if count == 0 || head.len() > LONGEST_HEAD {
            return Err("no whole request".to_owned());
        }
        head.extend(part.iter().take(count));
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Host and port of `CONNECT host:port HTTP/1.1`.
fn destination(head: &str) -> Option<(String, i32)> {
    let mut words = head.lines().next()?.split(' ');
    let address = words.next().filter(|method| *method == "CONNECT").and_then(|_| words.next())?;
    let (host, port) = address.rsplit_once(':')?;
    Some((host.trim_matches(['[', ']']).to_owned(), port.parse().ok()?))
}

/// The Service of this address or name, and its port of this number.
async fn look_up(client: &kube::Client, host: &str, port: i32) -> Result<(Service, ServicePort), String> {
    let service = match host.split('.').collect::<Vec<_>>().as_slice() {
        [name, namespace, "svc", ..] => Api::<Service>::namespaced(client.clone(), namespace).get_opt(name).await,
        _ => {
            let of_address = ListParams::default().fields(&format!("spec.clusterIP={host}"));
            Api::<Service>::all(client.clone()).list(&of_address).await.map(|list| list.items.into_iter().next())
        }
    };
    let service = service.map_err(|error| error.to_string())?.ok_or_else(|| format!("{host} is no Service"))?;
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref());
    let port = ports.into_iter().flatten().find(|one| one.port == port).cloned();
    let port = port.ok_or_else(|| format!("the Service {} has no such port", name_of(&service)))?;
    Ok((service, port))
}

fn name_of(service: &Service) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{}/{}", text(&service.metadata.namespace), text(&service.metadata.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(selector: serde_json::Value, target: serde_json::Value) -> Service {
        let spec = json!({"selector": selector, "ports": [{"port": 443, "targetPort": target}]});
        serde_json::from_value(json!({"metadata": {"name": "hook", "namespace": "one"}, "spec": spec})).expect("a Service")
    }

    fn found(service: &Service) -> Option<(u16, bool)> {
        let backends = Backends::default();
        let labels = [("app", "a"), ("more", "m")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let ports = vec![BackendPort { name: Some("hooks".to_owned()), number: 9443, local: 30_000 }];
        backends.insert("one", "manager", Backend { labels, ports, starting: true });
        let port = service.spec.as_ref().and_then(|spec| spec.ports.as_ref()).and_then(|ports| ports.first()).expect("a port");
        backends.find(service, port)
    }

    #[test]
    fn a_service_leads_to_the_process_that_it_selects() {
        for (selector, target, expected) in [
            (json!({"app": "a"}), json!("hooks"), Some((30_000, true))),
            (json!({"app": "a", "more": "m"}), json!(9443), Some((30_000, true))),
            (json!({"app": "a"}), json!("metrics"), None),
            (json!({"app": "a"}), json!(443), None),
            (json!({"app": "b"}), json!("hooks"), None),
            (json!({}), json!("hooks"), None),
        ] {
            assert_eq!(found(&service(selector.clone(), target.clone())), expected, "{selector} {target}");
        }
    }

    #[test]
    fn a_service_of_another_namespace_leads_nowhere() {
        let mut service = service(json!({"app": "a"}), json!("hooks"));
        service.metadata.namespace = Some("two".to_owned());
        assert_eq!(found(&service), None);
    }

    #[test]
    fn what_the_api_server_asks_for_is_understood() {
        let asked = |head: &str| destination(head);
        assert_eq!(asked("CONNECT 10.96.0.7:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), Some(("10.96.0.7".to_owned(), 443)));
        assert_eq!(asked("CONNECT [fd00::7]:443 HTTP/1.1\r\n\r\n"), Some(("fd00::7".to_owned(), 443)));
        assert_eq!(asked("GET / HTTP/1.1\r\n\r\n"), None);
        assert_eq!(asked("CONNECT nowhere HTTP/1.1\r\n\r\n"), None);
    }
}
