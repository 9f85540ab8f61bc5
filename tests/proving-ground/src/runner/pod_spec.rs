//! What a Deployment says of its pods, as far as a process of this host can have it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, EnvVarSource, HTTPGetAction, KeyToPath, PodSpec as Pod, PodTemplateSpec, VolumeMount};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// The pod of a Deployment that wants one. Another template is another pod, as with a real roll-out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PodSpec {
    pub namespace: String,
    pub deployment: String,
    template: PodTemplateSpec,
    /// Which of its containers is run.
    container: usize,
}

/// Something with texts or files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    Secret(String),
    ConfigMap(String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Secret(name) => write!(f, "Secret {name}"),
            Source::ConfigMap(name) => write!(f, "ConfigMap {name}"),
        }
    }
}

/// What each source has, by key; sources that are not there are missing.
pub(super) type Contents = BTreeMap<Source, BTreeMap<String, Vec<u8>>>;

/// A mount that stands for a folder of this host.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// The path in the container.
    pub path: String,
    /// The volume's name.
    pub volume: String,
    /// The path in the volume, if not all of it is mounted.
    pub sub_path: Option<String>,
    /// Where its files come from; none for an empty folder.
    pub source: Option<Source>,
    /// Keys and the paths of their files; all keys by their names if there are none.
    pub items: Vec<(String, String)>,
}

/// Where a pod says whether it is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Probe {
    pub port: IntOrString,
    pub path: String,
}

impl PodSpec {
    /// The pod of a Deployment and the first container whose image is known; none if it wants none now.
    pub fn of(deployment: &Deployment, known: impl Fn(&str) -> bool) -> Option<PodSpec> {
        let spec = deployment.spec.as_ref()?;
        if spec.replicas == Some(0) || deployment.metadata.deletion_timestamp.is_some() {
            return None;
        }
        let containers = &spec.template.spec.as_ref()?.containers;
        let container = containers.iter().position(|container| container.image.as_deref().is_some_and(&known))?;
        Some(PodSpec {
            namespace: deployment.metadata.namespace.clone().unwrap_or_default(),
            deployment: deployment.metadata.name.clone().unwrap_or_default(),
            template: spec.template.clone(),
            container,
        })
    }

    /// The image of its container.
    pub fn image(&self) -> &str {
        self.container().and_then(|container| container.image.as_deref()).unwrap_or_default()
    }

    /// The arguments of its container.
    pub fn arguments(&self) -> &[String] {
        self.container().and_then(|container| container.args.as_deref()).unwrap_or_default()
    }

