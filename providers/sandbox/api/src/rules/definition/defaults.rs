//! Whether defaults are values of their own schemas (`apiserver/schema/defaulting/validation.go`).

use serde_json::Value;
use windlass_kubeschema::openapi::Dialect;
use windlass_kubeschema::{Schema, SchemaRef, check};

use super::{given, properties};
use crate::rules::fields;
use crate::status::Cause;

/// Defaults that their schemas would refuse. Those below `additionalProperties` are not looked at, as by the real server.
pub(super) fn causes(path: &str, schema: &Value, causes: &mut Vec<Cause>) {
    if let Some(value) = given(schema, "default") {
        own(&format!("{path}.default"), schema, value, causes);
    }
    if let Some(items) = given(schema, "items") {
        self::causes(&format!("{path}.items"), items, causes);
    }
    for (name, property) in properties(schema) {
        self::causes(&format!("{path}.properties[{name}]"), property, causes);
    }
}

fn own(path: &str, schema: &Value, value: &Value, causes: &mut Vec<Cause>) {
    // A schema that cannot be read is told about elsewhere.
    let Ok(read) = Schema::from_openapi(schema, Dialect::Crd, &|_| None) else { return };
    let mut pruned = value.clone();
    if !check::prune(&mut pruned, SchemaRef::of(&read)).is_empty() {
        causes.push(Cause::invalid(path, value, "must not have unknown fields"));
    }
    for violation in check::validate(value, SchemaRef::of(&read), &check::is_never) {
        let below = match violation.path.as_str() {
            "" => path.to_owned(),
            index if index.starts_with('[') => format!("{path}{index}"),
            field => format!("{path}.{field}"),
        };
        // The root has no name of its own.
        causes.push(fields::cause(&below, &violation.message.replace(":  in body", ": in body")));
    }
}
