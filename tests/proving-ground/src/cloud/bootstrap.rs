//! Bootstrap data of kubeadm's provider (cloud-config) as a machine reads it at its first start: which files it gets and what
//! kubeadm would do with them. Pure.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::authority::{Authority, ServiceAccountKeys};
use crate::error::GroundError;

const INIT: &str = "/run/kubeadm/kubeadm.yaml";
const JOIN: &str = "/run/kubeadm/kubeadm-join-config.yaml";
/// Names by which cloud-init's templates ask for the host's name.
const HOST_NAME: [&str; 4] = ["ds.meta_data.local_hostname", "ds.meta_data.hostname", "v1.local_hostname", "local_hostname"];

/// What a machine was told.
#[derive(Debug)]
pub(super) struct Bootstrap {
    /// What kubeadm does.
    pub kubeadm: Kubeadm,
    /// How its node registers.
    pub registration: Registration,
}

/// kubeadm's command.
#[derive(Debug)]
pub(super) enum Kubeadm {
    /// Makes a control plane.
    Init(Box<Init>),
    /// Joins one.
    Join {
        /// `host:port` of the API server.
        endpoint: String,
        /// `id.secret`.
        token: String,
        /// As one more machine of the control plane.
        control_plane: bool,
    },
}

/// What makes a control plane.
#[derive(Debug)]
pub(super) struct Init {
    /// Signs for the API server and its clients.
    pub authority: Authority,
    /// Sign tokens.
    pub service_accounts: ServiceAccountKeys,
    /// The ClusterConfiguration, YAML as it was given.
    pub cluster_configuration: String,
    /// Addresses of Services, if it says so.
    pub services: Option<String>,
}

/// How a node registers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Registration {
    /// The node's name.
    pub name: String,
    /// Labels by kubelet's flag.
    pub labels: BTreeMap<String, String>,
    /// Its taints; for a control plane that names none, kubeadm's own.
    pub taints: Vec<Json>,
}

impl Bootstrap {
    /// Reads user data on a host of this name.
    ///
    /// # Errors
    /// It is no cloud-config, or lacks what kubeadm needs; the reason, for people.
    pub fn read(user_data: &str, host: &str) -> Result<Bootstrap, String> {
        let config: Json = serde_saphyr::from_str(&rendered(user_data, host)).map_err(|error| format!("no cloud-config: {error}"))?;
        let files = Files(config["write_files"].as_array().into_iter().flatten().filter_map(file).collect());
        if let Some(text) = files.0.get(INIT) {
            return init(&files, text, host);
        }
        join(files.get(JOIN)?, host)
    }
}

/// Contents by path.
struct Files<'a>(BTreeMap<&'a str, &'a str>);

impl Files<'_> {
    fn get(&self, path: &str) -> Result<&str, String> {
        self.0.get(path).copied().ok_or_else(|| format!("{path} is not among the files"))
    }
}

fn file(file: &Json) -> Option<(&str, &str)> {
    // What kubeadm reads is never encoded.
    Some((file["path"].as_str()?, file["content"].as_str().filter(|_| file["encoding"].is_null())?))
}

fn init(files: &Files<'_>, text: &str, host: &str) -> Result<Bootstrap, String> {
    let mut documents = BTreeMap::new();
    for part in documents_of(text) {
        let document: Json = serde_saphyr::from_str(&part).map_err(|error| format!("{INIT}: {error}"))?;
        documents.insert(document["kind"].as_str().unwrap_or_default().to_owned(), (document, part));
    }
    let (cluster, text) = documents.get("ClusterConfiguration").ok_or_else(|| format!("{INIT} has no ClusterConfiguration"))?;
    let init = documents.get("InitConfiguration").map_or(&Json::Null, |(document, _)| document);
    let authority = Authority::from_pem(files.get("/etc/kubernetes/pki/ca.crt")?, files.get("/etc/kubernetes/pki/ca.key")?);
    let authority = authority.map_err(|error: GroundError| format!("the cluster's authority: {error}"))?;
    let service_accounts = ServiceAccountKeys {
        private: files.get("/etc/kubernetes/pki/sa.key")?.to_owned(),
        public: files.get("/etc/kubernetes/pki/sa.pub")?.to_owned(),
    };
    let services = cluster.pointer("/networking/serviceSubnet").and_then(Json::as_str).map(str::to_owned);
    let init_data = Init { authority, service_accounts, cluster_configuration: text.clone(), services };
    Ok(Bootstrap { kubeadm: Kubeadm::Init(Box::new(init_data)), registration: registration(init, true, host) })
}

/// The texts between lines of three dashes.
fn documents_of(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        match documents.last_mut() {
            Some(document) if line.trim_end() != "---" => {
                document.push_str(line);
                document.push('\n');
            }
            _ => documents.push(String::new()),
        }
    }
    documents.retain(|document| !document.trim().is_empty());
    documents
}

fn join(text: &str, host: &str) -> Result<Bootstrap, String> {
    let documents: Vec<Json> = serde_saphyr::from_multiple(text).map_err(|error| format!("{JOIN}: {error}"))?;
    let join = documents.iter().find(|document| document["kind"] == "JoinConfiguration");
    let join = join.ok_or_else(|| format!("{JOIN} has no JoinConfiguration"))?;
    let discovery = |name: &str| {
        let text = join.pointer(&format!("/discovery/bootstrapToken/{name}")).and_then(Json::as_str);
        text.map(str::to_owned).ok_or_else(|| format!("{JOIN} has no discovery.bootstrapToken.{name}"))
    };
    let control_plane = join.get("controlPlane").is_some_and(|found| !found.is_null());
    let kubeadm = Kubeadm::Join { endpoint: discovery("apiServerEndpoint")?, token: discovery("token")?, control_plane };
    Ok(Bootstrap { kubeadm, registration: registration(join, control_plane, host) })
}

