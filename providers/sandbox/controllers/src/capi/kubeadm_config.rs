//! KubeadmConfigs: the bootstrap data Secret of a Machine, once the cluster is far enough for it.

use std::sync::Arc;

use futures::FutureExt;
use serde_json::{Value, json};

use super::certificate_secrets::{self, certificate_pair, is_etcd_external};
use super::certificates::Pair;
use super::machine::NODE_UNINITIALIZED;
use super::machines::is_control_plane;
use super::scope::{BOOTSTRAP_GATE, CLUSTER, MANAGER, claim, cluster_of, paused, paused_condition, same_cluster, say_paused, status_of};
use super::user_data::{Keys, Role, cloud_config, file};
use crate::conditions::{Say, merge, say};
use crate::delays::Delay;
use crate::fleet::{Fleet, secret_text};
use crate::kinds::{Kind, unwatched};
use crate::object::{Fields, Key, Meta, Object, owner_reference};
use crate::plane::{Event, Next, Plane, Provider, Result};

/// The KubeadmConfigs of a plane.
pub const KUBEADM_CONFIGS: Provider = Provider {
    name: "kubeadmconfigs",
    kind: Kind::KubeadmConfig,
    gate: BOOTSTRAP_GATE,
    concerns,
    reconcile: |fleet, plane, key| look(fleet, plane, key).boxed(),
};

fn concerns(plane: &Plane, event: &Event) -> Vec<Key> {
    match event.kind {
        Kind::Cluster => same_cluster(plane, Kind::KubeadmConfig, event),
        Kind::Machine => event.beside(Some(event.object.text("/spec/bootstrap/configRef/name"))),
        _ => Vec::new(),
    }
}

async fn look(fleet: &Arc<Fleet>, plane: &Arc<Plane>, key: &Key) -> Result<Next> {
    let Some(config) = plane.get(Kind::KubeadmConfig, key).filter(|config| !config.deleting()) else {
        return Ok(Next::Wait);
    };
    let owner = config.owner_name("Machine").and_then(|name| plane.get(Kind::Machine, &(config.namespace().to_owned(), name.to_owned())));
    let (Some(machine), Some(cluster)) = (owner, cluster_of(plane, &config)) else {
        return Ok(Next::Wait);
    };
    if paused(&cluster, &config) {
        say_paused(fleet, plane, Kind::KubeadmConfig, &config).await?;
        return Ok(Next::Wait);
    }
    claim(fleet, plane, &cluster).await?;
    // A Machine that has its data keeps it: after a pivot only the status is written again.
    let there = machine.text("/spec/bootstrap/dataSecretName");
    if !there.is_empty() {
        return done(fleet, plane, &config, there).await;
    }
    if config.flag("/status/initialization/dataSecretCreated") {
        return Ok(Next::Wait);
    }
    if !cluster.flag("/status/initialization/infrastructureProvisioned") || cluster.text("/spec/controlPlaneEndpoint/host").is_empty() {
        return wait(fleet, plane, &config, "Waiting for Cluster status.infrastructureReady to be true", Next::Wait).await;
    }
    let initialized = cluster.flag("/status/initialization/controlPlaneInitialized");
    let role = match (initialized, is_control_plane(&machine)) {
        (false, true) => Role::Init,
        (true, true) => Role::ControlPlane,
        (true, false) => Role::Worker,
        (false, false) => {
            return wait(fleet, plane, &config, "Waiting for Cluster control plane to be initialized", Next::Wait).await;
        }
    };
    if role == Role::Init && is_second_init(plane, &cluster, &machine) {
        return wait(fleet, plane, &config, "Waiting for Cluster control plane to be initialized", Next::Wait).await;
    }
    match data(plane, &cluster, &machine, &config, role).await? {
        Ok(text) => {
            let secret = json!({
                "metadata": {
                    "name": config.name(), "namespace": config.namespace(), "labels": {CLUSTER: cluster.name()},
                    "ownerReferences": [owner_reference(&Kind::KubeadmConfig.api_version(), "KubeadmConfig", &config, true)],
                },
                "type": "cluster.x-k8s.io/secret",
                "data": {"value": data_encoding::BASE64.encode(text.as_bytes()), "format": data_encoding::BASE64.encode(b"cloud-config")},
            });
            plane.ensure(&unwatched::secret(), secret, MANAGER).await?;
            done(fleet, plane, &config, config.name()).await
        }
        Err(words) => wait(fleet, plane, &config, &words, Next::After(fleet.delays.of(Delay::Retry))).await,
    }
}

