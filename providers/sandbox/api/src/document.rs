//! A document and the fields that it names twice, of which the last counts. The words are those of `sigs.k8s.io/json` and `go.yaml.in/yaml/v2`.
//! Knows no kind.

use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;
use serde_saphyr::options::DuplicateKeyPolicy;
use windlass_kubeschema::check::Place;

/// What precedes the lines of a YAML document's repeated fields.
const YAML_ERRORS: &str = "yaml: unmarshal errors:\n  ";
/// The real server stops counting here.
const MAX_REPEATED: usize = 100;

/// What a client sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub value: Value,
    /// One sentence for each field that is named twice; of YAML one for all, with a line for each.
    pub repeated: Vec<String>,
}

impl From<Value> for Document {
    fn from(value: Value) -> Document {
        Document { value, repeated: Vec::new() }
    }
}

/// Sentences as warnings: one for each line that YAML complains of.
pub(crate) fn warnings(sentences: &[String]) -> Vec<String> {
    let mut warnings = Vec::new();
    for sentence in sentences {
        match sentence.strip_prefix(YAML_ERRORS) {
            Some(lines) => warnings.extend(lines.lines().map(|line| line.trim().to_owned())),
            None => warnings.push(sentence.clone()),
        }
    }
    warnings
}

/// Reads JSON.
pub(crate) fn json(body: &[u8]) -> Result<Document, serde_json::Error> {
    serde_json::from_slice(body)
}

/// Reads YAML.
pub(crate) fn yaml(text: &str) -> Result<Document, String> {
    let mut document: Document = serde_saphyr::from_str_with_options(text, options()).map_err(|error| error.to_string())?;
    if !document.repeated.is_empty() {
        let placed: Placed = serde_saphyr::from_str_with_options(text, options()).map_err(|error| error.to_string())?;
        let mut lines = Vec::new();
        placed.repeated(&mut lines);
        document.repeated = vec![format!("{YAML_ERRORS}{}", lines.join("\n  "))];
    }
    Ok(document)
}

fn options() -> serde_saphyr::Options {
    // `y` and `yes` stay strings: only true and false are booleans in YAML 1.2.
    serde_saphyr::options! { strict_booleans: true, duplicate_keys: DuplicateKeyPolicy::PassThrough }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Document, D::Error> {
        let repeated = RefCell::default();
        let value = Reader { at: &Place::Root, repeated: &repeated }.deserialize(deserializer)?;
        Ok(Document { value, repeated: repeated.into_inner() })
    }
}

/// Reads the value at a place.
#[derive(Clone, Copy)]
struct Reader<'a> {
    at: &'a Place<'a>,
    repeated: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON or YAML value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Reader { at: &Place::Index(self.at, list.len()), repeated: self.repeated })? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let at = Place::Field(self.at, &name);
            if map.contains_key(&name) {
                self.repeat(&at);
            }
            let value = fields.next_value_seed(Reader { at: &at, repeated: self.repeated })?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

impl Reader<'_> {
    fn repeat(self, at: &Place<'_>) {
        let mut repeated = self.repeated.borrow_mut();
        let sentence = format!("duplicate field {:?}", at.to_string());
        if repeated.len() < MAX_REPEATED && !repeated.contains(&sentence) {
            repeated.push(sentence);
        }
    }
}

/// A YAML value with the lines of what maps hold.
enum Placed {
    Scalar,
    List(Vec<Placed>),
    Map(Vec<(String, Spanned<Placed>)>),
}

impl Placed {
    /// A line for each key that its map has already.
    fn repeated(&self, lines: &mut Vec<String>) {
        match self {
            Placed::Scalar => {}
            Placed::List(items) => items.iter().for_each(|item| item.repeated(lines)),
            Placed::Map(fields) => {
                let mut seen = std::collections::BTreeSet::new();
                for (name, value) in fields {
                    value.value.repeated(lines);
                    if !seen.insert(name) {
                        lines.push(format!("line {}: key {name:?} already set in map", value.referenced.line()));
                    }
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Placed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Placed, D::Error> {
        deserializer.deserialize_any(PlacedVisitor)
    }
}

struct PlacedVisitor;

impl<'de> Visitor<'de> for PlacedVisitor {
    type Value = Placed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Placed, E> {
        Ok(Placed::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Placed, E> {
        Ok(Placed::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Placed, E> {
        Ok(Placed::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Placed, E> {
        Ok(Placed::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Placed, E> {
        Ok(Placed::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Placed, E> {
        Ok(Placed::Scalar)
    }

    fn visit_none<E>(self) -> Result<Placed, E> {
        Ok(Placed::Scalar)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Placed, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Placed, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Placed::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Placed, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = fields.next_entry()? {
            map.push(entry);
        }
        Ok(Placed::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_a_field_that_is_named_twice_the_last_counts() {
        for (text, value, repeated) in [
            (r#"{"a":1,"b":{"c":[true,null,-1.5,"x"]}}"#, json!({"a": 1, "b": {"c": [true, null, -1.5, "x"]}}), Vec::<&str>::new()),
            (r#"{"a":1,"a":2,"a":3}"#, json!({"a": 3}), vec![r#"duplicate field "a""#]),
            (
                r#"{"s":[{"r":1},{"r":1,"r":2}],"s":{"k":1,"k":2}}"#,
                json!({"s": {"k": 2}}),
                vec![r#"duplicate field "s[1].r""#, r#"duplicate field "s""#, r#"duplicate field "s.k""#],
            ),
        ] {
            let read = json(text.as_bytes()).unwrap();
            assert_eq!(read.value, value, "{text}");
            assert_eq!(read.repeated, repeated, "{text}");
        }
        for text in ["", "{", "{} {}", "{\"a\" 1}"] {
            assert!(json(text.as_bytes()).is_err(), "{text}");
        }
        let read = yaml("a: 1\nb:\n  - c: x\n    c: y\na: yes\n").unwrap();
        assert_eq!(read.value, json!({"a": "yes", "b": [{"c": "y"}]}));
        assert_eq!(read.repeated, [format!("{YAML_ERRORS}line 4: key \"c\" already set in map\n  line 5: key \"a\" already set in map")]);
    }
}
