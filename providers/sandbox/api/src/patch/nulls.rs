//! What becomes of an explicit `null` in a built-in object: Go decodes it to a zero value.

use serde_json::Value;
use windlass_kubeschema::SchemaRef;
use windlass_kubeschema::schema::{MAX_DEPTH, Type};

use super::skeleton::is_built_in;

/// Removes nulls of declared fields; a null in a map of strings becomes `""`.
///
/// Custom resources keep theirs: defaulting and pruning treat them.
pub fn drop_nulls(object: &mut Value, schema: SchemaRef<'_>) {
    if is_built_in(schema) {
        drop_below(object, schema, 0);
    }
}

fn drop_below(value: &mut Value, schema: SchemaRef<'_>, depth: usize) {
    if depth > MAX_DEPTH || schema.preserve_unknown_fields {
        return;
    }
    match value {
        Value::Object(map) => {
            map.retain(|name, value| !value.is_null() || schema.declared(name).is_none());
            for (name, value) in map.iter_mut() {
                let Some(field) = schema.property(name) else {
                    continue;
                };
                if value.is_null() && field.kind == Some(Type::String) {
                    *value = Value::String(String::new());
                }
                drop_below(value, field, depth + 1);
            }
        }
        Value::Array(list) => {
            if let Some(items) = schema.items() {
                list.iter_mut().for_each(|item| drop_below(item, items, depth + 1));
            }
        }
        _ => {}
    }
}
