//! Label and field selectors. Knows no resource but for the list of fields that each allows.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::kinds::Resource;
use crate::status::Failure;

/// Both selectors of a list or watch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<FieldRequirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Missing,
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Greater(i64),
    Less(i64),
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
            labels: labels.map(parse_labels).transpose()?.unwrap_or_default(),
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

impl Requirement {
    fn holds(&self, label: Option<&str>) -> bool {
        match &self.test {
            Test::Exists => label.is_some(),
            Test::Missing => label.is_none(),
            Test::In(values) => label.is_some_and(|label| values.contains(label)),
            Test::NotIn(values) => label.is_none_or(|label| !values.contains(label)),
            Test::Greater(bound) => label.and_then(|label| label.parse::<i64>().ok()).is_some_and(|n| n > *bound),
            Test::Less(bound) => label.and_then(|label| label.parse::<i64>().ok()).is_some_and(|n| n < *bound),
        }
    }
}

fn parse_labels(text: &str) -> Result<Vec<Requirement>, Failure> {
    split_outside_parentheses(text)
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            parse_label(part).ok_or_else(|| Failure::bad_request(format!("unable to parse requirement: found {part:?} in {text:?}")))
        })
        .collect()
}

fn parse_label(part: &str) -> Option<Requirement> {
    let one = |value: &str| BTreeSet::from([value.trim().to_owned()]);
    let made = |key: &str, test: Test| {
        let key = key.trim();
        valid_key(key).then(|| Requirement { key: key.to_owned(), test })
    };
    if let Some(open) = part.find('(') {
        let inside = part.get(open + 1..)?.strip_suffix(')')?;
        let values = inside.split(',').map(|value| value.trim().to_owned()).collect();
        let mut words = part.get(..open)?.split_whitespace();
        let (key, word) = (words.next()?, words.next()?);
        return match (word, words.next()) {
            ("in", None) => made(key, Test::In(values)),
            ("notin", None) => made(key, Test::NotIn(values)),
            _ => None,
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return made(key, Test::NotIn(one(value)));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return made(key, Test::In(one(value)));
    }
    if let Some((key, value)) = part.split_once('>') {
        return made(key, Test::Greater(value.trim().parse().ok()?));
    }
    if let Some((key, value)) = part.split_once('<') {
        return made(key, Test::Less(value.trim().parse().ok()?));
    }
    match part.strip_prefix('!') {
        Some(key) => made(key, Test::Missing),
        None => made(part, Test::Exists),
    }
}

fn valid_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/'))
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(text.get(start..index).unwrap_or(""));
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or(""));
    parts
}

fn parse_fields(text: &str, resource: &Resource) -> Result<Vec<FieldRequirement>, Failure> {
    text.split(',')
        .filter(|part| !part.trim().is_empty())
        .map(|part| {
            let (field, value, equal) = part
                .split_once("!=")
                .map(|(field, value)| (field, value, false))
                .or_else(|| part.split_once("==").map(|(field, value)| (field, value, true)))
                .or_else(|| part.split_once('=').map(|(field, value)| (field, value, true)))
                .ok_or_else(|| Failure::bad_request(format!("invalid selector: '{text}'; can't understand '{part}'")))?;
            let field = field.trim();
            if !selectable(resource, field) {
                return Err(Failure::bad_request(format!(
                    "Unable to find {:?} that match label selector \"\", field selector {text:?}: field label not supported: {field}",
                    format!("{}, Resource={}", resource.api_version(&resource.storage), resource.plural())
                )));
            }
            let pointer = format!("/{}", field.replace('.', "/"));
            Ok(FieldRequirement { pointer, value: value.trim().replace("\\,", ","), equal })
        })
        .collect()
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
    use serde_json::json;

    #[test]
    fn labels_select_as_in_kubernetes() {
        let object = json!({"metadata": {"labels": {"tier": "web", "n": "5", "a.io/b": ""}}});
        for (selector, expected) in [
            ("tier=web", true),
            ("tier==web", true),
            ("tier=db", false),
            ("tier!=db", true),
            ("missing!=x", true),
            ("tier in (db, web)", true),
            ("tier notin (db,web)", false),
            ("missing notin (x)", true),
            ("tier", true),
            ("!tier", false),
            ("!missing", true),
            ("n>4", true),
            ("n<5", false),
            ("a.io/b=", true),
            ("tier=web,n in (4,5),!x", true),
            ("tier=web,n in (4)", false),
        ] {
            let parsed = Selector { labels: parse_labels(selector).unwrap(), fields: Vec::new() };
            assert_eq!(parsed.matches(&object), expected, "{selector}");
        }
        for bad in ["tier in web", "in (x)", "a b", "n>x", "t%=x", "a in (x", "=x"] {
            assert!(parse_labels(bad).is_err(), "{bad}");
        }
    }
}
