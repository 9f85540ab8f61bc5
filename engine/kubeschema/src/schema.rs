//! The schema of one value of a Kubernetes object; knows nothing of kinds, groups or servers.
//!
//! The serde form is the on-disk form of facts: one- or two-letter keys, defaults left out.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use regex::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};

/// Schemas by name, for references; recursive kinds need them.
pub type Definitions = BTreeMap<String, Arc<Schema>>;

/// How deep any walk over a schema and a value goes, and any reference chain is followed.
///
/// serde_json refuses text nested deeper than 128, so no parsed value is cut by it.
pub const MAX_DEPTH: usize = 160;

/// A structural schema: what a value may be, and how lists and maps in it merge.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Schema {
    /// Name in [`Definitions`]; the fields beside it that are set override the target's.
    #[serde(rename = "$", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// `None`: any type.
    #[serde(rename = "t", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Type>,
    /// `null` is a value.
    #[serde(rename = "n", skip_serializing_if = "is_false")]
    pub nullable: bool,
    /// `x-kubernetes-int-or-string`.
    #[serde(rename = "is", skip_serializing_if = "is_false")]
    pub int_or_string: bool,
    /// `x-kubernetes-preserve-unknown-fields`.
    #[serde(rename = "pu", skip_serializing_if = "is_false")]
    pub preserve_unknown_fields: bool,
    /// `x-kubernetes-embedded-resource`.
    #[serde(rename = "er", skip_serializing_if = "is_false")]
    pub embedded_resource: bool,
    /// Declared fields of an object.
    #[serde(rename = "p", skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, Arc<Schema>>,
    /// Schema of the values of an object used as a map.
    #[serde(rename = "ap", skip_serializing_if = "Option::is_none")]
    pub additional_properties: Option<Arc<Schema>>,
    /// Schema of a list's items.
    #[serde(rename = "i", skip_serializing_if = "Option::is_none")]
    pub items: Option<Arc<Schema>>,
    /// Fields that must be there.
    #[serde(rename = "r", skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// The only values allowed; empty: all.
    #[serde(rename = "e", skip_serializing_if = "Vec::is_empty")]
    pub enumeration: Vec<Value>,
    /// What an absent value becomes.
    #[serde(rename = "d", skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub default: Option<Value>,
    /// Bounds, pattern and format, where there are any.
    #[serde(rename = "l", skip_serializing_if = "Option::is_none")]
    pub limits: Option<Box<Limits>>,
    /// oneOf, anyOf, allOf, not, where there are any (value validation only).
    #[serde(rename = "g", skip_serializing_if = "Option::is_none")]
    pub logic: Option<Box<Logic>>,
    /// `x-kubernetes-list-type`; see [`Schema::list_type`] for the effective one.
    #[serde(rename = "lt", skip_serializing_if = "Option::is_none")]
    pub declared_list_type: Option<ListType>,
    /// `x-kubernetes-list-map-keys`.
    #[serde(rename = "lk", skip_serializing_if = "Vec::is_empty")]
    pub map_keys: Vec<String>,
    /// `x-kubernetes-map-type`; see [`Schema::map_type`] for the effective one.
    #[serde(rename = "mt", skip_serializing_if = "Option::is_none")]
    pub declared_map_type: Option<MapType>,
    /// `x-kubernetes-patch-strategy` of a built-in: comma separated `merge`, `retainKeys`, `replace`.
    #[serde(rename = "ps", skip_serializing_if = "Option::is_none")]
    pub patch_strategy: Option<String>,
    /// `x-kubernetes-patch-merge-key` of a built-in.
    #[serde(rename = "pk", skip_serializing_if = "Option::is_none")]
    pub patch_merge_key: Option<String>,
    /// `x-kubernetes-validations`, as data: they are not evaluated.
    #[serde(rename = "v", skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

impl Schema {
    /// The merge behaviour of a list; the server's fallback to the patch strategy included.
    pub fn list_type(&self) -> ListType {
        match (self.declared_list_type, self.patch_strategy.as_deref()) {
            (Some(declared), _) => declared,
            (None, Some("merge" | "merge,retainKeys")) if self.patch_merge_key.is_some() => ListType::Map,
            (None, Some("merge" | "merge,retainKeys")) => ListType::Set,
            _ => ListType::Atomic,
        }
    }

    /// The fields that identify an item of a list of type map; empty for other lists.
    pub fn list_keys(&self) -> &[String] {
        match (self.list_type(), self.declared_list_type) {
            (ListType::Map, Some(_)) => &self.map_keys,
            (ListType::Map, None) => self.patch_merge_key.as_slice(),
            _ => &[],
        }
    }

    /// The merge behaviour of a map or struct.
    pub fn map_type(&self) -> MapType {
        self.declared_map_type.unwrap_or_default()
    }

    /// A rule forbids every change of this value (`self == oldSelf`).
    pub fn immutable(&self) -> bool {
        self.rules.iter().any(Rule::is_immutability)
    }

    /// Nothing is said about the value's form: no type, no fields, no items.
    pub fn is_untyped(&self) -> bool {
        self.reference.is_none()
            && self.kind.is_none()
            && !self.int_or_string
            && self.properties.is_empty()
            && self.additional_properties.is_none()
            && self.items.is_none()
    }
}

/// The JSON types that a structural schema names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Type {
    /// JSON object: a struct or a map.
    #[serde(rename = "o")]
    Object,
    /// JSON array.
    #[serde(rename = "a")]
    Array,
    /// JSON string.
    #[serde(rename = "s")]
    String,
    /// Number without a fraction.
    #[serde(rename = "i")]
    Integer,
    /// Any number.
    #[serde(rename = "n")]
    Number,
    /// true or false.
    #[serde(rename = "b")]
    Boolean,
}