/// Only one machine may make the cluster: the first that has its data, else the first by age and name.
fn is_second_init(plane: &Plane, cluster: &Object, machine: &Object) -> bool {
    let machines = plane.cache().of_cluster(Kind::Machine, &cluster.key());
    let order = |one: &Object| (one.text("/spec/bootstrap/dataSecretName").is_empty(), one.created(), one.name().to_owned());
    let first = machines.iter().filter(|one| is_control_plane(one) && !one.deleting()).min_by_key(|one| order(one));
    first.is_some_and(|first| first.uid() != machine.uid())
}

/// The cloud-config of a machine; `Err` says what is missing.
async fn data(
    plane: &Plane,
    cluster: &Object,
    machine: &Object,
    config: &Object,
    role: Role,
) -> Result<std::result::Result<String, String>> {
    let pairs = match certificates(plane, cluster, role).await? {
        Ok(pairs) => pairs,
        Err(words) => return Ok(Err(words)),
    };
    let spec = config.at("/spec");
    let mut files = match etcd_files(plane, cluster, spec, role).await? {
        Ok(files) => files,
        Err(words) => return Ok(Err(words)),
    };
    match users_files(plane, config).await? {
        Ok(own) => files.extend(own),
        Err(words) => return Ok(Err(words)),
    }
    let endpoint =
        format!("{}:{}", cluster.text("/spec/controlPlaneEndpoint/host"), cluster.int("/spec/controlPlaneEndpoint/port").unwrap_or(6443));
    let documents = match role {
        Role::Init => {
            vec![cluster_configuration(cluster, machine, spec, &endpoint), document("InitConfiguration", spec.at("/initConfiguration"))]
        }
        Role::ControlPlane | Role::Worker => {
            let mut join = document("JoinConfiguration", spec.at("/joinConfiguration"));
            join["discovery"]["bootstrapToken"] =
                json!({"apiServerEndpoint": endpoint, "token": token(machine.uid()), "unsafeSkipCAVerification": true});
            if role == Role::ControlPlane {
                if !join.at("/controlPlane").is_object() {
                    join["controlPlane"] = json!({"localAPIEndpoint": {"bindPort": 6443}});
                }
            } else {
                let mut taints = join.items("/nodeRegistration/taints").to_vec();
                taints.push(json!({"key": NODE_UNINITIALIZED, "effect": "NoSchedule"}));
                join["nodeRegistration"]["taints"] = Value::Array(taints);
            }
            vec![join]
        }
    };
    let keys = pairs.as_ref().map(|(ca, account)| Keys { ca: &ca.certificate, ca_key: &ca.key, account_key: &account.key });
    Ok(Ok(cloud_config(role, keys, &documents, spec, files)))
}

/// What a control plane machine brings along; nothing for a worker, `Err` if a Secret is missing.
async fn certificates(plane: &Plane, cluster: &Object, role: Role) -> Result<std::result::Result<Option<(Pair, Pair)>, String>> {
    if role == Role::Worker {
        return Ok(Ok(None));
    }
    let mut pairs = Vec::new();
    for purpose in ["ca", "sa"] {
        match certificate_pair(plane, cluster, purpose).await? {
            Some(pair) => pairs.push(pair),
            None => {
                let (namespace, name) = (cluster.namespace(), cluster.name());
                return Ok(Err(format!("Secret {namespace}/{name}-{purpose} not found")));
            }
        }
    }
    Ok(Ok(pairs.pop().and_then(|account| Some((pairs.pop()?, account)))))
}

/// What a control plane machine brings along as a client of an etcd that somebody else runs; `Err` if a Secret or a key of it is missing.
async fn etcd_files(plane: &Plane, cluster: &Object, spec: &Value, role: Role) -> Result<std::result::Result<Vec<Value>, String>> {
    let mut files = Vec::new();
    if role == Role::Worker || !is_etcd_external(spec) {
        return Ok(Ok(files));
    }
    let told = spec.at("/clusterConfiguration/etcd/external");
    for (purpose, entry, path, permissions) in [
        ("etcd", "tls.crt", "/caFile", "0640"),
        ("apiserver-etcd-client", "tls.crt", "/certFile", "0640"),
        ("apiserver-etcd-client", "tls.key", "/keyFile", "0600"),
    ] {
        let name = format!("{}/{}-{purpose}", cluster.namespace(), cluster.name());
        let Some(secret) = certificate_secrets::read(plane, cluster, purpose).await? else {
            return Ok(Err(format!("Secret {name} not found")));
        };
        let Some(text) = secret_text(&secret, entry) else {
            return Ok(Err(format!("Secret {name} has no key {entry}")));
        };
        files.push(file(told.text(path), permissions, text));
    }
    Ok(Ok(files))
}

