//! One plane as the cloud's controllers see it: its objects, and how they are read and written.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use serde_json::{Value as Json, json};

use super::kinds::{name, namespace};
use super::shared::Shared;
use crate::error::GroundError;

const FIELD_MANAGER: &str = "windlass-process-cloud";

/// A plane that is watched.
pub(super) struct Site {
    /// Its name on the ground.
    pub name: String,
    pub client: kube::Client,
    pub cloud: Arc<Shared>,
}

impl Site {
    /// An object as it is now, if it is there.
    pub async fn get(&self, resource: &ApiResource, namespace: &str, name: &str) -> Result<Option<DynamicObject>, GroundError> {
        let api = self.api(resource, namespace);
        api.get_opt(name).await.map_err(GroundError::api(format!("{} {namespace}/{name}", resource.kind)))
    }

    /// A text of a Secret, if it is there.
    pub async fn secret(&self, namespace: &str, name: &str, key: &str) -> Result<Option<String>, GroundError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let secret = api.get_opt(name).await.map_err(GroundError::api(format!("Secret {namespace}/{name}")))?;
        let found = secret.and_then(|secret| secret.data).and_then(|mut data| data.remove(key));
        Ok(found.map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned()))
    }

    /// Merges something into an object.
    pub async fn merge(&self, resource: &ApiResource, object: &DynamicObject, change: Json) -> Result<(), GroundError> {
        let api = self.api(resource, namespace(object));
        let done = api.patch(name(object), &params(), &Patch::Merge(change)).await;
        done.map(drop).map_err(failed(resource, object))
    }

    /// Merges fields into an object's status, unless all of them are there already.
    pub async fn merge_status(&self, resource: &ApiResource, object: &DynamicObject, status: Json) -> Result<(), GroundError> {
        let now = object.data.get("status").unwrap_or(&Json::Null);
        if status.as_object().into_iter().flatten().all(|(field, value)| now.get(field).unwrap_or(&Json::Null) == value) {
            return Ok(());
        }
        let api = self.api(resource, namespace(object));
        let done = api.patch_status(name(object), &params(), &Patch::Merge(json!({"status": status}))).await;
        done.map(drop).map_err(failed(resource, object))
    }

    /// Holds an object until the cloud lets it go.
    pub async fn ensure_finalizer(&self, resource: &ApiResource, object: &DynamicObject, finalizer: &str) -> Result<(), GroundError> {
        let mut finalizers = object.metadata.finalizers.clone().unwrap_or_default();
        if finalizers.iter().any(|one| one == finalizer) {
            return Ok(());
        }
        finalizers.push(finalizer.to_owned());
        self.write_finalizers(resource, object, &finalizers).await
    }

    /// Lets an object go.
    pub async fn drop_finalizer(&self, resource: &ApiResource, object: &DynamicObject, finalizer: &str) -> Result<(), GroundError> {
        let mut finalizers = object.metadata.finalizers.clone().unwrap_or_default();
        finalizers.retain(|one| one != finalizer);
        self.write_finalizers(resource, object, &finalizers).await
    }

    /// With the version that was read: another may have changed the list.
    async fn write_finalizers(&self, resource: &ApiResource, object: &DynamicObject, list: &[String]) -> Result<(), GroundError> {
        let metadata = json!({"finalizers": list, "resourceVersion": object.metadata.resource_version});
        self.merge(resource, object, json!({"metadata": metadata})).await
    }

    fn api(&self, resource: &ApiResource, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, resource)
    }
}

/// The time as objects of the API have it.
pub(super) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

fn failed(resource: &ApiResource, object: &DynamicObject) -> impl FnOnce(kube::Error) -> GroundError {
    GroundError::api(format!("{} {}/{}", resource.kind, namespace(object), name(object)))
}
