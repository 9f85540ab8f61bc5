//! Operators and the conditional.

use std::cmp::Ordering;

use super::super::ir::{Binary, BinaryOperator, Conditional, Expr, UnaryOperator};
use super::{Run, failed};
use crate::diag::{Code, Diagnostic, Span};
use crate::value::{Number, NumberError, Type, Value, convert, unify};

impl Run<'_> {
    pub(super) fn unary(&mut self, operator: UnaryOperator, operand: &Expr, span: Span) -> Value {
        let (ty, symbol) = match operator {
            UnaryOperator::Not => (Type::Bool, "!"),
            UnaryOperator::Negate => (Type::Number, "-"),
        };
        let value = self.operand(operand, &ty, symbol);
        let secret = value.is_secret();
        let result = match value.reveal() {
            Value::Bool(truth) => Value::Bool(!truth),
            Value::Number(number) => Value::Number(number.neg()),
            Value::Unknown(_) => Value::unknown(ty),
            _ => self.fail(Diagnostic::error(Code::WRONG_TYPE, format!("`{symbol}` cannot be used here")).at(span)),
        };
        result.secret_if(secret)
    }

    pub(super) fn binary(&mut self, binary: &Binary, span: Span) -> Value {
        match binary.operator {
            BinaryOperator::And | BinaryOperator::Or => self.logical(binary),
            BinaryOperator::Equal | BinaryOperator::NotEqual => {
                let (left, right) = (self.expr(&binary.left), self.expr(&binary.right));
                let secret = left.contains_secret() || right.contains_secret();
                let result = match equal(&left, &right) {
                    Some(same) => Value::Bool(same == (binary.operator == BinaryOperator::Equal)),
                    None => Value::unknown(Type::Bool),
                };
                result.secret_if(secret)
            }
            operator => self.arithmetic(operator, binary, span),
        }
    }

    /// `&&` and `||`: the right side is evaluated only when it matters.
    fn logical(&mut self, binary: &Binary) -> Value {
        let deciding = binary.operator == BinaryOperator::Or;
        let symbol = binary.operator.symbol();
        let left = self.operand(&binary.left, &Type::Bool, symbol);
        if matches!(left.reveal(), Value::Bool(truth) if *truth == deciding) {
            return left;
        }
        let right = self.operand(&binary.right, &Type::Bool, symbol);
        let secret = left.is_secret() || right.is_secret();
        let result = match (left.reveal(), right.reveal()) {
            (_, Value::Bool(truth)) if *truth == deciding => Value::Bool(deciding),
            (Value::Bool(_), Value::Bool(_)) => Value::Bool(!deciding),
            _ => Value::unknown(Type::Bool),
        };
        result.secret_if(secret)
    }

    fn arithmetic(&mut self, operator: BinaryOperator, binary: &Binary, span: Span) -> Value {
        let symbol = operator.symbol();
        let left = self.operand(&binary.left, &Type::Number, symbol);
        let right = self.operand(&binary.right, &Type::Number, symbol);
        let secret = left.is_secret() || right.is_secret();
        let (Value::Number(a), Value::Number(b)) = (left.reveal(), right.reveal()) else {
            let compares = matches!(
                operator,
                BinaryOperator::Less | BinaryOperator::LessOrEqual | BinaryOperator::Greater | BinaryOperator::GreaterOrEqual
            );
            return Value::unknown(if compares { Type::Bool } else { Type::Number }).secret_if(secret);
        };
        let result = match operator {
            BinaryOperator::Add => a.add(b),
            BinaryOperator::Subtract => a.sub(b),
            BinaryOperator::Multiply => a.mul(b),
            BinaryOperator::Divide => a.div(b),
            BinaryOperator::Modulo => a.rem(b),
            comparison => return Value::Bool(compare(comparison, a, b)).secret_if(secret),
        };
        match result {
            Ok(number) => Value::Number(number).secret_if(secret),
            Err(NumberError::DivisionByZero) => self.fail(
                Diagnostic::error(Code::DIVISION_BY_ZERO, "division by zero")
                    .at(span)
                    .related(binary.right.span, "this is 0")
                    .hint("guard it: `b == 0 ? 0 : a / b`"),
            ),
            Err(error) => self.fail(Diagnostic::error(Code::NUMBER_RANGE, error.to_string()).at(span)),
        }
    }

    /// An operand of that type; null is an error.
    fn operand(&mut self, expr: &Expr, ty: &Type, symbol: &str) -> Value {
        let value = self.expr(expr);
        if value.is_null() {
            self.fail(
                Diagnostic::error(Code::NULL_VALUE, format!("an operand of `{symbol}` is null"))
                    .at(expr.span)
                    .hint("use `coalesce(value, default)` or a condition `value == null ? … : …`"),
            );
            return Value::unknown(ty.clone());
        }
        match convert(&value, ty) {
            Ok(value) => value,
            Err(error) => {
                let summary = format!("`{symbol}` cannot use this operand: {}", error.message);
                let hint = match ty {
                    Type::Number => "it takes numbers; `concat(a, b)` joins lists, and `\"${a}${b}\"` joins texts",
                    _ => "it takes `true` and `false`; a comparison such as `a == b` gives one of them",
                };
                self.fail(Diagnostic::error(Code::WRONG_TYPE, summary).at(expr.span).hint(hint));
                Value::unknown(ty.clone())
            }
        }
    }

    pub(super) fn conditional(&mut self, conditional: &Conditional, span: Span) -> Value {
        let condition = self.condition(&conditional.condition, "the condition before `?`");
        let (then, then_found) = self.apart(|run| run.expr(&conditional.then));
        let (otherwise, otherwise_found) = self.apart(|run| run.expr(&conditional.otherwise));
        // Only the branch that is taken may complain, but both give the type of the result.
        let secret = condition.is_secret();
        let (chosen, found) = match condition.reveal() {
            Value::Bool(true) => (Some(&then), then_found),
            Value::Bool(false) => (Some(&otherwise), otherwise_found),
            _ => (None, then_found.into_iter().chain(otherwise_found).collect()),
        };
        let broken = found.has_errors();
        self.diagnostics.extend(found);
        if broken {
            return failed();
        }
        if !self.spend_call([&then, &otherwise].into_iter(), &Value::Null, span) {
            return failed();
        }
        let types = [then.type_of(), otherwise.type_of()];
        let Some(common) = unify(&types) else {
            return self.fail(
                Diagnostic::error(Code::INCONSISTENT_TYPES, "the two results have no common type")
                    .at(span)
                    .related(conditional.then.span, format!("this is {}", then.type_of().with_article()))
                    .related(conditional.otherwise.span, format!("this is {}", otherwise.type_of().with_article()))
                    .hint("convert one of them, for example with `tostring`"),
            );
        };
        let Some(chosen) = chosen else {
            return Value::unknown(common).secret_if(secret || then.is_secret() || otherwise.is_secret());
        };
        if types.first() == types.last() {
            return chosen.clone().secret_if(secret);
        }
        match convert(chosen, &common) {
            Ok(value) => value.secret_if(secret),
            Err(error) => self.fail(Diagnostic::error(Code::INCONSISTENT_TYPES, error.to_string()).at(span)),
        }
    }

    /// A condition: a bool that is not null.
    pub(super) fn condition(&mut self, expr: &Expr, what: &str) -> Value {
        let value = self.expr_as(expr, &Type::Bool, what);
        if value.is_null() {
            self.fail(Diagnostic::error(Code::NULL_VALUE, format!("{what} is null")).at(expr.span));
            return Value::unknown(Type::Bool);
        }
        value
    }
}

