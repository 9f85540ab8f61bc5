//! Cluster API on a plane: definitions first, then managers, then the webhooks that they answer.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::runtime::wait::{await_condition, conditions::is_crd_established};
use serde_json::Value as Json;

use crate::definitions::{custom_resource_definitions, webhook_configurations};
use crate::error::GroundError;
use crate::ground::Ground;
use crate::manager::{Manager, ManagerKind, Webhooks};
use crate::plane::Plane;

const PATIENCE: Duration = Duration::from_secs(180);
const AT_ONCE: usize = 8;
const FIELD_MANAGER: &str = "windlass-proving-ground";

/// Managers that run on one plane.
#[derive(Debug)]
pub struct ClusterApi {
    /// In the order in which they were asked for.
    pub managers: Vec<Manager>,
    /// Names of the definitions that were applied.
    pub definitions: Vec<String>,
}

/// Installs providers with webhooks by address and runs their managers as processes.
///
/// # Errors
/// The API server refuses something, a definition is not established, or a manager does not come up.
pub async fn install_cluster_api(
    ground: &Ground,
    plane: &Plane,
    kinds: impl IntoIterator<Item = &'static ManagerKind>,
) -> Result<ClusterApi, GroundError> {
    let mut prepared = Vec::new();
    let mut definitions = Vec::new();
    for kind in kinds {
        let webhooks = Webhooks::prepare(ground, plane.authority(), &format!("{}-{}", plane.name(), kind.program))?;
        definitions.extend(custom_resource_definitions(ground.components(), kind, &webhooks.address())?);
        prepared.push((kind, webhooks));
    }
    let definitions = establish(&plane.client(), definitions).await?;

    // All at once: most of their start is waiting.
    let managers = prepared.into_iter().map(|(kind, webhooks)| Manager::start(ground, plane, kind, webhooks));
    let managers = futures::future::try_join_all(managers).await?;
    for manager in &managers {
        let configurations = webhook_configurations(ground.components(), manager.kind(), &manager.webhooks().address())?;
        apply(&plane.client(), configurations).await?;
    }
    Ok(ClusterApi { managers, definitions })
}

/// Applies CustomResourceDefinitions and waits until the API server serves them; gives their names.
///
/// # Errors
/// The API server refuses one, or does not serve it in time.
pub async fn establish(client: &kube::Client, definitions: Vec<Json>) -> Result<Vec<String>, GroundError> {
    let names = apply(client, definitions).await?;
    let served = names.iter().map(|name| {
        let api: Api<CustomResourceDefinition> = Api::all(client.clone());
        async move {
            let too_late = || GroundError::TooLate { what: format!("{name} Established"), seconds: PATIENCE.as_secs() };
            let waited = tokio::time::timeout(PATIENCE, await_condition(api, name, is_crd_established())).await;
            waited.is_ok_and(|found| found.is_ok()).then_some(()).ok_or_else(too_late)
        }
    });
    stream::iter(served).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    Ok(names)
}

async fn apply(client: &kube::Client, objects: Vec<Json>) -> Result<Vec<String>, GroundError> {
    let applied = objects.into_iter().map(|object| {
        let client = client.clone();
        async move {
            let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
            let (api_version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
            let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
            let plural = format!("{}s", kind.to_lowercase());
            let resource =
                ApiResource { group: group.to_owned(), version: version.to_owned(), api_version: api_version.clone(), kind, plural };
            let api: Api<DynamicObject> = Api::all_with(client, &resource);
            let how = PatchParams::apply(FIELD_MANAGER).force();
            api.patch(&name, &how, &Patch::Apply(&object)).await.map_err(GroundError::api(format!("{} {name}", resource.kind)))?;
            Ok(name)
        }
    });
    stream::iter(applied).buffered(AT_ONCE).try_collect().await
}
