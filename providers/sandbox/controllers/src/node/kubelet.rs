//! Scheduler and kubelet of a plane: binds pods, runs them, reports their status, stops them. Knows no workload kind.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::api::PostParams;
use kube::config::Kubeconfig;
use serde_json::{Value, json};

use super::containers::{Pace, State, pace, statuses};
use super::readiness::network_runs;
use super::scheduler::{Verdict, place};
use crate::conditions::{Say, find, merge_builtin, say, stamp};
use crate::delays::Delay;
use crate::fleet::Fleet;
use crate::kinds::Kind;
use crate::object::{Fields, Key, Meta, Object};
use crate::plane::{Controller, Error, Event, Next, Plane, Result};
use crate::ports::{PodHandle, PodStart};

/// Annotation of a static pod: the kubelet runs it from a file, nobody schedules it.
pub const MIRROR: &str = "kubernetes.io/config.mirror";

/// The pods of a plane.
#[derive(Default)]
pub struct Pods {
    running: Mutex<HashMap<String, PodHandle>>,
    no_binding: AtomicBool,
}

impl Controller for Pods {
    fn name(&self) -> &'static str {
        "pods"
    }
    fn kind(&self) -> Kind {
        Kind::Pod
    }
    fn needs(&self) -> &'static [Kind] {
        &[Kind::Pod, Kind::Node, Kind::PersistentVolumeClaim]
    }
    fn concerns(&self, plane: &Plane, event: &Event) -> Vec<Key> {
        let keys = |pods: Vec<Arc<Object>>| pods.iter().map(|pod| pod.key()).collect::<Vec<_>>();
        match event.kind {
            Kind::Node if event.gone => keys(plane.cache().pods_on(event.object.name())),
            Kind::Node => {
                let cache = plane.cache();
                let waiting = cache.pods_on(event.object.name()).into_iter().filter(|pod| pod.text("/status/phase") == "Pending");
                keys(cache.pods_on("").into_iter().chain(waiting).collect())
            }
            Kind::PersistentVolumeClaim => keys(plane.cache().pods_on("")),
            // The first pod of a network plugin lets the others of its node start.
            Kind::Pod if event.object.text("/status/phase") == "Running" && mounts_network_plugin(&event.object) => {
                let pods = plane.cache().pods_on(event.object.text("/spec/nodeName"));
                keys(pods.into_iter().filter(|pod| pod.text("/status/phase") == "Pending").collect())
            }
            _ => Vec::new(),
        }
    }
    fn reconcile<'a>(&'a self, fleet: &'a Arc<Fleet>, plane: &'a Arc<Plane>, key: &'a Key) -> BoxFuture<'a, Result<Next>> {
        self.look(fleet, plane, key).boxed()
    }
}

impl Pods {
    async fn look(&self, fleet: &Arc<Fleet>, plane: &Arc<Plane>, key: &Key) -> Result<Next> {
        let Some(pod) = plane.get(Kind::Pod, key) else {
            return Ok(Next::Wait);
        };
        if pod.deleting() {
            return self.stop(fleet, plane, &pod).await;
        }
        if matches!(pod.text("/status/phase"), "Succeeded" | "Failed") {
            return Ok(Next::Wait);
        }
        let node = pod.text("/spec/nodeName");
        if node.is_empty() {
            return self.schedule(fleet, plane, &pod).await;
        }
        let Some(node) = plane.get(Kind::Node, &(String::new(), node.to_owned())) else {
            // Pods of a node that is gone go with it.
            plane.delete_now(Kind::Pod, &pod).await?;
            self.forget(fleet, &pod);
            return Ok(Next::Wait);
        };
        self.run(fleet, plane, &pod, &node).await
    }

