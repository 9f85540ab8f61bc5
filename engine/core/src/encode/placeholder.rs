//! What stands for a leaf that cannot be written: a secret, something not known yet, a number beyond JSON.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

/// The key that makes an object a placeholder.
pub const MARK: &str = "$wl";

/// A placeholder, read or to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder<'a> {
    /// A secret: its keyed digest and, where it is known, the place in the configuration that its value comes from.
    Secret {
        /// `hmac-sha256:…`.
        digest: &'a str,
        /// `<address>.<object>.<path>`; live objects have none.
        source: Option<&'a str>,
    },
    /// Known after apply: what it comes from, `cluster.shop.endpoint`.
    Unknown {
        /// The reference; empty where nothing is known of it (outputs).
        reference: &'a str,
    },
    /// A large leaf that is public and kept elsewhere (the schema of a CustomResourceDefinition): its digest.
    Content {
        /// `sha256:…` of its canonical text.
        digest: &'a str,
    },
    /// A number that no JSON number stands for.
    Number {
        /// As a decimal.
        value: &'a str,
    },
}

impl<'a> Placeholder<'a> {
    /// Reads a placeholder; `None` for any other value.
    pub fn of(value: &'a Json) -> Option<Placeholder<'a>> {
        let map = value.as_object()?;
        let text = |key: &str| map.get(key).and_then(Json::as_str);
        match text(MARK)? {
            "secret" => Some(Placeholder::Secret { digest: text("digest").unwrap_or(""), source: text("source") }),
            "unknown" => Some(Placeholder::Unknown { reference: text("ref").unwrap_or("") }),
            "content" => Some(Placeholder::Content { digest: text("digest").unwrap_or("") }),
            "number" => Some(Placeholder::Number { value: text("value").unwrap_or("") }),
            _ => None,
        }
    }

    /// Writes it.
    pub fn to_json(self) -> Json {
        match self {
            Placeholder::Secret { digest, source: Some(source) } => json!({MARK: "secret", "digest": digest, "source": source}),
            Placeholder::Secret { digest, source: None } => json!({MARK: "secret", "digest": digest}),
            Placeholder::Unknown { reference } => json!({MARK: "unknown", "ref": reference}),
            Placeholder::Content { digest } => json!({MARK: "content", "digest": digest}),
            Placeholder::Number { value } => json!({MARK: "number", "value": value}),
        }
    }
}

/// Whether any part of a value satisfies `wanted` as a placeholder.
pub fn contains_placeholder(value: &Json, wanted: &impl Fn(Placeholder<'_>) -> bool) -> bool {
    if let Some(placeholder) = Placeholder::of(value) {
        return wanted(placeholder);
    }
    match value {
        Json::Object(map) => map.values().any(|value| contains_placeholder(value, wanted)),
        Json::Array(items) => items.iter().any(|item| contains_placeholder(item, wanted)),
        _ => false,
    }
}

/// Puts values in the place of unknowns whose reference is known by now (`cluster.shop.endpoint`).
pub fn resolve_unknowns(value: &mut Json, known: &BTreeMap<String, Json>) {
    if let Some(placeholder) = Placeholder::of(value) {
        let found = match placeholder {
            Placeholder::Unknown { reference } => known.get(reference).cloned(),
            _ => None,
        };
        if let Some(found) = found {
            *value = found;
        }
        return;
    }
    match value {
        Json::Object(map) => map.values_mut().for_each(|value| resolve_unknowns(value, known)),
        Json::Array(items) => items.iter_mut().for_each(|item| resolve_unknowns(item, known)),
        _ => {}
    }
}
