//! Follows the Deployments of one plane, and gives each of them a life.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::Api;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, Event, watcher};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::life::{Stage, live};
use super::pod_spec::PodSpec;
use crate::steady::Steady;

/// Namespace and name.
type Name = (String, String);

struct Life {
    wanted: watch::Sender<Option<PodSpec>>,
    _task: AbortOnDropHandle<()>,
}

/// Runs until it is cancelled; all that it runs ends then.
pub(super) async fn follow(stage: Arc<Stage>) {
    let deployments: Api<Deployment> = Api::all(stage.plane.client.clone());
    let mut events = pin!(watcher(deployments, Config::default()).backoff(Steady));
    // One that is deleted keeps its life: it may come again while its process still ends.
    let mut lives: BTreeMap<Name, Life> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => seen.clear(),
            Ok(Event::InitApply(deployment)) => {
                seen.insert(name_of(&deployment));
                want(&stage, &mut lives, &deployment);
            }
            Ok(Event::InitDone) => lives.iter().filter(|(name, _)| !seen.contains(name)).for_each(|(_, life)| end(life)),
            Ok(Event::Apply(deployment)) => want(&stage, &mut lives, &deployment),
            Ok(Event::Delete(deployment)) => lives.get(&name_of(&deployment)).into_iter().for_each(end),
            // The server is away; what runs goes on.
            Err(_) => {}
        }
    }
}

fn name_of(deployment: &Deployment) -> Name {
    let metadata = &deployment.metadata;
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

fn want(stage: &Arc<Stage>, lives: &mut BTreeMap<Name, Life>, deployment: &Deployment) {
    let spec = PodSpec::of(deployment, |image| stage.rows.iter().any(|row| row.is_of(image)));
    let name = name_of(deployment);
    if let Some(life) = lives.get(&name) {
        life.wanted.send_if_modified(|now| {
            let other = *now != spec;
            *now = spec;
            other
        });
    } else if spec.is_some() {
        let (wanted, sees) = watch::channel(spec);
        let key = (stage.plane.name.clone(), name.0.clone(), name.1.clone());
        let task = AbortOnDropHandle::new(tokio::spawn(live(Arc::clone(stage), key, sees)));
        lives.insert(name, Life { wanted, _task: task });
    }
}

fn end(life: &Life) {
    life.wanted.send_if_modified(|now| now.take().is_some());
}