    async fn schedule(&self, fleet: &Arc<Fleet>, plane: &Arc<Plane>, pod: &Object) -> Result<Next> {
        let verdict = match unbound_claim(plane, pod) {
            Some(reason) => Verdict::Nowhere(reason),
            None => {
                let nodes = plane.cache().all(Kind::Node);
                place(pod, &nodes, |node| plane.cache().pods_on(node).len())
            }
        };
        match verdict {
            Verdict::Node(node) => {
                self.bind(plane, pod, &node).await?;
                Ok(Next::Wait)
            }
            Verdict::Nowhere(reason) => {
                let mut status = pod.at("/status").clone();
                status["phase"] = json!("Pending");
                let says = [say("PodScheduled", false, "Unschedulable", reason)];
                status["conditions"] = merge_builtin(pod.items("/status/conditions"), &says, fleet.clock.now());
                plane.set_status(Kind::Pod, pod, status, "kube-scheduler").await?;
                Ok(Next::Wait)
            }
        }
    }

    async fn bind(&self, plane: &Plane, pod: &Object, node: &str) -> Result<()> {
        if !self.no_binding.load(Ordering::Relaxed) {
            let binding = json!({
                "apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod.name(), "namespace": pod.namespace(), "uid": pod.uid()},
                "target": {"apiVersion": "v1", "kind": "Node", "name": node},
            });
            let answer: kube::Result<Value> =
                plane.api(Kind::Pod, pod.namespace()).create_subresource("binding", pod.name(), &PostParams::default(), &binding).await;
            match answer.map_err(Error::from) {
                Ok(_) => return Ok(()),
                // Already bound: the watch will say where.
                Err(error) if error.code() == Some(409) => return Ok(()),
                Err(error) if pod_is_there(plane, pod).await && matches!(error.code(), Some(404 | 405)) => {
                    self.no_binding.store(true, Ordering::Relaxed)
                }
                Err(error) => return Err(error),
            }
        }
        // A server without the binding subresource.
        plane.merge(Kind::Pod, pod, json!({"spec": {"nodeName": node}}), "kube-scheduler").await.map(|_| ())
    }

    async fn run(&self, fleet: &Arc<Fleet>, plane: &Arc<Plane>, pod: &Object, node: &Object) -> Result<Next> {
        if pod.annotation(MIRROR).is_some() {
            return report(fleet, plane, pod, node, &running(pod, fleet, true)).await.map(|()| Next::Wait);
        }
        if !pod.flag("/spec/hostNetwork") && !network_runs(plane, node) && !self.is_running(pod) && pod.text("/status/phase") != "Running" {
            let why = "network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized";
            return report(fleet, plane, pod, node, &State::Waiting("ContainerCreating", why.to_owned())).await.map(|()| Next::Wait);
        }
        if let Err(error) = self.start(fleet, plane, pod).await {
            let words = error.to_string();
            report(fleet, plane, pod, node, &State::Waiting("CreateContainerConfigError", words)).await?;
            return Ok(Next::After(fleet.delays.of(Delay::Retry)));
        }
        let pace = pace(pod);
        let finite = matches!(pod.text("/spec/restartPolicy"), "Never" | "OnFailure");
        let (delay, state) = match pace {
            Pace::Never => (None, running(pod, fleet, false)),
            Pace::Fails if !finite => (None, State::Waiting("CrashLoopBackOff", "back-off restarting failed container".to_owned())),
            Pace::Fails => (Some(fleet.delays.of(Delay::PodReady)), State::Ended { at: stamp(fleet.clock.now()), code: 1 }),
            Pace::Usual if finite => (Some(fleet.delays.of(Delay::PodReady)), State::Ended { at: stamp(fleet.clock.now()), code: 0 }),
            Pace::Usual => (Some(fleet.delays.of(Delay::PodReady)), running(pod, fleet, true)),
            Pace::After(time) => (Some(fleet.delays.scale(time)), running(pod, fleet, true)),
        };
        if find(pod, "Ready").is_some_and(|ready| ready.text("/status") == "True") && matches!(state, State::Running { ready: true, .. }) {
            return Ok(Next::Wait);
        }
        let left = delay.and_then(|delay| fleet.stopwatch.left(pod.uid(), Delay::PodReady, delay));
        match left {
            None => report(fleet, plane, pod, node, &state).await.map(|()| Next::Wait),
            Some(left) => {
                // Containers that take longer than usual are seen running and not ready meanwhile.
                if matches!(pace, Pace::After(_)) {
                    report(fleet, plane, pod, node, &running(pod, fleet, false)).await?;
                }
                Ok(Next::After(left))
            }
        }
    }

