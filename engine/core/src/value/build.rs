//! Constructors: the short forms that renderers and functions use. They keep the invariants of [`Value`]: normalised text,
//! sorted distinct sets, no secret inside a secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::{Entries, Number, Type, Unknown, Value};

impl Value {
    /// A string, brought to Unicode normal form C.
    #[must_use]
    pub fn string(text: impl AsRef<str>) -> Value {
        let text = text.as_ref();
        if text.is_ascii() || is_nfc(text) { Value::String(Arc::from(text)) } else { Value::String(text.nfc().collect::<String>().into()) }
    }

    /// An object from name and value pairs; a later pair wins over an earlier one.
    #[must_use]
    pub fn object<K: AsRef<str>, V: Into<Value>>(pairs: impl IntoIterator<Item = (K, V)>) -> Value {
        Value::Object(Arc::new(entries(pairs)))
    }

    /// A map from key and value pairs; the values must have one type. A later pair wins over an earlier one.
    #[must_use]
    pub fn map<K: AsRef<str>, V: Into<Value>>(pairs: impl IntoIterator<Item = (K, V)>) -> Value {
        Value::Map(Arc::new(entries(pairs)))
    }

    /// A list; the elements must have one type.
    #[must_use]
    pub fn list<V: Into<Value>>(elements: impl IntoIterator<Item = V>) -> Value {
        Value::List(elements.into_iter().map(Into::into).collect())
    }

    /// A tuple: elements of any types.
    #[must_use]
    pub fn tuple<V: Into<Value>>(elements: impl IntoIterator<Item = V>) -> Value {
        Value::Tuple(elements.into_iter().map(Into::into).collect())
    }

    /// A set: sorted, without doubles; the elements must have one type. A secret in an element makes the whole set secret,
    /// because the place of an element tells about its content.
    #[must_use]
    pub fn set<V: Into<Value>>(elements: impl IntoIterator<Item = V>) -> Value {
        let elements: Vec<Value> = elements.into_iter().map(Into::into).collect();
        let secret = elements.iter().any(Value::contains_secret);
        let mut elements: Vec<Value> = if secret { elements.iter().map(Value::without_secrets).collect() } else { elements };
        elements.sort();
        elements.dedup();
        let set = Value::Set(elements.into());
        if secret { Value::Secret(Arc::new(set)) } else { set }
    }

    /// The value, hidden. Secrets inside it melt into the one around it.
    #[must_use]
    pub fn secret(value: impl Into<Value>) -> Value {
        match value.into() {
            Value::Secret(inner) => Value::Secret(inner),
            other => Value::Secret(Arc::new(other.without_secrets())),
        }
    }

    /// A part of a secret, hidden again; parts of secrets hold no secrets.
    pub(crate) fn hidden_part(self) -> Value {
        match self {
            Value::Secret(_) => self,
            plain => Value::Secret(Arc::new(plain)),
        }
    }

    /// The value, hidden when `secret` says so.
    #[must_use]
    pub fn secret_if(self, secret: bool) -> Value {
        if secret { Value::secret(self) } else { self }
    }

    /// A value that apply finds out, of that type.
    #[must_use]
    pub fn unknown(ty: Type) -> Value {
        Value::Unknown(Arc::new(Unknown { ty, reference: None }))
    }

    /// A value that apply finds out from exactly that reference, such as `cluster.shop.endpoint`.
    #[must_use]
    pub fn unknown_reference(ty: Type, reference: impl Into<Arc<str>>) -> Value {
        Value::Unknown(Arc::new(Unknown { ty, reference: Some(reference.into()) }))
    }
}

/// The text in Unicode normal form C.
fn normal(text: &str) -> Arc<str> {
    if text.is_ascii() || is_nfc(text) { Arc::from(text) } else { text.nfc().collect::<String>().into() }
}

fn entries<K: AsRef<str>, V: Into<Value>>(pairs: impl IntoIterator<Item = (K, V)>) -> Entries {
    pairs.into_iter().map(|(key, value)| (normal(key.as_ref()), value.into())).collect::<BTreeMap<_, _>>()
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::string(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Value {
        Value::string(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::string(text)
    }
}

impl From<&Arc<str>> for Value {
    fn from(text: &Arc<str>) -> Value {
        Value::string(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Value {
        Value::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Number(Number::from(number))
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Value {
        Value::Number(Number::from(i64::from(number)))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Value {
        Value::Number(Number::from(i64::from(number)))
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Value {
        Value::Number(number)
    }
}

impl From<&Value> for Value {
    fn from(value: &Value) -> Value {
        value.clone()
    }
}

/// `None` is null.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// A tuple.
impl From<Vec<Value>> for Value {
    fn from(elements: Vec<Value>) -> Value {
        Value::Tuple(elements.into())
    }
}

/// An object.
impl From<Entries> for Value {
    fn from(entries: Entries) -> Value {
        Value::Object(Arc::new(entries))
    }
}
