//! A `Layer` object as the agent reads it. Pure.

use std::collections::BTreeMap;

use kube::core::DynamicObject;
use serde_json::Value as Json;
use windlass_kube::apply::MayTake;
use windlass_kube::kinds::ObjectRef;

/// What a `Layer` asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Digest of the content.
    pub digest: String,
    /// Secrets with the content, in order.
    pub secrets: Vec<String>,
    /// Layers that must be ready before.
    pub depends_on: Vec<String>,
    /// What is not as applied is put right, at the next look.
    pub heal: bool,
    /// A repair that is to be done once.
    pub repair: Option<String>,
    /// Fields that may be taken from others.
    pub takeovers: BTreeMap<ObjectRef, Vec<MayTake>>,
}

/// Reads a `Layer`.
pub fn wanted(layer: &DynamicObject) -> Wanted {
    let spec = layer.data.get("spec").unwrap_or(&Json::Null);
    let text = |key: &str| spec.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    Wanted {
        digest: text("digest"),
        secrets: texts(spec, "secrets"),
        depends_on: texts(spec, "dependsOn"),
        heal: text("mode") == "heal",
        repair: Some(text("repair")).filter(|repair| !repair.is_empty()),
        takeovers: takeovers(spec),
    }
}

fn texts(spec: &Json, key: &str) -> Vec<String> {
    let list = spec.get(key).and_then(Json::as_array);
    list.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

fn takeovers(spec: &Json) -> BTreeMap<ObjectRef, Vec<MayTake>> {
    let mut by_object: BTreeMap<ObjectRef, Vec<MayTake>> = BTreeMap::new();
    for take in spec.get("takeovers").and_then(Json::as_array).into_iter().flatten() {
        let text = |key: &str| take.get(key).and_then(Json::as_str).unwrap_or_default();
        let namespace = Some(text("namespace")).filter(|namespace| !namespace.is_empty());
        let object = ObjectRef::new(text("apiVersion"), text("kind"), namespace, text("name"));
        by_object.entry(object).or_default().push(MayTake { path: text("path").to_owned(), manager: text("manager").to_owned() });
    }
    by_object
}

/// Whether a layer waits for another.
pub fn depends_on(layer: &DynamicObject, other: &str) -> bool {
    wanted(layer).depends_on.iter().any(|name| name == other)
}

/// Whether the agent has said that a layer is ready, of its present spec.
pub fn is_ready(layer: &DynamicObject) -> bool {
    let status = layer.data.get("status").unwrap_or(&Json::Null);
    let seen = status.get("observedGeneration").and_then(Json::as_i64);
    status.get("ready").and_then(Json::as_bool) == Some(true) && seen == layer.metadata.generation
}

/// The first dependency that is not ready, in words.
pub fn waits_for(wanted: &Wanted, find: impl Fn(&str) -> Option<bool>) -> Option<String> {
    wanted.depends_on.iter().find_map(|name| match find(name) {
        Some(true) => None,
        Some(false) => Some(format!("layer {name} is not ready yet")),
        None => Some(format!("there is no layer {name} yet")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn layer(value: Json) -> DynamicObject {
        serde_json::from_value(value).expect("a layer")
    }

    #[test]
    fn a_layer_is_read() {
        let object = layer(json!({
            "apiVersion": "agent.windlass.dev/v1alpha1", "kind": "Layer", "metadata": {"name": "a", "generation": 2},
            "spec": {"digest": "d", "secrets": ["a-0", "a-1"], "dependsOn": ["b"], "mode": "heal", "repair": "r",
                "takeovers": [{"apiVersion": "v1", "kind": "ConfigMap", "namespace": "n", "name": "c", "path": "data.x", "manager": "kubectl-edit"}]},
            "status": {"ready": true, "observedGeneration": 1},
        }));
        let read = wanted(&object);
        assert_eq!((read.digest.as_str(), read.heal, read.repair.as_deref()), ("d", true, Some("r")));
        assert_eq!(read.secrets, ["a-0", "a-1"]);
        assert_eq!(read.takeovers.len(), 1);
        assert!(depends_on(&object, "b") && !depends_on(&object, "a"));
        assert!(!is_ready(&object), "ready of an older spec");
    }

    #[test]
    fn dependencies_are_named() {
        let wanted = Wanted { depends_on: vec!["a".into(), "b".into()], ..Wanted::default() };
        assert_eq!(waits_for(&wanted, |_| Some(true)), None);
        assert_eq!(waits_for(&wanted, |name| Some(name == "a")).as_deref(), Some("layer b is not ready yet"));
        assert_eq!(waits_for(&wanted, |_| None).as_deref(), Some("there is no layer a yet"));
    }
}
