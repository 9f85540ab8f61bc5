//! Type constraints and conversion to them.

use crate::diag::SourceMap;
use crate::files::NoFiles;
use crate::lang::{Evaluator, Names, parse_expression, type_constraint};
use crate::value::{Type, convert};

fn constraint(text: &str) -> (Type, String) {
    let mut sources = SourceMap::new();
    let (expr, mut diagnostics) = parse_expression(&mut sources, "type", text);
    let mut ty = Type::Any;
    if let Some(expr) = expr {
        let (read, more) = type_constraint(&expr);
        ty = read;
        diagnostics.extend(more);
    }
    let told: Vec<String> = diagnostics
        .iter()
        .map(|d| format!("{} {}", d.summary, d.hint.as_ref().map_or_else(String::new, |hint| format!("({hint})"))))
        .collect();
    (ty, told.join("; "))
}

/// A constraint that reads without fault and prints as written, or as `printed`.
fn reads(text: &str, printed: &str) {
    let (ty, told) = constraint(text);
    assert_eq!((ty.to_string().as_str(), told.as_str()), (printed, ""), "{text}");
    let again = constraint(&ty.to_string());
    assert_eq!((again.0, again.1.as_str()), (ty, ""), "printed and read again: {text}");
}

#[test]
fn constraints_read_and_print() {
    for text in [
        "string",
        "number",
        "bool",
        "any",
        "list(string)",
        "set(number)",
        "map(list(bool))",
        "tuple([string, number])",
        "tuple([])",
        "object({})",
        "object({a = string, b = optional(number)})",
        "object({a = optional(string, \"x\"), b = optional(list(number), [1, 2])})",
        "object({a = optional(object({b = optional(bool, true)}), {\"b\" = true})})",
    ] {
        reads(text, text);
    }
    reads("object({ a : string })", "object({a = string})");
    reads("object({a = optional(string, 5)})", "object({a = optional(string, \"5\")})");
}

#[test]
fn faults_of_constraints_say_what_to_write() {
    let told = |text: &str| constraint(text).1;
    assert_eq!(told("list"), "`list` needs the type of its elements (write `list(string)`, or `list(any)` for any one type)");
    assert_eq!(told("\"string\""), "a type is expected here (write `string` without quotes)");
    assert_eq!(told("strng"), "there is no type `strng` (did you mean `string`?)");
    assert_eq!(told("maps(string)"), "there is no type `maps` (did you mean `map`?)");
    assert_eq!(told("list(string, number)"), "`list` takes one type, this has 2 ");
    assert_eq!(
        told("object({a = strin, b = nmber})"),
        "there is no type `strin` (did you mean `string`?); there is no type `nmber` (did you mean `number`?)"
    );
    assert_eq!(
        told("[string]"),
        "a type is expected here, this is a list of them (write `tuple([…])` for elements of different types, `list(…)` for any number of one type)"
    );
    assert_eq!(
        told("object({a = optional(number, \"x\")})"),
        "the default does not fit the type: a number is required, and this string does not read as one "
    );
    assert_eq!(told("optional(string)"), "`optional` stands only before the type of an attribute of an object ");
}

/// The value of an expression converted to a type, or why it does not fit.
fn converted(expression: &str, ty: &str) -> String {
    let (ty, told) = constraint(ty);
    assert_eq!(told, "");
    let (expr, _) = parse_expression(&mut SourceMap::new(), "value", expression);
    let (value, diagnostics) = Evaluator::new(&Names::new(), &NoFiles).evaluate(&expr.expect("an expression"));
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    match convert(&value, &ty) {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn values_convert_to_constraints() {
    let rows = [
        ("5", "string", "\"5\""),
        ("\"5\"", "number", "5"),
        ("\"x\"", "number", "a number is required, and this string does not read as one"),
        ("null", "string", "null"),
        ("[1, \"a\"]", "list(string)", "tolist([\"1\", \"a\"])"),
        ("[1, \"a\"]", "list(any)", "tolist([\"1\", \"a\"])"),
        ("[1, [2]]", "list(any)", "all elements of a list must have the same type"),
        ("[1, \"a\"]", "list(number)", "[1]: a number is required, and this string does not read as one"),
        ("[\"b\", \"a\", \"b\"]", "set(string)", "toset([\"a\", \"b\"])"),
        ("[1, \"a\"]", "tuple([string, string])", "[\"1\", \"a\"]"),
        ("[1]", "tuple([string, string])", "a tuple of 2 elements is required, this has 1"),
        ("{a = 1, b = true}", "map(string)", "tomap({\"a\" = \"1\", \"b\" = \"true\"})"),
        ("{a = 1, b = 2}", "object({a = string})", "{\"a\" = \"1\"}"),
        ("{b = 2}", "object({a = string})", "a: attribute `a` is required"),
        ("{}", "object({a = optional(string)})", "{\"a\" = null}"),
        ("{}", "object({a = optional(string, \"x\")})", "{\"a\" = \"x\"}"),
        ("{a = null}", "object({a = optional(string, \"x\")})", "{\"a\" = \"x\"}"),
        ("{a = {}}", "object({a = optional(object({b = optional(number, 7)}), {})})", "{\"a\" = {\"b\" = 7}}"),
        ("{}", "object({a = optional(object({b = optional(number, 7)}), {})})", "{\"a\" = {\"b\" = 7}}"),
        ("{x = {}, y = {b = 1}}", "map(object({b = optional(number, 7)}))", "tomap({\"x\" = {\"b\" = 7}, \"y\" = {\"b\" = 1}})"),
        ("{w = {l = [1, {}]}}", "object({w = object({l = list(number)})})", "w.l[1]: a number is required, this is an object"),
        ("tomap({a = 1})", "object({a = number})", "{\"a\" = 1}"),
        ("[1]", "map(string)", "a map is required, this is a tuple"),
        ("sensitive([1, \"a\"])", "list(string)", "(sensitive)"),
    ];
    for (expression, ty, expected) in rows {
        assert_eq!(converted(expression, ty), expected, "{expression} as {ty}");
    }
}
