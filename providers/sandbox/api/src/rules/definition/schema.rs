//! Keywords of a schema that exclude or need each other (`ValidateCustomResourceDefinitionOpenAPISchema`).

use std::collections::BTreeSet;

use serde_json::Value;

use super::{each, flag, given, properties, text};
use crate::status::Cause;

const TYPES: &[&str] = &["array", "boolean", "integer", "number", "object", "string"];

/// Where a schema stands; it decides whether it may have a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    Root,
    /// Below the root's `metadata`, `kind` or `apiVersion`.
    TopMeta(&'static str),
    Below,
}

/// What contradicts itself in a schema and in those below it.
pub(super) fn causes(path: &str, schema: &Value, place: Where, causes: &mut Vec<Cause>) {
    let at = |field: &str| format!("{path}.{field}");
    let below = if place == Where::Root { Where::Below } else { place };
    own(path, schema, place, causes);
    if let Some(values) = given(schema, "additionalProperties") {
        if properties(schema).next().is_some() && values != &Value::Bool(true) {
            let why = "additionalProperties and properties are mutual exclusive";
            causes.push(Cause::forbidden(&at("additionalProperties"), why));
        }
        if values.is_object() {
            self::causes(&at("additionalProperties"), values, below, causes);
        }
    }
    for (name, property) in properties(schema) {
        let place = match (place, name.as_str()) {
            (Where::Root, "metadata") => Where::TopMeta("metadata"),
            (Where::Root, "kind") => Where::TopMeta("kind"),
            (Where::Root, "apiVersion") => Where::TopMeta("apiVersion"),
            _ => below,
        };
        self::causes(&format!("{path}.properties[{name}]"), property, place, causes);
    }
    if let Some(not) = given(schema, "not") {
        self::causes(&at("not"), not, below, causes);
    }
    for word in ["allOf", "oneOf", "anyOf"] {
        for (index, one) in each(schema, word) {
            self::causes(&format!("{path}.{word}[{index}]"), one, below, causes);
        }
    }
    if let Some(items) = given(schema, "items").filter(|items| items.is_object()) {
        self::causes(&at("items"), items, below, causes);
    }
    map_type(path, schema, causes);
    list_type(path, schema, causes);
    map_list(path, schema, causes);
    rules(path, schema, causes);
}

fn own(path: &str, schema: &Value, place: Where, causes: &mut Vec<Cause>) {
    let at = |field: &str| format!("{path}.{field}");
    let kind = text(schema, "type");
    if !kind.is_empty() && !TYPES.contains(&kind) {
        causes.push(Cause::not_supported(&at("type"), kind, TYPES));
    }
    if let (Where::TopMeta(name), Some(_)) = (place, given(schema, "default")) {
        causes.push(Cause::forbidden(&at("default"), &format!("must not be set in top-level {name}")));
    }
    for field in ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"] {
        if given(schema, field).is_some() {
            causes.push(Cause::forbidden(&at(field), &format!("{field} is not supported")));
        }
    }
    if kind == "null" {
        causes.push(Cause::forbidden(&at("type"), "type cannot be set to null, use nullable as an alternative"));
    }
    if given(schema, "items").is_some_and(Value::is_array) {
        causes.push(Cause::forbidden(&at("items"), "items must be a schema object and not an array"));
    }
    if flag(schema, "uniqueItems") {
        let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        causes.push(Cause::forbidden(&at("uniqueItems"), why));
    }
    let field = "x-kubernetes-preserve-unknown-fields";
    if schema.get(field) == Some(&Value::Bool(false)) {
        causes.push(Cause::invalid(&at(field), false, "must be true or undefined"));
    }
}

fn map_type(path: &str, schema: &Value, causes: &mut Vec<Cause>) {
    let word = "x-kubernetes-map-type";
    let Some(found) = given(schema, word).and_then(Value::as_str) else { return };
    wrong_type(path, schema, "object", word, causes);
    if !matches!(found, "atomic" | "granular") {
        causes.push(Cause::not_supported(&format!("{path}.{word}"), found, &["atomic", "granular"]));
    }
}

