//! Templates: text with interpolations and directives.

use super::super::ir::{Expr, Part, Template};
use super::Run;
use crate::diag::{Code, Diagnostic, Span};
use crate::value::{Type, Value, convert};

/// The text so far, and what became of it.
#[derive(Default)]
struct Output {
    text: String,
    unknown: bool,
    secret: bool,
}

impl Run<'_> {
    pub(super) fn template(&mut self, template: &Template, span: Span) -> Value {
        if template.passes_through
            && let [Part::Interpolation(expr)] = template.parts.as_slice()
        {
            return self.expr(expr);
        }
        let mut output = Output::default();
        self.parts(&template.parts, span, &mut output);
        let result = if output.unknown { Value::unknown(Type::String) } else { Value::string(output.text) };
        result.secret_if(output.secret)
    }

    fn parts(&mut self, parts: &[Part], span: Span, output: &mut Output) {
        for part in parts {
            match part {
                Part::Text(text) => self.append(text, span, output),
                Part::Interpolation(expr) => self.interpolation(expr, output),
                Part::If { condition, then, otherwise } => {
                    let condition = self.condition(condition, "the condition of `%{ if }`");
                    output.secret |= condition.is_secret();
                    match condition.reveal() {
                        Value::Bool(true) => self.parts(then, span, output),
                        Value::Bool(false) => self.parts(otherwise, span, output),
                        _ => output.unknown = true,
                    }
                }
                Part::For { key, value, collection, body } => {
                    let Some(walk) = self.walk(collection) else {
                        output.unknown = true;
                        continue;
                    };
                    output.secret |= walk.secret;
                    let Some(elements) = walk.elements else {
                        output.unknown = true;
                        continue;
                    };
                    let told = self.diagnostics.len();
                    for (element_key, element) in elements {
                        if self.diagnostics.len() > told || !self.spend(1, span) {
                            break;
                        }
                        let depth = self.bind(key.as_ref(), value, element_key, element);
                        self.parts(body, span, output);
                        self.bound.truncate(depth);
                    }
                }
            }
        }
    }

    fn interpolation(&mut self, expr: &Expr, output: &mut Output) {
        let value = self.expr(expr);
        output.secret |= value.contains_secret();
        match convert(value.reveal(), &Type::String) {
            Ok(Value::String(text)) => self.append(&text, expr.span, output),
            Ok(Value::Unknown(_)) => output.unknown = true,
            Ok(_) => {
                output.unknown = true;
                self.fail(
                    Diagnostic::error(Code::NULL_VALUE, "null cannot become part of a string")
                        .at(expr.span)
                        .hint("use `coalesce(value, \"\")` if it may be null"),
                );
            }
            Err(_) => {
                output.unknown = true;
                let summary = format!("{} cannot become part of a string", value.type_of().with_article());
                self.fail(
                    Diagnostic::error(Code::WRONG_TYPE, summary).at(expr.span).hint("use `join(\", \", list)` or `jsonencode(value)`"),
                );
            }
        }
    }

    fn append(&mut self, text: &str, span: Span, output: &mut Output) {
        if self.spend_text(text.len(), span) {
            output.text.push_str(text);
        } else {
            output.unknown = true;
        }
    }
}
