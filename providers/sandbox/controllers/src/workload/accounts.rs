//! The ServiceAccount `default` and the CA's ConfigMap of every namespace.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;

use super::pods::MANAGER;
use crate::fleet::Fleet;
use crate::kinds::{Kind, unwatched};
use crate::object::{Key, Meta};
use crate::plane::{Controller, Event, Next, Plane, Result};

/// What every namespace of a plane gets.
pub struct Accounts;

impl Controller for Accounts {
    fn name(&self) -> &'static str {
        "serviceaccounts"
    }
    fn kind(&self) -> Kind {
        Kind::Namespace
    }
    fn needs(&self) -> &'static [Kind] {
        &[Kind::Namespace, Kind::ServiceAccount]
    }
    fn concerns(&self, _plane: &Plane, event: &Event) -> Vec<Key> {
        if event.kind == Kind::ServiceAccount && event.gone {
            vec![(String::new(), event.object.namespace().to_owned())]
        } else {
            Vec::new()
        }
    }
    fn reconcile<'a>(&'a self, _fleet: &'a Arc<Fleet>, plane: &'a Arc<Plane>, key: &'a Key) -> BoxFuture<'a, Result<Next>> {
        look(plane, key).boxed()
    }
}

async fn look(plane: &Plane, key: &Key) -> Result<Next> {
    let Some(namespace) = plane.get(Kind::Namespace, key).filter(|one| !one.deleting()) else {
        return Ok(Next::Wait);
    };
    let account = (namespace.name().to_owned(), "default".to_owned());
    if plane.get(Kind::ServiceAccount, &account).is_none() {
        let object = json!({"metadata": {"name": "default", "namespace": namespace.name()}});
        match plane.create(Kind::ServiceAccount, object, MANAGER).await {
            Err(error) if error.code() == Some(409) => {}
            other => drop(other?),
        }
        let authority = kube_root_ca(plane);
        let object = json!({"metadata": {"name": "kube-root-ca.crt", "namespace": namespace.name()}, "data": {"ca.crt": authority}});
        plane.ensure(&unwatched::config_map(), object, MANAGER).await?;
    }
    Ok(Next::Wait)
}

fn kube_root_ca(plane: &Plane) -> String {
    let cluster = plane.kubeconfig.clusters.first().and_then(|one| one.cluster.as_ref());
    let encoded = cluster.and_then(|one| one.certificate_authority_data.as_ref());
    let bytes = encoded.and_then(|text| data_encoding::BASE64.decode(text.as_bytes()).ok());
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}
