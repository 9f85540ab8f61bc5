//! Paths of leaves as people read them, written so that they can be read back: `spec.containers[name="web"].image`,
//! `metadata.labels["app.kubernetes.io/name"]`, `metadata.finalizers[="x"]`, `spec.hosts[0]`.

use std::fmt::Write;

use serde_json::Value as Json;
use windlass_kubeschema::fieldpath::{FieldPath, PathElement};

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no path of a leaf")]
pub struct PathTextError {
    /// The text.
    pub text: String,
}

/// The text of a path.
pub fn path_to_text(path: &FieldPath) -> String {
    let mut out = String::new();
    for (position, element) in path.0.iter().enumerate() {
        // Writing to a String never fails.
        let _ = match element {
            PathElement::Field(name) if is_plain(name) && position == 0 => write!(out, "{name}"),
            PathElement::Field(name) if is_plain(name) => write!(out, ".{name}"),
            PathElement::Field(name) => write!(out, "[{}]", Json::String(name.clone())),
            PathElement::Key(fields) => {
                let keys: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", value.0)).collect();
                write!(out, "[{}]", keys.join(","))
            }
            PathElement::Value(value) => write!(out, "[={}]", value.0),
            PathElement::Index(index) => write!(out, "[{index}]"),
        };
    }
    out
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '$')
}

/// The path of a text.
///
/// # Errors
/// The text was not written by [`path_to_text`].
pub fn path_from_text(text: &str) -> Result<FieldPath, PathTextError> {
    let mut rest = text;
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let (element, left) = element(rest, elements.is_empty()).ok_or_else(|| PathTextError { text: text.to_owned() })?;
        elements.push(element);
        rest = left;
    }
    Ok(FieldPath(elements))
}

fn element(text: &str, first: bool) -> Option<(PathElement, &str)> {
    if let Some(inside) = text.strip_prefix('[') {
        return bracket(inside);
    }
    let name = if first { text } else { text.strip_prefix('.')? };
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (name, rest) = (name.get(..end)?, name.get(end..)?);
    is_plain(name).then(|| (PathElement::field(name), rest))
}

fn bracket(text: &str) -> Option<(PathElement, &str)> {
    if text.starts_with('"') {
        let (name, rest) = json(text)?;
        return Some((PathElement::field(name.as_str()?), rest.strip_prefix(']')?));
    }
    if let Some(text) = text.strip_prefix('=') {
        let (value, rest) = json(text)?;
        return Some((PathElement::value(value), rest.strip_prefix(']')?));
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        let (index, rest) = text.split_once(']')?;
        return Some((PathElement::Index(index.parse().ok()?), rest));
    }
    let mut keys = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = json(after)?;
        keys.push((name.to_owned(), value));
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None => return Some((PathElement::key(keys), after.strip_prefix(']')?)),
        }
    }
}

/// The JSON scalar at the begin of a text, and what follows it.
fn json(text: &str) -> Option<(Json, &str)> {
    let end = if text.starts_with('"') {
        let mut escaped = false;
        let close = text.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        close.map(|(at, _)| at + 1)?
    } else {
        text.find([',', ']'])?
    };
    Some((serde_json::from_str(text.get(..end)?).ok()?, text.get(end..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_read_as_people_write_them() {
        let path = FieldPath(vec![
            PathElement::field("spec"),
            PathElement::key([("containerPort".to_owned(), json!(80)), ("protocol".to_owned(), json!("TCP"))]),
            PathElement::field("app.kubernetes.io/name"),
            PathElement::value(json!("a]\"b")),
            PathElement::Index(3),
        ]);
        let text = r#"spec[containerPort=80,protocol="TCP"]["app.kubernetes.io/name"][="a]\"b"][3]"#;
        assert_eq!(path_to_text(&path), text);
        assert_eq!(path_from_text(text), Ok(path));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [".spec", "spec.", "spec[", "spec[x]", "spec[\"x]", "spec[=", "spec[1", "a..b", "spec[a=1", "spec[a=b]"] {
            assert!(path_from_text(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverses(names in prop::collection::vec("\\PC{0,8}", 1..5), value in "\\PC{0,8}", number in any::<i64>()) {
            let mut elements: Vec<PathElement> = names.into_iter().map(PathElement::field).collect();
            elements.push(PathElement::key([("name".to_owned(), json!(value)), ("port".to_owned(), json!(number))]));
            elements.push(PathElement::value(json!(value)));
            let path = FieldPath(elements);
            prop_assert_eq!(path_from_text(&path_to_text(&path)), Ok(path));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = path_from_text(&text);
        }
    }
}
