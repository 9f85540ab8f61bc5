//! Label and field selectors. Knows no resource but for the list of fields that each allows.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::kinds::Resource;
use crate::label_selector::{self, Requirement, Test};
use crate::status::Failure;

/// Both selectors of a list or watch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<FieldRequirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FieldRequirement {
    pointer: String,
    value: String,
    equal: bool,
}

impl Selector {
    /// Reads both selectors; a field that the resource cannot be selected by is a 400.
    pub fn parse(labels: Option<&str>, fields: Option<&str>, resource: &Resource) -> Result<Selector, Failure> {
        Ok(Selector {
            labels: labels.map(label_selector::parse).transpose().map_err(Failure::bad_request)?.unwrap_or_default(),
            fields: fields.map(|text| parse_fields(text, resource)).transpose()?.unwrap_or_default(),
        })
    }

    /// Reads a `metav1.LabelSelector`; an empty one chooses everything, an operator that does not exist nothing.
    pub fn of_object(selector: &Value) -> Selector {
        let one = |value: &Value| BTreeSet::from([value.as_str().unwrap_or("").to_owned()]);
        let equal = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
        let equal = equal.map(|(key, value)| Requirement { key: key.clone(), test: Test::In(one(value)) });
        let expressions = selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
        let expressions = expressions.map(|expression| {
            let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
            let values = values.filter_map(|value| value.as_str().map(str::to_owned)).collect();
            let test = match expression.get("operator").and_then(Value::as_str) {
                Some("Exists") => Test::Exists,
                Some("DoesNotExist") => Test::Missing,
                Some("NotIn") => Test::NotIn(values),
                Some("In") => Test::In(values),
                _ => Test::In(BTreeSet::new()),
            };
            Requirement { key: expression.get("key").and_then(Value::as_str).unwrap_or("").to_owned(), test }
        });
        Selector { labels: equal.chain(expressions).collect(), fields: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub fn matches(&self, object: &Value) -> bool {
        let labels = object.get("metadata").and_then(|meta| meta.get("labels"));
        self.labels
            .iter()
            .all(|requirement| requirement.holds(labels.and_then(|labels| labels.get(&requirement.key)).and_then(Value::as_str)))
            && self.fields.iter().all(|field| {
                let found = match object.pointer(&field.pointer) {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Bool(flag)) => flag.to_string(),
                    Some(Value::Number(number)) => number.to_string(),
                    _ => String::new(),
                };
                (found == field.value) == field.equal
            })
    }
}

/// The name of the one object that a field selector leaves.
pub(crate) fn single_name(fields: &str) -> Option<&str> {
    let mut terms = fields.split(',').filter(|term| !term.contains("!="));
    terms.find_map(|term| term.trim().strip_prefix("metadata.name=").map(|name| name.strip_prefix('=').unwrap_or(name)))
}

fn parse_fields(text: &str, resource: &Resource) -> Result<Vec<FieldRequirement>, Failure> {
    let terms = split_terms(text).into_iter().filter(|term| !term.is_empty());
    let read = |term: &str| {
        let (field, value, equal) =
            split_term(term).ok_or_else(|| Failure::bad_request(format!("invalid selector: '{text}'; can't understand '{term}'")))?;
        let value = unescaped(value).map_err(Failure::bad_request)?;
        if !selectable(resource, field) {
            return Err(Failure::bad_request(format!(
                "Unable to find {:?} that match label selector \"\", field selector {text:?}: field label not supported: {field}",
                format!("{}, Resource={}", resource.api_version(&resource.storage), resource.plural())
            )));
        }
        Ok(FieldRequirement { pointer: format!("/{}", field.replace('.', "/")), value, equal })
    };
    terms.map(read).collect()
}

/// The terms between commas; one behind a backslash belongs to its term.
fn split_terms(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut escaped) = (Vec::new(), 0, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(text.get(start..index).unwrap_or_default());
                start = index + 1;
            }
            _ => {}
        }
    }
    terms.push(text.get(start..).unwrap_or_default());
    terms
}

/// Field, value, and whether they shall be equal: split at the first operator.
fn split_term(term: &str) -> Option<(&str, &str, bool)> {
    let at = term.find("!=").into_iter().chain(term.find('=')).min()?;
    let (field, rest) = term.split_at(at);
    let (value, equal) = match rest.strip_prefix("!=") {
        Some(value) => (value, false),
        None => (rest.strip_prefix("==").or_else(|| rest.strip_prefix('='))?, true),
    };
    Some((field, value, equal))
}

/// A value without the backslashes that protect `\`, `,` and `=`; what the real parser says otherwise.
fn unescaped(value: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some(c @ ('\\' | ',' | '=')) => plain.push(c),
                other => {
                    let sequence: String = std::iter::once('\\').chain(other).collect();
                    return Err(format!("invalid field selector: invalid escape sequence: {sequence}"));
                }
            },
            // The real one prints the number of the character.
            ',' | '=' => return Err(format!("invalid field selector: unescaped character in value: {}", u32::from(c))),
            c => plain.push(c),
        }
    }
    Ok(plain)
}

/// The fields that the real server lets each kind be selected by.
fn selectable(resource: &Resource, field: &str) -> bool {
    let own: &[&str] = match (resource.group(), resource.plural()) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "namespaces") => &["status.phase"],
        ("", "secrets") => &["type"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("" | "events.k8s.io", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "reason",
            "reportingComponent",
            "reportingController",
            "source",
            "type",
        ],
        ("apps", "replicasets") | ("", "replicationcontrollers") => &["status.replicas"],
        ("batch", "jobs") => &["status.successful"],
        ("certificates.k8s.io", "certificatesigningrequests") => &["spec.signerName"],
        _ => &[],
    };
    field == "metadata.name" || (field == "metadata.namespace" && resource.namespaced) || own.contains(&field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_selectors_are_split_and_unescaped_as_in_kubernetes() {
        for (selector, expected) in [
            ("metadata.name=a,status.phase!=b", vec![Ok(("metadata.name", "a", true)), Ok(("status.phase", "b", false))]),
            ("metadata.name==a", vec![Ok(("metadata.name", "a", true))]),
            ("metadata.name=", vec![Ok(("metadata.name", "", true))]),
            (" metadata.name= a", vec![Ok((" metadata.name", " a", true))]),
            ("n=a\\,b\\=c\\\\", vec![Ok(("n", "a,b=c\\", true))]),
            ("n===a", vec![Err("invalid field selector: unescaped character in value: 61")]),
            ("n=a!=b", vec![Err("invalid field selector: unescaped character in value: 61")]),
            ("n=\\a", vec![Err("invalid field selector: invalid escape sequence: \\a")]),
            ("n=a\\", vec![Err("invalid field selector: invalid escape sequence: \\")]),
        ] {
            let read: Vec<Result<(&str, String, bool), String>> = split_terms(selector)
                .into_iter()
                .map(|term| {
                    let (field, value, equal) = split_term(term).unwrap();
                    unescaped(value).map(|value| (field, value, equal))
                })
                .collect();
            let expected: Vec<Result<(&str, String, bool), String>> = expected
                .into_iter()
                .map(|one| one.map(|(field, value, equal)| (field, value.to_owned(), equal)).map_err(str::to_owned))
                .collect();
            assert_eq!(read, expected, "{selector}");
        }
        assert_eq!(split_term("metadata.name"), None);
    }
}
