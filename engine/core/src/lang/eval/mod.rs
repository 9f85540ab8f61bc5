//! Evaluation of expressions. Knows values and the intermediate representation; what names stand for comes from a
//! [`Scope`], file content from [`Files`].

mod call;
mod check;
mod collection;
mod limits;
mod operator;
mod template;
mod traversal;

use super::ir::{Expr, ExprKind, Name, Template};
use super::scope::{Root, Scope};
use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::files::Files;
use crate::value::{Type, Value, convert};

pub use limits::Limits;
pub(super) use operator::equal;

/// Evaluates expressions in one scope. Cheap to make.
///
/// ```
/// use windlass_core::diag::SourceMap;
/// use windlass_core::files::NoFiles;
/// use windlass_core::lang::{Evaluator, Names, parse_expression};
/// use windlass_core::value::Value;
/// let mut names = Names::new();
/// names.group("var", "input variable");
/// names.set_entry("var", "size", Value::from(3));
/// let (expr, _) = parse_expression(&mut SourceMap::new(), "-var", "var.size * 2");
/// let (value, diagnostics) = Evaluator::new(&names, &NoFiles).evaluate(&expr.unwrap());
/// assert!(diagnostics.is_empty());
/// assert_eq!(value, Value::from(6));
/// ```
pub struct Evaluator<'a> {
    scope: &'a dyn Scope,
    files: &'a dyn Files,
    limits: Limits,
}

impl<'a> Evaluator<'a> {
    /// An evaluator with the usual limits.
    #[must_use]
    pub fn new(scope: &'a dyn Scope, files: &'a dyn Files) -> Evaluator<'a> {
        Evaluator { scope, files, limits: Limits::default() }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Evaluator<'a> {
        self.limits = limits;
        self
    }

    /// The value of the expression, and all that is wrong with it. With an error, what could not be computed is an unknown
    /// of any type.
    #[must_use]
    pub fn evaluate(&self, expr: &Expr) -> (Value, Diagnostics) {
        let mut run = Run::new(self.scope, self.files, self.limits);
        check::names(&mut run, expr);
        let value = run.expr(expr);
        let value = run.within_limits(value, expr.span);
        (value, run.diagnostics)
    }

    /// The same, converted to a type.
    #[must_use]
    pub fn evaluate_as(&self, expr: &Expr, ty: &Type) -> (Value, Diagnostics) {
        let (value, mut diagnostics) = self.evaluate(expr);
        match convert(&value, ty) {
            Ok(value) => (value, diagnostics),
            Err(error) => {
                diagnostics.push(Diagnostic::error(Code::WRONG_TYPE, error.to_string()).at(expr.span).hint(how_to_write(ty)));
                (Value::unknown(ty.clone()), diagnostics)
            }
        }
    }

    /// The value of a template, as [`super::parse_template`] gives it.
    #[must_use]
    pub fn evaluate_template(&self, template: &Template, span: Span) -> (Value, Diagnostics) {
        let mut run = Run::new(self.scope, self.files, self.limits);
        check::template_names(&mut run, template);
        let value = run.template(template, span);
        let value = run.within_limits(value, span);
        (value, run.diagnostics)
    }
}

/// One evaluation.
pub(super) struct Run<'a> {
    pub(super) scope: &'a dyn Scope,
    pub(super) files: &'a dyn Files,
    pub(super) limits: Limits,
    /// What is left of the steps that an evaluation may take.
    pub(super) fuel: u64,
    /// Names bound by `for`, the innermost last.
    pub(super) bound: Vec<(Name, Value)>,
    /// How many `templatefile` calls this is inside of.
    pub(super) template_depth: u32,
    pub(super) diagnostics: Diagnostics,
}

