//! What a machine boots with: cloud-config written by the bootstrap provider, read again by the simulated machine. Pure.

use serde_json::{Value, json};

use crate::object::{Fields, without_empty};

const CA: &str = "/etc/kubernetes/pki/ca.crt";
const CA_KEY: &str = "/etc/kubernetes/pki/ca.key";
const ACCOUNT_KEY: &str = "/etc/kubernetes/pki/sa.key";
const INIT: &str = "/run/kubeadm/kubeadm.yaml";
const JOIN: &str = "/run/kubeadm/kubeadm-join-config.yaml";

/// What a machine becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The first control plane machine: it makes the cluster.
    Init,
    /// Another control plane machine.
    ControlPlane,
    /// A worker.
    Worker,
}

/// What a simulated machine reads of its user data.
#[derive(Clone, PartialEq)]
pub struct UserData {
    /// What it becomes.
    pub role: Role,
    /// The cluster's CA, on control plane machines.
    pub ca: Option<(String, String)>,
    /// Key that signs ServiceAccount tokens, on control plane machines; else empty.
    pub service_account_key: String,
    /// `nodeRegistration` of kubeadm's configuration.
    pub registration: Value,
    /// `ClusterConfiguration`, on the first machine.
    pub cluster: Value,
}

/// What a control plane machine brings along: the CA's certificate and key, and the key of ServiceAccount tokens, PEM.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    /// `<cluster>-ca`, `tls.crt`.
    pub ca: &'a str,
    /// `<cluster>-ca`, `tls.key`.
    pub ca_key: &'a str,
    /// `<cluster>-sa`, `tls.key`.
    pub account_key: &'a str,
}

/// A file of cloud-config.
pub fn file(path: &str, permissions: &str, content: impl Into<String>) -> Value {
    json!({"path": path, "owner": "root:root", "permissions": permissions, "content": content.into()})
}

/// Cloud-config of a machine: certificates, kubeadm's configuration, the user's own files and commands.
pub fn cloud_config(role: Role, keys: Option<Keys<'_>>, kubeadm: &[Value], spec: &Value, files: Vec<Value>) -> String {
    let mut all = Vec::new();
    if let Some(keys) = keys {
        all.push(file(CA, "0640", keys.ca));
        all.push(file(CA_KEY, "0600", keys.ca_key));
        all.push(file(ACCOUNT_KEY, "0600", keys.account_key));
    }
    let documents: Vec<String> = kubeadm.iter().map(|document| format!("---\n{}\n", without_empty(document))).collect();
    all.push(file(if role == Role::Init { INIT } else { JOIN }, "0640", documents.concat()));
    all.extend(files);
    let kubeadm = match role {
        Role::Init => format!("kubeadm init --config {INIT}"),
        _ => format!("kubeadm join --config {JOIN}"),
    };
    let commands = |pointer: &str| spec.items(pointer).to_vec();
    let mut run = commands("/preKubeadmCommands");
    run.push(json!(format!("{kubeadm} && echo success > /run/cluster-api/bootstrap-success.complete")));
    run.extend(commands("/postKubeadmCommands"));
    let config = json!({"write_files": all, "bootcmd": commands("/bootCommands"), "runcmd": run, "users": spec.at("/users"), "ntp": spec.at("/ntp"), "mounts": spec.at("/mounts")});
    format!("#cloud-config\n{}\n", without_empty(&config))
}

impl UserData {
    /// Reads cloud-config in YAML or JSON; a real bootstrap provider's too. `None` if it starts no kubeadm.
    pub fn read(text: &str) -> Option<Self> {
        read(text)
    }

    /// The value of a `kubeletExtraArgs` entry, in either of kubeadm's spellings.
    pub fn kubelet_argument<'a>(registration: &'a Value, name: &str) -> Option<&'a str> {
        let arguments = registration.at("/kubeletExtraArgs");
        let listed = || arguments.as_array()?.iter().find(|one| one.text("/name") == name)?.get("value")?.as_str();
        arguments.get(name).and_then(Value::as_str).or_else(listed)
    }
}

fn read(text: &str) -> Option<UserData> {
    let config: Value = serde_saphyr::from_str(text).ok()?;
    let content = |path: &str| {
        config.items("/write_files").iter().find(|file| file.text("/path") == path).map(|file| file.text("/content").to_owned())
    };
    let ca = content(CA).zip(content(CA_KEY));
    let (first, kubeadm) = match (content(INIT), content(JOIN)) {
        (Some(init), _) => (true, init),
        (None, Some(join)) => (false, join),
        (None, None) => return None,
    };
    let documents: Vec<Value> =
        kubeadm.split("---\n").filter(|part| !part.trim().is_empty()).filter_map(|part| serde_saphyr::from_str(part).ok()).collect();
    let find = |kind: &str| documents.iter().find(|document| document.text("/kind") == kind).cloned().unwrap_or(Value::Null);
    let main = find(if first { "InitConfiguration" } else { "JoinConfiguration" });
    let control_plane = first || main.get("controlPlane").is_some() || ca.is_some();
    let role = match (first, control_plane) {
        (true, _) => Role::Init,
        (_, true) => Role::ControlPlane,
        _ => Role::Worker,
    };
    Some(UserData {
        role,
        ca,
        service_account_key: content(ACCOUNT_KEY).unwrap_or_default(),
        registration: main.at("/nodeRegistration").clone(),
        cluster: find("ClusterConfiguration"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let init = json!({"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "InitConfiguration", "nodeRegistration": {"kubeletExtraArgs": [{"name": "cloud-provider", "value": "external"}]}});
        let cluster = json!({"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "ClusterConfiguration", "kubernetesVersion": "v1.34.3"});
        let text = cloud_config(
            Role::Init,
            Some(Keys { ca: "CERT\n", ca_key: "KEY\n", account_key: "SA\n" }),
            &[cluster, init],
            &json!({"preKubeadmCommands": ["hostname"]}),
            vec![file("/etc/a", "0644", "b")],
        );
        let data = read(&text).expect("user data");
        assert_eq!(data.role, Role::Init);
        assert_eq!(data.service_account_key, "SA\n");
        assert_eq!(data.ca, Some(("CERT\n".to_owned(), "KEY\n".to_owned())));
        assert_eq!(UserData::kubelet_argument(&data.registration, "cloud-provider"), Some("external"));
        assert_eq!(data.cluster.text("/kubernetesVersion"), "v1.34.3");
    }

    #[test]
    fn a_real_providers_yaml_is_read_too() {
        let text = "## template: jinja\n#cloud-config\n\nwrite_files:\n-   path: /run/kubeadm/kubeadm-join-config.yaml\n    owner: root:root\n    content: |\n      ---\n      apiVersion: kubeadm.k8s.io/v1beta3\n      kind: JoinConfiguration\n      nodeRegistration:\n        kubeletExtraArgs:\n          cloud-provider: external\nruncmd:\n  - kubeadm join\n";
        let data = read(text).expect("user data");
        assert_eq!(data.role, Role::Worker);
        assert_eq!(UserData::kubelet_argument(&data.registration, "cloud-provider"), Some("external"));
        assert!(read("#cloud-config\nruncmd: []\n").is_none());
    }
}