fn compare(operator: BinaryOperator, a: &Number, b: &Number) -> bool {
    let order = a.cmp(b);
    match operator {
        BinaryOperator::Less => order == Ordering::Less,
        BinaryOperator::LessOrEqual => order != Ordering::Greater,
        BinaryOperator::Greater => order == Ordering::Greater,
        _ => order != Ordering::Less,
    }
}

/// Whether two values are equal: same kind, same content. `None` when that hangs on something unknown.
pub(in crate::lang) fn equal(a: &Value, b: &Value) -> Option<bool> {
    match (a.reveal(), b.reveal()) {
        (Value::Unknown(_), _) | (_, Value::Unknown(_)) => None,
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            if a.len() != b.len() {
                return Some(false);
            }
            all(a.iter().zip(b.iter()).map(|(a, b)| equal(a, b)))
        }
        (Value::Map(a), Value::Map(b)) | (Value::Object(a), Value::Object(b)) => {
            if !a.keys().eq(b.keys()) {
                return Some(false);
            }
            all(a.values().zip(b.values()).map(|(a, b)| equal(a, b)))
        }
        (Value::Set(a), Value::Set(b)) if a.iter().chain(b.iter()).any(Value::contains_unknown) => None,
        (a, b) => Some(a == b),
    }
}

/// False wins over unknown, unknown over true.
fn all(results: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = Some(true);
    for result in results {
        match result {
            Some(false) => return Some(false),
            None => known = None,
            Some(true) => {}
        }
    }
    known
}