impl<'a> Run<'a> {
    pub(super) fn new(scope: &'a dyn Scope, files: &'a dyn Files, limits: Limits) -> Run<'a> {
        Run { scope, files, limits, fuel: limits.steps, bound: Vec::new(), template_depth: 0, diagnostics: Diagnostics::new() }
    }

    /// The value of an expression. After an error was told, an unknown of any type.
    pub(super) fn expr(&mut self, expr: &Expr) -> Value {
        if !self.spend(1, expr.span) {
            return failed();
        }
        match &expr.kind {
            ExprKind::Literal(value) => value.clone(),
            ExprKind::Template(template) => self.template(template, expr.span),
            ExprKind::Tuple(elements) => Value::Tuple(elements.iter().map(|element| self.expr(element)).collect()),
            ExprKind::Object(items) => self.object(items),
            ExprKind::Variable(name) => self.variable(name, expr.span),
            ExprKind::Traversal(traversal) => self.traversal(traversal, expr.span),
            ExprKind::Unary(operator, operand) => self.unary(*operator, operand, expr.span),
            ExprKind::Binary(binary) => self.binary(binary, expr.span),
            ExprKind::Conditional(conditional) => self.conditional(conditional, expr.span),
            ExprKind::Call(call) => self.call(call, expr.span),
            ExprKind::For(for_expr) => self.for_expr(for_expr, expr.span),
        }
    }

    /// A name that stands alone.
    fn variable(&mut self, name: &Name, span: Span) -> Value {
        if let Some((_, value)) = self.bound.iter().rev().find(|(bound, _)| bound == name) {
            return value.clone();
        }
        match self.scope.root(name) {
            Some(Root::Value(value)) => value.clone(),
            Some(Root::Group(group)) => self.fail(
                Diagnostic::error(Code::UNKNOWN_NAME, format!("`{name}` is not a value by itself"))
                    .at(span)
                    .hint(format!("name one {}, as in `{name}.example`", group.noun)),
            ),
            // Told by the check of names.
            None => failed(),
        }
    }

    /// Tells an error and stands in for the value.
    pub(super) fn fail(&mut self, diagnostic: Diagnostic) -> Value {
        self.diagnostics.push(diagnostic);
        failed()
    }

    /// Evaluates and converts; an error is told at the expression.
    pub(super) fn expr_as(&mut self, expr: &Expr, ty: &Type, what: &str) -> Value {
        let value = self.expr(expr);
        match convert(&value, ty) {
            Ok(value) => value,
            Err(error) => {
                self.fail(Diagnostic::error(Code::WRONG_TYPE, format!("{what}: {error}")).at(expr.span).hint(how_to_write(ty)));
                Value::unknown(ty.clone())
            }
        }
    }

    /// Runs something with its own diagnostics; gives them back beside the value. Running out of fuel is told for good.
    pub(super) fn apart<T>(&mut self, inside: impl FnOnce(&mut Run<'a>) -> T) -> (T, Diagnostics) {
        let before = std::mem::take(&mut self.diagnostics);
        let result = inside(self);
        let found = std::mem::replace(&mut self.diagnostics, before);
        let (limits, others) = found.into_iter().partition::<Vec<_>, _>(|d| d.code == Code::EVALUATION_LIMIT);
        self.diagnostics.extend(limits);
        (result, others.into_iter().collect())
    }
}

/// The value of a template file in its own run, and whether all names in its text are there: that is looked at before any value.
pub(super) fn evaluate_template_file(run: &mut Run<'_>, template: &Template) -> (Value, bool) {
    check::template_names(run, template);
    let well = !run.diagnostics.has_errors();
    (run.template(template, Span::default()), well)
}

/// What stands in for a value after an error.
pub(super) fn failed() -> Value {
    Value::unknown(Type::Any)
}

/// What to write where a value of this type is needed.
pub(crate) fn how_to_write(ty: &Type) -> String {
    match ty {
        Type::Bool => "write `true` or `false`, or a condition such as `name == \"shop\"`".to_owned(),
        Type::Number => "write a number such as `3`; `tonumber(text)` reads one from a text".to_owned(),
        Type::String => "write a text in quotes; `jsonencode(value)` makes one of a list or an object".to_owned(),
        Type::List(_) | Type::Set(_) | Type::Tuple(_) => "write a list: `[a, b]`".to_owned(),
        Type::Map(_) | Type::Object(_) => "write an object: `{ a = 1 }`".to_owned(),
        other => format!("write a value of type {other}"),
    }
}