impl Type {
    /// OpenAPI's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Type::Object => "object",
            Type::Array => "array",
            Type::String => "string",
            Type::Integer => "integer",
            Type::Number => "number",
            Type::Boolean => "boolean",
        }
    }

    /// The inverse of [`Type::as_str`].
    pub fn parse(word: &str) -> Option<Type> {
        Some(match word {
            "object" => Type::Object,
            "array" => Type::Array,
            "string" => Type::String,
            "integer" => Type::Integer,
            "number" => Type::Number,
            "boolean" => Type::Boolean,
            _ => return None,
        })
    }
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListType {
    /// Replaced as a whole.
    #[default]
    #[serde(rename = "a")]
    Atomic,
    /// Scalars, each at most once, merged.
    #[serde(rename = "s")]
    Set,
    /// Objects identified by keys, merged.
    #[serde(rename = "m")]
    Map,
}

impl ListType {
    /// OpenAPI's word.
    pub fn as_str(self) -> &'static str {
        match self {
            ListType::Atomic => "atomic",
            ListType::Set => "set",
            ListType::Map => "map",
        }
    }
}

/// `x-kubernetes-map-type`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MapType {
    /// Each key has its own owner.
    #[default]
    #[serde(rename = "g")]
    Granular,
    /// Replaced as a whole.
    #[serde(rename = "a")]
    Atomic,
}

impl MapType {
    /// OpenAPI's word.
    pub fn as_str(self) -> &'static str {
        match self {
            MapType::Granular => "granular",
            MapType::Atomic => "atomic",
        }
    }
}

/// Bounds of numbers, strings, lists and maps, with pattern and format.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Smallest number.
    #[serde(rename = "n", skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Number>,
    /// The smallest number is itself excluded.
    #[serde(rename = "xn", skip_serializing_if = "is_false")]
    pub exclusive_minimum: bool,
    /// Largest number.
    #[serde(rename = "x", skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Number>,
    /// The largest number is itself excluded.
    #[serde(rename = "xx", skip_serializing_if = "is_false")]
    pub exclusive_maximum: bool,
    /// The number is a whole multiple of this.
    #[serde(rename = "mo", skip_serializing_if = "Option::is_none")]
    pub multiple_of: Option<Number>,
    /// Fewest characters.
    #[serde(rename = "nl", skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u64>,
    /// Most characters.
    #[serde(rename = "xl", skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
    /// Fewest items.
    #[serde(rename = "ni", skip_serializing_if = "Option::is_none")]
    pub min_items: Option<u64>,
    /// Most items.
    #[serde(rename = "xi", skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u64>,
    /// No item twice.
    #[serde(rename = "u", skip_serializing_if = "is_false")]
    pub unique_items: bool,
    /// Fewest keys.
    #[serde(rename = "np", skip_serializing_if = "Option::is_none")]
    pub min_properties: Option<u64>,
    /// Most keys.
    #[serde(rename = "xp", skip_serializing_if = "Option::is_none")]
    pub max_properties: Option<u64>,
    /// Regular expression that a string contains a match of.
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// OpenAPI format.
    #[serde(rename = "f", skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// oneOf, anyOf, allOf and not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Logic {
    /// Exactly one holds.
    #[serde(rename = "1", skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<Arc<Schema>>,
    /// At least one holds.
    #[serde(rename = "+", skip_serializing_if = "Vec::is_empty")]
    pub any_of: Vec<Arc<Schema>>,
    /// All hold.
    #[serde(rename = "*", skip_serializing_if = "Vec::is_empty")]
    pub all_of: Vec<Arc<Schema>>,
    /// Does not hold.
    #[serde(rename = "-", skip_serializing_if = "Option::is_none")]
    pub not: Option<Arc<Schema>>,
}

/// One entry of `x-kubernetes-validations`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// CEL expression.
    #[serde(rename = "r")]
    pub rule: String,
    /// What the server answers when it is false.
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Rule {
    /// The rule says that the value never changes.
    pub fn is_immutability(&self) -> bool {
        let compact: String = self.rule.chars().filter(|c| !c.is_whitespace()).collect();
        compact == "self==oldSelf" || compact == "oldSelf==self"
    }
}

/// A regular expression, kept as text and compiled at its first use.
#[derive(Clone, Default)]
pub struct Pattern {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern from its text; a text that does not compile matches everything.
    pub fn new(text: impl Into<String>) -> Pattern {
        Pattern { text: text.into(), compiled: OnceLock::new() }
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text holds a match. Go's RE2 and this engine share syntax, save rarities: those match.
    pub fn matches(&self, text: &str) -> bool {
        self.compiled.get_or_init(|| Regex::new(&self.text).ok()).as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text.fmt(f)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pattern, D::Error> {
        String::deserialize(deserializer).map(Pattern::new)
    }
}

/// Why a schema or a bundle could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A part of an OpenAPI document is not what it must be.
    #[error("{path}: {reason}")]
    OpenApi {
        /// JSON path in the document.
        path: String,
        /// What is wrong there.
        reason: String,
    },
    /// The bytes are no zstd stream, or the text in them is no bundle.
    #[error("facts cannot be read: {0}")]
    Bundle(String),
}

/// Keeps an explicit `null` default apart from no default.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn is_false(value: &bool) -> bool {
    !*value
}
