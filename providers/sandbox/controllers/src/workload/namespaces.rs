//! Namespaces that are being deleted: everything in them goes first, then they are finalized.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::Discovery;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::discovery::{Scope, verbs};
use serde_json::json;

use crate::delays::Delay;
use crate::fleet::Fleet;
use crate::kinds::Kind;
use crate::object::{Key, Meta, Object};
use crate::plane::{Controller, Next, Plane, Result};

/// The namespaces of a plane.
pub struct Namespaces;

impl Controller for Namespaces {
    fn name(&self) -> &'static str {
        "namespaces"
    }
    fn kind(&self) -> Kind {
        Kind::Namespace
    }
    fn needs(&self) -> &'static [Kind] {
        &[Kind::Namespace]
    }
    fn reconcile<'a>(
        &'a self,
        fleet: &'a Arc<Fleet>,
        plane: &'a Arc<Plane>,
        key: &'a Key,
    ) -> BoxFuture<'a, Result<Next>> {
        look(fleet, plane, key).boxed()
    }
}

async fn look(fleet: &Fleet, plane: &Plane, key: &Key) -> Result<Next> {
    let Some(namespace) = plane.get(Kind::Namespace, key).filter(|one| one.deleting()) else {
        return Ok(Next::Wait);
    };
    if empty(plane, namespace.name()).await? > 0 {
        return Ok(Next::After(fleet.delays.of(Delay::Retry)));
    }
    finalize(plane, &namespace).await?;
    Ok(Next::Wait)
}

/// Deletes what is in a namespace; how much of it was still there.
async fn empty(plane: &Plane, namespace: &str) -> Result<usize> {
    let discovery = Discovery::new(plane.client.clone()).run().await?;
    let mut left = 0;
    for group in discovery.groups() {
        for (resource, capabilities) in group.recommended_resources() {
            let deletable = capabilities.scope == Scope::Namespaced
                && capabilities.supports_operation(verbs::LIST)
                && capabilities.supports_operation(verbs::DELETE);
            if !deletable || resource.kind == "Event" {
                continue;
            }
            let api = plane.api_of(&resource, namespace);
            for object in api.list_metadata(&ListParams::default()).await?.items {
                left += 1;
                if object.metadata.deletion_timestamp.is_none()
                    && let Some(name) = &object.metadata.name
                {
                    match api.delete(name, &DeleteParams::background()).await {
                        Err(kube::Error::Api(status)) if status.code == 404 => {}
                        other => drop(other?),
                    }
                }
            }
        }
    }
    Ok(left)
}

async fn finalize(plane: &Plane, namespace: &Object) -> Result<()> {
    let mut object = serde_json::to_value(namespace)?;
    object["apiVersion"] = json!("v1");
    object["kind"] = json!("Namespace");
    object["spec"]["finalizers"] = json!([]);
    let answer = plane
        .api(Kind::Namespace, "")
        .replace_subresource(
            "finalize",
            namespace.name(),
            &PostParams::default(),
            &object,
        )
        .await;
    match answer {
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        other => Ok(other.map(|_| ())?),
    }
}
