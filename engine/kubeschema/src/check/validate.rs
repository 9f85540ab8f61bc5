//! Validation, in the words of the API server where they are known.
//!
//! Source of the words: k8s.io/kube-openapi `pkg/validation` and apimachinery `field.Error`,
//! v0.36. CEL rules are not evaluated.

use std::collections::HashSet;
use std::fmt;

use serde_json::{Map, Number, Value};

use super::format::has_format;
use super::logic::check_logic;
use super::place::Place;
use crate::fieldpath::{KeyValue, PathElement, Shape};
use crate::schema::{Limits, ListType, MAX_DEPTH, Type};
use crate::view::SchemaRef;

/// One thing that is wrong with a value; `Display` is the server's whole sentence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Where, as the server writes it: `spec.items[0].name`; empty for the root.
    pub path: String,
    /// What, without the path: `Required value`.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { write!(f, "<nil>: {}", self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}

/// No value is a placeholder.
pub fn is_never(_: &Value) -> bool {
    false
}

/// Everything that is wrong with `value`, in the order of its fields.
///
/// `is_placeholder` says that a value stands for a scalar that is not known yet: it is taken
/// wherever the schema does not ask for an object or a list. Unknown fields are not looked for
/// here: see [`super::unknown_fields`].
pub fn validate(value: &Value, schema: SchemaRef<'_>, is_placeholder: &dyn Fn(&Value) -> bool) -> Vec<Violation> {
    let mut checker = Checker { is_placeholder, found: Vec::new() };
    checker.value(value, schema, Place::Root, 0);
    checker.found
}

pub(super) struct Checker<'c> {
    pub(super) is_placeholder: &'c dyn Fn(&Value) -> bool,
    pub(super) found: Vec<Violation>,
}

