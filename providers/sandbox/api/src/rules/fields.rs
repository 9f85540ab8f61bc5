//! Objects against their schemas: unknown fields, pruning, defaults, validation.

use serde_json::Value;
use windlass_kubeschema::check;

use super::{Admission, defaults, quantities};
use crate::document::warnings;
use crate::kinds::Served;
use crate::patch::as_decoded;
use crate::status::{Cause, Failure};

/// `fieldValidation` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validation {
    Strict,
    Warn,
    Ignore,
}

impl Validation {
    pub fn read(text: Option<&str>) -> Result<Validation, Failure> {
        match text {
            Some("Strict") => Ok(Validation::Strict),
            None | Some("Warn") => Ok(Validation::Warn),
            Some("Ignore") => Ok(Validation::Ignore),
            Some(other) => Err(Failure::new(
                422,
                "Invalid",
                format!(
                    "options is invalid: fieldValidation: Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \
                     \"Warn\""
                ),
            )),
        }
    }
}

/// Takes out what the kind does not have, and fills in its defaults.
pub(super) fn normalize(admission: &mut Admission<'_>, object: &mut Value) -> Result<(), Failure> {
    let resource = &admission.served.resource;
    if let Some(schema) = &admission.served.version().schema {
        let unknown = check::prune(object, schema.view());
        report(admission, unknown)?;
        as_decoded(object, schema.view());
        if resource.custom {
            check::apply_defaults(object, schema.view());
        } else {
            quantities::canonicalize(object, schema.view());
        }
    }
    if !resource.custom {
        wrong_types(admission.served, object)?;
        defaults::apply(resource, object);
    }
    Ok(())
}

fn report(admission: &mut Admission<'_>, unknown: Vec<String>) -> Result<(), Failure> {
    let unknown = unknown.iter().map(|path| format!("unknown field {path:?}"));
    let sentences: Vec<String> = admission.repeated.iter().cloned().chain(unknown).collect();
    match admission.validation {
        Validation::Ignore => Ok(()),
        Validation::Warn => {
            admission.warnings.extend(warnings(&sentences));
            Ok(())
        }
        Validation::Strict if sentences.is_empty() => Ok(()),
        Validation::Strict => {
            let strict = format!("strict decoding error: {}", sentences.join(", "));
            let kind = &admission.served.resource.kind;
            Err(if let Some(patch) = admission.patch {
                Failure::invalid("", "", "", vec![Cause::invalid("patch", format_args!("{patch:?}"), &strict)])
            } else {
                Failure::bad_request(format!(
                    "{kind} in version {:?} cannot be handled as a {kind}: {strict}",
                    admission.served.version().name
                ))
            })
        }
    }
}

/// A built-in field of the wrong JSON type cannot be decoded: a 400, not a 422.
fn wrong_types(served: &Served, object: &Value) -> Result<(), Failure> {
    let Some(schema) = &served.version().schema else { return Ok(()) };
    let found = check::validate(object, schema.view(), &check::is_never);
    match found.iter().find(|violation| is_type_error(&violation.message)) {
        None => Ok(()),
        Some(violation) => Err(Failure::bad_request(format!(
            "{kind} in version {:?} cannot be handled as a {kind}: json: cannot unmarshal: {violation}",
            served.version().name,
            kind = served.resource.kind
        ))),
    }
}

fn is_type_error(message: &str) -> bool {
    message.contains(" must be of type ")
}

/// What a custom object violates; a violation that was there before and did not change is let pass (ratcheting).
pub(super) fn causes(served: &Served, old: Option<&Value>, new: &Value) -> Vec<Cause> {
    let Some(schema) = served.version().schema.as_ref().filter(|_| served.resource.custom) else { return Vec::new() };
    let mut found = check::validate(new, schema.view(), &check::is_never);
    if let (false, Some(old)) = (found.is_empty(), old) {
        let before = check::validate(old, schema.view(), &check::is_never);
        found.retain(|violation| !before.contains(violation));
    }
    let mut causes: Vec<Cause> = found.into_iter().map(|violation| cause(&violation.path, &violation.message)).collect();
    if let Some(old) = old {
        immutable(schema.view(), "", Some(old), Some(new), &mut causes);
    }
    causes
}

/// The one kind of CEL rule that decides about updates here: `self == oldSelf`.
fn immutable(schema: windlass_kubeschema::SchemaRef<'_>, path: &str, old: Option<&Value>, new: Option<&Value>, causes: &mut Vec<Cause>) {
    // Equal values break no rule below; a rule on a value that is new or gone is not evaluated.
    let (Some(before), Some(after)) = (old, new) else { return };
    if before == after || path == "metadata" {
        return;
    }
    if let Some(rule) = schema.rules.iter().find(|rule| rule.is_immutability()) {
        let why = rule.message.clone().unwrap_or_else(|| format!("failed rule: {}", rule.rule));
        causes.push(Cause::invalid(path, after, &why));
        return;
    }
    let (Some(old), Some(new)) = (before.as_object(), after.as_object()) else { return };
    for (name, value) in new {
        if let Some(property) = schema.property(name).or_else(|| schema.additional()) {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            immutable(property, &path, old.get(name), Some(value), causes);
        }
    }
}

pub(super) fn cause(path: &str, message: &str) -> Cause {
    let reason = match message.split(':').next().unwrap_or("") {
        "Required value" => "FieldValueRequired",
        "Unsupported value" => "FieldValueNotSupported",
        "Duplicate value" => "FieldValueDuplicate",
        "Forbidden" => "FieldValueForbidden",
        "Too long" | "Too many" => "FieldValueTooLong",
        _ if is_type_error(message) => "FieldValueTypeInvalid",
        _ => "FieldValueInvalid",
    };
    Cause { reason, message: message.to_owned(), field: if path.is_empty() { "<nil>".to_owned() } else { path.to_owned() } }
}