/// `nodeRegistration` of kubeadm's v1beta3 and v1beta4, whose arguments are a map and a list.
fn registration(configuration: &Json, control_plane: bool, host: &str) -> Registration {
    let node = &configuration["nodeRegistration"];
    let arguments = &node["kubeletExtraArgs"];
    let named = arguments.as_array().into_iter().flatten().find(|one| one["name"] == "node-labels").map(|one| &one["value"]);
    let labels = named.or_else(|| arguments.get("node-labels")).and_then(Json::as_str).unwrap_or_default();
    let labels = labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned()));
    let taints = match node["taints"].as_array() {
        Some(taints) => taints.clone(),
        None if control_plane => vec![json!({"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"})],
        None => Vec::new(),
    };
    Registration { name: node["name"].as_str().unwrap_or(host).to_owned(), labels: labels.collect(), taints }
}

/// The text with the host's name in place of cloud-init's expressions for it; other expressions stay.
fn rendered(text: &str, host: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("{{") {
        out.push_str(before);
        match from.split_once("}}") {
            Some((expression, after)) if HOST_NAME.contains(&expression.trim()) => {
                out.push_str(host);
                rest = after;
            }
            _ => {
                out.push_str("{{");
                rest = from;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const CA: &str = include_str!("../../tests/authority/ca.crt");
    const KEY: &str = include_str!("../../tests/authority/ca.key");

    fn indented(text: &str) -> String {
        text.lines().map(|line| format!("      {line}\n")).collect()
    }

    fn first_machine() -> String {
        let mut text = "## template: jinja\n#cloud-config\n\nwrite_files:\n".to_owned();
        for (path, content) in [
            ("/etc/kubernetes/pki/ca.crt", CA),
            ("/etc/kubernetes/pki/ca.key", KEY),
            ("/etc/kubernetes/pki/sa.pub", "public\n"),
            ("/etc/kubernetes/pki/sa.key", "private\n"),
            (
                INIT,
                "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking:\n  serviceSubnet: 10.128.0.0/12\n\
                 ---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration:\n  \
                 name: '{{ ds.meta_data.local_hostname }}'\n  kubeletExtraArgs:\n  - name: cloud-provider\n    value: external\n  \
                 - name: node-labels\n    value: a=b,c=\n",
            ),
        ] {
            text += &format!("-   path: {path}\n    owner: root:root\n    permissions: '0640'\n    content: |\n{}\n", indented(content));
        }
        text + "runcmd:\n  - 'kubeadm init --config /run/kubeadm/kubeadm.yaml  && echo success > /run/done'\n"
    }

    #[test]
    fn the_first_machine_gets_what_makes_a_control_plane() {
        let read = Bootstrap::read(&first_machine(), "host-1").expect("readable");
        let Kubeadm::Init(init) = read.kubeadm else { panic!("{:?}", read.kubeadm) };
        assert_eq!(init.authority.certificate().trim(), CA.trim());
        assert_eq!((init.service_accounts.private.trim(), init.service_accounts.public.trim()), ("private", "public"));
        assert_eq!(init.services.as_deref(), Some("10.128.0.0/12"));
        assert!(init.cluster_configuration.starts_with("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n"));
        assert!(!init.cluster_configuration.contains("InitConfiguration"), "{}", init.cluster_configuration);
        let labels = [("a", "b"), ("c", "")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let taints = vec![json!({"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"})];
        assert_eq!(read.registration, Registration { name: "host-1".to_owned(), labels, taints });
    }

    #[test]
    fn another_machine_joins_with_its_own_taints() {
        let text = "#cloud-config\nwrite_files:\n-   path: /run/kubeadm/kubeadm-join-config.yaml\n    content: |\n      ---\n      \
                    apiVersion: kubeadm.k8s.io/v1beta3\n      kind: JoinConfiguration\n      discovery:\n        bootstrapToken:\n          \
                    apiServerEndpoint: 127.0.0.1:24500\n          token: abcdef.0123\n      nodeRegistration:\n        \
                    kubeletExtraArgs:\n          node-labels: x=y\n        taints:\n        - effect: NoSchedule\n          key: k\n";
        let read = Bootstrap::read(text, "host-2").expect("readable");
        let Kubeadm::Join { endpoint, token, control_plane } = read.kubeadm else { panic!("{:?}", read.kubeadm) };
        assert_eq!((endpoint.as_str(), token.as_str(), control_plane), ("127.0.0.1:24500", "abcdef.0123", false));
        let expected = Registration {
            name: "host-2".to_owned(),
            labels: [("x".to_owned(), "y".to_owned())].into(),
            taints: vec![json!({"key": "k", "effect": "NoSchedule"})],
        };
        assert_eq!(read.registration, expected);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, wanted) in [
            ("[", "no cloud-config: "),
            ("runcmd: []", "/run/kubeadm/kubeadm-join-config.yaml is not among the files"),
            ("write_files: [{path: /run/kubeadm/kubeadm.yaml, content: 'kind: InitConfiguration'}]", "has no ClusterConfiguration"),
            (
                "write_files: [{path: /run/kubeadm/kubeadm.yaml, content: 'kind: ClusterConfiguration'}]",
                "/etc/kubernetes/pki/ca.crt is not",
            ),
        ] {
            let error = Bootstrap::read(text, "host").expect_err(text);
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn only_the_hosts_name_is_rendered() {
        assert_eq!(rendered("a {{ ds.meta_data.local_hostname }} {{ other }} {{v1.local_hostname}} {{", "h"), "a h {{ other }} h {{");
    }
}
