//! The value that every expression gives and every renderer builds. Knows types, numbers and conversion; must not know
//! syntax, files, schemas or where a value goes.
//!
//! Values are immutable and cheap to clone. All orders are fixed: maps and objects by key, sets by [`Value`]'s own order.
//! Meaning follows Terraform's type system: `List`, `Set` and `Map` hold elements of one type, `Tuple` and `Object` do not.
//! Two kinds of value are not plain data: [`Value::Unknown`] stands for something that apply will find out, and
//! [`Value::Secret`] hides its content from every form of printing; the only way in is [`Value::reveal`].

mod build;
mod convert;
mod decimal;
mod json;
mod number;
mod path;
#[cfg(test)]
mod tests;
mod types;
mod unify;
mod walk;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use convert::{ConvertError, convert};
pub use json::{JsonError, number_to_json};
pub use number::{Number, NumberError};
pub use path::{PathStep, ValuePath};
pub use types::{ObjectAttribute, Type};
pub use unify::unify;

/// The entries of a map or an object, sorted by key.
pub type Entries = BTreeMap<Arc<str>, Value>;

/// An immutable value of the configuration language.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Absence; a null of any type.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number of up to 512 binary digits.
    Number(Number),
    /// Text in Unicode normal form C.
    String(Arc<str>),
    /// Elements of one type, in order.
    List(Arc<[Value]>),
    /// Distinct elements of one type, in the order of [`Ord`]. Built by [`Value::set`].
    Set(Arc<[Value]>),
    /// Elements of any types, in order.
    Tuple(Arc<[Value]>),
    /// Keys with values of one type.
    Map(Arc<Entries>),
    /// Attributes with values of any types.
    Object(Arc<Entries>),
    /// A value that is not known yet.
    Unknown(Arc<Unknown>),
    /// A value that is never printed. Its content holds no further `Secret`. Built by [`Value::secret`].
    Secret(Arc<Value>),
}

/// What is known about a value that is not known yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unknown {
    /// The type that it will have; [`Type::Any`] when that is open too.
    pub ty: Type,
    /// What it will come from, such as `cluster.shop.endpoint`, as long as it is exactly that and nothing was made of it.
    pub reference: Option<Arc<str>>,
}

impl Value {
    /// The content of a secret, or the value itself. Search for calls of this function when reviewing who can see secrets.
    #[must_use]
    pub fn reveal(&self) -> &Value {
        match self {
            Value::Secret(inner) => inner,
            other => other,
        }
    }

    /// True for null; also for a secret null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.reveal(), Value::Null)
    }

    /// True when the value as a whole is not known; also for a secret one.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self.reveal(), Value::Unknown(_))
    }

    /// True when the value as a whole is secret.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self, Value::Secret(_))
    }

    /// The text of a string that is not secret.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value of a bool that is not secret.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The number of a number that is not secret.
    #[must_use]
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The number as `i64`, when it is one exactly.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::to_i64)
    }

    /// The elements of a list, set or tuple that is not secret.
    #[must_use]
    pub fn as_elements(&self) -> Option<&[Value]> {
        match self {
            Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) => Some(elements),
            _ => None,
        }
    }

    /// The entries of a map or object that is not secret.
    #[must_use]
    pub fn as_entries(&self) -> Option<&Entries> {
        match self {
            Value::Map(entries) | Value::Object(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entry of that name of a map or object that is not secret.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_entries()?.get(key)
    }

    /// The value at that path, a secret on the way gives `None`.
    #[must_use]
    pub fn get_path(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(self, |value, key| match value.as_elements() {
            Some(elements) => elements.get(key.parse::<usize>().ok()?),
            None => value.get(key),
        })
    }

    /// The type of the value. Elements of a collection have one type; an empty collection has elements of [`Type::Any`].
    #[must_use]
    pub fn type_of(&self) -> Type {
        types::type_of(self)
    }
}

/// Prints the value as Terraform's console would, on one line, secrets as `(sensitive)`, unknowns as `(known after apply)`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(truth) => write!(f, "{truth}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::String(text) => write!(f, "{text:?}"),
            Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) => write_elements(f, elements, "[", "]"),
            Value::Map(entries) | Value::Object(entries) => write_entries(f, entries),
            Value::Unknown(_) => f.write_str("(known after apply)"),
            Value::Secret(_) => f.write_str("(sensitive)"),
        }
    }
}

/// Like Display, with the kind of each collection, so that a failed test says `toset([…])` and not `[…]`.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::List(elements) => write_debug_elements(f, elements, "tolist([", "])"),
            Value::Set(elements) => write_debug_elements(f, elements, "toset([", "])"),
            Value::Tuple(elements) => write_debug_elements(f, elements, "[", "]"),
            Value::Map(entries) => {
                f.write_str("tomap(")?;
                write_debug_entries(f, entries)?;
                f.write_str(")")
            }
            Value::Object(entries) => write_debug_entries(f, entries),
            Value::Unknown(unknown) => match &unknown.reference {
                Some(reference) => write!(f, "unknown({}, {reference})", unknown.ty),
                None => write!(f, "unknown({})", unknown.ty),
            },
            plain => write!(f, "{plain}"),
        }
    }
}

fn write_elements(f: &mut fmt::Formatter<'_>, elements: &[Value], open: &str, close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{element}")?;
    }
    f.write_str(close)
}

fn write_entries(f: &mut fmt::Formatter<'_>, entries: &Entries) -> fmt::Result {
    f.write_str("{")?;
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{key:?} = {value}")?;
    }
    f.write_str("}")
}

fn write_debug_elements(f: &mut fmt::Formatter<'_>, elements: &[Value], open: &str, close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{element:?}")?;
    }
    f.write_str(close)
}

fn write_debug_entries(f: &mut fmt::Formatter<'_>, entries: &Entries) -> fmt::Result {
    f.write_str("{")?;
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{key:?} = {value:?}")?;
    }
    f.write_str("}")
}
