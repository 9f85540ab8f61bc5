//! Fields that a schema does not know: named for strict validation, removed by pruning.

use serde_json::Value;

use super::place::Place;
use crate::schema::MAX_DEPTH;
use crate::view::SchemaRef;

/// One sentence per unknown field, as `fieldValidation=Strict` answers: `unknown field "spec.foo"`.
pub fn unknown_fields(value: &Value, schema: SchemaRef<'_>) -> Vec<String> {
    let mut out = Vec::new();
    find(value, schema, Place::Root, 0, &mut out);
    out.iter().map(|path| format!("unknown field {path:?}")).collect()
}

/// Removes unknown fields; gives their paths (`spec.items[0].foo`).
pub fn prune(value: &mut Value, schema: SchemaRef<'_>) -> Vec<String> {
    let mut out = Vec::new();
    find(value, schema, Place::Root, 0, &mut out);
    // Nearly every object has none: look first, touch only then.
    if !out.is_empty() {
        remove(value, schema, 0);
    }
    out
}

fn find(value: &Value, schema: SchemaRef<'_>, place: Place<'_>, depth: usize, out: &mut Vec<String>) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let here = Place::Field(&place, name);
                match schema.property(name) {
                    Some(field) => find(value, field, here, depth + 1, out),
                    None if keeps_unknown(schema) => {}
                    None => out.push(here.to_string()),
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = schema.items() {
                for (index, item) in list.iter().enumerate() {
                    find(item, items, Place::Index(&place, index), depth + 1, out);
                }
            }
        }
        _ => {}
    }
}

fn remove(value: &mut Value, schema: SchemaRef<'_>, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(map) => {
            if !keeps_unknown(schema) {
                map.retain(|name, _| schema.property(name).is_some());
            }
            for (name, value) in map {
                if let Some(field) = schema.property(name) {
                    remove(value, field, depth + 1);
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = schema.items() {
                list.iter_mut().for_each(|item| remove(item, items, depth + 1));
            }
        }
        _ => {}
    }
}

fn keeps_unknown(schema: SchemaRef<'_>) -> bool {
    schema.preserve_unknown_fields || (schema.is_untyped() && !schema.is_resource())
}
