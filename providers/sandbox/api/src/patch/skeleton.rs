//! The empty object of a kind, against which a first write is compared.
//!
//! A built-in's empty object is a Go struct: its struct fields are there from the start, and so
//! are the fields that Go never omits. Whoever creates the object therefore owns their leaves,
//! but not the fields themselves. A custom resource's empty object has no field.

use serde_json::{Map, Value};
use windlass_kubeschema::SchemaRef;
use windlass_kubeschema::schema::{MAX_DEPTH, Type};

/// The kind is compiled into the server (its metadata refers to ObjectMeta by name).
pub(super) fn is_built_in(schema: SchemaRef<'_>) -> bool {
    let metadata = schema.schema().properties.get("metadata");
    metadata.is_some_and(|metadata| metadata.reference.is_some())
}

/// The empty object.
pub(super) fn empty_object(schema: SchemaRef<'_>, api_version: &str, kind: &str) -> Value {
    let mut out = if is_built_in(schema) { struct_fields(schema, 0) } else { Map::new() };
    out.insert("apiVersion".into(), api_version.into());
    out.insert("kind".into(), kind.into());
    Value::Object(out)
}

/// OpenAPI says `default: {}` of a struct that is no pointer, and `required` of what is never
/// omitted.
fn struct_fields(schema: SchemaRef<'_>, depth: usize) -> Map<String, Value> {
    let mut out = Map::new();
    if depth > MAX_DEPTH {
        return out;
    }
    for name in schema.schema().properties.keys() {
        let Some(field) = schema.declared(name) else {
            continue;
        };
        let is_struct = field.default_value().and_then(Value::as_object).is_some_and(Map::is_empty);
        if is_struct && field.kind == Some(Type::Object) {
            out.insert(name.clone(), Value::Object(struct_fields(field, depth + 1)));
        } else if schema.required.contains(name) {
            let zero = field.default_value().cloned().unwrap_or(Value::Null);
            out.insert(name.clone(), zero);
        }
    }
    out
}
