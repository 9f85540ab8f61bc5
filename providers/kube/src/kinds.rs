//! Which resource of the REST API a kind is: names and scope, from a small table or from the server's discovery.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;
use windlass_core::object::{ObjectKey, split_api_version};

/// A kind as the REST API knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// `apiVersion`.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Name in URLs.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether it can be listed and deleted one by one (reviews and the like cannot).
    pub listable: bool,
}

impl Kind {
    /// Path of the collection.
    pub fn collection(&self, namespace: Option<&str>) -> String {
        let root = root(&self.api_version);
        match namespace {
            Some(namespace) if self.namespaced => format!("{root}/namespaces/{namespace}/{}", self.plural),
            _ => format!("{root}/{}", self.plural),
        }
    }

    /// Path of one object; a namespaced kind without namespace is looked for in `default`.
    pub fn object(&self, namespace: Option<&str>, name: &str) -> String {
        format!("{}/{name}", self.collection(Some(namespace.unwrap_or("default"))))
    }

    /// For kube's own types.
    pub fn api_resource(&self) -> kube::core::ApiResource {
        let (group, version) = split_api_version(&self.api_version);
        kube::core::ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            plural: self.plural.clone(),
        }
    }
}

/// `/api/v1` or `/apis/<group>/<version>`.
pub fn root(api_version: &str) -> String {
    match api_version.contains('/') {
        true => format!("/apis/{api_version}"),
        false => format!("/api/{api_version}"),
    }
}

/// One object, wherever it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectRef {
    /// `apiVersion`.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl ObjectRef {
    /// From its parts.
    pub fn new(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Self {
        Self { api_version: api_version.to_owned(), kind: kind.to_owned(), namespace: namespace.map(str::to_owned), name: name.to_owned() }
    }

    /// From an identity and the version to speak.
    pub fn of_key(key: &ObjectKey, api_version: &str) -> Self {
        Self::new(api_version, &key.kind, key.namespace.as_deref(), &key.name)
    }

    /// From an object's own words.
    pub fn of(object: &Json) -> Option<Self> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str);
        Some(Self::new(text("/apiVersion")?, text("/kind")?, text("/metadata/namespace"), text("/metadata/name")?))
    }

    /// Its identity on a plane.
    pub fn key(&self, plane: &windlass_core::addr::Address) -> ObjectKey {
        ObjectKey {
            plane: plane.clone(),
            group: split_api_version(&self.api_version).0.to_owned(),
            kind: self.kind.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }

    /// `Kind namespace/name`.
    pub fn short(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }
}

/// What is known of a server's kinds.
#[derive(Debug, Default)]
pub struct Kinds {
    discovered: Mutex<BTreeMap<(String, String), Arc<Kind>>>,
    asked: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Kinds {
    /// A kind from the table of built-ins or from earlier discovery.
    pub fn known(&self, api_version: &str, kind: &str) -> Option<Arc<Kind>> {
        if let Some((_, _, plural, namespaced)) = BUILT_IN.iter().find(|(v, k, ..)| *v == api_version && *k == kind) {
            return Some(Arc::new(Kind {
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
                plural: (*plural).to_owned(),
                namespaced: *namespaced,
                listable: true,
            }));
        }
        let discovered = self.discovered.lock().unwrap_or_else(PoisonError::into_inner);
        discovered.get(&(api_version.to_owned(), kind.to_owned())).cloned()
    }

    /// Whoever asks for the kinds of a group version holds this, so that many who need them at once ask once.
    pub fn turn(&self, api_version: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.entry(api_version.to_owned()).or_default().clone()
    }

    /// Keeps what an `APIResourceList` says.
    pub fn learn(&self, kinds: &[Kind]) {
        let mut discovered = self.discovered.lock().unwrap_or_else(PoisonError::into_inner);
        for kind in kinds {
            discovered.insert((kind.api_version.clone(), kind.kind.clone()), Arc::new(kind.clone()));
        }
    }
}

/// Reads an `APIResourceList`; subresources are left out.
pub fn read_resource_list(api_version: &str, list: &Json) -> Vec<Kind> {
    let resources = list.get("resources").and_then(Json::as_array);
    let mut kinds = Vec::new();
    for resource in resources.into_iter().flatten() {
        let text = |key: &str| resource.get(key).and_then(Json::as_str).unwrap_or_default();
        let plural = text("name");
        if plural.is_empty() || plural.contains('/') {
            continue;
        }
        let verbs: Vec<&str> = resource.get("verbs").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
        kinds.push(Kind {
            api_version: api_version.to_owned(),
            kind: text("kind").to_owned(),
            plural: plural.to_owned(),
            namespaced: resource.get("namespaced").and_then(Json::as_bool).unwrap_or(false),
            listable: verbs.contains(&"list") && verbs.contains(&"delete"),
        });
    }
    kinds
}

/// Built-ins that the saga touches on every plane (k8s.io/api 1.34); everything else is discovered.
const BUILT_IN: &[(&str, &str, &str, bool)] = &[
    ("v1", "Namespace", "namespaces", false),
    ("v1", "Node", "nodes", false),
    ("v1", "PersistentVolume", "persistentvolumes", false),
    ("v1", "ConfigMap", "configmaps", true),
    ("v1", "Secret", "secrets", true),
    ("v1", "Service", "services", true),
    ("v1", "ServiceAccount", "serviceaccounts", true),
    ("v1", "Pod", "pods", true),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    ("apps/v1", "Deployment", "deployments", true),
    ("apps/v1", "DaemonSet", "daemonsets", true),
    ("apps/v1", "StatefulSet", "statefulsets", true),
    ("apps/v1", "ReplicaSet", "replicasets", true),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", false),
    ("rbac.authorization.k8s.io/v1", "Role", "roles", true),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", true),
    ("coordination.k8s.io/v1", "Lease", "leases", true),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false),
];
