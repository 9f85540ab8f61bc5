//! FieldsV1: the JSON form of sets in `metadata.managedFields`.

use serde_json::{Map, Value};

use super::element::{KeyValue, PathElement};
use super::set::FieldSet;
use crate::schema::MAX_DEPTH;

impl PathElement {
    /// `f:name`, `k:{"name":"web"}`, `v:"text"` or `i:0`.
    pub fn to_fields_v1(&self) -> String {
        match self {
            PathElement::Field(name) => {
                let mut out = String::with_capacity(name.len() + 2);
                out.push_str("f:");
                out.push_str(name);
                out
            }
            PathElement::Key(fields) => {
                let map: Map<_, _> = fields.iter().map(|(name, KeyValue(value))| (name.clone(), value.clone())).collect();
                format!("k:{}", Value::Object(map))
            }
            PathElement::Value(KeyValue(value)) => format!("v:{value}"),
            PathElement::Index(index) => format!("i:{index}"),
        }
    }

    /// The inverse; `None` for what is no element.
    pub fn from_fields_v1(text: &str) -> Option<PathElement> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "f" => Some(PathElement::field(rest)),
            "k" => match serde_json::from_str(rest).ok()? {
                Value::Object(map) => Some(PathElement::key(map)),
                _ => None,
            },
            "v" => serde_json::from_str(rest).ok().map(PathElement::value),
            "i" => rest.parse().ok().map(PathElement::Index),
            _ => None,
        }
    }
}

impl FieldSet {
    /// The set as FieldsV1.
    pub fn to_fields_v1(&self) -> Value {
        Value::Object(self.emit())
    }

    fn emit(&self) -> Map<String, Value> {
        let entries = self.nodes().map(|(element, node)| {
            let mut below = node.children.emit();
            if node.member && !below.is_empty() {
                below.insert(".".into(), Value::Object(Map::new()));
            }
            (element.to_fields_v1(), Value::Object(below))
        });
        entries.collect()
    }

    /// Reads FieldsV1. Elements of a kind that nobody knows yet are dropped, as the server does;
    /// `None` for what is not FieldsV1 at all.
    pub fn from_fields_v1(value: &Value) -> Option<FieldSet> {
        let mut set = FieldSet::new();
        read(value.as_object()?, &mut set, 0)?;
        Some(set)
    }
}

fn read(map: &Map<String, Value>, out: &mut FieldSet, depth: usize) -> Option<()> {
    if depth > MAX_DEPTH {
        return None;
    }
    for (key, below) in map {
        let known = matches!(key.as_bytes(), [b'f' | b'k' | b'v' | b'i', b':', ..]);
        if !known {
            // "." was read by the level above; anything shorter than a kind is malformed.
            if key != "." && key.get(1..2).is_none_or(|colon| colon != ":") {
                return None;
            }
            continue;
        }
        let element = PathElement::from_fields_v1(key)?;
        let below = below.as_object()?;
        let node = out.node_mut(element);
        read(below, &mut node.children, depth + 1)?;
        node.member = below.contains_key(".") || node.children.nodes().next().is_none();
    }
    Some(())
}
