//! What can be said of an expression before it is evaluated: names and functions that do not exist, also in branches that
//! are not taken.

use super::super::functions;
use super::super::ir::{Call, Expr, ExprKind, Part, StepKind, Template};
use super::super::reference::{Reference, references, template_references};
use super::super::scope::Root;
use super::Run;
use crate::diag::{Code, Diagnostic};

/// Tells every unknown name and function of the expression.
pub(super) fn names(run: &mut Run<'_>, expr: &Expr) {
    for reference in references(expr) {
        name(run, &reference);
    }
    calls(run, expr);
}

/// The same for a template.
pub(super) fn template_names(run: &mut Run<'_>, template: &Template) {
    for reference in template_references(template) {
        name(run, &reference);
    }
    parts(run, &template.parts);
}

fn name(run: &mut Run<'_>, reference: &Reference) {
    let root = &reference.root;
    match run.scope.root(root) {
        Some(Root::Value(_)) => {}
        Some(Root::Group(group)) => {
            if let Some(entry) = reference.name(0)
                && !group.entries.contains_key(entry)
                && !group.open
            {
                let diagnostic = Diagnostic::error(Code::UNKNOWN_NAME, format!("there is no {} `{entry}`", group.noun))
                    .at(reference.span)
                    .did_you_mean(entry, group.entries.keys().map(|name| &**name));
                run.diagnostics.push(diagnostic);
            }
        }
        None => {
            let names = run.scope.root_names();
            let mut diagnostic = Diagnostic::error(Code::UNKNOWN_NAME, format!("`{root}` refers to nothing")).at(reference.span);
            diagnostic = diagnostic.did_you_mean(root, names.iter().copied());
            if diagnostic.hint.is_none() {
                let hint = if reference.path.is_empty() {
                    format!("a text stands in quotes: \"{root}\"")
                } else {
                    format!("references begin with one of {}", list(&names))
                };
                diagnostic.hint = Some(hint);
            }
            run.diagnostics.push(diagnostic);
        }
    }
}

/// Names in a sentence, sorted, once each.
fn list(names: &[&str]) -> String {
    let mut names: Vec<&str> = names.to_vec();
    names.sort_unstable();
    names.dedup();
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn calls(run: &mut Run<'_>, expr: &Expr) {
    match &expr.kind {
        ExprKind::Literal(_) | ExprKind::Variable(_) => {}
        ExprKind::Template(template) => parts(run, &template.parts),
        ExprKind::Tuple(elements) => elements.iter().for_each(|element| calls(run, element)),
        ExprKind::Object(items) => items.iter().for_each(|item| {
            calls(run, &item.key);
            calls(run, &item.value);
        }),
        ExprKind::Traversal(traversal) => {
            calls(run, &traversal.base);
            for step in &traversal.steps {
                if let StepKind::Index(index) = &step.kind {
                    calls(run, index);
                }
            }
        }
        ExprKind::Unary(_, operand) => calls(run, operand),
        ExprKind::Binary(binary) => {
            calls(run, &binary.left);
            calls(run, &binary.right);
        }
        ExprKind::Conditional(conditional) => {
            calls(run, &conditional.condition);
            calls(run, &conditional.then);
            calls(run, &conditional.otherwise);
        }
        ExprKind::Call(call) => {
            function(run, call, expr);
            call.arguments.iter().for_each(|argument| calls(run, argument));
        }
        ExprKind::For(for_expr) => {
            let parts = [Some(&for_expr.collection), for_expr.key_result.as_ref(), Some(&for_expr.result), for_expr.condition.as_ref()];
            parts.into_iter().flatten().for_each(|part| calls(run, part));
        }
    }
}

fn parts(run: &mut Run<'_>, parts_of: &[Part]) {
    for part in parts_of {
        match part {
            Part::Text(_) => {}
            Part::Interpolation(expr) => calls(run, expr),
            Part::If { condition, then, otherwise } => {
                calls(run, condition);
                parts(run, then);
                parts(run, otherwise);
            }
            Part::For { collection, body, .. } => {
                calls(run, collection);
                parts(run, body);
            }
        }
    }
}

fn function(run: &mut Run<'_>, call: &Call, expr: &Expr) {
    let name = &*call.name;
    let Some(function) = functions::find(name) else {
        let mut diagnostic = Diagnostic::error(Code::UNKNOWN_FUNCTION, format!("there is no function `{name}`")).at(call.name_span);
        diagnostic = match functions::why_missing(name) {
            Some(reason) => diagnostic.hint(reason),
            None => diagnostic.did_you_mean(name, functions::all().map(|function| function.name)),
        };
        run.diagnostics.push(diagnostic);
        return;
    };
    // With `...` the number is only known when the last argument is.
    let given = call.arguments.len();
    let least = function.params.len();
    let most = function.variadic.is_none().then_some(least);
    let too_few = given < least && !call.expand;
    let too_many = most.is_some_and(|most| given > most + usize::from(call.expand));
    if too_few || too_many {
        let wanted = match (function.variadic.is_some(), least) {
            (false, 0) => "no argument".to_owned(),
            (false, 1) => "1 argument".to_owned(),
            (false, n) => format!("{n} arguments"),
            (true, n) => format!("at least {n}"),
        };
        let diagnostic = Diagnostic::error(Code::WRONG_ARGUMENT_COUNT, format!("`{name}` takes {wanted}, this call has {given}"))
            .at(expr.span)
            .hint(format!("its form is `{}`", function.signature()));
        run.diagnostics.push(diagnostic);
    }
}
