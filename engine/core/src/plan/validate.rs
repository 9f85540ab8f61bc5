//! Every rendered object against the facts of its kind, before anything is planned with it.

use serde_json::Value as Json;
use windlass_kubeschema::check::{unknown_fields, validate};

use super::wish::{Placed, Wishes};
use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::encode::{Placeholder, restore_content};
use crate::kinds::known_kind;

/// Violations of one object that are reported one by one.
const MOST_VIOLATIONS: usize = 10;

/// Reports what an API server would refuse or silently drop. Kinds without facts are not looked at.
pub(super) fn validate_objects(wishes: &Wishes<'_>, diagnostics: &mut Diagnostics) {
    for wish in wishes.resources.values() {
        for object in &wish.objects {
            check(object, wish.resource.span, diagnostics);
        }
    }
    for object in wishes.components.values().flatten() {
        check(object, None, diagnostics);
    }
}

fn check(object: &Placed, span: Option<Span>, diagnostics: &mut Diagnostics) {
    let Some(kind) = known_kind(&object.api_version, &object.key.kind) else { return };
    let mut found: Vec<String> = Vec::new();
    if kind.namespaced != object.key.namespace.is_some() {
        let rule = if kind.namespaced { "lives in a namespace and names none" } else { "lives in no namespace and names one" };
        found.push(format!("metadata.namespace: a {} {rule}", object.key.kind));
    }
    let content = without_digests(&object.content);
    let violations = validate(&content, kind.schema, &|value: &Json| Placeholder::of(value).is_some());
    found.extend(violations.into_iter().map(|violation| violation.to_string()));
    found.extend(unknown_fields(&without_placeholders(&content), kind.schema));
    let count = found.len();
    for violation in found.into_iter().take(MOST_VIOLATIONS) {
        let mut diagnostic = Diagnostic::error(Code::INVALID_OBJECT, format!("{} would be refused by the API server", object.key.short()))
            .detail(violation)
            .hint(format!("see the fields of {} in {}", object.key.kind, object.api_version));
        diagnostic.primary = span;
        diagnostics.push(diagnostic);
    }
    if count > MOST_VIOLATIONS {
        let more = format!("{} has {} more faults of this kind", object.key.short(), count - MOST_VIOLATIONS);
        diagnostics.push(Diagnostic::error(Code::INVALID_OBJECT, more));
    }
}

/// The object with empty objects in the place of schemas that are known by their digests: they were carried as facts, so they are right.
fn without_digests(value: &Json) -> Json {
    let empty = std::collections::BTreeMap::new();
    let mut content = value.clone();
    let known = restore_content(&mut content, &empty).into_iter().map(|digest| (digest, Json::Object(serde_json::Map::new()))).collect();
    restore_content(&mut content, &known);
    content
}

/// The object with texts in the place of placeholders, whose own fields are none of the object's.
fn without_placeholders(value: &Json) -> Json {
    if Placeholder::of(value).is_some() {
        return Json::String(String::new());
    }
    match value {
        Json::Object(map) => Json::Object(map.iter().map(|(name, value)| (name.clone(), without_placeholders(value))).collect()),
        Json::Array(items) => Json::Array(items.iter().map(without_placeholders).collect()),
        other => other.clone(),
    }
}
