//! Requests to one plane; every answer goes into the cache at once, so that a controller never acts on its own past. Knows no rule.

use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::ApiResource;
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cache::Cache;
use super::worker::{Event, Registered};
use crate::kinds::Kind;
use crate::object::{Fields, Key, Meta, Object, merge_diff};

/// What went wrong in a reconcile.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API refused or did not answer.
    #[error(transparent)]
    Api(#[from] kube::Error),
    /// A kubeconfig that leads nowhere.
    #[error("kubeconfig: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// The ledger could not be read or written.
    #[error("ledger: {0}")]
    Ledger(#[from] rusqlite::Error),
    /// A certificate could not be made.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A port of the roof failed.
    #[error(transparent)]
    Port(#[from] crate::ports::PortError),
    /// An object that does not say what it must.
    #[error("{0}")]
    Object(String),
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Error::Object(error.to_string())
    }
}

impl Error {
    /// HTTP status of an API's refusal.
    pub fn code(&self) -> Option<u16> {
        match self {
            Error::Api(kube::Error::Api(status)) => Some(status.code),
            _ => None,
        }
    }
}

/// Result of a reconcile.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One Kubernetes API.
pub struct Plane {
    /// `management`, or `<namespace>.<cluster>`.
    pub id: String,
    /// URL of the API server, as in its kubeconfig.
    pub server: String,
    /// Client of the controllers.
    pub client: Client,
    /// The kubeconfig that the client was made from.
    pub kubeconfig: Kubeconfig,
    /// Cancelled when the plane is stopped.
    pub stop: CancellationToken,
    cache: RwLock<Cache>,
    registered: OnceLock<Vec<Arc<Registered>>>,
}

impl Plane {
    /// A plane reached by a kubeconfig; nothing is asked yet.
    pub async fn connect(id: &str, kubeconfig: Kubeconfig, stop: CancellationToken) -> Result<Arc<Self>> {
        let client = client_of(&kubeconfig).await?;
        let server = server_of(&kubeconfig).unwrap_or_default();
        Ok(Arc::new(Self { id: id.to_owned(), server, client, kubeconfig, stop, cache: RwLock::default(), registered: OnceLock::new() }))
    }

    /// The cache, for reading; never held across an await.
    pub fn cache(&self) -> RwLockReadGuard<'_, Cache> {
        self.cache.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cache_mut(&self) -> RwLockWriteGuard<'_, Cache> {
        self.cache.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says which controllers hear of changes; the first call counts.
    pub fn register(&self, controllers: Vec<Arc<Registered>>) {
        // A second registration would be a second set of controllers on one plane.
        drop(self.registered.set(controllers));
    }

    /// The controllers of this plane.
    pub fn registered(&self) -> &[Arc<Registered>] {
        self.registered.get().map_or(&[], Vec::as_slice)
    }

    /// An object from the cache.
    pub fn get(&self, kind: Kind, key: &Key) -> Option<Arc<Object>> {
        self.cache().get(kind, key)
    }

    /// An object that is not watched, read now.
    pub async fn read(&self, resource: &ApiResource, namespace: &str, name: &str) -> Result<Option<Object>> {
        Ok(self.api_of(resource, namespace).get_opt(name).await?)
    }

    /// Creates an object of a watched kind.
    pub async fn create(&self, kind: Kind, object: Value, manager: &str) -> Result<Arc<Object>> {
        let created = self.create_unwatched(&kind.resource(), object, manager).await?;
        Ok(self.observe(kind, created))
    }

    /// Creates an object of any kind.
    pub async fn create_unwatched(&self, resource: &ApiResource, mut object: Value, manager: &str) -> Result<Object> {
        object["apiVersion"] = json!(resource.api_version);
        object["kind"] = json!(resource.kind);
        let namespace = object.text("/metadata/namespace").to_owned();
        let object: Object = serde_json::from_value(object)?;
        let params = PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() };
        Ok(self.api_of(resource, &namespace).create(&params, &object).await?)
    }

    /// Creates an object of any kind unless one of that name is there.
    pub async fn ensure(&self, resource: &ApiResource, object: Value, manager: &str) -> Result<()> {
        match self.create_unwatched(resource, object, manager).await {
            Err(error) if error.code() == Some(409) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Merge-patches spec or metadata; guarded by the uid, so that a namesake made meanwhile is left alone.
    pub async fn merge(&self, kind: Kind, object: &Object, mut patch: Value, manager: &str) -> Result<Arc<Object>> {
        patch["metadata"]["uid"] = json!(object.uid());
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        let patched = self.api(kind, object.namespace()).patch(object.name(), &params, &Patch::Merge(&patch)).await;
        self.written(kind, object, patched)
    }

    /// The same for one object that is not watched.
    pub async fn merge_unwatched(&self, resource: &ApiResource, object: &Object, patch: &Value, manager: &str) -> Result<Object> {
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        Ok(self.api_of(resource, object.namespace()).patch(object.name(), &params, &Patch::Merge(patch)).await?)
    }

    /// Makes the status equal to `status`; no request when it is.
    pub async fn set_status(&self, kind: Kind, object: &Object, status: Value, manager: &str) -> Result<()> {
        let Some(change) = merge_diff(object.at("/status"), &status) else {
            return Ok(());
        };
        // The resource version guards lists of conditions that several controllers write.
        let patch = json!({"metadata": {"uid": object.uid(), "resourceVersion": object.metadata.resource_version}, "status": change});
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        let patched = self.api(kind, object.namespace()).patch_status(object.name(), &params, &Patch::Merge(&patch)).await;
        self.written(kind, object, patched).map(|_| ())
    }

    /// Takes in the answer to a write: the object, its end with its last finalizer, or that it is gone.
    fn written(&self, kind: Kind, before: &Object, answer: kube::Result<Object>) -> Result<Arc<Object>> {
        match answer.map_err(Error::from) {
            Ok(object) => {
                let finalized = object.metadata.finalizers.as_ref().is_none_or(Vec::is_empty);
                if object.deleting() && finalized && kind != Kind::Pod {
                    self.forget(kind, &object);
                    return Ok(Arc::new(object));
                }
                Ok(self.observe(kind, object))
            }
            Err(error) => {
                if error.code() == Some(404) {
                    self.forget(kind, before);
                }
                Err(error)
            }
        }
    }

    /// Deletes this incarnation of an object; being gone already is success.
    pub async fn delete(&self, kind: Kind, object: &Object) -> Result<()> {
        self.delete_with(kind, object, DeleteParams::background()).await
    }

    /// Deletes a pod without a grace period: its containers have stopped.
    pub async fn delete_now(&self, kind: Kind, object: &Object) -> Result<()> {
        self.delete_with(kind, object, DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::background() }).await
    }

    async fn delete_with(&self, kind: Kind, object: &Object, mut params: DeleteParams) -> Result<()> {
        params.preconditions = Some(Preconditions { uid: Some(object.uid().to_owned()), resource_version: None });
        match self.api(kind, object.namespace()).delete(object.name(), &params).await {
            Ok(either) => {
                match either.left() {
                    Some(marked)
                        if marked.deleting()
                            && (!marked.metadata.finalizers.clone().unwrap_or_default().is_empty()
                                || kind == Kind::Pod && params.grace_period_seconds.is_none()) =>
                    {
                        self.observe(kind, marked);
                    }
                    _ => self.forget(kind, object),
                }
                Ok(())
            }
            Err(error) => {
                let error = Error::from(error);
                match error.code() {
                    Some(404) => {
                        self.forget(kind, object);
                        Ok(())
                    }
                    _ => Err(error),
                }
            }
        }
    }

    /// Takes in an object that the API sent and tells the controllers.
    pub fn observe(&self, kind: Kind, object: Object) -> Arc<Object> {
        let object = Arc::new(object);
        if self.cache_mut().put(kind, object.clone()) {
            self.tell(&Event { kind, object: object.clone(), gone: false });
        }
        object
    }

    /// Takes out an object that is gone and tells the controllers.
    pub fn forget(&self, kind: Kind, object: &Object) {
        let removed = self.cache_mut().remove(kind, &object.key(), object.uid());
        if let Some(object) = removed {
            self.tell(&Event { kind, object, gone: true });
        }
    }

    pub(super) fn tell(&self, event: &Event) {
        for registered in self.registered() {
            registered.hear(self, event);
        }
    }

    /// Queues one object of a kind.
    pub fn look_at(&self, kind: Kind, key: Key) {
        for registered in self.registered().iter().filter(|one| one.controller.kind() == kind) {
            registered.queue.add(key.clone());
        }
    }

    /// Queues every object of the kinds that `controller` is about.
    pub fn look_at_all(&self, registered: &Registered) {
        let now = Instant::now();
        for key in self.cache().keys(registered.controller.kind()) {
            registered.queue.add_at(key, now);
        }
    }

    /// Requests for a watched kind.
    pub fn api(&self, kind: Kind, namespace: &str) -> Api<Object> {
        self.api_of(&kind.resource(), namespace)
    }

    /// Requests for any kind; an empty namespace means cluster-scoped.
    pub fn api_of(&self, resource: &ApiResource, namespace: &str) -> Api<Object> {
        if namespace.is_empty() {
            Api::all_with(self.client.clone(), resource)
        } else {
            Api::namespaced_with(self.client.clone(), namespace, resource)
        }
    }
}

/// A client for a kubeconfig's current context.
pub async fn client_of(kubeconfig: &Kubeconfig) -> Result<Client> {
    let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// URL of the server of a kubeconfig's current context, or of its first cluster.
pub fn server_of(kubeconfig: &Kubeconfig) -> Option<String> {
    let context = kubeconfig.contexts.iter().find(|one| Some(&one.name) == kubeconfig.current_context.as_ref());
    let wanted = context.and_then(|one| one.context.as_ref()).map(|one| one.cluster.as_str());
    let cluster = kubeconfig.clusters.iter().find(|one| wanted.is_none_or(|name| one.name == name))?;
    cluster.cluster.as_ref()?.server.clone().map(|url| url.trim_end_matches('/').to_owned())
}
