//! JSON in placeholder form as HCL-like text, for plans, state and outputs.

use serde_json::Value as Json;
use windlass_core::encode::number_text;

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
    number_text(value).unwrap_or_else(|| value.to_string())
}

fn is_leaf(value: &Json) -> bool {
    match value {
        Json::Object(entries) => entries.is_empty() || value.get("$wl").is_some(),
        Json::Array(items) => items.is_empty(),
        _ => true,
    }
}

/// A text of several lines as a heredoc in Terraform's manner: it tells no difference between a last line with an end and one without.
/// `None` for other values, and for texts with characters that a terminal would act upon.
fn heredoc(value: &Json, indent: usize) -> Option<String> {
    let text =
        value.as_str().filter(|text| text.contains('\n') && !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')))?;
    let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(text).split('\n').collect();
    let mut end = "EOT".to_owned();
    while lines.iter().any(|line| line.trim() == end) {
        end.push('_');
    }
    let pad = " ".repeat(indent);
    let lines: String = lines.iter().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{pad}    {line}\n") }).collect();
    Some(format!("<<-{end}\n{lines}{pad}{end}"))
}

fn fits_in_line(items: &[Json]) -> bool {
    items.iter().all(|item| is_leaf(item) && heredoc(item, 0).is_none())
        && items.iter().map(|item| leaf_text(item).len() + 2).sum::<usize>() < 80
}

/// A value over as many lines as it needs, the first without indentation.
pub fn value_text(value: &Json, indent: usize) -> String {
    let pad = " ".repeat(indent);
    match value {
        _ if is_leaf(value) => heredoc(value, indent).unwrap_or_else(|| leaf_text(value)),
        Json::Array(items) if fits_in_line(items) => {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_of_several_lines_are_heredocs() {
        for (value, expected) in [
            (json!("x\ny\n"), "<<-EOT\n        x\n        y\n    EOT"),
            (json!("x\n\n  \"y\" ${z}"), "<<-EOT\n        x\n\n          \"y\" ${z}\n    EOT"),
            (json!("EOT\nx\n"), "<<-EOT_\n        EOT\n        x\n    EOT_"),
            (json!(["a\nb\n", "c"]), "[\n        <<-EOT\n            a\n            b\n        EOT,\n        \"c\",\n    ]"),
            (json!({"k": "a\nb"}), "{\n        k = <<-EOT\n            a\n            b\n        EOT\n    }"),
            // A terminal would act upon it.
            (json!("x\n\u{1b}[31m\n"), "\"x\\n\\u001b[31m\\n\""),
            (json!("one"), "\"one\""),
            (json!(["a", 1]), "[\"a\", 1]"),
            (json!([1e21, {"$wl": "number", "value": "0.1"}]), "[1000000000000000000000, 0.1]"),
            (json!({"a": null}), "{\n        a = null\n    }"),
        ] {
            assert_eq!(value_text(&value, 4), expected, "{value}");
        }
    }
}
