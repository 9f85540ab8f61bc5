//! Values from JSON and to JSON. To JSON only what is wholly known and not secret: placeholders for the rest are made by the
//! plan encoder, real values by the request encoder, and nowhere else.

use serde_json::Value as Json;

use super::{Number, PathStep, Value, ValuePath};

/// Why a value has no JSON form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The leaf at that path is not known yet.
    #[error("the value at `{0}` is not known yet")]
    Unknown(ValuePath),
    /// The leaf at that path is secret.
    #[error("the value at `{0}` is secret")]
    Secret(ValuePath),
    /// The number at that path is neither an integer of 64 bits nor a double that prints the same.
    #[error("the number at `{0}` cannot be written to JSON without changing it")]
    Number(ValuePath),
}

impl Value {
    /// The value of a JSON document: objects become objects, arrays tuples.
    #[must_use]
    pub fn from_json(json: &Json) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(truth) => Value::Bool(*truth),
            Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(integer), _, _) => Value::from(integer),
                (_, Some(integer), _) => Value::Number(Number::from(integer)),
                (_, _, double) => double.and_then(Number::from_f64).map_or(Value::Null, Value::Number),
            },
            Json::String(text) => Value::from(text),
            Json::Array(elements) => Value::Tuple(elements.iter().map(Value::from_json).collect()),
            Json::Object(entries) => Value::object(entries.iter().map(|(key, value)| (key, Value::from_json(value)))),
        }
    }

    /// The JSON document of the value.
    ///
    /// # Errors
    /// The first leaf that has no JSON form.
    pub fn to_json(&self) -> Result<Json, JsonError> {
        to_json(self, &mut ValuePath::default())
    }
}

/// The JSON number that reads back as the same number; `None` when there is none.
#[must_use]
pub fn number_to_json(number: &Number) -> Option<serde_json::Number> {
    if let Some(integer) = number.to_i64() {
        return Some(integer.into());
    }
    if let Some(integer) = number.to_u64() {
        return Some(integer.into());
    }
    number.to_f64().and_then(serde_json::Number::from_f64)
}

fn to_json(value: &Value, path: &mut ValuePath) -> Result<Json, JsonError> {
    match value {
        Value::Null => Ok(Json::Null),
        Value::Bool(truth) => Ok(Json::Bool(*truth)),
        Value::Number(number) => number_to_json(number).map(Json::Number).ok_or_else(|| JsonError::Number(path.clone())),
        Value::String(text) => Ok(Json::String(text.to_string())),
        Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) => {
            let mut array = Vec::with_capacity(elements.len());
            for (index, element) in elements.iter().enumerate() {
                path.0.push(PathStep::Index(index));
                array.push(to_json(element, path)?);
                path.0.pop();
            }
            Ok(Json::Array(array))
        }
        Value::Map(entries) | Value::Object(entries) => {
            let mut object = serde_json::Map::new();
            for (key, entry) in entries.iter() {
                path.0.push(PathStep::Key(key.clone()));
                object.insert(key.to_string(), to_json(entry, path)?);
                path.0.pop();
            }
            Ok(Json::Object(object))
        }
        Value::Unknown(_) => Err(JsonError::Unknown(path.clone())),
        Value::Secret(_) => Err(JsonError::Secret(path.clone())),
    }
}
