//! The JSON paths of `additionalPrinterColumns`: names, indices, wildcards and `[?(@.a=="b")]` filters.
//! A path outside of this is answered like one that finds nothing.

use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(i64),
    All,
    Equal(Vec<String>, String),
}

/// What the path finds.
pub(super) fn find<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    let Some(steps) = parse(path) else { return Vec::new() };
    let mut found = vec![value];
    for step in &steps {
        found = found.into_iter().flat_map(|value| follow(value, step)).collect();
    }
    found
}

fn follow<'a>(value: &'a Value, step: &Step) -> Vec<&'a Value> {
    match step {
        Step::Name(name) => value.get(name).into_iter().collect(),
        Step::Index(index) => {
            let list = value.as_array().map_or(&[][..], Vec::as_slice);
            let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
            let place = if *index < 0 { index + length } else { *index };
            usize::try_from(place).ok().and_then(|place| list.get(place)).into_iter().collect()
        }
        Step::All => match value {
            Value::Array(list) => list.iter().collect(),
            Value::Object(map) => map.values().collect(),
            _ => Vec::new(),
        },
        Step::Equal(field, wanted) => value
            .as_array()
            .into_iter()
            .flatten()
            .filter(|item| {
                let found = field.iter().try_fold(*item, |value, name| value.get(name));
                match found {
                    Some(Value::String(text)) => text == wanted,
                    Some(Value::Bool(flag)) => flag.to_string().as_str() == wanted,
                    Some(Value::Number(number)) => number.to_string().as_str() == wanted,
                    Some(_) => false,
                    None => false,
                }
            })
            .collect(),
    }
}

fn parse(path: &str) -> Option<Vec<Step>> {
    let path = path.trim().trim_start_matches('{').trim_end_matches('}').trim_start_matches('$');
    let mut steps = Vec::new();
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        if first == '[' {
            let end = closing(rest)?;
            steps.push(bracket(rest.get(1..end)?.trim())?);
            rest = rest.get(end + 1..)?;
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let (name, tail) = name(rest);
            if !name.is_empty() {
                steps.push(if name == "*" { Step::All } else { Step::Name(name) });
            } else if !tail.starts_with('[') && !tail.is_empty() {
                return None;
            }
            rest = tail;
        }
    }
    Some(steps)
}

/// A name up to an unescaped `.` or `[`.
fn name(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '\\' => name.extend(chars.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, text.get(index..).unwrap_or("")),
            other => name.push(other),
        }
    }
    (name, "")
}

/// Index of the bracket that closes the first one; brackets in quotes do not count.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    for (index, c) in text.char_indices() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ']') => return Some(index),
            _ => {}
        }
    }
    None
}

fn bracket(inside: &str) -> Option<Step> {
    if inside == "*" {
        return Some(Step::All);
    }
    if let Ok(index) = inside.parse() {
        return Some(Step::Index(index));
    }
    if let Some(filter) = inside.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        let (field, wanted) = filter.split_once("==")?;
        let field = field.trim().strip_prefix('@')?;
        let steps = parse(field)?;
        let names = steps.into_iter().map(|step| match step {
            Step::Name(name) => Some(name),
            _ => None,
        });
        return Some(Step::Equal(names.collect::<Option<_>>()?, unquoted(wanted.trim()).to_owned()));
    }
    let name = unquoted(inside);
    (name.len() < inside.len()).then(|| Step::Name(name.to_owned()))
}

fn unquoted(text: &str) -> &str {
    ['\'', '"'].iter().find_map(|quote| text.strip_prefix(*quote).and_then(|rest| rest.strip_suffix(*quote))).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_paths_of_printer_columns_are_followed() {
        let object = json!({
            "metadata": {"labels": {"a.io/b": "x"}, "annotations": {"c": "y"}},
            "spec": {"n": 3, "list": [{"k": "p"}, {"k": "q"}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"}]},
        });
        for (path, expected) in [
            (".spec.n", json!([3])),
            ("{.spec.n}", json!([3])),
            ("$.spec.n", json!([3])),
            (".spec.list[0].k", json!(["p"])),
            (".spec.list[-1].k", json!(["q"])),
            (".spec.list[*].k", json!(["p", "q"])),
            (".status.conditions[?(@.type==\"Ready\")].status", json!(["True"])),
            (".status.conditions[?(@.type == 'Other')].status", json!(["False"])),
            (".metadata.labels['a.io/b']", json!(["x"])),
            (".metadata.labels.a\\.io/b", json!(["x"])),
            (".metadata.nothing.here", json!([])),
            (".spec.list[", json!([])),
            ("", json!([object])),
        ] {
            assert_eq!(json!(find(&object, path)), expected, "{path}");
        }
    }
}
