//! What a built-in object is after the server has decoded it to Go structs and encoded it again.
//!
//! Nulls go, and struct fields that are no pointers are there, empty (`resources: {}`). Whoever
//! writes an item of a list therefore owns such a field of it, too.

use serde_json::{Map, Value};
use windlass_kubeschema::SchemaRef;
use windlass_kubeschema::schema::{MAX_DEPTH, Schema, Type};

/// Brings an object into the form that its server would answer, before defaults.
///
/// Of a built-in: no nulls (a null in a map of strings becomes `""`), structs filled in, empty
/// lists and maps left out. Of any kind: whole numbers without a fraction.
pub fn as_decoded(object: &mut Value, schema: SchemaRef<'_>) {
    settle_numbers(object, 0);
    if schema.is_built_in() {
        decode(object, schema, 0);
    }
}

/// 1.0 becomes 1; beyond 64 bits numbers stay floats.
fn settle_numbers(value: &mut Value, depth: usize) {
    match value {
        _ if depth > MAX_DEPTH => {}
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or(0.0);
            // Up to 2^53 every whole float is that whole number.
            if float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0 {
                *value = Value::from(float as i64);
            }
        }
        Value::Object(map) => map.values_mut().for_each(|value| settle_numbers(value, depth + 1)),
        Value::Array(list) => list.iter_mut().for_each(|value| settle_numbers(value, depth + 1)),
        _ => {}
    }
}

fn decode(value: &mut Value, schema: SchemaRef<'_>, depth: usize) {
    if depth > MAX_DEPTH || schema.preserve_unknown_fields {
        return;
    }
    match value {
        Value::Object(map) => {
            map.retain(|name, value| !is_omitted(value, schema, name));
            for (name, site) in &schema.schema().properties {
                // Defaults of built-ins stand where the field is declared; most fields have none.
                if site.default.is_some()
                    && !map.contains_key(name)
                    && let Some(zero) = zero_value(schema, name, site)
                {
                    map.insert(name.clone(), zero);
                }
            }
            for (name, value) in map.iter_mut() {
                // Of scalars only null is touched.
                if !matches!(value, Value::Null | Value::Array(_) | Value::Object(_)) {
                    continue;
                }
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

/// Go omits nil, and empty lists and maps (not structs) unless the field is required.
fn is_omitted(value: &Value, parent: SchemaRef<'_>, name: &str) -> bool {
    let declared = || parent.declared(name);
    match value {
        Value::Null => declared().is_some(),
        Value::Array(list) => list.is_empty() && declared().is_some() && !is_required(parent, name),
        Value::Object(map) => {
            let is_map = || declared().is_some_and(|field| field.additional_properties.is_some());
            map.is_empty() && is_map() && !is_required(parent, name)
        }
        _ => false,
    }
}

/// What Go writes of a field that nobody set.
///
/// OpenAPI says `default: {}` of a struct that is no pointer; a required field with another
/// default is never omitted.
fn zero_value(schema: SchemaRef<'_>, name: &str, site: &Schema) -> Option<Value> {
    match site.default.as_ref()? {
        Value::Object(empty) if empty.is_empty() => {
            let field = schema.declared(name)?;
            let is_struct = field.kind == Some(Type::Object) && !field.preserve_unknown_fields;
            is_struct.then(|| Value::Object(Map::new()))
        }
        default if is_required(schema, name) => Some(default.clone()),
        _ => None,
    }
}

fn is_required(schema: SchemaRef<'_>, name: &str) -> bool {
    schema.schema().required.iter().any(|required| required == name)
}

/// The empty object of a kind, against which a first write is compared.
///
/// A built-in's has its structs, and null where Go never omits a list, map or pointer: who creates
/// the object owns what is in them, but not the fields themselves.
pub(super) fn empty_object(schema: SchemaRef<'_>, api_version: &str, kind: &str) -> Value {
    let mut out = Value::Object(Map::new());
    if schema.is_built_in() {
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