fn list_type(path: &str, schema: &Value, causes: &mut Vec<Cause>) {
    let word = "x-kubernetes-list-type";
    let Some(found) = given(schema, word).and_then(Value::as_str) else { return };
    let wrong = wrong_type(path, schema, "array", word, causes);
    if !wrong && found == "set" {
        let items = given(schema, "items");
        let (field, fits) = match items.map_or("", |items| text(items, "type")) {
            "array" => (word, items.is_none_or(|items| matches!(text(items, word), "" | "atomic"))),
            "object" => ("x-kubernetes-map-type", items.is_none_or(|items| text(items, "x-kubernetes-map-type") == "atomic")),
            _ => (word, true),
        };
        if !fits {
            let shown = items.and_then(|items| given(items, field)).map_or_else(|| "null".to_owned(), Value::to_string);
            let why = "must be atomic as item of a list with x-kubernetes-list-type=set";
            causes.push(Cause::invalid(&format!("{path}.items.{field}"), shown, why));
        }
    }
    if !matches!(found, "atomic" | "set" | "map") {
        causes.push(Cause::not_supported(&format!("{path}.{word}"), found, &["atomic", "set", "map"]));
    }
    if matches!(found, "set" | "map") && given(schema, "items").is_some_and(|items| flag(items, "nullable")) {
        let why = format!("cannot be nullable when x-kubernetes-list-type is {found}");
        causes.push(Cause::forbidden(&format!("{path}.items.nullable"), &why));
    }
}

fn wrong_type(path: &str, schema: &Value, wanted: &str, word: &str, causes: &mut Vec<Cause>) -> bool {
    let (kind, path) = (text(schema, "type"), format!("{path}.type"));
    let why = format!("must be {wanted} if {word} is specified");
    match kind {
        kind if kind == wanted => return false,
        "" => causes.push(Cause::required(&path, &why)),
        kind => causes.push(Cause::invalid(&path, format_args!("{kind:?}"), &why)),
    }
    true
}

fn map_list(path: &str, schema: &Value, causes: &mut Vec<Cause>) {
    let at = |field: &str| format!("{path}.{field}");
    let (list_type, keys) = (text(schema, "x-kubernetes-list-type"), "x-kubernetes-list-map-keys");
    let names: Vec<&str> = each(schema, keys).filter_map(|(_, name)| name.as_str()).collect();
    if !names.is_empty() && list_type != "map" {
        let why = "must be map if x-kubernetes-list-map-keys is non-empty";
        causes.push(match list_type {
            "" => Cause::required(&at("x-kubernetes-list-type"), why),
            other => Cause::invalid(&at("x-kubernetes-list-type"), format_args!("{other:?}"), why),
        });
    }
    if list_type != "map" {
        return;
    }
    if names.is_empty() {
        causes.push(Cause::required(&at(keys), "must not be empty if x-kubernetes-list-type is map"));
    }
    let Some(items) = given(schema, "items") else {
        causes.push(Cause::required(&at("items"), "must have a schema if x-kubernetes-list-type is map"));
        return;
    };
    let kind = text(items, "type");
    if kind != "object" {
        let why = "must be object if parent array's x-kubernetes-list-type is map";
        causes.push(Cause::invalid(&at("items.type"), format_args!("{kind:?}"), why));
        return;
    }
    let required: BTreeSet<&str> = each(items, "required").filter_map(|(_, name)| name.as_str()).collect();
    let shown = || format!("{names:?}");
    let mut seen = BTreeSet::new();
    for name in &names {
        if !seen.insert(*name) {
            causes.push(Cause::invalid(&at(keys), shown(), "must not contain duplicate entries"));
        }
        let Some(key) = items.get("properties").and_then(|properties| properties.get(*name)) else {
            causes.push(Cause::invalid(&at(keys), shown(), "entries must all be names of item properties"));
            continue;
        };
        let key_path = format!("{path}.items.properties[{name}]");
        if matches!(text(key, "type"), "array" | "object") {
            let why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
            causes.push(Cause::invalid(&format!("{key_path}.type"), format_args!("{kind:?}"), why));
        }
        if !required.contains(name) && given(key, "default").is_none() {
            let why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            causes.push(Cause::required(&format!("{key_path}.default"), why));
        }
        if flag(key, "nullable") {
            let why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            causes.push(Cause::forbidden(&format!("{key_path}.nullable"), why));
        }
    }
}

/// That rules say something; what they say is not compiled.
fn rules(path: &str, schema: &Value, causes: &mut Vec<Cause>) {
    for (index, rule) in each(schema, "x-kubernetes-validations") {
        if text(rule, "rule").trim().is_empty() {
            causes.push(Cause::required(&format!("{path}.x-kubernetes-validations[{index}].rule"), "rule is not specified"));
        }
    }
}
