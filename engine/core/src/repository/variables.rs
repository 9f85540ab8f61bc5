//! Variables of components: filled in before the text is read as YAML, as clusterctl does. A sensitive one goes through that text as a mark,
//! and becomes a secret value afterwards. Knows no object.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::envsubst::Template;
use crate::diag::Code;
use crate::value::Value;

/// A text with its variables filled in.
pub(super) struct Filled {
    /// The text.
    pub(super) text: String,
    /// What its marks stand for.
    pub(super) sensitive: Sensitive,
    /// Variables without a value and without a default, which stand as they stood.
    pub(super) unset: Vec<String>,
    /// Variables that the text asks for and that have a value.
    pub(super) used: BTreeSet<String>,
    /// All variables of the text, but for those that stand in expressions of others only.
    pub(super) named: BTreeSet<String>,
}

/// What the marks in a text stand for.
#[derive(Clone, Default)]
pub(crate) struct Sensitive(BTreeMap<String, String>);

/// How a mark begins; what a user would hardly write.
const MARK: &str = "windlass-sensitive-variable-";

/// Fills in variables; code and reason, for people, if that cannot be done.
pub(super) fn fill(text: &[u8], variables: Option<&BTreeMap<String, Value>>) -> Result<Filled, (Code, String)> {
    let unusable = |reason: String| (Code::COMPONENTS, reason);
    let text = std::str::from_utf8(text).map_err(|_| unusable("not UTF-8 text".to_owned()))?;
    let mut marks = BTreeMap::new();
    for (name, value) in variables.into_iter().flatten() {
        // An empty one hides nothing, and asks for its default.
        let hidden = value.reveal().as_str().filter(|text| matches!(value, Value::Secret(_)) && !text.is_empty());
        if let Some(hidden) = hidden {
            // Ended, so that no mark begins another.
            marks.insert(format!("{MARK}{}-", marks.len()), (name.clone(), hidden.to_owned()));
        }
    }
    let value = |name: &str| {
        let mark = marks.iter().find(|(_, (marked, _))| marked == name).map(|(mark, _)| mark.clone());
        mark.or_else(|| variables?.get(name)?.reveal().as_str().map(str::to_owned))
    };
    let template = Template::parse(text).map_err(|fault| unusable(fault.to_string()))?;
    let named = template.variables().into_keys().map(str::to_owned).collect();
    let filled = template.substitute(&value).map_err(|fault| unusable(fault.to_string()))?;
    if let Some((_, (name, _))) = marks.iter().find(|(_, (name, _))| filled.altered.contains(name)) {
        return Err((
            Code::SECRET_NOT_ALLOWED,
            format!("the sensitive variable {name} is changed by an operator, and can only be used as it is"),
        ));
    }
    let sensitive = Sensitive(marks.into_iter().map(|(mark, (_, value))| (mark, value)).collect());
    Ok(Filled { text: filled.text, sensitive, unset: filled.missing.into_iter().collect(), used: filled.used, named })
}

/// Whether an object still asks for a variable.
pub(crate) fn mentions(object: &Json, variable: &str) -> bool {
    match object {
        Json::String(text) => {
            let mut expressions = text.split("${").skip(1);
            expressions.any(|rest| {
                let name = rest.trim_start().trim_start_matches('#').strip_prefix(variable);
                name.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
            })
        }
        Json::Array(items) => items.iter().any(|item| mentions(item, variable)),
        Json::Object(entries) => entries.values().any(|value| mentions(value, variable)),
        _ => false,
    }
}

impl Sensitive {
    /// Whether a mark stands in a key.
    pub(super) fn in_key(&self, object: &Json) -> bool {
        let marked = |text: &str| self.0.keys().any(|mark| text.contains(mark.as_str()));
        match object {
            Json::Object(entries) => entries.iter().any(|(key, value)| marked(key) || self.in_key(value)),
            Json::Array(items) => items.iter().any(|item| self.in_key(item)),
            _ => false,
        }
    }

    /// The value of an object, secrets in the place of marks.
    pub(crate) fn reveal(&self, object: &Json) -> Value {
        let value = Value::from_json(object);
        if self.0.is_empty() {
            return value;
        }
        value.map_leaves(|_, leaf| match leaf.as_str() {
            Some(text) if text.contains(MARK) => {
                Value::secret(self.0.iter().fold(text.to_owned(), |text, (mark, value)| text.replace(mark.as_str(), value)))
            }
            _ => leaf.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(text: &str, variables: &[(&str, Value)]) -> Filled {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        fill(text.as_bytes(), Some(&variables)).unwrap_or_else(|(_, reason)| panic!("{reason}"))
    }

    #[test]
    fn a_sensitive_variable_is_no_text_before_it_is_a_secret_value() {
        let filled = filled("a: ${KEY}\nb: x${KEY}y${N:=1}\n", &[("KEY", Value::secret("hush")), ("OTHER", Value::secret("mum"))]);
        assert!(!filled.text.contains("hush"), "{}", filled.text);
        let marked = filled.text.lines().next().and_then(|line| line.strip_prefix("a: ")).expect("a mark").to_owned();
        let object = json!({"a": marked, "b": format!("x{marked}y1"), "c": 1});
        let value = filled.sensitive.reveal(&object);
        assert_eq!(value.get("a"), Some(&Value::secret("hush")));
        assert_eq!(value.get("b"), Some(&Value::secret("xhushy1")));
        assert_eq!(value.get("c"), Some(&Value::from(1)));
        assert!(!filled.sensitive.in_key(&object));
        assert!(filled.sensitive.in_key(&json!([{marked: 1}])));
    }

    #[test]
    fn what_has_no_value_is_found_where_it_still_stands() {
        let filled = filled("a: ${KEY}\nb: ${KEY_B:=2}\n", &[]);
        assert_eq!(filled.unset, ["KEY"]);
        assert!(mentions(&json!({"a": ["${KEY}"]}), "KEY"));
        assert!(mentions(&json!("x ${ KEY } y ${#B}"), "KEY") && mentions(&json!("${#B}"), "B"));
        assert!(!mentions(&json!("${KEY_B}"), "KEY"));
        assert!(!mentions(&json!({"KEY": "KEY"}), "KEY"));
    }

    #[test]
    fn what_the_text_asks_for_is_known_by_name() {
        let filled =
            filled("a: ${KEY}\nb: ${B:=${C}}\n", &[("KEY", Value::from("k")), ("C", Value::from("c")), ("OTHER", Value::from("o"))]);
        assert_eq!(Vec::from_iter(filled.used), ["C", "KEY"]);
        assert_eq!(Vec::from_iter(filled.named), ["B", "KEY"]);
    }
}
