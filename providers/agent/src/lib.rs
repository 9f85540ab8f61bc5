//! The agent: a controller in the cluster that applies the layers it is handed, watches over them, and says how they are.
//!
//! It knows nothing of plans, state or HCL, and gets nothing but its ServiceAccount. Layers are applied by the same code as the engine's.

mod drift;
mod heartbeat;
mod layer;
mod reconcile;
mod status;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::Api;
use kube::core::DynamicObject;
use kube::runtime::Controller;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use tokio::sync::watch;
use windlass_core::addr::{Address, Instance};
use windlass_core::agent_objects::{LAYER_KIND, LAYER_PLURAL};
use windlass_core::marks::{AGENT_API_VERSION, AGENT_GROUP, SYSTEM_NAMESPACE};
use windlass_kube::plane::Plane;
use windlass_kube::watch::Watches;

use crate::reconcile::{Agent, ReconcileError, reconcile};

/// How the agent runs.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// Who it is, in its heartbeat: the pod's name.
    pub identity: String,
    /// Between two heartbeats.
    pub heartbeat_every: Duration,
    /// Between two looks at a layer at which nothing happens.
    pub look_every: Duration,
    /// Between two attempts at a layer that the API refuses: at the first, and at the most.
    pub retry_between: (Duration, Duration),
}

impl Default for AgentOptions {
    fn default() -> Self {
        Self {
            identity: windlass_core::marks::AGENT_NAME.to_owned(),
            heartbeat_every: Duration::from_secs(30),
            look_every: Duration::from_secs(60),
            retry_between: (Duration::from_secs(2), Duration::from_secs(60)),
        }
    }
}

/// Runs until `stop` is true (or its sender is gone); what is under way is finished first.
pub async fn run(client: kube::Client, options: AgentOptions, stop: watch::Receiver<bool>) {
    // The address is for messages only: the agent knows one plane, the one it runs in. Each layer tells what users call it.
    let address = Address::cluster(Instance::new("self"));
    let plane = Arc::new(Plane::new(address, String::new(), String::new(), client.clone()));
    let heart = tokio::spawn(heartbeat::beat(plane.clone(), options.clone(), stop.clone()));
    control(client, plane, options, stop).await;
    heart.abort();
}

async fn control(client: kube::Client, plane: Arc<Plane>, options: AgentOptions, stop: watch::Receiver<bool>) {
    let resource = kube::core::ApiResource {
        group: AGENT_GROUP.to_owned(),
        version: AGENT_API_VERSION.rsplit('/').next().unwrap_or_default().to_owned(),
        api_version: AGENT_API_VERSION.to_owned(),
        kind: LAYER_KIND.to_owned(),
        plural: LAYER_PLURAL.to_owned(),
    };
    let layers: Api<DynamicObject> = Api::namespaced_with(client, SYSTEM_NAMESPACE, &resource);
    let controller = Controller::new_with(layers.clone(), watcher::Config::default(), resource.clone());
    let store = controller.store();
    let agent = Arc::new(Agent { plane, watches: Watches::default(), layers: store.clone(), options, stop: stop.clone() });
    // A layer that becomes ready lets those go on that wait for it.
    let named = resource.clone();
    let dependents = move |changed: DynamicObject| {
        let name = changed.metadata.name.unwrap_or_default();
        let waiting: Vec<ObjectRef<DynamicObject>> = store
            .state()
            .iter()
            .filter(|layer| layer::depends_on(layer, &name))
            .map(|layer| ObjectRef::from_obj_with(layer.as_ref(), named.clone()))
            .collect();
        waiting
    };
    controller
        .watches_with(layers, resource, watcher::Config::default(), dependents)
        .graceful_shutdown_on(stopped(stop))
        .run(reconcile, again, agent)
        .for_each(|result| async move {
            if let Err(error) = result {
                tracing::warn!(%error, "a layer could not be looked after");
            }
        })
        .await;
}

/// An error is tried again soon: most are of the kind "not yet".
fn again(_layer: Arc<DynamicObject>, _error: &ReconcileError, _agent: Arc<Agent>) -> Action {
    Action::requeue(Duration::from_secs(2))
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // A sender that is gone means that nobody is left to stop us in order.
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use windlass_core::config::schema::AGENT;

    use super::*;

    #[test]
    fn it_heals_as_soon_as_its_documentation_says() {
        let mode = AGENT.attribute("mode").expect("the attribute");
        assert!(mode.doc.contains("within a minute"), "{}", mode.doc);
        assert!(AgentOptions::default().look_every <= Duration::from_secs(60));
    }
}
