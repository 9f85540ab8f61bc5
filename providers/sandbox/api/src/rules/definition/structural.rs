//! Whether a schema is structural: every field has one type, said outside of `allOf`, `anyOf`, `oneOf` and `not`, which may only
//! narrow values (`apiserver/schema/validation.go`).

use serde_json::{Value, json};

use super::{each, flag, given, properties, text};
use crate::status::Cause;

/// Where a schema stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// What makes the schema not structural, sorted as the real server sorts it.
pub(super) fn causes(path: &str, schema: &Value, causes: &mut Vec<Cause>) {
    let mut found = Vec::new();
    invariants(path, schema, Level::Root, &mut found);
    complete(path, path, schema, Some(schema), &mut found);
    found.sort_by(|a, b| (&a.field, &a.message).cmp(&(&b.field, &b.message)));
    causes.append(&mut found);
}

fn invariants(path: &str, schema: &Value, level: Level, causes: &mut Vec<Cause>) {
    let at = |field: &str| format!("{path}.{field}");
    match given(schema, "items") {
        None if text(schema, "type") == "array" => causes.push(Cause::required(&at("items"), "must be specified")),
        None => {}
        Some(items) => invariants(&at("items"), items, Level::Item, causes),
    }
    for (name, property) in properties(schema) {
        invariants(&format!("{path}.properties[{name}]"), property, Level::Field, causes);
    }
    let additional = given(schema, "additionalProperties");
    if let Some(values) = additional {
        if level == Level::Root {
            causes.push(Cause::forbidden(&at("additionalProperties"), "must not be used at the root"));
        }
        if values.is_object() {
            invariants(&at("additionalProperties"), values, Level::Field, causes);
        }
    }
    extensions(path, schema, causes);
    values(path, schema, takes_number_or_text(schema), first_takes_number_or_text(schema), causes);
    let embedded = flag(schema, "x-kubernetes-embedded-resource");
    kind(path, schema, level, embedded, causes);
    if embedded {
        if additional.is_some() {
            let why = "must not be used if x-kubernetes-embedded-resource is set";
            causes.push(Cause::forbidden(&at("additionalProperties"), why));
        }
        if !flag(schema, "x-kubernetes-preserve-unknown-fields") && properties(schema).next().is_none() {
            let why = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
            causes.push(Cause::required(&at("properties"), why));
        }
    }
    if level == Level::Root || embedded {
        object_meta(path, schema, level, causes);
    }
}

fn extensions(path: &str, schema: &Value, causes: &mut Vec<Cause>) {
    if !flag(schema, "x-kubernetes-int-or-string") {
        return;
    }
    for field in ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] {
        if flag(schema, field) {
            causes.push(Cause::invalid(&format!("{path}.{field}"), true, "must be false if x-kubernetes-int-or-string is true"));
        }
    }
}

fn kind(path: &str, schema: &Value, level: Level, embedded: bool, causes: &mut Vec<Cause>) {
    let (kind, path) = (text(schema, "type"), format!("{path}.type"));
    let open = flag(schema, "x-kubernetes-int-or-string") || flag(schema, "x-kubernetes-preserve-unknown-fields");
    if embedded && kind != "object" {
        let why = "must be object if x-kubernetes-embedded-resource is true";
        causes.push(if kind.is_empty() { Cause::required(&path, why) } else { Cause::invalid(&path, format_args!("{kind:?}"), why) });
    } else if kind.is_empty() && !open {
        let why = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        causes.push(Cause::required(&path, why));
    }
    if level == Level::Root && !kind.is_empty() && kind != "object" {
        causes.push(Cause::invalid(&path, format_args!("{kind:?}"), "must be object at the root"));
    }
}

/// What a resource has anyway may be narrowed, not defined.
fn object_meta(path: &str, schema: &Value, level: Level, causes: &mut Vec<Cause>) {
    for (name, property) in properties(schema) {
        let (here, kind) = (format!("{path}.properties[{name}]"), text(property, "type"));
        match name.as_str() {
            "kind" | "apiVersion" if kind != "string" => {
                causes.push(Cause::invalid(&format!("{here}.type"), format_args!("{kind:?}"), "must be string"));
            }
            "metadata" => {
                if kind != "object" {
                    causes.push(Cause::invalid(&format!("{here}.type"), format_args!("{kind:?}"), "must be object"));
                }
                let named = properties(property).all(|(field, _)| field == "name" || field == "generateName");
                let others = property.as_object().into_iter().flatten();
                let plain = others
                    .filter(|(_, value)| !value.is_null())
                    .all(|(word, _)| matches!(word.as_str(), "type" | "properties" | "default"));
                if level == Level::Root && !(named && plain) {
                    let why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
                    causes.push(Cause::forbidden(&here, why));
                }
            }
            _ => {}
        }
    }
}

fn is_number_or_text(list: Option<&Value>) -> bool {
    list == Some(&json!([{"type": "integer"}, {"type": "string"}]))
}

fn takes_number_or_text(schema: &Value) -> bool {
    is_number_or_text(schema.get("anyOf"))
}

fn first_takes_number_or_text(schema: &Value) -> bool {
    is_number_or_text(schema.pointer("/allOf/0/anyOf"))
}

