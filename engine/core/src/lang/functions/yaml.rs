//! YAML of the language.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::super::yaml_text::{as_written, in_our_words};
use super::collection::text;
use super::quote::write_quoted;
use super::yaml_times::{refused, with_times};
use super::{Body, Fault, Function, Kind, Policy, nullable, required};
use crate::value::{Entries, Number, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "yamlencode",
        params: &[nullable("value", Kind::Any)],
        variadic: None,
        policy: Policy::Plain,
        result: Kind::String,
        doc: "The value as YAML text.",
        example: ("yamlencode({ a = [1] })", "\"\\\"a\\\":\\n- 1\\n\""),
        body: Body::Eager(|_, a| {
            let value = a.first().unwrap_or(&Value::Null);
            let mut output = String::new();
            write_block(value, 0, Place::Document, &mut output);
            if matches!(value, Value::Null | Value::Bool(_) | Value::Number(_)) {
                // A bare word alone is followed by the end of the document.
                output.push_str("...\n");
            }
            Ok(output.into())
        }),
    },
    Function {
        name: "yamldecode",
        params: &[required("string", Kind::String)],
        variadic: None,
        policy: Policy::Plain,
        result: Kind::Any,
        doc: "The value of a YAML text of one document.",
        example: ("yamldecode(\"a: 1\")", "{ a = 1 }"),
        body: Body::Eager(|run, a| {
            run.spend(text(a, 0).len() as u64 / 8, crate::diag::Span::default());
            decode(text(a, 0)).map_err(|message| Fault::new(0, message))
        }),
    },
];

/// From here on a double does not hold every integer.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// The value of a YAML text of one document.
pub(super) fn decode(source: &str) -> Result<Value, String> {
    if source.trim().is_empty() {
        return Err("the text is empty".to_owned());
    }
    if let Some(message) = refused(source) {
        return Err(message);
    }
    // Terraform reads `1_000` as text, and so it does what is tagged as binary.
    let options = serde_saphyr::options! {
        underscored_numbers_as_strings: true,
        ignore_binary_tag_for_string: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    let written = as_written(source);
    serde_saphyr::from_str_with_options::<Node>(&with_times(&written), options).map(|node| node.0).map_err(|error| in_our_words(&error))
}

/// A YAML node as a value.
struct Node(Value);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor).map(Node)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E: de::Error>(self, integer: i64) -> Result<Value, E> {
        Ok(Value::from(integer))
    }

    fn visit_u64<E: de::Error>(self, integer: u64) -> Result<Value, E> {
        Ok(Value::Number(Number::from(integer)))
    }

    fn visit_i128<E: de::Error>(self, integer: i128) -> Result<Value, E> {
        integer.to_string().parse().map(Value::Number).map_err(E::custom)
    }

    fn visit_u128<E: de::Error>(self, integer: u128) -> Result<Value, E> {
        integer.to_string().parse().map(Value::Number).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, double: f64) -> Result<Value, E> {
        if double.fract() == 0.0 && double.abs() >= EXACT_INTEGERS {
            return Err(E::custom("an integer too large to be read exactly; put it in quotes"));
        }
        Number::from_f64(double).map(Value::Number).ok_or_else(|| E::custom("a number that is infinite or none at all"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Node::deserialize(deserializer).map(|node| node.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(Node(element)) = sequence.next_element()? {
            elements.push(element);
        }
        Ok(Value::from(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Entries::new();
        while let Some((Node(key), Node(value))) = map.next_entry()? {
            let key = match key {
                Value::String(text) => text,
                Value::Null => "null".into(),
                Value::Bool(truth) => truth.to_string().into(),
                Value::Number(number) => number.to_string().into(),
                _ => return Err(de::Error::custom("a key that is a list or a map")),
            };
            entries.insert(key, value);
        }
        Ok(Value::from(entries))
    }
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Document,
    AfterKey,
    AfterDash,
}

/// Writes a node and the line end after it, in the style of Terraform's encoder: strings and keys in quotes, strings of
/// several lines as literal blocks, lists not indented below their key.
fn write_block(value: &Value, indent: usize, place: Place, output: &mut String) {
    match value {
        Value::Map(entries) | Value::Object(entries) if !entries.is_empty() => {
            if place == Place::AfterKey {
                output.push('\n');
            }
            for (index, (key, entry)) in entries.iter().enumerate() {
                if index > 0 || place == Place::AfterKey {
                    output.push_str(&" ".repeat(indent));
                }
                write_string(key, output);
                output.push(':');
                let nested = match entry {
                    Value::Map(inner) | Value::Object(inner) if !inner.is_empty() => indent + 2,
                    _ => indent,
                };
                write_value_after(entry, nested, Place::AfterKey, output);
            }
        }
        Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) if !elements.is_empty() => {
            if place == Place::AfterKey {
                output.push('\n');
            }
            for (index, element) in elements.iter().enumerate() {
                if index > 0 || place == Place::AfterKey {
                    output.push_str(&" ".repeat(indent));
                }
                output.push('-');
                write_value_after(element, indent + 2, Place::AfterDash, output);
            }
        }
        scalar => write_scalar(scalar, indent, output),
    }
}

fn write_value_after(value: &Value, indent: usize, place: Place, output: &mut String) {
    let nested =
        value.as_elements().is_some_and(|elements| !elements.is_empty()) || value.as_entries().is_some_and(|entries| !entries.is_empty());
    if !(nested && place == Place::AfterKey) {
        output.push(' ');
    }
    if nested {
        write_block(value, indent, place, output);
    } else {
        // The lines of a literal block stand two to the right of the key.
        let indent = if place == Place::AfterKey { indent + 2 } else { indent };
        write_scalar(value, indent, output);
    }
}

fn write_scalar(value: &Value, indent: usize, output: &mut String) {
    match value {
        Value::String(text) if text.contains('\n') && is_literal(text) => write_literal(text, indent.max(2), output),
        Value::String(text) => {
            write_string(text, output);
            output.push('\n');
        }
        Value::Bool(truth) => output.push_str(if *truth { "true\n" } else { "false\n" }),
        Value::Number(number) => output.push_str(&format!("{number}\n")),
        Value::List(_) | Value::Set(_) | Value::Tuple(_) => output.push_str("[]\n"),
        Value::Map(_) | Value::Object(_) => output.push_str("{}\n"),
        Value::Null | Value::Unknown(_) | Value::Secret(_) => output.push_str("null\n"),
    }
}

/// Whether a text of several lines can be written as it is.
fn is_literal(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || !c.is_control()) && !text.lines().any(|line| line.ends_with(' '))
}

fn write_literal(text: &str, indent: usize, output: &mut String) {
    output.push('|');
    if text.starts_with([' ', '\n', '\t']) {
        output.push('2');
    }
    if !text.ends_with('\n') {
        output.push('-');
    } else if text.ends_with("\n\n") || text == "\n" {
        output.push('+');
    }
    output.push('\n');
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        if !line.is_empty() {
            output.push_str(&" ".repeat(indent));
            output.push_str(line);
        }
        output.push('\n');
    }
}

fn write_string(text: &str, output: &mut String) {
    write_quoted(text, output, |c| match c {
        '\0' => Some("\\0".to_owned()),
        '\u{7}' => Some("\\a".to_owned()),
        '\u{b}' => Some("\\v".to_owned()),
        '\u{1b}' => Some("\\e".to_owned()),
        c if c.is_control() => Some(format!("\\x{:02X}", u32::from(c))),
        _ => None,
    });
}
