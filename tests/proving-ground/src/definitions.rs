//! The manifests of a Cluster API provider as a plane of host processes needs them: definitions with the provider's labels,
//! webhooks by address instead of by Service. Pure but for reading the files.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};

use crate::components::Components;
use crate::error::GroundError;
use crate::manager::ManagerKind;

/// Where the webhooks of a manager answer, and who signed for them.
#[derive(Debug, Clone)]
pub(crate) struct WebhookAddress {
    /// `https://127.0.0.1:PORT`.
    pub url: String,
    /// PEM, as base64.
    pub ca_bundle: String,
}

impl WebhookAddress {
    fn client_config(&self, path: &str) -> Json {
        json!({"url": format!("{}{path}", self.url), "caBundle": self.ca_bundle})
    }
}

/// The provider's CustomResourceDefinitions; those with several versions are converted at this address.
pub(crate) fn custom_resource_definitions(
    components: &Components,
    kind: &ManagerKind,
    address: &WebhookAddress,
) -> Result<Vec<Json>, GroundError> {
    let folder = components.files(kind.program).join("crd/bases");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(&folder).map_err(GroundError::io(&folder))?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut definitions = Vec::new();
    for path in paths {
        for mut definition in documents(&path)? {
            let metadata = object_at(&mut definition, "/metadata", &path)?;
            let labels = metadata.entry("labels").or_insert_with(|| json!({}));
            for (label, value) in [
                ("cluster.x-k8s.io/provider", kind.label),
                ("clusterctl.cluster.x-k8s.io", ""),
                ("cluster.x-k8s.io/v1beta1", "v1beta1"),
                ("cluster.x-k8s.io/v1beta2", "v1beta2"),
            ] {
                if let Some(labels) = labels.as_object_mut() {
                    labels.insert(label.to_owned(), value.into());
                }
            }
            let spec = object_at(&mut definition, "/spec", &path)?;
            if spec.get("versions").and_then(Json::as_array).is_some_and(|versions| versions.len() > 1) {
                let webhook = json!({"conversionReviewVersions": ["v1"], "clientConfig": address.client_config("/convert")});
                spec.insert("conversion".to_owned(), json!({"strategy": "Webhook", "webhook": webhook}));
            }
            definitions.push(definition);
        }
    }
    Ok(definitions)
}

/// The provider's webhook configurations, with the names that its release gives them.
pub(crate) fn webhook_configurations(
    components: &Components,
    kind: &ManagerKind,
    address: &WebhookAddress,
) -> Result<Vec<Json>, GroundError> {
    let path = components.files(kind.program).join("webhook/manifests.yaml");
    let mut configurations = documents(&path)?;
    for configuration in &mut configurations {
        let metadata = object_at(configuration, "/metadata", &path)?;
        let name = metadata.get("name").and_then(Json::as_str).unwrap_or_default();
        let name = format!("{}{name}", kind.name_prefix);
        metadata.insert("name".to_owned(), name.into());
        metadata.insert("labels".to_owned(), json!({"cluster.x-k8s.io/provider": kind.label, "clusterctl.cluster.x-k8s.io": ""}));
        for webhook in configuration.get_mut("webhooks").and_then(Json::as_array_mut).into_iter().flatten() {
            let service = webhook.pointer("/clientConfig/service/path").and_then(Json::as_str).unwrap_or("/").to_owned();
            object_at(webhook, "", &path)?.insert("clientConfig".to_owned(), address.client_config(&service));
        }
    }
    Ok(configurations)
}

fn documents(path: &Path) -> Result<Vec<Json>, GroundError> {
    let text = std::fs::read_to_string(path).map_err(GroundError::io(path))?;
    let found: Vec<Json> = serde_saphyr::from_multiple(&text)
        .map_err(|error| GroundError::Manifest { path: path.to_path_buf(), reason: error.to_string() })?;
    Ok(found.into_iter().filter(|document| !document.is_null()).collect())
}

fn object_at<'a>(document: &'a mut Json, pointer: &str, path: &Path) -> Result<&'a mut Map<String, Json>, GroundError> {
    let missing = || GroundError::Manifest { path: path.to_path_buf(), reason: format!("{pointer} is no object") };
    document.pointer_mut(pointer).and_then(Json::as_object_mut).ok_or_else(missing)
}