fn values(path: &str, schema: &Value, skip_any: bool, skip_first_of_all: bool, causes: &mut Vec<Cause>) {
    if !skip_any {
        for (index, one) in each(schema, "anyOf") {
            nested(&format!("{path}.anyOf[{index}]"), one, false, causes);
        }
    }
    for (index, one) in each(schema, "allOf") {
        nested(&format!("{path}.allOf[{index}]"), one, skip_first_of_all && index == 0, causes);
    }
    for (index, one) in each(schema, "oneOf") {
        nested(&format!("{path}.oneOf[{index}]"), one, false, causes);
    }
    if let Some(not) = given(schema, "not") {
        nested(&format!("{path}.not"), not, false, causes);
    }
    let pattern = text(schema, "pattern");
    if let Err(regex::Error::Syntax(error)) = regex::Regex::new(&literal_braces(pattern)) {
        let error = error.lines().last().unwrap_or("").trim_start_matches("error: ");
        let why = format!("must be a valid regular expression, but isn't: {error}");
        causes.push(Cause::invalid(&format!("{path}.pattern"), format_args!("{pattern:?}"), &why));
    }
}

/// Go takes a brace that opens no repetition as itself; our engine wants it escaped.
fn literal_braces(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            // What is escaped stays with its sign, and so does `{` of a class: `\p{Greek}`.
            '\\' => {
                out.push(c);
                let sign = rest.next();
                out.extend(sign);
                if matches!(sign, Some('p' | 'P' | 'x')) && rest.as_str().starts_with('{') {
                    out.extend(rest.next());
                }
            }
            '{' if !opens_repetition(rest.as_str()) => out.push_str("\\{"),
            other => out.push(other),
        }
    }
    out
}

fn opens_repetition(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else { return false };
    let (least, most) = inside.split_once(',').unwrap_or((inside, "0"));
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    number(least) && (most.is_empty() || number(most))
}

/// What stands in `allOf`, `anyOf`, `oneOf` or `not`.
fn nested(path: &str, schema: &Value, skip_any: bool, causes: &mut Vec<Cause>) {
    values(path, schema, skip_any, false, causes);
    if let Some(items) = given(schema, "items") {
        nested(&format!("{path}.items"), items, false, causes);
    }
    for (name, property) in properties(schema) {
        nested(&format!("{path}.properties[{name}]"), property, false, causes);
    }
    for (field, word) in [
        ("type", "empty"),
        ("additionalProperties", "undefined"),
        ("default", "undefined"),
        ("title", "empty"),
        ("description", "empty"),
        ("nullable", "false"),
        ("x-kubernetes-preserve-unknown-fields", "false"),
        ("x-kubernetes-embedded-resource", "false"),
        ("x-kubernetes-int-or-string", "false"),
        ("x-kubernetes-list-map-keys", "empty"),
        ("x-kubernetes-list-type", "undefined"),
        ("x-kubernetes-map-type", "undefined"),
        ("x-kubernetes-validations", "empty"),
    ] {
        let said = given(schema, field).is_some_and(|value| match word {
            "undefined" => true,
            "false" => value == &Value::Bool(true),
            _ => value.as_str().is_none_or(|text| !text.is_empty()) && value.as_array().is_none_or(|list| !list.is_empty()),
        });
        if said {
            causes.push(Cause::forbidden(&format!("{path}.{field}"), &format!("must be {word} to be structural")));
        }
    }
    if properties(schema).any(|(name, _)| name == "metadata") {
        causes.push(Cause::forbidden(&format!("{path}.properties[metadata]"), "must not be specified in a nested context"));
    }
}

/// Every field that a nested schema of the root narrows must be defined beside it (the real server looks no deeper): `at` and `structure` follow the definition, `path` and
/// `schema` what narrows it.
fn complete(at: &str, path: &str, schema: &Value, structure: Option<&Value>, causes: &mut Vec<Cause>) {
    let Some(structure) = structure else {
        causes.push(Cause::required(at, &format!("because it is defined in {path}")));
        return;
    };
    let not = given(schema, "not").map(|one| ("not".to_owned(), one));
    let lists = ["allOf", "anyOf", "oneOf"];
    let listed = lists.iter().flat_map(|word| each(schema, word).map(move |(index, one)| (format!("{word}[{index}]"), one)));
    for (word, one) in not.into_iter().chain(listed) {
        narrowed(at, &format!("{path}.{word}"), one, Some(structure), causes);
    }
}

/// The same below a nested schema, where every field narrows.
fn narrowed(at: &str, path: &str, schema: &Value, structure: Option<&Value>, causes: &mut Vec<Cause>) {
    complete(at, path, schema, structure, causes);
    let Some(structure) = structure else { return };
    if let Some(items) = given(schema, "items") {
        narrowed(&format!("{at}.items"), &format!("{path}.items"), items, given(structure, "items"), causes);
    }
    for (name, property) in properties(schema) {
        let below = format!("properties[{name}]");
        let defined = structure.get("properties").and_then(|defined| defined.get(name));
        narrowed(&format!("{at}.{below}"), &format!("{path}.{below}"), property, defined, causes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_patterns_are_read_as_go_reads_them() {
        for (pattern, good) in [
            ("^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$", true),
            ("^{.*}$", true),
            (r"^\{\{[a-z]+\}\}$", true),
            (r"\p{Greek}+", true),
            ("a{2,}", true),
            ("[", false),
            ("(", false),
            ("(?!a)b", false),
            (r"(a)\1", false),
            ("*", false),
        ] {
            assert_eq!(regex::Regex::new(&literal_braces(pattern)).is_ok(), good, "{pattern}");
        }
    }
}
