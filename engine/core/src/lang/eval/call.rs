//! Function calls: arguments are evaluated, counted and converted here, so that functions see what their entry declares.

use super::super::functions::{self, Body, Fault, Function, Param, Policy};
use super::super::ir::Call;
use super::{Run, failed, how_to_write};
use crate::diag::{Code, Diagnostic, Span};
use crate::value::{Type, Value, ValuePath, convert};

impl Run<'_> {
    pub(super) fn call(&mut self, call: &Call, span: Span) -> Value {
        let Some(function) = functions::find(&call.name) else {
            // Told by the check of names; the arguments may hold faults of their own.
            call.arguments.iter().for_each(|argument| drop(self.expr(argument)));
            return failed();
        };
        match function.body {
            Body::Lazy(body) => body(self, call, span),
            Body::Eager(body) => match self.arguments(call, span) {
                Some(arguments) => self.apply(function, body, &arguments, call, span),
                None => failed(),
            },
        }
    }

    /// The values and places of the arguments; `None` when the expanded one is not known or wrong.
    fn arguments(&mut self, call: &Call, span: Span) -> Option<Vec<(Value, Span)>> {
        let mut arguments: Vec<(Value, Span)> = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            arguments.push((self.expr(argument), argument.span));
        }
        if !call.expand {
            return Some(arguments);
        }
        let (last, place) = arguments.pop()?;
        let secret = last.is_secret();
        match last.reveal() {
            Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) => {
                if !self.spend(elements.len() as u64, span) {
                    return None;
                }
                let elements = elements.iter().map(|element| (element.clone().secret_if(secret), place));
                arguments.extend(elements);
                Some(arguments)
            }
            Value::Unknown(_) => None,
            other => {
                let summary = format!("`...` needs a list, set or tuple before it, this is {}", other.type_of().with_article());
                self.fail(Diagnostic::error(Code::WRONG_TYPE, summary).at(place).hint("write `[value]...`, or leave `...` out"));
                None
            }
        }
    }

    fn apply(
        &mut self,
        function: &Function,
        body: fn(&mut Run<'_>, &[Value]) -> Result<Value, Fault>,
        arguments: &[(Value, Span)],
        call: &Call,
        span: Span,
    ) -> Value {
        let least = function.params.len();
        if arguments.len() < least || (function.variadic.is_none() && arguments.len() > least) {
            if call.expand {
                let summary = format!("`{}` got {} arguments", function.name, arguments.len());
                let hint = format!("its form is `{}`", function.signature());
                self.fail(Diagnostic::error(Code::WRONG_ARGUMENT_COUNT, summary).at(span).hint(hint));
            }
            // Else told by the check of names.
            return failed();
        }
        let mut prepared = Vec::with_capacity(arguments.len());
        let mut secrets = Vec::with_capacity(arguments.len());
        let (mut secret, mut known, mut well) = (false, true, true);
        for (position, (value, place)) in arguments.iter().enumerate() {
            let Some(param) = function.params.get(position).or(function.variadic.as_ref()) else { continue };
            match self.argument(function, param, value, *place) {
                Some(argument) => {
                    secret |= argument.secret;
                    secrets.push(argument.secret);
                    known &= argument.known;
                    prepared.push(argument.value);
                }
                None => well = false,
            }
        }
        if !well {
            return failed();
        }
        if !known {
            return Value::unknown(function.result.as_type()).secret_if(secret);
        }
        match body(self, &prepared) {
            Ok(value) => {
                if self.spend_call(prepared.iter(), &value, span) {
                    value.secret_if(secret)
                } else {
                    failed()
                }
            }
            // Told already, in better words.
            Err(_) if self.fuel == 0 => failed(),
            Err(fault) => {
                let place = fault.argument.and_then(|position| arguments.get(position)).map_or(span, |(_, place)| *place);
                // The message may quote an argument.
                let hidden = fault.tells.and_then(|position| secrets.get(position).copied()).unwrap_or(secret);
                let message = if hidden { "the argument does not fit (it is secret)".to_owned() } else { fault.message };
                let mut diagnostic = Diagnostic::error(fault.code, format!("`{}`: {message}", function.name)).at(place);
                diagnostic.hint = fault.hint;
                self.fail(diagnostic)
            }
        }
    }

    /// One argument as its parameter declares it; `None` after an error.
    fn argument(&mut self, function: &Function, param: &Param, value: &Value, place: Span) -> Option<Prepared> {
        if value.is_null() && !param.nullable {
            let summary = format!("`{}`: argument `{}` must not be null", function.name, param.name);
            self.fail(Diagnostic::error(Code::NULL_VALUE, summary).at(place).hint("use `coalesce(value, default)` if it may be null"));
            return None;
        }
        let prepared = match function.policy {
            Policy::Raw => Prepared { value: value.clone(), secret: false, known: true },
            Policy::Parts => Prepared { value: value.reveal().clone(), secret: value.is_secret(), known: !value.is_unknown() },
            Policy::Plain => {
                let secret = value.contains_secret();
                let value = if secret { value.without_secrets() } else { value.clone() };
                let known = !value.contains_unknown();
                Prepared { value, secret, known }
            }
        };
        let ty = param.kind.as_type();
        if ty == Type::Any {
            return Some(prepared);
        }
        match convert(&prepared.value, &ty) {
            Ok(value) => Some(Prepared { value, ..prepared }),
            Err(mut error) => {
                if prepared.secret {
                    error.path = ValuePath::default();
                }
                let summary = format!("`{}`: argument `{}`: {error}", function.name, param.name);
                self.fail(Diagnostic::error(Code::WRONG_TYPE, summary).at(place).hint(how_to_write(&ty)));
                None
            }
        }
    }
}

/// An argument that is ready for its function.
struct Prepared {
    value: Value,
    /// Whether the result has to be secret because of it.
    secret: bool,
    /// Whether the function can work with it.
    known: bool,
}
