//! oneOf, anyOf, allOf and not.

use std::sync::Arc;

use serde_json::Value;

use super::place::Place;
use super::validate::{Checker, Violation};
use crate::schema::{Logic, Schema};
use crate::view::SchemaRef;

/// Reports what the branches say about a value that its schema itself holds for.
pub(super) fn check_logic(checker: &mut Checker<'_>, value: &Value, logic: &Logic, schema: SchemaRef<'_>, place: Place<'_>, depth: usize) {
    let mut run = |branch: &Arc<Schema>| -> Vec<Violation> {
        let mut inner = Checker { is_placeholder: checker.is_placeholder, found: Vec::new() };
        let branch = SchemaRef::new(branch, schema.definitions());
        inner.value(value, branch, place, depth + 1);
        inner.found
    };
    let mut out = Vec::new();

    let say = |sentence: String| {
        let shown = if matches!(value, Value::Object(_) | Value::Array(_)) {
            // The server repeats the whole value; a person does not need it.
            String::from("Invalid value")
        } else {
            format!("Invalid value: {value}")
        };
        Violation { path: place.to_string(), message: format!("{shown}: \"{place}\" {sentence}") }
    };
    if !logic.any_of.is_empty() {
        let results: Vec<_> = logic.any_of.iter().map(&mut run).collect();
        if !results.iter().any(Vec::is_empty) {
            out.push(say("must validate at least one schema (anyOf)".into()));
            out.extend(results.into_iter().min_by_key(Vec::len).unwrap_or_default());
        }
    }
    if !logic.one_of.is_empty() {
        let results: Vec<_> = logic.one_of.iter().map(&mut run).collect();
        match results.iter().filter(|found| found.is_empty()).count() {
            1 => {}
            0 => {
                out.push(say("must validate one and only one schema (oneOf). Found none valid".into()));
                out.extend(results.into_iter().min_by_key(Vec::len).unwrap_or_default());
            }
            count => out.push(say(format!("must validate one and only one schema (oneOf). Found {count} valid alternatives"))),
        }
    }
    if !logic.all_of.is_empty() {
        let results: Vec<_> = logic.all_of.iter().map(&mut run).collect();
        let failed = results.iter().filter(|found| !found.is_empty()).count();
        if failed > 0 {
            let none = if failed == results.len() { ". None validated" } else { "" };
            out.extend(results.into_iter().flatten());
            out.push(say(format!("must validate all the schemas (allOf){none}")));
        }
    }
    if let Some(not) = &logic.not
        && run(not).is_empty()
    {
        out.push(say("must not validate the schema (not)".into()));
    }
    checker.found.extend(out);
}
