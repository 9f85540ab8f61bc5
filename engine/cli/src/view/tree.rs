//! JSON in placeholder form as HCL-like text, for plans, state and outputs.

use serde_json::Value as Json;

/// What a placeholder says, if the value is one.
pub fn placeholder(value: &Json) -> Option<&'static str> {
    match value.get("$wl")?.as_str()? {
        "secret" => Some("(sensitive value)"),
        "unknown" => Some("(known after apply)"),
        _ => None,
    }
}

/// A leaf in one line.
pub fn leaf_text(value: &Json) -> String {
    if let Some(text) = placeholder(value) {
        return text.to_owned();
    }
    if value.get("$wl").and_then(Json::as_str) == Some("number") {
        return value.get("value").and_then(Json::as_str).unwrap_or_default().to_owned();
    }
    value.to_string()
}

fn is_leaf(value: &Json) -> bool {
    match value {
        Json::Object(entries) => entries.is_empty() || value.get("$wl").is_some(),
        Json::Array(items) => items.is_empty(),
        _ => true,
    }
}

/// A value over as many lines as it needs, the first without indentation.
pub fn value_text(value: &Json, indent: usize) -> String {
    let pad = " ".repeat(indent);
    match value {
        _ if is_leaf(value) => leaf_text(value),
        Json::Array(items) if items.iter().all(is_leaf) && items.iter().map(|item| leaf_text(item).len() + 2).sum::<usize>() < 80 => {
            format!("[{}]", items.iter().map(leaf_text).collect::<Vec<_>>().join(", "))
        }
        Json::Array(items) => {
            let lines: String = items.iter().map(|item| format!("{pad}    {},\n", value_text(item, indent + 4))).collect();
            format!("[\n{lines}{pad}]")
        }
        Json::Object(entries) => {
            let width = entries.keys().map(|key| key_text(key).chars().count()).max().unwrap_or_default();
            let lines: String = entries
                .iter()
                .map(|(key, value)| format!("{pad}    {:width$} = {}\n", key_text(key), value_text(value, indent + 4)))
                .collect();
            format!("{{\n{lines}{pad}}}")
        }
        _ => leaf_text(value),
    }
}

/// A key, in quotes where HCL needs them.
pub fn key_text(key: &str) -> String {
    let plain = key.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if plain { key.to_owned() } else { format!("{key:?}") }
}