    /// Starts the code of a known image; nothing to do for others.
    async fn start(&self, fleet: &Arc<Fleet>, plane: &Arc<Plane>, pod: &Object) -> Result<()> {
        let Some(container) = pod.items("/spec/containers").iter().find(|container| fleet.pods.knows(container.text("/image"))) else {
            return Ok(());
        };
        if self.is_running(pod) {
            return Ok(());
        }
        let account = Some(pod.text("/spec/serviceAccountName")).filter(|name| !name.is_empty()).unwrap_or("default").to_owned();
        let kubeconfig = account_kubeconfig(plane, pod.namespace(), &account).await?;
        let strings = |pointer: &str| container.items(pointer).iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
        let start = PodStart {
            args: strings("/args"),
            env: environment(pod, container),
            kubeconfig,
            namespace: pod.namespace().to_owned(),
            name: pod.name().to_owned(),
            service_account: account,
        };
        if let Some(handle) = fleet.pods.start(container.text("/image"), start) {
            let (ended, plane, key) = (handle.ended(), plane.clone(), pod.key());
            let pause = fleet.delays.of(Delay::Retry);
            // Code that ends by itself is started again, as a kubelet does.
            tokio::spawn(async move {
                ended.cancelled().await;
                tokio::time::sleep(pause).await;
                plane.look_at(Kind::Pod, key);
            });
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.insert(pod.uid().to_owned(), handle);
        }
        Ok(())
    }

    fn is_running(&self, pod: &Object) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).get(pod.uid()).is_some_and(|handle| !handle.ended().is_cancelled())
    }

    async fn stop(&self, fleet: &Arc<Fleet>, plane: &Arc<Plane>, pod: &Object) -> Result<Next> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(pod.uid());
        if !pod.text("/spec/nodeName").is_empty()
            && let Some(left) = fleet.left(pod.uid(), Delay::PodStop)
        {
            return Ok(Next::After(left));
        }
        plane.delete_now(Kind::Pod, pod).await?;
        self.forget(fleet, pod);
        Ok(Next::Wait)
    }

    fn forget(&self, fleet: &Fleet, pod: &Object) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(pod.uid());
        fleet.stopwatch.forget(pod.uid());
    }
}

async fn pod_is_there(plane: &Plane, pod: &Object) -> bool {
    matches!(plane.read(&Kind::Pod.resource(), pod.namespace(), pod.name()).await, Ok(Some(_)))
}

fn running(pod: &Object, fleet: &Fleet, ready: bool) -> State {
    let since = pod.text("/status/startTime");
    State::Running { since: if since.is_empty() { stamp(fleet.clock.now()) } else { since.to_owned() }, ready }
}

/// Whether a pod brings the network plugin of its node: it mounts the folder where plugins or their settings live.
pub fn mounts_network_plugin(pod: &Object) -> bool {
    pod.items("/spec/volumes").iter().any(|volume| {
        let path = volume.text("/hostPath/path").trim_end_matches('/');
        path == "/etc/cni/net.d" || path == "/opt/cni/bin"
    })
}

/// The scheduler's words about a claim that holds a pod back.
fn unbound_claim(plane: &Plane, pod: &Object) -> Option<String> {
    let total = plane.cache().keys(Kind::Node).len();
    let claims =
        pod.items("/spec/volumes").iter().map(|volume| volume.text("/persistentVolumeClaim/claimName")).filter(|name| !name.is_empty());
    for name in claims {
        match plane.get(Kind::PersistentVolumeClaim, &(pod.namespace().to_owned(), name.to_owned())) {
            None => {
                return Some(format!(
                    "0/{total} nodes are available: persistentvolumeclaim \"{name}\" not found. preemption: 0/{total} nodes are available: {total} Preemption is not helpful for scheduling."
                ));
            }
            Some(claim) if claim.text("/status/phase") != "Bound" => {
                return Some(format!(
                    "0/{total} nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/{total} nodes are available: {total} Preemption is not helpful for scheduling."
                ));
            }
            Some(_) => {}
        }
    }
    None
}

