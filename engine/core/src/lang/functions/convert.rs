//! Conversions between types, and marks.

use super::{Body, Fault, Function, Kind, Policy, nullable};
use crate::diag::Code;
use crate::value::{Type, Value, convert};

const ANY: &[super::Param] = &[nullable("value", Kind::Any)];

const fn conversion(
    name: &'static str,
    result: Kind,
    doc: &'static str,
    example: (&'static str, &'static str),
    body: fn(&mut super::Run<'_>, &[Value]) -> Result<Value, Fault>,
) -> Function {
    Function { name, params: ANY, variadic: None, policy: Policy::Raw, result, doc, example, body: Body::Eager(body) }
}

pub(super) const FUNCTIONS: &[Function] = &[
    conversion("tostring", Kind::String, "The value as a string.", ("tostring(5)", "\"5\""), |_, a| to(a, &Type::String)),
    conversion("tonumber", Kind::Number, "The value as a number.", ("tonumber(\"5\")", "5"), |_, a| to(a, &Type::Number)),
    conversion("tobool", Kind::Bool, "The value as a bool.", ("tobool(\"true\")", "true"), |_, a| to(a, &Type::Bool)),
    conversion("tolist", Kind::List, "The elements as a list of one type.", ("tolist([\"a\", 1])", "tolist([\"a\", \"1\"])"), |_, a| {
        to(a, &Type::list(Type::Any))
    }),
    conversion(
        "toset",
        Kind::Set,
        "The elements as a set of one type.",
        ("toset([\"b\", \"a\", \"b\"])", "toset([\"a\", \"b\"])"),
        |_, a| to(a, &Type::set(Type::Any)),
    ),
    conversion(
        "tomap",
        Kind::Any,
        "The entries as a map of one type.",
        ("tomap({ a = 1, b = \"x\" })", "tomap({ a = \"1\", b = \"x\" })"),
        |_, a| to(a, &Type::map(Type::Any)),
    ),
    conversion("sensitive", Kind::Any, "The value, never to be shown.", ("issensitive(sensitive(1))", "true"), |_, a| {
        Ok(first(a).clone().secret_if(true))
    }),
    conversion(
        "nonsensitive",
        Kind::Any,
        "The content of a sensitive value, open for all to see.",
        ("nonsensitive(sensitive(\"a\"))", "\"a\""),
        |_, a| Ok(first(a).reveal().clone()),
    ),
    conversion("issensitive", Kind::Bool, "Whether the value is sensitive.", ("issensitive(1)", "false"), |_, a| {
        Ok(Value::Bool(first(a).is_secret()))
    }),
];

fn to(arguments: &[Value], ty: &Type) -> Result<Value, Fault> {
    convert(first(arguments), ty).map_err(|error| Fault { code: Code::WRONG_TYPE, ..Fault::new(0, error.to_string()) })
}

fn first(arguments: &[Value]) -> &Value {
    arguments.first().unwrap_or(&Value::Null)
}