fn document(kind: &str, content: &Value) -> Value {
    let mut document = if content.is_object() { content.clone() } else { json!({}) };
    document["apiVersion"] = json!("kubeadm.k8s.io/v1beta4");
    document["kind"] = json!(kind);
    document
}

fn cluster_configuration(cluster: &Object, machine: &Object, spec: &Value, endpoint: &str) -> Value {
    let mut document = document("ClusterConfiguration", spec.at("/clusterConfiguration"));
    document["clusterName"] = json!(cluster.name());
    document["controlPlaneEndpoint"] = json!(endpoint);
    document["kubernetesVersion"] = json!(machine.text("/spec/version"));
    let network = cluster.at("/spec/clusterNetwork");
    for (field, value) in [
        ("podSubnet", join(network.items("/pods/cidrBlocks"))),
        ("serviceSubnet", join(network.items("/services/cidrBlocks"))),
        ("dnsDomain", network.text("/serviceDomain").to_owned()),
    ] {
        if !value.is_empty() {
            document["networking"][field] = json!(value);
        }
    }
    document
}

fn join(list: &[Value]) -> String {
    list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
}

/// A token in kubeadm's shape, of the machine's uid.
fn token(uid: &str) -> String {
    let hash = crate::object::short_hash(uid, 22);
    format!("{}.{}", hash.get(..6).unwrap_or_default(), hash.get(6..).unwrap_or_default())
}

/// The user's files, contents from Secrets filled in; `Err` names a Secret or key that is missing.
async fn users_files(plane: &Plane, config: &Object) -> Result<std::result::Result<Vec<Value>, String>> {
    let mut files = Vec::new();
    for one in config.items("/spec/files") {
        let source = one.at("/contentFrom/secret");
        let content = if source.is_null() {
            one.text("/content").to_owned()
        } else {
            let (name, entry) = (source.text("/name"), source.text("/key"));
            let Some(secret) = plane.read(&unwatched::secret(), config.namespace(), name).await? else {
                return Ok(Err(format!("Secret {}/{name} not found", config.namespace())));
            };
            match secret_text(&secret, entry) {
                Some(text) => text,
                None => {
                    return Ok(Err(format!("Secret {}/{name} has no key {entry}", config.namespace())));
                }
            }
        };
        let permissions = Some(one.text("/permissions")).filter(|text| !text.is_empty()).unwrap_or("0644");
        files.push(file(one.text("/path"), permissions, content));
    }
    Ok(Ok(files))
}

async fn done(fleet: &Fleet, plane: &Plane, config: &Object, secret: &str) -> Result<Next> {
    let mut status = status_of(config);
    status["initialization"]["dataSecretCreated"] = json!(true);
    status["dataSecretName"] = json!(secret);
    let says = [
        say("DataSecretAvailable", true, "Available", ""),
        say("CertificatesAvailable", true, "Available", ""),
        say("Ready", true, "Ready", ""),
        paused_condition(false),
    ];
    write(fleet, plane, config, status, &says).await?;
    Ok(Next::Wait)
}

async fn wait(fleet: &Fleet, plane: &Plane, config: &Object, words: &str, next: Next) -> Result<Next> {
    let says = [
        say("DataSecretAvailable", false, "NotAvailable", words),
        say("Ready", false, "NotReady", format!("* DataSecretAvailable: {words}")),
        paused_condition(false),
    ];
    write(fleet, plane, config, status_of(config), &says).await?;
    Ok(next)
}

async fn write(fleet: &Fleet, plane: &Plane, config: &Object, mut status: Value, says: &[Say]) -> Result<()> {
    status["observedGeneration"] = json!(config.generation());
    status["conditions"] = merge(config.items("/status/conditions"), says, config.generation(), fleet.clock.now());
    plane.set_status(Kind::KubeadmConfig, config, status, MANAGER).await
}
