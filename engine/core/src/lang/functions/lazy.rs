//! Functions that see their arguments before they are evaluated.

use super::{Body, Function, Kind, Policy, required};
use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::lang::eval::Run;
use crate::lang::ir::{Call, Expr, ExprKind, StepKind};
use crate::value::{Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "try",
        params: &[required("expression", Kind::Any)],
        variadic: Some(required("fallback", Kind::Any)),
        policy: Policy::Raw,
        result: Kind::Any,
        doc: "The value of the first argument that can be evaluated without an error.",
        example: ("try({}.name, \"none\")", "\"none\""),
        body: Body::Lazy(try_first),
    },
    Function {
        name: "can",
        params: &[required("expression", Kind::Any)],
        variadic: None,
        policy: Policy::Raw,
        result: Kind::Bool,
        doc: "Whether the argument can be evaluated without an error.",
        example: ("can({}.name)", "false"),
        body: Body::Lazy(can),
    },
];

fn try_first(run: &mut Run<'_>, call: &Call, span: Span) -> Value {
    let mut failures = Diagnostics::new();
    for argument in &call.arguments {
        let (value, found) = run.apart(|run| run.expr(argument));
        if found.has_errors() {
            failures.extend(found.into_iter().take(1));
            continue;
        }
        // Whether a computation with an unknown will fail is not known; that a reference exists is.
        if value.contains_unknown() && !is_plain(argument) {
            return Value::unknown(Type::Any).secret_if(value.contains_secret());
        }
        return value;
    }
    if call.arguments.is_empty() {
        // Told by the check of names.
        return Value::unknown(Type::Any);
    }
    let mut diagnostic = Diagnostic::error(Code::INVALID_ARGUMENT, "`try`: every argument fails").at(span);
    for failure in failures {
        if let Some(place) = failure.primary {
            diagnostic = diagnostic.related(place, failure.summary);
        }
    }
    run.fail(diagnostic.hint("let the last argument be one that cannot fail, such as `null`"))
}

fn can(run: &mut Run<'_>, call: &Call, _span: Span) -> Value {
    let Some(argument) = call.arguments.first() else { return Value::unknown(Type::Bool) };
    let (value, found) = run.apart(|run| run.expr(argument));
    if found.has_errors() {
        return Value::Bool(false);
    }
    if value.contains_unknown() && !is_plain(argument) { Value::unknown(Type::Bool) } else { Value::Bool(true) }
}

/// A reference by names alone, or a literal.
fn is_plain(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(_) | ExprKind::Variable(_) => true,
        ExprKind::Traversal(traversal) => {
            is_plain(&traversal.base) && traversal.steps.iter().all(|step| matches!(step.kind, StepKind::Attribute(_)))
        }
        _ => false,
    }
}
