//! Walking over the leaves of a value. A leaf is a scalar, an unknown, a whole secret (not looked into), or an empty
//! collection.

use std::sync::Arc;

use super::{Entries, PathStep, Value, ValuePath};

impl Value {
    /// Calls `visit` with the path and the value of every leaf, in order.
    pub fn walk_leaves<'v>(&'v self, mut visit: impl FnMut(&ValuePath, &'v Value)) {
        walk(self, &mut ValuePath::default(), &mut visit);
    }

    /// The same value with every leaf replaced by what `change` gives. The kinds of the collections stay, sets are sorted anew.
    #[must_use]
    pub fn map_leaves(&self, mut change: impl FnMut(&ValuePath, &Value) -> Value) -> Value {
        map(self, &mut ValuePath::default(), &mut change)
    }

    /// True when the value or a part of it is not known, inside secrets too.
    #[must_use]
    pub fn contains_unknown(&self) -> bool {
        match self {
            Value::Unknown(_) => true,
            Value::Secret(inner) => inner.contains_unknown(),
            Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) => elements.iter().any(Value::contains_unknown),
            Value::Map(entries) | Value::Object(entries) => entries.values().any(Value::contains_unknown),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }

    /// True when the value or a part of it is secret.
    #[must_use]
    pub fn contains_secret(&self) -> bool {
        match self {
            Value::Secret(_) => true,
            Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) => elements.iter().any(Value::contains_secret),
            Value::Map(entries) | Value::Object(entries) => entries.values().any(Value::contains_secret),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Unknown(_) => false,
        }
    }

    /// The value with every secret in it laid open; for code that wraps the result again.
    #[must_use]
    pub(crate) fn without_secrets(&self) -> Value {
        if !self.contains_secret() {
            return self.clone();
        }
        match self {
            Value::Secret(inner) => Value::clone(inner),
            Value::List(elements) => Value::List(elements.iter().map(Value::without_secrets).collect()),
            Value::Set(elements) => Value::Set(elements.iter().map(Value::without_secrets).collect()),
            Value::Tuple(elements) => Value::Tuple(elements.iter().map(Value::without_secrets).collect()),
            Value::Map(entries) => Value::Map(Arc::new(open_entries(entries))),
            Value::Object(entries) => Value::Object(Arc::new(open_entries(entries))),
            plain => plain.clone(),
        }
    }
}

fn open_entries(entries: &Entries) -> Entries {
    entries.iter().map(|(key, value)| (key.clone(), value.without_secrets())).collect()
}

fn walk<'v>(value: &'v Value, path: &mut ValuePath, visit: &mut impl FnMut(&ValuePath, &'v Value)) {
    match value {
        Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) if !elements.is_empty() => {
            for (index, element) in elements.iter().enumerate() {
                path.0.push(PathStep::Index(index));
                walk(element, path, visit);
                path.0.pop();
            }
        }
        Value::Map(entries) | Value::Object(entries) if !entries.is_empty() => {
            for (key, entry) in entries.iter() {
                path.0.push(PathStep::Key(key.clone()));
                walk(entry, path, visit);
                path.0.pop();
            }
        }
        leaf => visit(path, leaf),
    }
}

fn map(value: &Value, path: &mut ValuePath, change: &mut impl FnMut(&ValuePath, &Value) -> Value) -> Value {
    let mut map_elements = |elements: &[Value]| -> Vec<Value> {
        let mut mapped = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            path.0.push(PathStep::Index(index));
            mapped.push(map(element, path, change));
            path.0.pop();
        }
        mapped
    };
    match value {
        Value::List(elements) if !elements.is_empty() => Value::List(map_elements(elements).into()),
        Value::Tuple(elements) if !elements.is_empty() => Value::Tuple(map_elements(elements).into()),
        Value::Set(elements) if !elements.is_empty() => Value::set(map_elements(elements)),
        Value::Map(entries) if !entries.is_empty() => Value::Map(Arc::new(map_entries(entries, path, change))),
        Value::Object(entries) if !entries.is_empty() => Value::Object(Arc::new(map_entries(entries, path, change))),
        leaf => change(path, leaf),
    }
}

fn map_entries(entries: &Entries, path: &mut ValuePath, change: &mut impl FnMut(&ValuePath, &Value) -> Value) -> Entries {
    let mut mapped = Entries::new();
    for (key, entry) in entries {
        path.0.push(PathStep::Key(key.clone()));
        mapped.insert(key.clone(), map(entry, path, change));
        path.0.pop();
    }
    mapped
}
