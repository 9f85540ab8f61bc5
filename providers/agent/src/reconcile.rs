//! One look at one layer: dependencies, content, apply, health, drift, status.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::core::DynamicObject;
use kube::runtime::controller::Action;
use kube::runtime::reflector::Store;
use serde_json::Value as Json;
use tokio::sync::watch;
use tokio::time::Instant;
use windlass_core::addr::Address;
use windlass_core::marks::{ANNOTATION_ADDRESS, FIELD_MANAGER, LABEL_LINEAGE, SYSTEM_NAMESPACE};
use windlass_kube::error::ApiError;
use windlass_kube::kinds::ObjectRef;
use windlass_kube::layers::content::{layer_reference, unpack};
use windlass_kube::layers::ensure::{Done, Layer, Site, ensure_layer, wait_healthy};
use windlass_kube::layers::inventory;
use windlass_kube::plane::Plane;
use windlass_kube::request::secret_texts;
use windlass_kube::wait::Patience;
use windlass_kube::wait::{Progress, StepError};
use windlass_kube::watch::Watches;

use crate::AgentOptions;
use crate::drift;
use crate::layer::{Wanted, is_ready, waits_for, wanted};
use crate::status::{Health, LayerStatus, patch, retry_after, stalled_since};

/// For CRDs to be established, and for pruned objects to be gone.
const APPLY_PATIENCE: Duration = Duration::from_secs(60);
/// Health is waited for in slices, so that the status stays fresh and a new content is not kept waiting.
const HEALTH_SLICE: Duration = Duration::from_secs(3);

/// What was refused is sent once more before it is called stalled: rights and schemas of objects that were just applied take a moment to
/// be known to every server.
const SECOND_TRY: Duration = Duration::from_secs(1);

/// What every look needs.
pub struct Agent {
    /// The plane it runs in.
    pub plane: Arc<Plane>,
    /// Watches of what is waited for.
    pub watches: Watches,
    /// All layers.
    pub layers: Store<DynamicObject>,
    /// How it runs.
    pub options: AgentOptions,
    /// True once everything must stop.
    pub stop: watch::Receiver<bool>,
}

/// Why a look did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The API did not do it.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The layer could not be applied.
    #[error("{0}")]
    Layer(String),
}

struct Log;

impl Progress for Log {
    fn waiting(&self, what: &str, reason: &str) {
        tracing::debug!(what, reason, "waiting");
    }

    fn note(&self, text: &str) {
        tracing::info!("{text}");
    }

    fn asks(&self, what: &str, again: Option<&str>) {
        tracing::trace!(what, again, "asking");
    }

    fn answered(&self) {}
}

/// Looks after a layer.
pub async fn reconcile(layer: Arc<DynamicObject>, agent: Arc<Agent>) -> Result<Action, ReconcileError> {
    if layer.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let wanted = wanted(&layer);
    let old = layer.data.get("status").cloned().unwrap_or(Json::Null);
    let text = |key: &str| old.get(key).and_then(Json::as_str).map(str::to_owned);
    let mut status = LayerStatus {
        generation: layer.metadata.generation.unwrap_or_default(),
        digest: text("digest"),
        repaired: text("repaired"),
        health: Health::NotYet,
        reason: "Progressing",
        message: String::new(),
        drift: Vec::new(),
    };
    let plane = plane_of(&agent.plane, &layer);
    let look = Look { agent: &agent, plane, layer: &layer, name: layer.metadata.name.clone().unwrap_or_default(), old };

    if let Some(reason) = waits_for(&wanted, |name| look.is_ready(name)) {
        (status.reason, status.message) = ("WaitingForLayer", reason);
        look.say(&status).await?;
        return Ok(Action::requeue(agent.options.look_every));
    }
    let objects = match look.content(&wanted).await? {
        Ok(objects) => objects,
        Err(message) => {
            (status.reason, status.message) = ("ContentMissing", message);
            look.say(&status).await?;
            return Ok(Action::requeue(Duration::from_secs(2)));
        }
    };
    let fresh = status.digest.as_deref() != Some(&wanted.digest) || (wanted.repair.is_some() && status.repaired != wanted.repair);
    if fresh || wanted.heal {
        if status.digest.as_deref().is_some_and(|digest| digest != wanted.digest) {
            // From here on neither the old nor the new content is there whole: who goes back to the old one must get it applied.
            status.digest = None;
            look.say(&status).await?;
        }
        let stalled = stalled_since(&look.old, status.generation);
        match look.apply_surely(&wanted, &objects, stalled.is_some()).await {
            Ok(_) => {
                status.digest = Some(wanted.digest.clone());
                status.repaired = wanted.repair.clone().or(status.repaired);
            }
            // The agent that comes next goes on; nothing is wrong that should be told.
            Err(StepError::Stopped) => return Ok(Action::await_change()),
            Err(StepError::Refused { summary, .. }) => {
                tracing::warn!(layer = look.name, "refused: {summary}");
                (status.health, status.reason, status.message) = (Health::Stalled, "ApplyRefused", summary);
                look.say(&status).await?;
                return Ok(Action::requeue(retry_after(stalled, Timestamp::now(), agent.options.retry_between)));
            }
            Err(error) => {
                (status.reason, status.message) = ("ApplyFailed", error.to_string());
                look.say(&status).await?;
                return Err(ReconcileError::Layer(format!("layer {}: {error}", look.name)));
            }
        }
        if fresh {
            // Stored before anything else, so that new content and a repair are applied once.
            look.say(&status).await?;
        }
    }
    let after = match look.health().await {
        Ok(()) => {
            (status.health, status.reason) = (Health::Ready, "Healthy");
            agent.options.look_every
        }
        Err(StepError::Stopped) => return Ok(Action::await_change()),
        Err(StepError::TimedOut { what, reason }) => {
            status.message = format!("{what}: {reason}");
            Duration::from_millis(50)
        }
        Err(error) => {
            status.message = error.to_string();
            Duration::from_secs(2)
        }
    };
    if !wanted.heal {
        status.drift = drift::find(&look.plane, &objects).await?;
    }
    look.say(&status).await?;
    Ok(Action::requeue(after))
}

