//! The controllers of one plane: what makes the cloud look at an object again.

use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::controller::{Action, Controller, Error};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::wait::{await_condition, conditions::is_crd_established};
use kube::runtime::watcher;

use super::kinds::{self, CLUSTER_LABEL, DEFINITIONS};
use super::site::Site;
use super::{infra_cluster, infra_machine};
use crate::error::GroundError;
use crate::steady::{AGAIN, Steady};

/// Runs until it is cancelled.
pub(super) async fn run(site: Arc<Site>) {
    let definitions: Api<CustomResourceDefinition> = Api::all(site.client.clone());
    for name in DEFINITIONS {
        while await_condition(definitions.clone(), name, is_crd_established()).await.is_err() {
            tokio::time::sleep(AGAIN).await;
        }
    }
    site.cloud.log.say(&format!("{}: its objects are looked after", site.name));
    futures::join!(Box::pin(clusters(Arc::clone(&site))), Box::pin(machines(site)));
}

async fn clusters(site: Arc<Site>) {
    let all = |resource: &ApiResource| Api::<DynamicObject>::all_with(site.client.clone(), resource);
    let controller = Controller::new_with(all(&kinds::aws_cluster()), watcher::Config::default(), kinds::aws_cluster());
    let controller = controller
        .watches_with(all(&kinds::cluster()), kinds::cluster(), watcher::Config::default(), |cluster| {
            infrastructure(&cluster, &kinds::aws_cluster())
        })
        .reconcile_all_on(site.cloud.looks())
        .trigger_backoff(Steady);
    let looks = controller.run(infra_cluster::reconcile, |_, _: &GroundError, _| Action::requeue(AGAIN), Arc::clone(&site));
    looks.for_each(|outcome| note(&site, outcome)).await;
}

async fn machines(site: Arc<Site>) {
    let all = |resource: &ApiResource| Api::<DynamicObject>::all_with(site.client.clone(), resource);
    let controller = Controller::new_with(all(&kinds::aws_machine()), watcher::Config::default(), kinds::aws_machine());
    let known = controller.store();
    let of_cluster = move |cluster: DynamicObject| {
        let known = known.state().into_iter();
        let ours = known.filter(move |machine| {
            let label = machine.metadata.labels.as_ref().and_then(|labels| labels.get(CLUSTER_LABEL));
            label == cluster.metadata.name.as_ref() && machine.metadata.namespace == cluster.metadata.namespace
        });
        ours.map(|machine| ObjectRef::from_obj_with(&*machine, kinds::aws_machine())).collect::<Vec<_>>()
    };
    let controller = controller
        .watches_with(all(&kinds::machine()), kinds::machine(), watcher::Config::default(), |machine| {
            infrastructure(&machine, &kinds::aws_machine())
        })
        .watches_with(all(&kinds::cluster()), kinds::cluster(), watcher::Config::default(), of_cluster)
        .reconcile_all_on(site.cloud.looks())
        .trigger_backoff(Steady);
    let looks = controller.run(infra_machine::reconcile, |_, _: &GroundError, _| Action::requeue(AGAIN), Arc::clone(&site));
    looks.for_each(|outcome| note(&site, outcome)).await;
}

/// The infrastructure object that a Cluster or Machine refers to, if it is of this kind.
fn infrastructure(object: &DynamicObject, resource: &ApiResource) -> Option<ObjectRef<DynamicObject>> {
    let kind = kinds::text(object, "/spec/infrastructureRef/kind")?;
    let name = kinds::text(object, "/spec/infrastructureRef/name")?;
    let found = ObjectRef::new_with(name, resource.clone()).within(kinds::namespace(object));
    (kind == resource.kind).then_some(found)
}

fn note<T>(site: &Site, outcome: Result<T, Error<GroundError, watcher::Error>>) -> std::future::Ready<()> {
    match outcome {
        // An object that is referred to before it is there, or after it has gone.
        Ok(_) | Err(Error::ObjectNotFound(_)) => {}
        Err(error) => site.cloud.log.say(&format!("{}: {error}", site.name)),
    }
    std::future::ready(())
}