    /// Labels of the pod.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.template.metadata.as_ref().and_then(|metadata| metadata.labels.clone()).unwrap_or_default()
    }

    /// The account that it speaks for.
    pub fn service_account(&self) -> &str {
        self.pod().and_then(|pod| pod.service_account_name.as_deref()).unwrap_or("default")
    }

    /// Names and numbers of its container's ports.
    pub fn ports(&self) -> Vec<(Option<String>, i32)> {
        let ports = self.container().and_then(|container| container.ports.as_ref());
        ports.into_iter().flatten().map(|port| (port.name.clone(), port.container_port)).collect()
    }

    /// Where it says that it is ready, or at least that it lives.
    pub fn probe(&self) -> Option<Probe> {
        let container = self.container()?;
        let http = |probe: &Option<k8s_openapi::api::core::v1::Probe>| probe.as_ref().and_then(|probe| probe.http_get.clone());
        let found: HTTPGetAction = http(&container.readiness_probe).or_else(|| http(&container.liveness_probe))?;
        // Nobody who asks here knows who signed for it.
        let plain = found.scheme.as_deref().is_none_or(|scheme| scheme == "HTTP");
        plain.then(|| Probe { port: found.port, path: found.path.unwrap_or_else(|| "/".to_owned()) })
    }

    /// Mounts of its container that stand for folders of this host: Secrets, ConfigMaps and empty ones.
    pub fn mounts(&self) -> Vec<Mount> {
        let mounts = self.container().and_then(|container| container.volume_mounts.as_ref());
        mounts.into_iter().flatten().filter_map(|mount| self.mount(mount)).collect()
    }

    fn mount(&self, mount: &VolumeMount) -> Option<Mount> {
        let volume = self.pod()?.volumes.as_ref()?.iter().find(|volume| volume.name == mount.name)?;
        let (source, items) = match (&volume.secret, &volume.config_map, &volume.empty_dir) {
            (Some(secret), _, _) => (Some(Source::Secret(secret.secret_name.clone()?)), items(secret.items.as_deref())),
            (_, Some(map), _) => (Some(Source::ConfigMap(map.name.clone())), items(map.items.as_deref())),
            (_, _, Some(_)) => (None, Vec::new()),
            _ => return None,
        };
        Some(Mount { path: mount.mount_path.clone(), volume: volume.name.clone(), sub_path: mount.sub_path.clone(), source, items })
    }

    /// Everything that its container has files or texts from, and of that what must be there before it starts.
    pub fn sources(&self) -> (BTreeSet<Source>, BTreeSet<Source>) {
        let (mut all, mut needed) = (BTreeSet::new(), BTreeSet::new());
        let mut add = |source: Source, optional: Option<bool>| {
            if optional != Some(true) {
                needed.insert(source.clone());
            }
            all.insert(source);
        };
        let mounted: BTreeSet<String> = self.mounts().into_iter().map(|mount| mount.volume).collect();
        for volume in self.pod().and_then(|pod| pod.volumes.as_ref()).into_iter().flatten().filter(|volume| mounted.contains(&volume.name))
        {
            if let Some(secret) = &volume.secret {
                add(Source::Secret(secret.secret_name.clone().unwrap_or_default()), secret.optional);
            } else if let Some(map) = &volume.config_map {
                add(Source::ConfigMap(map.name.clone()), map.optional);
            }
        }
        let variables = self.container().and_then(|container| container.env.as_ref());
        for from in variables.into_iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
            if let Some(key) = &from.secret_key_ref {
                add(Source::Secret(key.name.clone()), key.optional);
            } else if let Some(key) = &from.config_map_key_ref {
                add(Source::ConfigMap(key.name.clone()), key.optional);
            }
        }
        let maps = self.container().and_then(|container| container.env_from.as_ref());
        for from in maps.into_iter().flatten() {
            if let Some(secret) = &from.secret_ref {
                add(Source::Secret(secret.name.clone()), secret.optional);
            } else if let Some(map) = &from.config_map_ref {
                add(Source::ConfigMap(map.name.clone()), map.optional);
            }
        }
        (all, needed)
    }

    /// The environment of its container.
    pub fn environment(&self, contents: &Contents) -> BTreeMap<String, String> {
        let mut environment = BTreeMap::new();
        let Some(container) = self.container() else { return environment };
        for from in container.env_from.iter().flatten() {
            let source = from.secret_ref.as_ref().map(|secret| Source::Secret(secret.name.clone()));
            let source = source.or_else(|| from.config_map_ref.as_ref().map(|map| Source::ConfigMap(map.name.clone())));
            let prefix = from.prefix.as_deref().unwrap_or_default();
            for (key, value) in source.and_then(|source| contents.get(&source)).into_iter().flatten() {
                environment.insert(format!("{prefix}{key}"), text(value));
            }
        }
        for variable in container.env.iter().flatten() {
            let value = match (&variable.value, &variable.value_from) {
                (Some(value), _) => Some(super::arguments::expanded(value, &environment)),
                (None, Some(from)) => self.value_from(from, contents),
                // A name without a value is empty.
                (None, None) => Some(String::new()),
            };
            if let Some(value) = value {
                environment.insert(variable.name.clone(), value);
            }
        }
        environment
    }

    fn value_from(&self, from: &EnvVarSource, contents: &Contents) -> Option<String> {
        let of = |source: Source, key: &str| contents.get(&source).and_then(|keys| keys.get(key)).map(|value| text(value));
        if let Some(key) = &from.secret_key_ref {
            return of(Source::Secret(key.name.clone()), &key.key);
        }
        if let Some(key) = &from.config_map_key_ref {
            return of(Source::ConfigMap(key.name.clone()), &key.key);
        }
        match from.field_ref.as_ref()?.field_path.as_str() {
            "metadata.namespace" => Some(self.namespace.clone()),
            "spec.serviceAccountName" => Some(self.service_account().to_owned()),
            // The pods are simulated: the process is nobody of them, and answers at this host's address.
            "metadata.name" | "metadata.uid" | "spec.nodeName" => Some(format!("{}-on-host", self.deployment)),
            "status.podIP" | "status.hostIP" => Some("127.0.0.1".to_owned()),
            _ => None,
        }
    }

    fn pod(&self) -> Option<&Pod> {
        self.template.spec.as_ref()
    }

    fn container(&self) -> Option<&Container> {
        self.pod()?.containers.get(self.container)
    }
}

