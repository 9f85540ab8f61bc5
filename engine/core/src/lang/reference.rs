//! Which names an expression refers to, read off its form without evaluating it: the edges of the dependency graph.

use std::fmt;

use super::ir::{Expr, ExprKind, Name, Part, Step, StepKind, Template};
use crate::diag::Span;
use crate::value::Value;

/// A reference to a name outside the expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The first name, such as `var` or `cluster`.
    pub root: Name,
    /// The steps after it, up to the first one that is not constant.
    pub path: Vec<ReferenceStep>,
    /// The place of root and path.
    pub span: Span,
}

/// A constant step of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceStep {
    /// `.name`
    Attribute(Name),
    /// `["key"]` or `[0]`: a string or a number.
    Index(Value),
}

impl Reference {
    /// The name of step `position`, whether written as `.name` or `["name"]`.
    #[must_use]
    pub fn name(&self, position: usize) -> Option<&str> {
        match self.path.get(position)? {
            ReferenceStep::Attribute(name) => Some(name),
            ReferenceStep::Index(key) => key.as_str(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        for step in &self.path {
            match step {
                ReferenceStep::Attribute(name) => write!(f, ".{name}")?,
                ReferenceStep::Index(key) => write!(f, "[{key}]")?,
            }
        }
        Ok(())
    }
}

/// All references of an expression in the order of the source; names bound by `for` inside it are not among them.
#[must_use]
pub fn references(expr: &Expr) -> Vec<Reference> {
    let mut collector = Collector::default();
    collector.expr(expr);
    collector.found
}

/// The first function that the expression calls.
#[must_use]
pub fn first_call(expr: &Expr) -> Option<Span> {
    let mut collector = Collector::default();
    collector.expr(expr);
    collector.calls.first().copied()
}

/// All references of a template in the order of the source.
#[must_use]
pub fn template_references(template: &Template) -> Vec<Reference> {
    let mut collector = Collector::default();
    collector.template(template);
    collector.found
}

/// The one reference that the expression is, as in `depends_on = [cluster.shop]`; `None` when it is anything else.
#[must_use]
pub fn as_reference(expr: &Expr) -> Option<Reference> {
    match &expr.kind {
        ExprKind::Variable(root) => Some(Reference { root: root.clone(), path: Vec::new(), span: expr.span }),
        ExprKind::Traversal(traversal) => match &traversal.base.kind {
            ExprKind::Variable(root) => {
                let path: Vec<ReferenceStep> = traversal.steps.iter().map_while(constant_step).collect();
                let whole = path.len() == traversal.steps.len();
                whole.then(|| Reference { root: root.clone(), path, span: expr.span })
            }
            _ => None,
        },
        _ => None,
    }
}

#[derive(Default)]
struct Collector {
    bound: Vec<Name>,
    found: Vec<Reference>,
    calls: Vec<Span>,
}

impl Collector {
    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Literal(_) => {}
            ExprKind::Template(template) => self.template(template),
            ExprKind::Tuple(elements) => elements.iter().for_each(|element| self.expr(element)),
            ExprKind::Object(items) => {
                for item in items {
                    self.expr(&item.key);
                    self.expr(&item.value);
                }
            }
            ExprKind::Variable(root) => self.reference(root, &[], expr.span),
            ExprKind::Traversal(traversal) => {
                match &traversal.base.kind {
                    ExprKind::Variable(root) => self.reference(root, &traversal.steps, traversal.base.span),
                    _ => self.expr(&traversal.base),
                }
                for step in &traversal.steps {
                    if let StepKind::Index(index) = &step.kind {
                        self.expr(index);
                    }
                }
            }
            ExprKind::Unary(_, operand) => self.expr(operand),
            ExprKind::Binary(binary) => {
                self.expr(&binary.left);
                self.expr(&binary.right);
            }
            ExprKind::Conditional(conditional) => {
                self.expr(&conditional.condition);
                self.expr(&conditional.then);
                self.expr(&conditional.otherwise);
            }
            ExprKind::Call(call) => {
                self.calls.push(call.name_span);
                call.arguments.iter().for_each(|argument| self.expr(argument));
            }
            ExprKind::For(for_expr) => {
                self.expr(&for_expr.collection);
                self.binding(&[for_expr.key.as_ref(), Some(&for_expr.value)], |inner| {
                    let parts = [for_expr.key_result.as_ref(), Some(&for_expr.result), for_expr.condition.as_ref()];
                    parts.into_iter().flatten().for_each(|part| inner.expr(part));
                });
            }
        }
    }

    fn template(&mut self, template: &Template) {
        self.parts(&template.parts);
    }

    fn parts(&mut self, parts: &[Part]) {
        for part in parts {
            match part {
                Part::Text(_) => {}
                Part::Interpolation(expr) => self.expr(expr),
                Part::If { condition, then, otherwise } => {
                    self.expr(condition);
                    self.parts(then);
                    self.parts(otherwise);
                }
                Part::For { key, value, collection, body } => {
                    self.expr(collection);
                    self.binding(&[key.as_ref(), Some(value)], |inner| inner.parts(body));
                }
            }
        }
    }

    fn binding(&mut self, names: &[Option<&Name>], inside: impl FnOnce(&mut Collector)) {
        let before = self.bound.len();
        self.bound.extend(names.iter().flatten().map(|name| Name::clone(name)));
        inside(self);
        self.bound.truncate(before);
    }

    fn reference(&mut self, root: &Name, steps: &[Step], root_span: Span) {
        if self.bound.contains(root) {
            return;
        }
        let path: Vec<ReferenceStep> = steps.iter().map_while(constant_step).collect();
        let last = path.len().checked_sub(1).and_then(|last| steps.get(last));
        let span = last.map_or(root_span, |step| root_span.to(step.span));
        self.found.push(Reference { root: root.clone(), path, span });
    }
}

fn constant_step(step: &Step) -> Option<ReferenceStep> {
    match &step.kind {
        StepKind::Attribute(name) => Some(ReferenceStep::Attribute(name.clone())),
        StepKind::Index(index) => match index.as_literal() {
            Some(key @ (Value::String(_) | Value::Number(_))) => Some(ReferenceStep::Index(key.clone())),
            _ => None,
        },
        StepKind::AttributeSplat { .. } | StepKind::Splat => None,
    }
}