/// The status that a kubelet reports for a state of the containers.
async fn report(fleet: &Fleet, plane: &Plane, pod: &Object, node: &Object, state: &State) -> Result<()> {
    let now = fleet.clock.now();
    let mut status = pod.at("/status").clone();
    let (phase, ready) = match state {
        State::Waiting("CrashLoopBackOff", _) => ("Running", false),
        State::Waiting(..) => ("Pending", false),
        State::Running { ready, .. } => ("Running", *ready),
        State::Ended { code: 0, .. } => ("Succeeded", false),
        State::Ended { .. } => ("Failed", false),
    };
    status["phase"] = json!(phase);
    if pod.text("/status/startTime").is_empty() {
        status["startTime"] = json!(stamp(now));
    }
    let host = node
        .items("/status/addresses")
        .iter()
        .find(|address| address.text("/type") == "InternalIP")
        .map_or("127.0.0.1", |address| address.text("/address"));
    status["hostIP"] = json!(host);
    status["hostIPs"] = json!([{"ip": host}]);
    if phase != "Pending" {
        let ip = if pod.flag("/spec/hostNetwork") { host.to_owned() } else { pod_ip(pod.uid()) };
        status["podIP"] = json!(ip);
        status["podIPs"] = json!([{"ip": ip}]);
    }
    let (reason, message) = match (ready, phase) {
        (true, _) => (String::new(), String::new()),
        (_, "Succeeded") => ("PodCompleted".to_owned(), String::new()),
        (_, "Failed") => ("PodFailed".to_owned(), String::new()),
        _ => ("ContainersNotReady".to_owned(), format!("containers with unready status: [{}]", names(pod))),
    };
    let condition = |kind: &'static str, holds: bool| Say {
        kind,
        status: if holds { "True" } else { "False" },
        reason: reason.clone(),
        message: message.clone(),
    };
    let says = [
        say("PodReadyToStartContainers", phase != "Pending", "", ""),
        say("Initialized", true, "", ""),
        condition("Ready", ready),
        condition("ContainersReady", ready),
        say("PodScheduled", true, "", ""),
    ];
    status["conditions"] = merge_builtin(pod.items("/status/conditions"), &says, now);
    status["containerStatuses"] = statuses(pod, state, 0);
    plane.set_status(Kind::Pod, pod, status, "kubelet").await
}

fn names(pod: &Object) -> String {
    pod.items("/spec/containers").iter().map(|container| container.text("/name")).collect::<Vec<_>>().join(" ")
}

fn pod_ip(uid: &str) -> String {
    let sum = uid.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    format!("192.168.{}.{}", (sum >> 8) % 256, sum % 253 + 2)
}

fn environment(pod: &Object, container: &Value) -> BTreeMap<String, String> {
    let value = |entry: &Value| match entry.text("/valueFrom/fieldRef/fieldPath") {
        "metadata.name" => pod.name().to_owned(),
        "metadata.namespace" => pod.namespace().to_owned(),
        "metadata.uid" => pod.uid().to_owned(),
        "spec.nodeName" => pod.text("/spec/nodeName").to_owned(),
        "spec.serviceAccountName" => pod.text("/spec/serviceAccountName").to_owned(),
        _ => entry.text("/value").to_owned(),
    };
    container.items("/env").iter().map(|entry| (entry.text("/name").to_owned(), value(entry))).collect()
}

/// A kubeconfig with nothing but a ServiceAccount's token.
async fn account_kubeconfig(plane: &Plane, namespace: &str, account: &str) -> Result<Kubeconfig> {
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 31_536_000}});
    let answer: Value =
        plane.api(Kind::ServiceAccount, namespace).create_subresource("token", account, &PostParams::default(), &request).await?;
    let token = answer.text("/status/token");
    if token.is_empty() {
        return Err(Error::Object(format!("serviceaccount {namespace}/{account}: the API gave no token")));
    }
    let clusters = serde_json::to_value(&plane.kubeconfig.clusters)?;
    let cluster = clusters.at("/0/cluster").clone();
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "pod",
        "clusters": [{"name": "pod", "cluster": cluster}],
        "users": [{"name": "pod", "user": {"token": token}}],
        "contexts": [{"name": "pod", "context": {"cluster": "pod", "user": "pod", "namespace": namespace}}],
    });
    Ok(serde_json::from_value(kubeconfig)?)
}
