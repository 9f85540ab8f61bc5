//! What a built-in object is after the server has decoded it to Go structs and encoded it again.
//!
//! Nulls go, and struct fields that are no pointers are there, empty (`resources: {}`). Whoever
//! writes an item of a list therefore owns such a field of it, too.

use serde_json::{Map, Value};
use windlass_kubeschema::SchemaRef;
use windlass_kubeschema::schema::{MAX_DEPTH, Type};

/// The kind is compiled into the server (its metadata refers to ObjectMeta by name).
pub(super) fn is_built_in(schema: SchemaRef<'_>) -> bool {
    let metadata = schema.schema().properties.get("metadata");
    metadata.is_some_and(|metadata| metadata.reference.is_some())
}

/// Brings a built-in object into the form that its server would answer, before defaults.
///
/// A null in a map of strings becomes `""`. Custom resources stay as they are: defaulting and
/// pruning treat their nulls.
pub fn as_decoded(object: &mut Value, schema: SchemaRef<'_>) {
    if is_built_in(schema) {
        decode(object, schema, 0);
    }
}

fn decode(value: &mut Value, schema: SchemaRef<'_>, depth: usize) {
    if depth > MAX_DEPTH || schema.preserve_unknown_fields {
        return;
    }
    match value {
        Value::Object(map) => {
            map.retain(|name, value| !value.is_null() || schema.declared(name).is_none());
            for name in schema.schema().properties.keys() {
                if !map.contains_key(name)
                    && let Some(zero) = zero_value(schema, name)
                {
                    map.insert(name.clone(), zero);
                }
            }
            for (name, value) in map.iter_mut() {
                let Some(field) = schema.property(name) else {
                    continue;
                };
                if value.is_null() && field.kind == Some(Type::String) {
                    *value = Value::String(String::new());
                }
                decode(value, field, depth + 1);
            }
        }
        Value::Array(list) => {
            if let Some(items) = schema.items() {
                list.iter_mut().for_each(|item| decode(item, items, depth + 1));
            }
        }
        _ => {}
    }
}

/// What Go writes of a field that nobody set.
///
/// OpenAPI says `default: {}` of a struct that is no pointer; a required field with another
/// default is never omitted.
fn zero_value(schema: SchemaRef<'_>, name: &str) -> Option<Value> {
    let field = schema.declared(name)?;
    match field.default_value()? {
        Value::Object(empty) if empty.is_empty() => {
            let is_struct = field.kind == Some(Type::Object) && !field.preserve_unknown_fields;
            is_struct.then(|| Value::Object(Map::new()))
        }
        default if schema.schema().required.iter().any(|required| required == name) => Some(default.clone()),
        _ => None,
    }
}

/// The empty object of a kind, against which a first write is compared.
///
/// A built-in's has its structs, and null where Go never omits a list, map or pointer: who creates
/// the object owns what is in them, but not the fields themselves.
pub(super) fn empty_object(schema: SchemaRef<'_>, api_version: &str, kind: &str) -> Value {
    let mut out = Value::Object(Map::new());
    if is_built_in(schema) {
        decode(&mut out, schema, 0);
        add_required(&mut out, schema, 0);
    }
    if let Value::Object(map) = &mut out {
        map.insert("apiVersion".into(), api_version.into());
        map.insert("kind".into(), kind.into());
    }
    out
}

fn add_required(value: &mut Value, schema: SchemaRef<'_>, depth: usize) {
    let Value::Object(map) = value else {
        return;
    };
    if depth > MAX_DEPTH {
        return;
    }
    for (name, value) in map.iter_mut() {
        if let Some(field) = schema.declared(name) {
            add_required(value, field, depth + 1);
        }
    }
    for name in &schema.schema().required {
        if !map.contains_key(name) {
            map.insert(name.clone(), Value::Null);
        }
    }
}
