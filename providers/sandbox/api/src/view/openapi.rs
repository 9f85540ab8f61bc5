//! `/openapi/v3` and `/openapi/v2`: schemas and paths, enough for kubectl's apply, edit, explain and client-side validation.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::http::Answer;
use crate::kinds::{Kinds, Resource, Version};
use crate::status::Failure;

/// `/openapi/v3`.
pub(crate) fn index(kinds: &Kinds) -> Answer {
    let mut paths = Map::new();
    for (group, versions) in kinds.groups() {
        for version in versions {
            let path = if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
            // Clients keep a document for as long as its hash is the same.
            let digest = Sha256::digest(format!("{path} {}", kinds.stamp(&group)).as_bytes());
            let hash = data_encoding::HEXUPPER.encode(&digest);
            paths.insert(path.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}")}));
        }
    }
    Answer::ok(json!({"paths": paths}))
}

/// `/openapi/v3/api/v1`, `/openapi/v3/apis/GROUP/VERSION`.
pub(crate) fn v3(kinds: &Kinds, group: &str, version: &str) -> Result<Answer, Failure> {
    if !kinds.groups().get(group).is_some_and(|versions| versions.iter().any(|known| known == version)) {
        return Err(Failure::no_such_path());
    }
    Ok(Answer::ok(document(kinds, group, version)))
}

/// `/openapi/v2`: the paths and kinds only; clients that read it look for the parameters of PATCH.
pub(crate) fn v2(kinds: &Kinds) -> Answer {
    let mut paths = Map::new();
    let mut definitions = Map::new();
    for resource in kinds.resources() {
        for version in resource.versions.iter().filter(|version| version.served) {
            let kind = group_version_kind(resource, version);
            definitions.insert(definition_name(resource, version), json!({"type": "object", "x-kubernetes-group-version-kind": [kind]}));
            paths.insert(
                object_path(resource, version),
                json!({"patch": {
                    "consumes": ["application/json-patch+json", "application/merge-patch+json"],
                    "parameters": parameters().into_iter().map(|name| json!({
                        "name": name, "in": "query", "type": "string", "uniqueItems": true,
                    })).collect::<Vec<_>>(),
                    "responses": {"200": {"description": "OK"}},
                    "x-kubernetes-action": "patch",
                    "x-kubernetes-group-version-kind": kind,
                }}),
            );
        }
    }
    Answer::ok(json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "windlass-sandbox"},
        "paths": paths,
        "definitions": definitions,
    }))
}

fn document(kinds: &Kinds, group: &str, version: &str) -> Value {
    let mut paths = Map::new();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    schemas.insert(OBJECT_META.to_owned(), windlass_kubeschema::object_meta().to_openapi());
    for resource in kinds.resources().filter(|resource| resource.group() == group) {
        let Some(found) = resource.version(version).filter(|found| found.served) else { continue };
        let name = definition_name(resource, found);
        schemas.insert(name.clone(), kind_schema(resource, found));
        for (definition, schema) in found.schema.iter().flat_map(|schema| schema.definitions.iter()) {
            schemas.entry(definition.clone()).or_insert_with(|| schema.to_openapi());
        }
        add_paths(resource, found, &name, &mut paths);
    }
    keep_reachable(&mut schemas, &paths);
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "windlass-sandbox"},
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

fn kind_schema(resource: &Resource, version: &Version) -> Value {
    let mut schema = match &version.schema {
        Some(schema) => {
            let view = schema.view();
            view.schema().to_openapi()
        }
        None => json!({"type": "object"}),
    };
    if let Some(map) = schema.as_object_mut() {
        map.insert("x-kubernetes-group-version-kind".into(), json!([group_version_kind(resource, version)]));
        let properties = map.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            for field in ["apiVersion", "kind"] {
                properties.insert(field.to_owned(), json!({"type": "string"}));
            }
            let meta = json!({"allOf": [{"$ref": format!("#/components/schemas/{OBJECT_META}")}]});
            properties.insert("metadata".to_owned(), meta);
        }
    }
    schema
}

fn group_version_kind(resource: &Resource, version: &Version) -> Value {
    json!({"group": resource.group(), "version": version.name, "kind": resource.kind})
}

fn definition_name(resource: &Resource, version: &Version) -> String {
    let group = if resource.group().is_empty() { "core" } else { resource.group() };
    let reversed: Vec<&str> = group.split('.').rev().collect();
    let prefix = if resource.custom { String::new() } else { "io.k8s.api.".to_owned() };
    let group = if resource.custom { reversed.join(".") } else { group.split('.').next().unwrap_or("").to_owned() };
    format!("{prefix}{group}.{}.{}", version.name, resource.kind)
}

fn collection_path(resource: &Resource, version: &Version) -> String {
    let root =
        if resource.group().is_empty() { format!("/api/{}", version.name) } else { format!("/apis/{}/{}", resource.group(), version.name) };
    let namespace = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
    format!("{root}{namespace}/{}", resource.plural())
}

fn object_path(resource: &Resource, version: &Version) -> String {
    format!("{}/{{name}}", collection_path(resource, version))
}

fn parameters() -> Vec<&'static str> {
    vec!["dryRun", "fieldManager", "fieldValidation", "force"]
}

fn add_paths(resource: &Resource, version: &Version, schema: &str, paths: &mut Map<String, Value>) {
    let kind = group_version_kind(resource, version);
    let content = json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}});
    let operation = |action: &str, body: bool| {
        let listed: Vec<Value> = parameters()
            .into_iter()
            .filter(|name| body && (*name != "force" || action == "patch"))
            .map(|name| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}}))
            .collect();
        let mut operation = json!({
            "parameters": listed,
            "responses": {"200": {"description": "OK", "content": content.clone()}},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": kind.clone(),
        });
        if let Some(map) = operation.as_object_mut().filter(|_| body) {
            map.insert("requestBody".into(), json!({"content": content.clone(), "required": true}));
        }
        operation
    };
    paths.insert(collection_path(resource, version), json!({"get": operation("list", false), "post": operation("post", true)}));
    paths.insert(
        object_path(resource, version),
        json!({
            "get": operation("get", false),
            "put": operation("put", true),
            "patch": operation("patch", true),
            "delete": operation("delete", false),
        }),
    );
}

/// Drops definitions that no kind of this document refers to.
fn keep_reachable(schemas: &mut BTreeMap<String, Value>, paths: &Map<String, Value>) {
    let mut open = Vec::new();
    paths.values().for_each(|path| references(path, &mut open));
    let mut reached = std::collections::BTreeSet::new();
    while let Some(name) = open.pop() {
        if reached.insert(name.clone())
            && let Some(schema) = schemas.get(&name)
        {
            references(schema, &mut open);
        }
    }
    schemas.retain(|name, _| reached.contains(name));
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(target) if key == "$ref" => {
                        found.extend(target.rsplit('/').next().map(str::to_owned));
                    }
                    other => references(other, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
