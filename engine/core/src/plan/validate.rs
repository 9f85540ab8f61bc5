//! Every rendered object against the facts of its kind, before anything is planned with it.

use serde_json::Value as Json;
use windlass_kubeschema::SchemaRef;
use windlass_kubeschema::check::{unknown_fields, validate};

use super::wish::{Placed, Wishes};
use super::{object_meta, server_rules};
use crate::config::STAND_IN;
use crate::definitions::Definitions;
use crate::diag::{Code, Diagnostic, Diagnostics, Span, nearest};
use crate::encode::{Placeholder, restore_content};
use crate::kinds::known_kind;

/// Violations of one object that are reported one by one.
const MOST_VIOLATIONS: usize = 10;

/// Reports what an API server would refuse or silently drop. Of kinds without facts only the metadata are looked at.
pub(super) fn validate_objects(wishes: &Wishes<'_>, diagnostics: &mut Diagnostics) {
    for wish in wishes.resources.values() {
        for object in &wish.objects {
            check(object, &Definitions::default(), object.span.or(wish.resource.span), diagnostics);
        }
    }
    let defined: Definitions = wishes.components.values().flatten().map(|object| &object.content).collect();
    for object in wishes.components.values().flatten() {
        check(object, &defined, object.span, diagnostics);
    }
}

/// `defined`: kinds that are known beside those of the carried facts.
fn check(object: &Placed, defined: &Definitions, span: Option<Span>, diagnostics: &mut Diagnostics) {
    // What is wrong, and what to do about it if more is known than the kind.
    let mut found: Vec<(String, Option<String>)> =
        object_meta::faults(&object.key, &object.content).into_iter().map(|(fault, form)| (fault, Some(form.to_owned()))).collect();
    let kind = known_kind(&object.api_version, &object.key.kind);
    let namespaced = kind.map(|kind| kind.namespaced).or_else(|| defined.are_namespaced(&object.api_version, &object.key.kind));
    if let Some(namespaced) = namespaced.filter(|namespaced| *namespaced != object.key.namespace.is_some()) {
        let rule = if namespaced { "lives in a namespace and names none" } else { "lives in no namespace and names one" };
        found.push((format!("metadata.namespace: a {} {rule}", object.key.kind), None));
    }
    found.extend(server_rules::faults(&object.key, &object.content).into_iter().map(|fault| (fault, None)));
    if let Some(kind) = kind {
        let content = without_digests(&object.content);
        let violations = validate(&content, kind.schema, &|value: &Json| Placeholder::of(value).is_some());
        // What stands for a fault that was told may be of any type.
        let own = violations.into_iter().filter(|violation| !at(&content, &violation.path).is_some_and(is_stand_in));
        found.extend(own.map(|violation| (violation.to_string(), None)));
        let unknown = unknown_fields(&without_placeholders(&content), kind.schema);
        found.extend(unknown.into_iter().map(|sentence| {
            let hint = meant(&sentence, kind.schema).map(|name| format!("did you mean `{name}`?"));
            (sentence, hint)
        }));
    }
    let count = found.len();
    for (violation, hint) in found.into_iter().take(MOST_VIOLATIONS) {
        let mut diagnostic = Diagnostic::error(Code::INVALID_OBJECT, format!("{} would be refused by the API server", object.key.short()))
            .detail(violation)
            .hint(hint.unwrap_or_else(|| format!("see the fields of {} in {}", object.key.kind, object.api_version)));
        diagnostic.primary = span;
        diagnostics.push(diagnostic);
    }
    if count > MOST_VIOLATIONS {
        let more = format!("{} has {} more faults of this kind", object.key.short(), count - MOST_VIOLATIONS);
        let mut diagnostic = Diagnostic::error(Code::INVALID_OBJECT, more).hint("they are shown when those above are mended");
        diagnostic.primary = span;
        diagnostics.push(diagnostic);
    }
}

fn is_stand_in(value: &Json) -> bool {
    matches!(Placeholder::of(value), Some(Placeholder::Unknown { reference }) if reference == STAND_IN)
}

/// The steps of a path as violations write it: `spec.containers[0].image`.
fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.split(['.', '[', ']']).filter(|step| !step.is_empty())
}

fn at<'v>(value: &'v Json, path: &str) -> Option<&'v Json> {
    steps(path).try_fold(value, |value, step| match value {
        Json::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

/// The field that a sentence about an unknown one means: `unknown field "spec.replcas"`.
fn meant<'s>(sentence: &str, schema: SchemaRef<'s>) -> Option<&'s str> {
    let steps: Vec<&str> = steps(sentence.split('"').nth(1)?).collect();
    let (last, parents) = steps.split_last()?;
    let parent = parents.iter().try_fold(schema, |schema, step| match step.parse::<usize>() {
        Ok(_) => schema.items(),
        Err(_) => schema.property(step),
    })?;
    nearest(last, parent.schema().properties.keys().map(String::as_str))
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
