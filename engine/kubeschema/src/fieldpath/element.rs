//! One step of a path: into a map, or to an item of a list.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value;

/// One step of a path. The order is the API server's: fields, keys, values, indices.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathElement {
    /// A field of a struct or a key of a map.
    Field(String),
    /// The item of a keyed list whose fields have these values; sorted by field name.
    Key(Vec<(String, KeyValue)>),
    /// The item of a set that has this value.
    Value(KeyValue),
    /// The item at this position of an atomic list.
    Index(usize),
}

impl PathElement {
    /// A field.
    pub fn field(name: impl Into<String>) -> PathElement {
        PathElement::Field(name.into())
    }

    /// The name of a field; `None` for items of lists.
    pub fn as_field(&self) -> Option<&str> {
        match self {
            PathElement::Field(name) => Some(name),
            PathElement::Key(_) | PathElement::Value(_) | PathElement::Index(_) => None,
        }
    }

    /// A key; sorts the fields.
    pub fn key(fields: impl IntoIterator<Item = (String, Value)>) -> PathElement {
        let mut fields: Vec<_> = fields.into_iter().map(|(name, value)| (name, KeyValue(value))).collect();
        fields.sort();
        PathElement::Key(fields)
    }

    /// The item of a set.
    pub fn value(value: Value) -> PathElement {
        PathElement::Value(KeyValue(value))
    }
}

impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathElement::Field(name) => write!(f, ".{name}"),
            PathElement::Key(fields) => {
                for (index, (name, value)) in fields.iter().enumerate() {
                    let open = if index == 0 { '[' } else { ',' };
                    write!(f, "{open}{name}={value}")?;
                }
                f.write_str("]")
            }
            PathElement::Value(value) => write!(f, "[={value}]"),
            PathElement::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A JSON value with the API server's order: numbers, strings, booleans, lists, maps, null.
///
/// Equality is that of the order: `1` and `1.0` are one value.
#[derive(Debug, Clone)]
pub struct KeyValue(pub Value);

impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // serde_json's text of a scalar is Go's %q, %d, %v for all that keys hold.
        write!(f, "{}", self.0)
    }
}

impl PartialEq for KeyValue {
    fn eq(&self, other: &KeyValue) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for KeyValue {}

impl PartialOrd for KeyValue {
    fn partial_cmp(&self, other: &KeyValue) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KeyValue {
    fn cmp(&self, other: &KeyValue) -> Ordering {
        compare_values(&self.0, &other.0)
    }
}

impl std::hash::Hash for KeyValue {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        match &self.0 {
            Value::String(text) => text.hash(state),
            Value::Bool(value) => value.hash(state),
            Value::Number(number) => number.as_f64().unwrap_or(0.0).to_bits().hash(state),
            other => rank(other).hash(state),
        }
    }
}

/// The API server's order of values.
pub fn compare_values(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let differing = a.iter().zip(b).map(|(a, b)| compare_values(a, b));
            first_difference(differing).unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (Value::Object(a), Value::Object(b)) => {
            let differing = a.iter().zip(b).map(|((ak, av), (bk, bv))| ak.cmp(bk).then_with(|| compare_values(av, bv)));
            first_difference(differing).unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        _ => rank(left).cmp(&rank(right)),
    }
}

fn first_difference(mut orders: impl Iterator<Item = Ordering>) -> Option<Ordering> {
    orders.find(|order| order.is_ne())
}

fn compare_numbers(a: &serde_json::Number, b: &serde_json::Number) -> Ordering {
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        return a.cmp(&b);
    }
    if let (Some(a), Some(b)) = (a.as_u64(), b.as_u64()) {
        return a.cmp(&b);
    }
    let (a, b) = (a.as_f64().unwrap_or(0.0), b.as_f64().unwrap_or(0.0));
    a.total_cmp(&b)
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}
