//! Is an applied object of its schema's form? In structured-merge-diff's words.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Map, Value};
use windlass_kubeschema::fieldpath::{Form, Shape};
use windlass_kubeschema::schema::{MAX_DEPTH, Type};

/// Every error, as the server joins them; `None`: the object is of the form.
pub(super) fn form_errors(value: &Value, shape: Shape<'_>) -> Option<String> {
    let mut errors = Vec::new();
    check(value, shape, &mut String::new(), 0, &mut errors);
    match errors.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        many => Some(format!("errors:\n  {}", many.join("\n  "))),
    }
}

fn check(value: &Value, shape: Shape<'_>, path: &mut String, depth: usize, errors: &mut Vec<String>) {
    if depth > MAX_DEPTH {
        return fail(path, "nested too deep", errors);
    }
    match shape.form(Some(value)) {
        Form::Map => match value {
            Value::Object(map) => check_map(map, shape, path, depth, errors),
            Value::Null => {}
            other => fail(path, &format!("expected map, got &{{{}}}", go_text(other)), errors),
        },
        Form::List => match value {
            Value::Array(list) => check_list(list, shape, path, depth, errors),
            Value::Null => {}
            other => fail(path, &format!("expected list, got &{{{}}}", go_text(other)), errors),
        },
        Form::Scalar => {
            if let Some(error) = scalar_error(value, shape) {
                fail(path, &error, errors);
            }
        }
    }
}

fn check_map(map: &Map<String, Value>, shape: Shape<'_>, path: &mut String, depth: usize, errors: &mut Vec<String>) {
    for (name, value) in map {
        let length = path.len();
        path.push('.');
        path.push_str(name);
        let known = shape.field(name);
        match known {
            Some(field) => check(value, field, path, depth + 1, errors),
            None => fail(path, "field not declared in schema", errors),
        }
        path.truncate(length);
        // The server stops at the first unknown field of a map.
        if known.is_none() {
            return;
        }
    }
}

fn check_list(list: &[Value], shape: Shape<'_>, path: &mut String, depth: usize, errors: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for (index, item) in list.iter().enumerate() {
        let shown = if shape.is_atomic_list() {
            format!("[{index}]")
        } else {
            match shape.element(item) {
                Err(error) => return fail(path, &format!("element {index}: {error}"), errors),
                Ok(element) => {
                    let shown = element.to_string();
                    if !seen.insert(element) {
                        fail(path, &format!("duplicate entries for key {shown}"), errors);
                    }
                    shown
                }
            }
        };
        let length = path.len();
        path.push_str(&shown);
        check(item, shape.item(), path, depth + 1, errors);
        path.truncate(length);
    }
}

fn scalar_error(value: &Value, shape: Shape<'_>) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let kind = match shape {
        Shape::Known { schema, .. } => schema.kind,
        _ => None,
    };
    match kind {
        Some(Type::Integer | Type::Number) if !value.is_number() => {
            Some(format!("expected numeric (int or float), got {}", go_type(value)))
        }
        Some(Type::String) if !value.is_string() => {
            Some(format!("expected string, got &value.valueUnstructured{{Value:{}}}", go_syntax(value)))
        }
        Some(Type::Boolean) if !value.is_boolean() => Some(format!("expected boolean, got &{{{}}}", go_text(value))),
        None if value.is_array() || value.is_object() => Some(format!("expected any scalar, got &{{{}}}", go_text(value))),
        _ => None,
    }
}

fn fail(path: &str, message: &str, errors: &mut Vec<String>) {
    errors.push(if path.is_empty() { message.to_owned() } else { format!("{path}: {message}") });
}

/// Go's `%T` of decoded JSON.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// Go's `%v` of decoded JSON.
fn go_text(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(go_text).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(map) => {
            let items: Vec<String> = map.iter().map(|(name, value)| format!("{name}:{}", go_text(value))).collect();
            format!("map[{}]", items.join(" "))
        }
        scalar => scalar.to_string(),
    }
}

/// Go's `%#v` of decoded JSON.
fn go_syntax(value: &Value) -> String {
    let joined = |items: Vec<String>| items.join(", ");
    match value {
        Value::Array(list) => format!("[]interface {{}}{{{}}}", joined(list.iter().map(go_syntax).collect())),
        Value::Object(map) => {
            let mut items = Vec::new();
            for (name, value) in map {
                let mut item = String::new();
                // Writing to a String cannot fail.
                let _ = write!(item, "{name:?}:{}", go_syntax(value));
                items.push(item);
            }
            format!("map[string]interface {{}}{{{}}}", joined(items))
        }
        Value::Null => "interface {}(nil)".into(),
        scalar => scalar.to_string(),
    }
}