fn items(items: Option<&[KeyToPath]>) -> Vec<(String, String)> {
    items.into_iter().flatten().map(|item| (item.key.clone(), item.path.clone())).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn deployment(change: impl FnOnce(&mut Json)) -> Deployment {
        let mut object = json!({
            "metadata": {"name": "manager", "namespace": "system"},
            "spec": {"replicas": 1, "selector": {}, "template": {
                "metadata": {"labels": {"app": "a"}},
                "spec": {
                    "containers": [
                        {"name": "other", "image": "other:1"},
                        {
                            "name": "manager", "image": "known:1", "args": ["--a"],
                            "env": [
                                {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
                                {"name": "SERVICE", "value": "hook.$(POD_NAMESPACE).svc"},
                                {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "login", "key": "password"}}},
                                {"name": "NOTHING", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "x", "optional": true}}},
                            ],
                            "envFrom": [{"prefix": "X_", "configMapRef": {"name": "settings"}}],
                            "ports": [{"name": "hooks", "containerPort": 9443}, {"containerPort": 80}],
                            "readinessProbe": {"httpGet": {"path": "/readyz", "port": "health"}},
                            "volumeMounts": [
                                {"name": "cert", "mountPath": "/certs"}, {"name": "room", "mountPath": "/room"}, {"name": "host", "mountPath": "/sock"},
                            ],
                        },
                    ],
                    "volumes": [
                        {"name": "cert", "secret": {"secretName": "hook-cert", "items": [{"key": "tls.crt", "path": "a/b.crt"}]}},
                        {"name": "room", "emptyDir": {}},
                        {"name": "host", "hostPath": {"path": "/var/run/docker.sock"}},
                        {"name": "unused", "secret": {"secretName": "nobody-waits-for-it"}},
                    ],
                },
            }},
        });
        change(&mut object);
        serde_json::from_value(object).expect("a Deployment")
    }

    fn of(change: impl FnOnce(&mut Json)) -> Option<PodSpec> {
        PodSpec::of(&deployment(change), |image| image.starts_with("known:"))
    }

    #[test]
    fn a_deployment_that_wants_no_pod_has_none() {
        assert!(of(|_| {}).is_some());
        assert_eq!(of(|object| object["spec"]["replicas"] = 0.into()), None);
        assert_eq!(of(|object| object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into()), None);
        assert_eq!(of(|object| object["spec"]["template"]["spec"]["containers"][1]["image"] = "unknown:1".into()), None);
    }

    #[test]
    fn only_another_template_is_another_pod() {
        assert_eq!(of(|_| {}), of(|object| object["spec"]["replicas"] = 2.into()));
        assert_eq!(of(|_| {}), of(|object| object["metadata"]["annotations"] = json!({"a": "b"})));
        let restarted = |object: &mut Json| object["spec"]["template"]["metadata"]["annotations"] = json!({"restartedAt": "now"});
        assert_ne!(of(|_| {}), of(restarted));
    }

    #[test]
    fn its_container_has_what_the_pod_says() {
        let pod = of(|_| {}).expect("a pod");
        assert_eq!((pod.image(), pod.arguments(), pod.service_account()), ("known:1", &["--a".to_owned()][..], "default"));
        assert_eq!(pod.ports(), [(Some("hooks".to_owned()), 9443), (None, 80)]);
        assert_eq!(pod.probe(), Some(Probe { port: IntOrString::String("health".to_owned()), path: "/readyz".to_owned() }));
        let mounts = pod.mounts();
        assert_eq!(mounts.iter().map(|mount| mount.path.as_str()).collect::<Vec<_>>(), ["/certs", "/room"]);
        assert_eq!(mounts[0].items, [("tls.crt".to_owned(), "a/b.crt".to_owned())]);
    }

    #[test]
    fn it_waits_for_what_is_not_optional_and_mounted() {
        let (all, needed) = of(|_| {}).expect("a pod").sources();
        let named = |sources: &BTreeSet<Source>| sources.iter().map(Source::to_string).collect::<Vec<_>>().join(", ");
        assert_eq!(named(&all), "Secret gone, Secret hook-cert, Secret login, ConfigMap settings");
        assert_eq!(named(&needed), "Secret hook-cert, Secret login, ConfigMap settings");
    }

    #[test]
    fn its_environment_is_what_a_kubelet_would_make() {
        let bytes = |key: &str, value: &str| [(key.to_owned(), value.as_bytes().to_vec())].into();
        let contents = [(Source::Secret("login".into()), bytes("password", "p")), (Source::ConfigMap("settings".into()), bytes("A", "1"))];
        let environment = of(|_| {}).expect("a pod").environment(&contents.into());
        let lines: Vec<String> = environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(lines, ["PASSWORD=p", "POD_NAMESPACE=system", "SERVICE=hook.system.svc", "X_A=1"]);
    }
}