/// The plane under the name that its users know, which stands on each layer: `cluster.shop`.
fn plane_of(plane: &Arc<Plane>, layer: &DynamicObject) -> Arc<Plane> {
    let address = layer.metadata.annotations.as_ref().and_then(|all| all.get(ANNOTATION_ADDRESS)?.parse::<Address>().ok());
    match address.filter(Address::is_cluster) {
        Some(address) => Arc::new(plane.called(address.root())),
        None => plane.clone(),
    }
}

struct Look<'a> {
    agent: &'a Agent,
    plane: Arc<Plane>,
    layer: &'a DynamicObject,
    name: String,
    old: Json,
}

impl Look<'_> {
    /// Whether another layer is ready; `None`: there is none of that name.
    fn is_ready(&self, name: &str) -> Option<bool> {
        let found = self.agent.layers.state().into_iter().find(|layer| layer.metadata.name.as_deref() == Some(name));
        found.map(|layer| is_ready(&layer))
    }

    /// The real objects; the inner error says what is missing.
    async fn content(&self, wanted: &Wanted) -> Result<Result<Vec<Json>, String>, ReconcileError> {
        let mut secrets = Vec::with_capacity(wanted.secrets.len());
        for name in &wanted.secrets {
            match self.plane.get(&ObjectRef::new("v1", "Secret", Some(SYSTEM_NAMESPACE), name)).await? {
                Some(secret) => secrets.push(secret),
                None => return Ok(Err(format!("Secret {name} is not there"))),
            }
        }
        Ok(unpack(&wanted.digest, &secrets))
    }

    /// Applies; a first refusal is not believed at once.
    async fn apply_surely(&self, wanted: &Wanted, objects: &[Json], refused_before: bool) -> Result<Done, StepError> {
        match self.apply(wanted, objects.to_vec()).await {
            Err(StepError::Refused { .. }) if !refused_before => {
                tokio::time::sleep(SECOND_TRY).await;
                self.apply(wanted, objects.to_vec()).await
            }
            other => other,
        }
    }

    async fn apply(&self, wanted: &Wanted, objects: Vec<Json>) -> Result<Done, StepError> {
        let metadata = &self.layer.metadata;
        let read = |map: &Option<std::collections::BTreeMap<String, String>>, key: &str| {
            map.as_ref().and_then(|map| map.get(key)).cloned().unwrap_or_default()
        };
        let secrets = secret_texts(&objects);
        let patience = self.patience(APPLY_PATIENCE);
        let site = Site { plane: &self.plane, watches: &self.agent.watches, patience: &patience };
        let layer = Layer {
            name: &self.name,
            lineage: &read(&metadata.labels, LABEL_LINEAGE),
            address: &read(&metadata.annotations, ANNOTATION_ADDRESS),
            objects,
            known: &|_| false,
            takeovers: wanted.takeovers.clone(),
            heal: wanted.heal,
            secrets: &secrets,
        };
        ensure_layer(&site, layer).await
    }

    async fn health(&self) -> Result<(), StepError> {
        let plane = &self.plane;
        let failed_to = |error: ApiError| error.during(&plane.address, &format!("read the inventory of layer {}", self.name));
        let present = inventory::read(plane, &self.name).await.map_err(failed_to)?;
        let patience = self.patience(HEALTH_SLICE);
        wait_healthy(&Site { plane, watches: &self.agent.watches, patience: &patience }, &present).await
    }

    fn patience(&self, time: Duration) -> Patience<'static> {
        Patience { progress: &Log, stop: self.agent.stop.clone(), until: Instant::now() + time }
    }

    /// Writes the status, if it is news.
    async fn say(&self, status: &LayerStatus) -> Result<(), ReconcileError> {
        // What was said earlier in the same look is not in `old`; then the same is said twice, which does no harm.
        if let Some(news) = patch(&self.old, status, Timestamp::now()) {
            match self.plane.merge_status(&layer_reference(&self.name), &news, FIELD_MANAGER).await {
                Err(error) if error.not_found() => {}
                other => {
                    other?;
                }
            }
        }
        Ok(())
    }
}
