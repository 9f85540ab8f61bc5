//! A whole path: shown in the API server's words, found in a value, taken out of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::element::{KeyValue, PathElement};

/// A path from the root of an object.
///
/// `Display` is the API server's text (`.spec.containers[name="web"].image`). It is ambiguous for
/// field names with a dot (labels), so the serde form is the list of FieldsV1 keys (`f:spec`, …),
/// which loses nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(pub Vec<PathElement>);

impl FieldPath {
    /// A path of fields only.
    pub fn of_fields<'n>(names: impl IntoIterator<Item = &'n str>) -> FieldPath {
        FieldPath(names.into_iter().map(PathElement::field).collect())
    }

    /// The path one step longer.
    pub fn child(&self, element: PathElement) -> FieldPath {
        let mut elements = self.0.clone();
        elements.push(element);
        FieldPath(elements)
    }

    /// This path is `other`, or leads below it.
    pub fn starts_with(&self, other: &FieldPath) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The value at this path.
    ///
    /// A key finds the item that has all its fields, else the first one that has some of them and
    /// none with another value: an applied item may leave a key field to its default.
    pub fn get<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, element| match element {
            PathElement::Field(name) => value.as_object()?.get(name),
            item => {
                let list = value.as_array()?;
                list.get(position(list, item)?)
            }
        })
    }

    /// Takes the value at this path out of `root`; containers that it leaves empty stay.
    pub fn remove(&self, root: &mut Value) -> Option<Value> {
        let (last, parents) = self.0.split_last()?;
        let mut value = root;
        for element in parents {
            value = match element {
                PathElement::Field(name) => value.as_object_mut()?.get_mut(name)?,
                item => {
                    let list = value.as_array_mut()?;
                    let index = position(list, item)?;
                    list.get_mut(index)?
                }
            };
        }
        match last {
            PathElement::Field(name) => value.as_object_mut()?.remove(name),
            item => {
                let list = value.as_array_mut()?;
                let index = position(list, item)?;
                Some(list.remove(index))
            }
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|element| element.fmt(f))
    }
}

/// A text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a field path at byte {at}: {reason}")]
pub struct PathError {
    /// Byte in the text.
    pub at: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

impl FromStr for FieldPath {
    type Err = PathError;

    /// Reads what `Display` writes; a dot in a field name separates (see the type's note).
    /// The first dot may be missing.
    fn from_str(text: &str) -> Result<FieldPath, PathError> {
        let mut parser = Parser { text, at: 0 };
        let mut elements = Vec::new();
        while parser.at < text.len() {
            elements.push(parser.element(elements.is_empty())?);
        }
        Ok(FieldPath(elements))
    }
}

impl Serialize for FieldPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(PathElement::to_fields_v1))
    }
}

impl<'de> Deserialize<'de> for FieldPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FieldPath, D::Error> {
        let keys = Vec::<String>::deserialize(deserializer)?;
        let elements = keys
            .iter()
            .map(|key| PathElement::from_fields_v1(key).ok_or_else(|| serde::de::Error::custom(format!("{key:?} is no path element"))));
        elements.collect::<Result<_, _>>().map(FieldPath)
    }
}

fn position(list: &[Value], element: &PathElement) -> Option<usize> {
    match element {
        PathElement::Field(_) => None,
        PathElement::Index(index) => (*index < list.len()).then_some(*index),
        PathElement::Value(wanted) => list.iter().position(|item| same(item, wanted)),
        PathElement::Key(fields) => {
            let objects = || list.iter().enumerate();
            let exact = objects().find(|(_, item)| item.as_object().is_some_and(|item| matching(item, fields) == Some(fields.len())));
            let partial =
                || objects().find(|(_, item)| item.as_object().and_then(|item| matching(item, fields)).is_some_and(|count| count > 0));
            exact.or_else(partial).map(|(index, _)| index)
        }
    }
}

/// How many of the fields are there with their value; `None` if one has another value.
fn matching(item: &Map<String, Value>, fields: &[(String, KeyValue)]) -> Option<usize> {
    fields.iter().try_fold(0, |count, (name, wanted)| match item.get(name) {
        Some(value) => same(value, wanted).then_some(count + 1),
        None => Some(count),
    })
}

fn same(value: &Value, wanted: &KeyValue) -> bool {
    super::element::compare_values(value, &wanted.0).is_eq()
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl Parser<'_> {
    fn fail<T>(&self, reason: &'static str) -> Result<T, PathError> {
        Err(PathError { at: self.at, reason })
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn take(&mut self, token: char) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len_utf8();
        }
        found
    }

    fn until(&mut self, stop: &[char]) -> String {
        let rest = self.rest();
        let end = rest.find(stop).unwrap_or(rest.len());
        let found = rest.get(..end).unwrap_or("").to_owned();
        self.at += end;
        found
    }

    fn element(&mut self, first: bool) -> Result<PathElement, PathError> {
        if self.take('[') {
            return self.item();
        }
        if !self.take('.') && !first {
            return self.fail("expected '.' or '['");
        }
        let name = self.until(&['.', '[']);
        if name.is_empty() {
            return self.fail("a field has a name");
        }
        Ok(PathElement::Field(name))
    }

    fn item(&mut self) -> Result<PathElement, PathError> {
        if self.take('=') {
            let value = self.json()?;
            return self.closed(PathElement::value(value));
        }
        if self.rest().starts_with(|c: char| c.is_ascii_digit()) {
            return match self.until(&[']']).parse() {
                Ok(index) => self.closed(PathElement::Index(index)),
                Err(_) => self.fail("an index is a whole number"),
            };
        }
        let mut fields = Vec::new();
        loop {
            let name = self.until(&['=', ']', '[']);
            if name.is_empty() || !self.take('=') {
                return self.fail("expected name=value");
            }
            fields.push((name, self.json()?));
            if !self.take(',') {
                return self.closed(PathElement::key(fields));
            }
        }
    }

    fn closed(&mut self, element: PathElement) -> Result<PathElement, PathError> {
        if self.take(']') { Ok(element) } else { self.fail("expected ']'") }
    }

    fn json(&mut self) -> Result<Value, PathError> {
        let mut stream = serde_json::Deserializer::from_str(self.rest()).into_iter::<Value>();
        let value = stream.next();
        let length = stream.byte_offset();
        match value {
            Some(Ok(value)) => {
                self.at += length;
                Ok(value)
            }
            // A bare number or word: the stream wants white space after it, here is `]` or `,`.
            _ => {
                let start = self.at;
                let word = self.until(&[',', ']']);
                serde_json::from_str(&word).or_else(|_| {
                    self.at = start;
                    self.fail("expected a JSON value")
                })
            }
        }
    }
}
