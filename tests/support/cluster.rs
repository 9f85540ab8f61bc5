//! A look into a cluster beside windlass: what a person with kubectl would do.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::time::{Duration, Instant};

use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::Value as Json;

/// One API, opened with a kubeconfig.
pub struct Cluster {
    runtime: tokio::runtime::Runtime,
    client: kube::Client,
}

/// A kind: `apiVersion`, kind, plural.
pub type Kind = (&'static str, &'static str, &'static str);

/// Deployments.
pub const DEPLOYMENT: Kind = ("apps/v1", "Deployment", "deployments");
/// Leases.
pub const LEASE: Kind = ("coordination.k8s.io/v1", "Lease", "leases");
/// Secrets.
pub const SECRET: Kind = ("v1", "Secret", "secrets");
/// ConfigMaps.
pub const CONFIG_MAP: Kind = ("v1", "ConfigMap", "configmaps");
/// Pods.
pub const POD: Kind = ("v1", "Pod", "pods");
/// ServiceAccounts.
pub const SERVICE_ACCOUNT: Kind = ("v1", "ServiceAccount", "serviceaccounts");
/// The agent's layers.
pub const LAYER: Kind = ("agent.windlass.dev/v1alpha1", "Layer", "layers");

impl Cluster {
    /// Opens the API of a kubeconfig.
    pub fn open(kubeconfig: &str) -> Cluster {
        // A second call in one process finds it set.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread");
        let client = runtime.block_on(async {
            let kubeconfig = kube::config::Kubeconfig::from_yaml(kubeconfig).expect("a kubeconfig");
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.expect("a configuration");
            kube::Client::try_from(config).expect("a client")
        });
        Cluster { runtime, client }
    }

    /// Whether the API answers at all.
    pub fn answers(&self) -> bool {
        self.runtime.block_on(self.client.apiserver_version()).is_ok()
    }

    fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        let (group, version) = kind.0.split_once('/').unwrap_or(("", kind.0));
        let resource = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: kind.0.to_owned(),
            kind: kind.1.to_owned(),
            plural: kind.2.to_owned(),
        };
        match namespace {
            "" => Api::all_with(self.client.clone(), &resource),
            namespace => Api::namespaced_with(self.client.clone(), namespace, &resource),
        }
    }

    /// An object; `None`: there is none.
    #[track_caller]
    pub fn find(&self, kind: Kind, namespace: &str, name: &str) -> Option<Json> {
        let found = self.runtime.block_on(self.api(kind, namespace).get_opt(name)).expect("the API answers");
        found.map(|object| serde_json::to_value(object).expect("JSON"))
    }

    /// An object, which must be there.
    #[track_caller]
    pub fn get(&self, kind: Kind, namespace: &str, name: &str) -> Json {
        self.find(kind, namespace, name).unwrap_or_else(|| panic!("there is no {} {namespace}/{name}", kind.1))
    }

    /// All objects of a kind; namespace "" means all namespaces.
    #[track_caller]
    pub fn list(&self, kind: Kind, namespace: &str) -> Vec<Json> {
        let list = self.runtime.block_on(self.api(kind, namespace).list(&ListParams::default())).expect("the API answers");
        list.items.into_iter().map(|object| serde_json::to_value(object).expect("JSON")).collect()
    }

    /// A merge patch, sent under a manager's name.
    #[track_caller]
    pub fn merge(&self, kind: Kind, namespace: &str, name: &str, manager: &str, patch: Json) -> Json {
        let parameters = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        let patched = self.runtime.block_on(self.api(kind, namespace).patch(name, &parameters, &Patch::Merge(patch)));
        serde_json::to_value(patched.expect("the API takes the patch")).expect("JSON")
    }

    /// Deletes an object.
    #[track_caller]
    pub fn delete(&self, kind: Kind, namespace: &str, name: &str) {
        self.runtime.block_on(self.api(kind, namespace).delete(name, &DeleteParams::default())).expect("the API deletes it");
    }
}

/// Looks until it is so; fails the test after a while.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} has not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}
