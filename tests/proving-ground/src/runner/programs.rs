//! Programs of the ground by the image that their releases have: one row each, and the flags that a process of this host needs to be
//! different from its container. Whatever else the Deployment says stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::arguments::with_flags;
use super::host_pod::{HostCommand, HostPod};
use crate::components::Components;

type MakeCommand = dyn Fn(&HostPod) -> Result<HostCommand, String> + Send + Sync;

/// Which program runs which image.
#[derive(Clone)]
pub(super) struct Row {
    image: Image,
    /// The program, if only one of it may run on a host.
    pub alone: Option<&'static str>,
    /// Makes the command, or says what the pod lacks.
    pub command: Arc<MakeCommand>,
}

#[derive(Clone)]
enum Image {
    /// From whatever registry.
    Named(&'static str),
    Beginning(String),
}

impl Row {
    /// A row of somebody else's.
    pub fn beginning(prefix: &str, command: impl Fn(&HostPod) -> HostCommand + Send + Sync + 'static) -> Row {
        Row { image: Image::Beginning(prefix.to_owned()), alone: None, command: Arc::new(move |pod| Ok(command(pod))) }
    }

    /// Whether it is the row of this image.
    pub fn is_of(&self, image: &str) -> bool {
        match &self.image {
            Image::Named(name) => name_of(image) == *name,
            Image::Beginning(prefix) => image.starts_with(prefix),
        }
    }
}

/// The last part of an image's path, without tag and digest.
fn name_of(image: &str) -> &str {
    let last = image.rsplit('/').next().unwrap_or_default();
    last.split(['@', ':']).next().unwrap_or_default()
}

/// What a flag is set to.
#[derive(Debug, Clone, Copy)]
enum Value {
    Kubeconfig,
    /// The number of a port.
    Port(&'static str),
    /// The same with 127.0.0.1.
    Address(&'static str),
    /// The folder for a path of the container.
    Folder(&'static str),
    Is(&'static str),
}

type Flags = &'static [(&'static str, Value)];

/// A manager of Cluster API.
const MANAGER: Flags = &[
    ("--kubeconfig", Value::Kubeconfig),
    ("--webhook-port", Value::Port("webhook-server")),
    // controller-runtime's own folder, where the release mounts the certificate.
    ("--webhook-cert-dir", Value::Folder("/tmp/k8s-webhook-server/serving-certs")),
    ("--health-addr", Value::Address("healthz")),
    ("--diagnostics-address", Value::Address("metrics")),
    ("--insecure-diagnostics", Value::Is("true")),
    ("--leader-elect", Value::Is("false")),
];

const CERT_MANAGER_CONTROLLER: Flags = &[
    ("--kubeconfig", Value::Kubeconfig),
    ("--metrics-listen-address", Value::Address("http-metrics")),
    ("--internal-healthz-listen-address", Value::Address("http-healthz")),
    ("--leader-elect", Value::Is("false")),
];

const CERT_MANAGER_CAINJECTOR: Flags = &[
    ("--kubeconfig", Value::Kubeconfig),
    ("--metrics-listen-address", Value::Address("http-metrics")),
    ("--leader-elect", Value::Is("false")),
];

const CERT_MANAGER_WEBHOOK: Flags = &[
    ("--kubeconfig", Value::Kubeconfig),
    ("--secure-port", Value::Port("https")),
    ("--healthz-port", Value::Port("healthcheck")),
    ("--metrics-listen-address", Value::Address("http-metrics")),
];

/// Image, program, whether it must be alone on the host, flags.
const PROGRAMS: [(&str, &str, bool, Flags); 7] = [
    ("cluster-api-controller", "cluster-api-core", false, MANAGER),
    ("kubeadm-bootstrap-controller", "cluster-api-kubeadm-bootstrap", false, MANAGER),
    ("kubeadm-control-plane-controller", "cluster-api-kubeadm-control-plane", false, MANAGER),
    ("capd-manager", "cluster-api-dev", true, MANAGER),
    ("cert-manager-controller", "cert-manager-controller", false, CERT_MANAGER_CONTROLLER),
    ("cert-manager-cainjector", "cert-manager-cainjector", false, CERT_MANAGER_CAINJECTOR),
    ("cert-manager-webhook", "cert-manager-webhook", false, CERT_MANAGER_WEBHOOK),
];

/// The rows of the ground's own programs.
pub(super) fn rows(components: &Components) -> Vec<Row> {
    let row = |(image, program, alone, flags): (&'static str, &'static str, bool, Flags)| {
        let path = components.program(program);
        let command = move |pod: &HostPod| {
            let arguments = with_flags(&pod.arguments, &set(flags, pod)?);
            Ok(HostCommand { program: path.clone(), arguments, environment: BTreeMap::new() })
        };
        Row { image: Image::Named(image), alone: alone.then_some(program), command: Arc::new(command) }
    };
    PROGRAMS.into_iter().map(row).collect()
}

fn set(flags: Flags, pod: &HostPod) -> Result<Vec<(&'static str, String)>, String> {
    let port = |name: &str| pod.ports.get(name).ok_or_else(|| format!("its container has no port named {name}"));
    let value = |value: Value| {
        Ok::<String, String>(match value {
            Value::Kubeconfig => pod.kubeconfig.display().to_string(),
            Value::Port(name) => port(name)?.to_string(),
            Value::Address(name) => format!("127.0.0.1:{}", port(name)?),
            Value::Folder(path) => pod.path(path).display().to_string(),
            Value::Is(text) => text.to_owned(),
        })
    };
    flags.iter().map(|(flag, of)| Ok((*flag, value(*of)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_from_whatever_registry() {
        let row = Row { image: Image::Named("capd-manager"), alone: None, command: Arc::new(|_| Err(String::new())) };
        for (image, known) in [
            ("gcr.io/k8s-staging-cluster-api/capd-manager:v1.14.2", true),
            ("mirror.example:5000/a/capd-manager@sha256:00", true),
            ("capd-manager", true),
            ("mirror.example:5000/capd-manager/other:1", false),
            ("a/capd-manager-arm:1", false),
        ] {
            assert_eq!(row.is_of(image), known, "{image}");
        }
    }

    #[test]
    fn a_row_of_somebody_else_begins_with_what_was_said() {
        let command = HostCommand { program: "/bin/a".into(), arguments: Vec::new(), environment: BTreeMap::new() };
        let row = Row::beginning("registry.example/agent:", move |_| command.clone());
        assert!(row.is_of("registry.example/agent:1") && !row.is_of("registry.example/agents:1"));
    }

    #[test]
    fn what_matters_of_a_manager_stays() {
        let arguments = ["--leader-elect", "--diagnostics-address=:8443", "--feature-gates=ClusterTopology=true"].map(str::to_owned);
        let mut pod = HostPod {
            plane: "management".to_owned(),
            namespace: "capi-system".to_owned(),
            deployment: "capi-controller-manager".to_owned(),
            image: "registry.k8s.io/cluster-api/cluster-api-controller:v1.14.2".to_owned(),
            arguments: arguments.to_vec(),
            environment: BTreeMap::new(),
            kubeconfig: "/pod/kubeconfig".into(),
            ports: [("webhook-server", 1), ("healthz", 2), ("metrics", 3)].map(|(name, port)| (name.to_owned(), port)).into(),
            folder: "/pod".into(),
            mounts: [("/tmp/k8s-webhook-server/serving-certs".to_owned(), "/pod/mounts/cert".into())].into(),
        };
        let set_to = |pod: &HostPod| set(MANAGER, pod).map(|set| with_flags(&pod.arguments, &set));
        let expected = "--feature-gates=ClusterTopology=true --kubeconfig=/pod/kubeconfig --webhook-port=1 --webhook-cert-dir=/pod/mounts/cert \
                        --health-addr=127.0.0.1:2 --diagnostics-address=127.0.0.1:3 --insecure-diagnostics=true --leader-elect=false";
        assert_eq!(set_to(&pod).expect("flags").join(" "), expected);
        pod.ports.remove("metrics");
        assert_eq!(set_to(&pod), Err("its container has no port named metrics".to_owned()));
    }
}
