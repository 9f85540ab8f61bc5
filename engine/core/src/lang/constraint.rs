//! Type constraints: the expression after `type =` of a variable, read by its form and never evaluated.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::eval::Evaluator;
use super::ir::{Call, Expr, ExprKind, ObjectItem};
use super::scope::Names;
use crate::diag::{Code, Diagnostic, Diagnostics, nearest};
use crate::files::NoFiles;
use crate::value::{ObjectAttribute, Type, convert};

/// Names of types without arguments.
const PRIMITIVES: [(&str, Type); 4] = [("string", Type::String), ("number", Type::Number), ("bool", Type::Bool), ("any", Type::Any)];
/// Names of types with an argument.
const COLLECTIONS: [&str; 5] = ["list", "set", "map", "tuple", "object"];

/// The type that an expression such as `list(object({ name = string, size = optional(number, 3) }))` names.
///
/// Where it is malformed the type is `any` and a diagnostic says why.
pub fn type_constraint(expr: &Expr) -> (Type, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let ty = constraint(expr, &mut diagnostics);
    (ty, diagnostics)
}

fn refuse(expr: &Expr, summary: impl Into<String>, hint: &str, diagnostics: &mut Diagnostics) -> Type {
    diagnostics.push(Diagnostic::error(Code::INVALID_TYPE, summary).at(expr.span).hint(hint));
    Type::Any
}

fn constraint(expr: &Expr, diagnostics: &mut Diagnostics) -> Type {
    match &expr.kind {
        ExprKind::Variable(name) => match PRIMITIVES.iter().find(|(known, _)| *known == &**name) {
            Some((_, ty)) => ty.clone(),
            None if COLLECTIONS.contains(&&**name) => refuse(
                expr,
                format!("`{name}` needs an argument"),
                "write `list(string)`, `map(number)`, `object({ a = string })`",
                diagnostics,
            ),
            None => {
                let known = PRIMITIVES.iter().map(|(known, _)| *known).chain(COLLECTIONS);
                let hint = nearest(name, known).map_or_else(
                    || "types are string, number, bool, any, list(), set(), map(), object({}) and tuple([])".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                refuse(expr, format!("there is no type `{name}`"), &hint, diagnostics)
            }
        },
        ExprKind::Call(call) => constructed(expr, call, diagnostics),
        _ => refuse(expr, "this is no type", "write a type such as `string` or `list(string)`, without quotes", diagnostics),
    }
}

fn constructed(expr: &Expr, call: &Call, diagnostics: &mut Diagnostics) -> Type {
    let ([argument], false) = (call.arguments.as_slice(), call.expand) else {
        return refuse(
            expr,
            format!("`{}` takes one argument", call.name),
            "write `list(string)`, `map(number)`, `object({ a = string })`",
            diagnostics,
        );
    };
    match &*call.name {
        "list" => Type::list(constraint(argument, diagnostics)),
        "set" => Type::set(constraint(argument, diagnostics)),
        "map" => Type::map(constraint(argument, diagnostics)),
        "tuple" => match &argument.kind {
            ExprKind::Tuple(elements) => Type::tuple(elements.iter().map(|element| constraint(element, diagnostics)).collect::<Vec<_>>()),
            _ => refuse(argument, "`tuple` takes a list of types", "write `tuple([string, number])`", diagnostics),
        },
        "object" => match &argument.kind {
            ExprKind::Object(items) => object(items, diagnostics),
            _ => refuse(argument, "`object` takes attributes with their types", "write `object({ name = string })`", diagnostics),
        },
        "optional" => refuse(
            expr,
            "`optional` stands for attributes of `object({…})` only",
            "use `default` or `nullable` of the variable",
            diagnostics,
        ),
        name => {
            let hint = nearest(name, COLLECTIONS).map_or_else(
                || "types with an argument are list, set, map, tuple and object".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            refuse(expr, format!("there is no type `{name}(…)`"), &hint, diagnostics)
        }
    }
}

fn object(items: &[ObjectItem], diagnostics: &mut Diagnostics) -> Type {
    let mut attributes: BTreeMap<Arc<str>, ObjectAttribute> = BTreeMap::new();
    for item in items {
        let Some(name) = item.key.as_literal_str() else {
            refuse(&item.key, "names of attributes are plain words", "write `object({ name = string })`", diagnostics);
            continue;
        };
        attributes.insert(Arc::from(name), attribute(&item.value, diagnostics));
    }
    Type::Object(Arc::new(attributes))
}

fn attribute(expr: &Expr, diagnostics: &mut Diagnostics) -> ObjectAttribute {
    match &expr.kind {
        ExprKind::Call(call) if &*call.name == "optional" => match call.arguments.as_slice() {
            [ty] => ObjectAttribute { ty: constraint(ty, diagnostics), optional: true, default: None },
            [ty, default] => {
                let ty = constraint(ty, diagnostics);
                let (value, found) = Evaluator::new(&Names::new(), &NoFiles).evaluate(default);
                let failed = found.has_errors();
                diagnostics.extend(found);
                let default = match convert(&value, &ty) {
                    Ok(value) if !failed => Some(value),
                    Err(error) if !failed => {
                        refuse(
                            default,
                            format!("the default is no {ty}: {error}"),
                            "the default of an optional attribute has its type",
                            diagnostics,
                        );
                        None
                    }
                    _ => None,
                };
                ObjectAttribute { ty, optional: true, default }
            }
            _ => {
                let ty = refuse(expr, "`optional` takes a type and perhaps a default", "write `optional(string, \"x\")`", diagnostics);
                ObjectAttribute { ty, optional: true, default: None }
            }
        },
        _ => ObjectAttribute { ty: constraint(expr, diagnostics), optional: false, default: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceMap;
    use crate::lang::parse;

    fn check(text: &str) -> Result<String, String> {
        let mut sources = SourceMap::default();
        let (body, _) = parse(&mut sources, "t", format!("type = {text}\n").as_bytes());
        let expr = &body.attributes.first().ok_or("no attribute")?.expr;
        let (ty, diagnostics) = type_constraint(expr);
        match diagnostics.iter().next() {
            Some(first) => Err(first.summary.clone()),
            None => Ok(ty.to_string()),
        }
    }

    #[test]
    fn types_are_read_by_their_form() {
        for text in ["string", "number", "bool", "any", "list(string)", "set(number)", "map(list(bool))", "tuple([string, number])"] {
            assert_eq!(check(text).as_deref(), Ok(text));
        }
        assert!(check("object({ a = string, b = optional(number, 3), c = optional(bool) })").is_ok());
    }

    #[test]
    fn what_is_no_type_says_so() {
        for (text, expected) in [
            ("strng", "there is no type `strng`"),
            ("list", "`list` needs an argument"),
            ("list(string, number)", "`list` takes one argument"),
            ("\"string\"", "this is no type"),
            ("optional(string)", "`optional` stands for"),
            ("object({ a = optional(number, \"x\") })", "the default is no number"),
            ("vector(string)", "there is no type `vector(…)`"),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
