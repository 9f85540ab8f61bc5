//! Checks of CustomResourceDefinitions (`apiextensions/validation` and `apiserver/schema` of k8s.io/apiextensions-apiserver):
//! names, versions, structural schemas. Rules in CEL are not compiled.

mod defaults;
mod schema;
mod structural;

use serde_json::Value;

use crate::status::Cause;

/// What is missing or contradicts itself.
pub(super) fn causes(object: &Value, causes: &mut Vec<Cause>) {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let expected = format!("{}.{}", text("/spec/names/plural"), text("/spec/group"));
    if text("/metadata/name") != expected {
        let why = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", format_args!("{:?}", text("/metadata/name")), why));
    }
    if !matches!(text("/spec/scope"), "Namespaced" | "Cluster") {
        causes.push(Cause::required("spec.scope", ""));
    }
    let versions = object.pointer("/spec/versions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let storage = versions.iter().filter(|version| version.get("storage") == Some(&Value::Bool(true))).count();
    if storage != 1 {
        causes.push(Cause::invalid("spec.versions", "[]", "must have exactly one version marked as storage version"));
    }
    let before = causes.len();
    schemas(versions, causes);
    if let Err(reason) = crate::kinds::custom_resource(object)
        && storage == 1
        && causes.len() == before
    {
        causes.push(Cause::invalid("spec.versions", "[]", &reason));
    }
}

/// The schema of each version; where all are the same, the real server has one for all of them, under another path.
fn schemas(versions: &[Value], causes: &mut Vec<Cause>) {
    let schema = |version: &Value| version.pointer("/schema/openAPIV3Schema").cloned();
    let first = versions.first().and_then(schema);
    if let Some(one) = first.as_ref().filter(|_| versions.iter().all(|version| schema(version) == first)) {
        return whole("spec.validation.openAPIV3Schema", one, causes);
    }
    for (index, version) in versions.iter().enumerate() {
        let path = format!("spec.versions[{index}].schema.openAPIV3Schema");
        match schema(version) {
            Some(schema) => whole(&path, &schema, causes),
            None => causes.push(Cause::required(&path, "schemas are required")),
        }
    }
}

fn whole(path: &str, schema: &Value, causes: &mut Vec<Cause>) {
    if flag(schema, "nullable") {
        causes.push(Cause::forbidden(&format!("{path}.nullable"), "nullable cannot be true at the root"));
    }
    let before = causes.len();
    structural::causes(path, schema, causes);
    if causes.len() == before {
        defaults::causes(path, schema, causes);
    }
    schema::causes(path, schema, schema::Where::Root, causes);
}

fn flag(schema: &Value, field: &str) -> bool {
    schema.get(field) == Some(&Value::Bool(true))
}

fn text<'a>(schema: &'a Value, field: &str) -> &'a str {
    schema.get(field).and_then(Value::as_str).unwrap_or("")
}

/// A keyword that is there and not null.
fn given<'a>(schema: &'a Value, field: &str) -> Option<&'a Value> {
    schema.get(field).filter(|value| !value.is_null())
}

fn each<'a>(schema: &'a Value, field: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    schema.get(field).and_then(Value::as_array).into_iter().flatten().enumerate()
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}
