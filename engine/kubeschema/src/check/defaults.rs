//! Defaults of custom resources, as the API server fills them in.
//!
//! Not for built-in kinds: what OpenAPI calls their default is only Go's zero value or the
//! default of a list key; their real defaults are code.

use serde_json::Value;

use crate::schema::MAX_DEPTH;
use crate::view::SchemaRef;

/// Fills in defaults; a `null` where it is not allowed becomes the default, or goes. Built-in objects stay as they are.
pub fn apply_defaults(value: &mut Value, schema: SchemaRef<'_>) {
    if !schema.is_built_in() {
        fill(value, schema, 0);
    }
}

fn fill(value: &mut Value, schema: SchemaRef<'_>, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(map) => {
            map.retain(|name, value| {
                !value.is_null() || schema.property(name).is_none_or(|field| is_null_allowed(field) || field.default_value().is_some())
            });
            for name in schema.schema().properties.keys() {
                // Metadata of a resource is ObjectMeta, which has no defaults.
                let Some(field) = schema.declared(name) else {
                    continue;
                };
                if let Some(default) = field.default_value() {
                    match map.get_mut(name) {
                        None => {
                            map.insert(name.clone(), default.clone());
                        }
                        Some(found) if found.is_null() && !is_null_allowed(field) => {
                            *found = default.clone();
                        }
                        Some(_) => {}
                    }
                }
            }
            for (name, value) in map.iter_mut() {
                if let Some(field) = schema.property(name) {
                    fill_item(value, field, depth);
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = schema.items() {
                list.iter_mut().for_each(|item| fill_item(item, items, depth));
            }
        }
        _ => {}
    }
}

fn fill_item(value: &mut Value, schema: SchemaRef<'_>, depth: usize) {
    if value.is_null()
        && !is_null_allowed(schema)
        && let Some(default) = schema.default_value()
    {
        *value = default.clone();
    }
    fill(value, schema, depth + 1);
}

/// Nothing is said about the type, or null is.
fn is_null_allowed(schema: SchemaRef<'_>) -> bool {
    schema.is_nullable() || schema.is_untyped()
}