impl Checker<'_> {
    pub(super) fn report(&mut self, place: Place<'_>, message: String) {
        self.found.push(Violation { path: place.to_string(), message });
    }

    fn invalid(&mut self, place: Place<'_>, value: &Value, what: &str) {
        self.report(place, format!("Invalid value: {value}: {place} in body {what}"));
    }

    fn wrong_type(&mut self, place: Place<'_>, wanted: &str, found: &str) {
        let message = format!("Invalid value: {found:?}: {place} in body must be of type {wanted}: {found:?}");
        self.report(place, message);
    }

    pub(super) fn value(&mut self, value: &Value, schema: SchemaRef<'_>, place: Place<'_>, depth: usize) {
        if depth > MAX_DEPTH {
            self.report(place, "Invalid value: nested too deep".into());
            return;
        }
        let container = matches!(schema.kind, Some(Type::Object | Type::Array));
        if (self.is_placeholder)(value) {
            if container {
                let wanted = schema.kind.map_or("object", Type::as_str);
                self.wrong_type(place, wanted, "a value not known yet");
            }
            return;
        }
        if value.is_null() && schema.is_nullable() {
            return;
        }
        if !self.type_holds(value, schema, place) {
            return;
        }
        self.enumeration(value, schema, place);
        if let Some(limits) = &schema.limits {
            self.limits(value, limits, place);
        }
        if let Some(logic) = &schema.schema().logic {
            check_logic(self, value, logic, schema, place, depth);
        }
        match value {
            Value::Object(map) => self.object(map, schema, place, depth),
            Value::Array(list) => self.list(list, schema, place, depth),
            _ => {}
        }
    }

    fn type_holds(&mut self, value: &Value, schema: SchemaRef<'_>, place: Place<'_>) -> bool {
        if schema.int_or_string {
            let holds = matches!(value, Value::String(_)) || is_integer(value);
            if !holds {
                self.wrong_type(place, "integer,string", type_name(value));
            }
            return holds;
        }
        let Some(kind) = schema.kind else {
            return true;
        };
        let holds = match kind {
            Type::Object => value.is_object(),
            Type::Array => value.is_array(),
            Type::String => value.is_string(),
            Type::Boolean => value.is_boolean(),
            Type::Number => value.is_number(),
            Type::Integer => is_integer(value),
        };
        if !holds {
            self.wrong_type(place, kind.as_str(), type_name(value));
        }
        holds
    }

    fn enumeration(&mut self, value: &Value, schema: SchemaRef<'_>, place: Place<'_>) {
        if schema.enumeration.is_empty() || schema.enumeration.contains(value) {
            return;
        }
        let allowed: Vec<String> = schema.enumeration.iter().map(quoted).collect();
        let message = format!("Unsupported value: {value}: supported values: {}", allowed.join(", "));
        self.report(place, message);
    }

    fn limits(&mut self, value: &Value, limits: &Limits, place: Place<'_>) {
        match value {
            Value::Number(number) => self.number(value, number, limits, place),
            Value::String(text) => self.text(value, text, limits, place),
            Value::Array(list) => {
                let count = list.len() as u64;
                if let Some(most) = limits.max_items.filter(|most| count > *most) {
                    self.report(place, too_many(count, most));
                }
                if let Some(least) = limits.min_items.filter(|least| count < *least) {
                    self.invalid(place, value, &format!("should have at least {least} items"));
                }
                if limits.unique_items && has_duplicate(list) {
                    self.invalid(place, value, "shouldn't contain duplicates");
                }
            }
            Value::Object(map) => {
                let count = map.len() as u64;
                if let Some(most) = limits.max_properties.filter(|most| count > *most) {
                    self.report(place, too_many(count, most));
                }
                if let Some(least) = limits.min_properties.filter(|least| count < *least) {
                    let what = format!("should have at least {least} properties");
                    self.invalid(place, value, &what);
                }
            }
            _ => {}
        }
    }

    fn number(&mut self, value: &Value, number: &Number, limits: &Limits, place: Place<'_>) {
        let found = as_f64(number);
        if let Some(least) = &limits.minimum {
            match found.partial_cmp(&as_f64(least)) {
                Some(order) if order.is_gt() => {}
                Some(order) if order.is_eq() && !limits.exclusive_minimum => {}
                _ if limits.exclusive_minimum => {
                    self.invalid(place, value, &format!("should be greater than {least}"));
                }
                _ => {
                    let what = format!("should be greater than or equal to {least}");
                    self.invalid(place, value, &what);
                }
            }
        }
        if let Some(most) = &limits.maximum {
            match found.partial_cmp(&as_f64(most)) {
                Some(order) if order.is_lt() => {}
                Some(order) if order.is_eq() && !limits.exclusive_maximum => {}
                _ if limits.exclusive_maximum => {
                    self.invalid(place, value, &format!("should be less than {most}"));
                }
                _ => {
                    let what = format!("should be less than or equal to {most}");
                    self.invalid(place, value, &what);
                }
            }
        }
        if let Some(factor) = &limits.multiple_of {
            let quotient = found / as_f64(factor);
            if quotient.fract() != 0.0 {
                self.invalid(place, value, &format!("should be a multiple of {factor}"));
            }
        }
        let narrow = limits.format.as_deref() == Some("int32");
        if narrow && number.as_i64().is_none_or(|n| i32::try_from(n).is_err()) {
            let message = format!("Invalid value: {value}: Checked value must be of type integer with format int32 in {place}");
            self.report(place, message);
        }
    }

    fn text(&mut self, value: &Value, text: &str, limits: &Limits, place: Place<'_>) {
        if limits.max_length.is_some() || limits.min_length.is_some() {
            let count = text.chars().count() as u64;
            if let Some(most) = limits.max_length.filter(|most| count > *most) {
                let bytes = if most == 1 { "byte" } else { "bytes" };
                self.report(place, format!("Too long: may not be more than {most} {bytes}"));
            }
            if let Some(least) = limits.min_length.filter(|least| count < *least) {
                self.invalid(place, value, &format!("should be at least {least} chars long"));
            }
        }
        if let Some(pattern) = limits.pattern.as_ref().filter(|p| !p.matches(text)) {
            self.invalid(place, value, &format!("should match '{}'", pattern.as_str()));
        }
        if let Some(format) = limits.format.as_deref().filter(|f| !has_format(text, f)) {
            self.wrong_type(place, format, text);
        }
    }

    fn object(&mut self, map: &Map<String, Value>, schema: SchemaRef<'_>, place: Place<'_>, depth: usize) {
        for (name, value) in map {
            match schema.declared(name) {
                Some(field) => self.value(value, field, Place::Field(&place, name), depth + 1),
                None => {
                    if let Some(values) = schema.additional() {
                        self.value(value, values, Place::Field(&place, name), depth + 1);
                    }
                }
            }
        }
        for name in &schema.required {
            if !map.contains_key(name) {
                self.report(Place::Field(&place, name), "Required value".into());
            }
        }
    }

    fn list(&mut self, list: &[Value], schema: SchemaRef<'_>, place: Place<'_>, depth: usize) {
        if let Some(items) = schema.items() {
            for (index, item) in list.iter().enumerate() {
                self.value(item, items, Place::Index(&place, index), depth + 1);
            }
        }
        if schema.list_type() == ListType::Atomic {
            return;
        }
        let mut seen = HashSet::new();
        for (index, item) in list.iter().enumerate() {
            let Ok(element) = Shape::of(schema).element(item) else {
                continue;
            };
            let shown = match &element {
                PathElement::Key(fields) => key_text(fields),
                _ => item.to_string(),
            };
            if !seen.insert(element) {
                self.report(Place::Index(&place, index), format!("Duplicate value: {shown}"));
            }
        }
    }
}

fn key_text(fields: &[(String, KeyValue)]) -> String {
    let map: Map<_, _> = (fields.iter()).map(|(name, KeyValue(value))| (name.clone(), value.clone())).collect();
    Value::Object(map).to_string()
}

fn too_many(count: u64, most: u64) -> String {
    let items = if most == 1 { "item" } else { "items" };
    format!("Too many: {count}: must have at most {most} {items}")
}

fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => format!("{:?}", other.to_string()),
    }
}

fn has_duplicate(list: &[Value]) -> bool {
    let mut seen = HashSet::new();
    !list.iter().all(|item| seen.insert(item.to_string()))
}

fn is_integer(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|n| n.fract() == 0.0),
        _ => false,
    }
}

fn as_f64(number: &Number) -> f64 {
    number.as_f64().unwrap_or(0.0)
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if is_integer(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
