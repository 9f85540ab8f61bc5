//! Type constraint expressions: what stands after `type =` in a `variable` block. They look like calls and references, but
//! are never evaluated.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::eval::Evaluator;
use super::ir::{Call, Expr, ExprKind, ObjectItem};
use super::scope::Names;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::files::NoFiles;
use crate::value::{ObjectAttribute, Type, convert};

const KEYWORDS: [&str; 4] = ["string", "number", "bool", "any"];
const CONSTRUCTORS: [&str; 6] = ["list", "set", "map", "object", "tuple", "optional"];

/// The type that the expression names, and all that is wrong with it; [`Type::Any`] stands for what could not be read.
#[must_use]
pub fn type_constraint(expr: &Expr) -> (Type, Diagnostics) {
    let mut reader = Reader { diagnostics: Diagnostics::new() };
    let ty = reader.ty(expr);
    (ty, reader.diagnostics)
}

struct Reader {
    diagnostics: Diagnostics,
}

impl Reader {
    fn ty(&mut self, expr: &Expr) -> Type {
        match &expr.kind {
            ExprKind::Variable(name) => self.keyword(name, expr),
            ExprKind::Call(call) => self.constructor(call, expr),
            // Older versions of Terraform wrote the types of variables in quotes.
            ExprKind::Literal(literal) => {
                let hint = match literal.as_str() {
                    Some(text) if KEYWORDS.contains(&text) => format!("write `{text}` without quotes"),
                    _ => KINDS.to_owned(),
                };
                self.wrong(Diagnostic::error(Code::INVALID_TYPE, "a type is expected here").at(expr.span).hint(hint))
            }
            ExprKind::Tuple(_) => self.wrong(
                Diagnostic::error(Code::INVALID_TYPE, "a type is expected here, this is a list of them")
                    .at(expr.span)
                    .hint("write `tuple([…])` for elements of different types, `list(…)` for any number of one type"),
            ),
            ExprKind::Object(_) => self.wrong(
                Diagnostic::error(Code::INVALID_TYPE, "a type is expected here, this is a list of attributes")
                    .at(expr.span)
                    .hint("write `object({…})`"),
            ),
            _ => self.wrong(Diagnostic::error(Code::INVALID_TYPE, "a type is expected here").at(expr.span).hint(KINDS)),
        }
    }

    fn keyword(&mut self, name: &str, expr: &Expr) -> Type {
        match name {
            "string" => Type::String,
            "number" => Type::Number,
            "bool" => Type::Bool,
            "any" => Type::Any,
            "list" | "set" | "map" => self.wrong(
                Diagnostic::error(Code::INVALID_TYPE, format!("`{name}` needs the type of its elements"))
                    .at(expr.span)
                    .hint(format!("write `{name}(string)`, or `{name}(any)` for any one type")),
            ),
            "object" | "tuple" => {
                let form = if name == "object" { "object({ name = string })" } else { "tuple([string, number])" };
                self.wrong(
                    Diagnostic::error(Code::INVALID_TYPE, format!("`{name}` needs the types of its parts"))
                        .at(expr.span)
                        .hint(format!("write `{form}`")),
                )
            }
            other => self.unknown(other, expr),
        }
    }

    fn unknown(&mut self, name: &str, expr: &Expr) -> Type {
        let names = KEYWORDS.into_iter().chain(CONSTRUCTORS);
        let mut diagnostic =
            Diagnostic::error(Code::INVALID_TYPE, format!("there is no type `{name}`")).at(expr.span).did_you_mean(name, names);
        if diagnostic.hint.is_none() {
            diagnostic.hint = Some(KINDS.to_owned());
        }
        self.wrong(diagnostic)
    }

    fn constructor(&mut self, call: &Call, expr: &Expr) -> Type {
        match (&*call.name, call.arguments.as_slice()) {
            ("list", [element]) => Type::list(self.ty(element)),
            ("set", [element]) => Type::set(self.ty(element)),
            ("map", [element]) => Type::map(self.ty(element)),
            ("tuple", [Expr { kind: ExprKind::Tuple(elements), .. }]) => {
                Type::tuple(elements.iter().map(|element| self.ty(element)).collect::<Vec<_>>())
            }
            ("object", [Expr { kind: ExprKind::Object(items), .. }]) => self.object(items),
            ("optional", _) => self.wrong(
                Diagnostic::error(Code::INVALID_TYPE, "`optional` stands only before the type of an attribute of an object").at(expr.span),
            ),
            (name @ ("list" | "set" | "map"), arguments) => self.wrong(
                Diagnostic::error(Code::INVALID_TYPE, format!("`{name}` takes one type, this has {}", arguments.len())).at(expr.span),
            ),
            ("tuple", _) => self.wrong(
                Diagnostic::error(Code::INVALID_TYPE, "`tuple` takes a list of types")
                    .at(expr.span)
                    .hint("write `tuple([string, number])`"),
            ),
            ("object", _) => self.wrong(
                Diagnostic::error(Code::INVALID_TYPE, "`object` takes attributes with their types")
                    .at(expr.span)
                    .hint("write `object({ name = string })`"),
            ),
            (name @ ("string" | "number" | "bool" | "any"), _) => {
                self.wrong(Diagnostic::error(Code::INVALID_TYPE, format!("`{name}` takes nothing in parentheses")).at(expr.span))
            }
            (other, _) => self.unknown(other, expr),
        }
    }

    fn object(&mut self, items: &[ObjectItem]) -> Type {
        let mut attributes = BTreeMap::new();
        for item in items {
            let Some(name) = item.key.as_literal_str() else {
                self.wrong(Diagnostic::error(Code::INVALID_TYPE, "the name of an attribute must be a plain word").at(item.key.span));
                continue;
            };
            let attribute = self.attribute(&item.value);
            if attributes.insert(Arc::from(name), attribute).is_some() {
                self.wrong(Diagnostic::error(Code::DUPLICATE_KEY, format!("the attribute `{name}` stands twice")).at(item.key.span));
            }
        }
        Type::Object(Arc::new(attributes))
    }

    fn attribute(&mut self, expr: &Expr) -> ObjectAttribute {
        match &expr.kind {
            ExprKind::Call(call) if &*call.name == "optional" => match call.arguments.as_slice() {
                [ty] => ObjectAttribute::optional(self.ty(ty), None),
                [ty, default] => {
                    let ty = self.ty(ty);
                    let (value, found) = Evaluator::new(&Names::new(), &NoFiles).evaluate(default);
                    self.diagnostics.extend(found);
                    match convert(&value, &ty) {
                        Ok(default) => ObjectAttribute::optional(ty, Some(default)),
                        Err(error) => {
                            let summary = format!("the default does not fit the type: {error}");
                            self.wrong(Diagnostic::error(Code::INVALID_TYPE, summary).at(default.span));
                            ObjectAttribute::optional(ty, None)
                        }
                    }
                }
                arguments => {
                    let summary = format!("`optional` takes a type and a default, this has {}", arguments.len());
                    self.wrong(Diagnostic::error(Code::INVALID_TYPE, summary).at(expr.span));
                    ObjectAttribute::optional(Type::Any, None)
                }
            },
            _ => ObjectAttribute::required(self.ty(expr)),
        }
    }

    fn wrong(&mut self, diagnostic: Diagnostic) -> Type {
        self.diagnostics.push(diagnostic);
        Type::Any
    }
}

const KINDS: &str = "the types are string, number, bool, any, list(…), set(…), map(…), object({…}) and tuple([…])";
