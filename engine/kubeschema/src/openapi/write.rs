//! [`Schema`] to OpenAPI v3, for CRD objects and `/openapi/v3`; the inverse of the reader.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::schema::{Limits, Logic, MAX_DEPTH, Schema};

impl Schema {
    /// The schema as OpenAPI v3, `x-kubernetes-*` extensions included.
    pub fn to_openapi(&self) -> Value {
        write(self, 0)
    }
}

fn write(schema: &Schema, depth: usize) -> Value {
    let mut out = Map::new();
    // Only a schema built by hand nests deeper than any value can.
    if depth > MAX_DEPTH {
        return Value::Object(out);
    }
    if let Some(name) = &schema.reference {
        let target = json!({"$ref": format!("#/components/schemas/{name}")});
        out.insert("allOf".into(), json!([target]));
    }
    form(schema, depth, &mut out);
    merging(schema, &mut out);
    if !schema.enumeration.is_empty() {
        out.insert("enum".into(), json!(schema.enumeration));
    }
    if let Some(default) = &schema.default {
        out.insert("default".into(), default.clone());
    }
    if let Some(bounds) = &schema.limits {
        limits(bounds, &mut out);
    }
    if let Some(branches) = &schema.logic {
        logic(branches, depth, &mut out);
    }
    if !schema.rules.is_empty() {
        let rules = schema.rules.iter().map(|rule| match &rule.message {
            Some(message) => json!({"rule": rule.rule, "message": message}),
            None => json!({"rule": rule.rule}),
        });
        out.insert("x-kubernetes-validations".into(), rules.collect());
    }
    Value::Object(out)
}

fn form(schema: &Schema, depth: usize, out: &mut Map<String, Value>) {
    if let Some(kind) = schema.kind {
        out.insert("type".into(), kind.as_str().into());
    }
    set_flag(out, "nullable", schema.nullable);
    set_flag(out, "x-kubernetes-int-or-string", schema.int_or_string);
    set_flag(out, "x-kubernetes-preserve-unknown-fields", schema.preserve_unknown_fields);
    set_flag(out, "x-kubernetes-embedded-resource", schema.embedded_resource);
    if !schema.properties.is_empty() {
        let properties = (schema.properties.iter()).map(|(name, property)| (name.clone(), write(property, depth + 1)));
        out.insert("properties".into(), Value::Object(properties.collect()));
    }
    if let Some(values) = &schema.additional_properties {
        let written = match write(values, depth + 1) {
            Value::Object(map) if map.is_empty() => Value::Bool(true),
            other => other,
        };
        out.insert("additionalProperties".into(), written);
    }
    if let Some(items) = &schema.items {
        out.insert("items".into(), write(items, depth + 1));
    }
    if !schema.required.is_empty() {
        out.insert("required".into(), json!(schema.required));
    }
}

fn merging(schema: &Schema, out: &mut Map<String, Value>) {
    if let Some(list_type) = schema.declared_list_type {
        out.insert("x-kubernetes-list-type".into(), list_type.as_str().into());
    }
    if !schema.map_keys.is_empty() {
        out.insert("x-kubernetes-list-map-keys".into(), json!(schema.map_keys));
    }
    if let Some(map_type) = schema.declared_map_type {
        out.insert("x-kubernetes-map-type".into(), map_type.as_str().into());
    }
    if let Some(strategy) = &schema.patch_strategy {
        out.insert("x-kubernetes-patch-strategy".into(), json!(strategy));
    }
    if let Some(key) = &schema.patch_merge_key {
        out.insert("x-kubernetes-patch-merge-key".into(), json!(key));
    }
}

fn limits(limits: &Limits, out: &mut Map<String, Value>) {
    let mut set = |word: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(word.into(), value);
        }
    };
    set("minimum", limits.minimum.clone().map(Value::Number));
    set("maximum", limits.maximum.clone().map(Value::Number));
    set("multipleOf", limits.multiple_of.clone().map(Value::Number));
    set("minLength", limits.min_length.map(Value::from));
    set("maxLength", limits.max_length.map(Value::from));
    set("minItems", limits.min_items.map(Value::from));
    set("maxItems", limits.max_items.map(Value::from));
    set("minProperties", limits.min_properties.map(Value::from));
    set("maxProperties", limits.max_properties.map(Value::from));
    set("pattern", limits.pattern.as_ref().map(|p| p.as_str().into()));
    set("format", limits.format.as_deref().map(Value::from));
    set_flag(out, "exclusiveMinimum", limits.exclusive_minimum);
    set_flag(out, "exclusiveMaximum", limits.exclusive_maximum);
    set_flag(out, "uniqueItems", limits.unique_items);
}

fn logic(logic: &Logic, depth: usize, out: &mut Map<String, Value>) {
    let mut set = |word: &str, branches: &[Arc<Schema>]| {
        if !branches.is_empty() {
            let written = branches.iter().map(|branch| write(branch, depth + 1));
            out.insert(word.into(), written.collect());
        }
    };
    set("oneOf", &logic.one_of);
    set("anyOf", &logic.any_of);
    set("allOf", &logic.all_of);
    if let Some(not) = &logic.not {
        out.insert("not".into(), write(not, depth + 1));
    }
}

fn set_flag(out: &mut Map<String, Value>, word: &str, value: bool) {
    if value {
        out.insert(word.into(), Value::Bool(true));
    }
}
