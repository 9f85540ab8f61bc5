//! Merging of maps and objects.

use std::sync::Arc;

use super::collection::wrong;
use super::{Body, Fault, Function, Kind, Policy, Run, nullable};
use crate::value::{Entries, Type, Value, convert};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "merge",
        params: &[],
        variadic: Some(nullable("map", Kind::Any)),
        policy: Policy::Parts,
        result: Kind::Any,
        doc: "One map or object of all entries; a later argument wins.",
        example: ("merge({ a = 1 }, { a = 2, b = 3 })", "{ a = 2, b = 3 }"),
        body: Body::Eager(merge),
    },
    Function {
        name: "deepmerge",
        params: &[],
        variadic: Some(nullable("map", Kind::Any)),
        policy: Policy::Parts,
        result: Kind::Any,
        doc: "Like `merge`, but maps and objects inside are merged too; lists and all else are replaced.",
        example: ("deepmerge({ a = { b = 1 } }, { a = { c = 2 } })", "{ a = { b = 1, c = 2 } }"),
        body: Body::Eager(deepmerge),
    },
];

fn merge(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let mut merged = Entries::new();
    for (position, map) in a.iter().enumerate() {
        match map {
            Value::Map(entries) | Value::Object(entries) => {
                merged.extend(entries.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            Value::Null => {}
            other => return Err(wrong(position, "a map or object", other)),
        }
    }
    let object = Value::from(merged);
    let mut types = a.iter().filter(|map| !map.is_null()).map(Value::type_of);
    let first = types.next().unwrap_or(Type::Any);
    if matches!(first, Type::Map(_)) && types.all(|ty| ty == first) {
        return Ok(convert(&object, &first).unwrap_or(object));
    }
    Ok(object)
}

fn deepmerge(_: &mut Run<'_>, a: &[Value]) -> Result<Value, Fault> {
    let mut merged: Option<Value> = None;
    for (position, map) in a.iter().enumerate() {
        match map {
            Value::Map(_) | Value::Object(_) => {
                merged = Some(merged.map_or_else(|| map.clone(), |under| over(&under, map)));
            }
            Value::Null => {}
            other => return Err(wrong(position, "a map or object", other)),
        }
    }
    Ok(merged.unwrap_or_else(|| Value::from(Entries::new())))
}

/// `above` on top of `under`.
fn over(under: &Value, above: &Value) -> Value {
    if under.is_secret() || above.is_secret() {
        let both = under.reveal().as_entries().is_some() && above.reveal().as_entries().is_some();
        // Where a secret is replaced as a whole, nothing of it is left.
        return if both { Value::secret(over(under.reveal(), above.reveal())) } else { above.clone() };
    }
    let (Some(old), Some(new)) = (under.as_entries(), above.as_entries()) else { return above.clone() };
    let mut merged = old.clone();
    for (key, value) in new {
        let value = match old.get(key) {
            Some(earlier) => over(earlier, value),
            None => value.clone(),
        };
        merged.insert(key.clone(), value);
    }
    let object = Value::Object(Arc::new(merged));
    if matches!((under, above), (Value::Map(_), Value::Map(_))) {
        return convert(&object, &Type::map(Type::Any)).unwrap_or(object);
    }
    object
}
