//! Lowers the parser's tree to the intermediate representation and drops it. Literals are read from the source text itself,
//! because the tree has already rounded numbers and mixed up escapes.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use hcl_edit::expr::{self as cst, Expression, ObjectKey, TraversalOperator};
use hcl_edit::structure;
use hcl_edit::{Decorated, Span as _};

use super::ir::{
    Attribute, Binary, BinaryOperator, Block, Body, Call, Conditional, Expr, ExprKind, For, Label, Name, ObjectItem, Step, StepKind,
    Traversal, UnaryOperator,
};
use super::span_of;
use crate::diag::{Code, Diagnostic, Diagnostics, FileId, Span};
use crate::value::{Number, NumberError, Value};

/// The state of lowering one file, piece by piece.
pub(super) struct Lowering<'s> {
    pub(super) file: FileId,
    /// The text that the parser saw.
    pub(super) source: &'s str,
    /// Where that text begins in the file.
    pub(super) offset: usize,
    names: HashSet<Name>,
    pub(super) diagnostics: Diagnostics,
}

impl<'s> Lowering<'s> {
    pub(super) fn new(file: FileId) -> Lowering<'s> {
        Lowering { file, source: "", offset: 0, names: HashSet::new(), diagnostics: Diagnostics::new() }
    }

    /// Sets the text that the next tree was parsed from.
    pub(super) fn begin(&mut self, source: &'s str, offset: usize) {
        self.source = source;
        self.offset = offset;
    }

    pub(super) fn take_diagnostics(&mut self) -> Diagnostics {
        std::mem::take(&mut self.diagnostics)
    }

    pub(super) fn body(&mut self, body: &structure::Body) -> Body {
        let mut lowered = Body::default();
        for part in body {
            match part {
                structure::Structure::Attribute(attribute) => lowered.attributes.push(Attribute {
                    name: self.name(attribute.key.as_str()),
                    name_span: self.span(attribute.key.span().or(attribute.span())),
                    expr: self.expr(&attribute.value),
                }),
                structure::Structure::Block(block) => lowered.blocks.push(self.block(block)),
            }
        }
        lowered
    }

    fn block(&mut self, block: &structure::Block) -> Block {
        let span = self.span(block.span());
        let kind = self.name(block.ident.as_str());
        let mut kind_span = self.span(block.ident.span());
        if kind_span.len == 0 {
            kind_span = Span { len: u32::try_from(kind.len()).unwrap_or(u32::MAX), ..span };
        }
        let mut labels = Vec::with_capacity(block.labels.len());
        let mut header_span = kind_span;
        for label in &block.labels {
            let label_span = self.span(label.span());
            if label_span.len > 0 {
                header_span = header_span.to(label_span);
            }
            labels.push(Label { text: self.name(label.as_str()), span: label_span });
        }
        Block { kind, kind_span, labels, body: self.body(&block.body), header_span, span }
    }

    pub(super) fn expr(&mut self, expr: &Expression) -> Expr {
        let span = self.span(expr.span());
        let kind = match expr {
            Expression::Null(_) => ExprKind::Literal(Value::Null),
            Expression::Bool(truth) => ExprKind::Literal(Value::Bool(*truth.value())),
            Expression::Number(_) => ExprKind::Literal(self.number(expr.span(), span)),
            Expression::String(_) => ExprKind::Literal(self.string(expr.span())),
            Expression::Array(array) => ExprKind::Tuple(array.iter().map(|element| self.expr(element)).collect()),
            Expression::Object(object) => ExprKind::Object(
                object
                    .iter()
                    .map(|(key, value)| {
                        let value = self.expr(value.expr());
                        ObjectItem { key: self.object_key(key, value.span), value }
                    })
                    .collect(),
            ),
            Expression::StringTemplate(template) => self.quoted_template(template),
            Expression::HeredocTemplate(heredoc) => self.heredoc(heredoc),
            Expression::Parenthesis(inner) => return Expr { kind: self.expr(inner.inner()).kind, span },
            Expression::Variable(name) => ExprKind::Variable(self.name(name.as_str())),
            Expression::Conditional(conditional) => ExprKind::Conditional(Box::new(Conditional {
                condition: self.expr(&conditional.cond_expr),
                then: self.expr(&conditional.true_expr),
                otherwise: self.expr(&conditional.false_expr),
            })),
            Expression::FuncCall(call) => ExprKind::Call(Box::new(self.call(call, span))),
            Expression::Traversal(traversal) => self.traversal(traversal),
            Expression::UnaryOp(unary) => {
                let operator = match unary.operator.value() {
                    cst::UnaryOperator::Not => UnaryOperator::Not,
                    cst::UnaryOperator::Neg => UnaryOperator::Negate,
                };
                ExprKind::Unary(operator, Box::new(self.expr(&unary.expr)))
            }
            Expression::BinaryOp(binary) => {
                let (left, right) = (self.expr(&binary.lhs_expr), self.expr(&binary.rhs_expr));
                let span = left.span.to(right.span);
                let operator = binary_operator(*binary.operator.value());
                return Expr { kind: ExprKind::Binary(Box::new(Binary { operator, left, right })), span };
            }
            Expression::ForExpr(for_expr) => ExprKind::For(Box::new(For {
                key: for_expr.intro.key_var.as_ref().map(|name| self.name(name.as_str())),
                value: self.name(for_expr.intro.value_var.as_str()),
                collection: self.expr(&for_expr.intro.collection_expr),
                key_result: for_expr.key_expr.as_ref().map(|key| self.expr(key)),
                result: self.expr(&for_expr.value_expr),
                grouping: for_expr.grouping,
                condition: for_expr.cond.as_ref().map(|condition| self.expr(&condition.expr)),
            })),
        };
        Expr { kind, span }
    }

    fn call(&mut self, call: &cst::FuncCall, span: Span) -> Call {
        let mut name = String::new();
        for namespace in &call.name.namespace {
            name.push_str(namespace.as_str());
            name.push_str("::");
        }
        name.push_str(call.name.name.as_str());
        let name_span = Span { len: u32::try_from(name.len()).unwrap_or(u32::MAX).min(span.len), ..span };
        Call {
            name: self.name(&name),
            name_span,
            arguments: call.args.iter().map(|argument| self.expr(argument)).collect(),
            expand: call.args.expand_final(),
        }
    }

    fn object_key(&mut self, key: &ObjectKey, value_span: Span) -> Expr {
        match key {
            ObjectKey::Ident(name) => {
                let mut span = self.span(name.span());
                if span.len == 0 {
                    span = value_span;
                }
                Expr { kind: ExprKind::Literal(Value::String(self.name(name.as_str()))), span }
            }
            ObjectKey::Expression(expr) => {
                let lowered = self.expr(expr);
                match expr {
                    // `null`, `true` and `false` before `=` are words like any other.
                    Expression::Null(_) | Expression::Bool(_) => {
                        let word = self.slice(expr.span());
                        Expr { kind: ExprKind::Literal(Value::string(word)), span: lowered.span }
                    }
                    Expression::Traversal(_) => {
                        self.diagnostics.push(
                            Diagnostic::error(Code::SYNTAX, "an ambiguous key")
                                .at(lowered.span)
                                .hint("put a reference into parentheses, or a text into quotes"),
                        );
                        lowered
                    }
                    _ => lowered,
                }
            }
        }
    }

    fn traversal(&mut self, traversal: &cst::Traversal) -> ExprKind {
        let base = self.expr(&traversal.expr);
        let mut steps = Vec::with_capacity(traversal.operators.len());
        let mut operators = traversal.operators.as_slice();
        while let Some((operator, after)) = operators.split_first() {
            let span = self.span(operator.span());
            self.refused_pair(operator, after);
            let kind = match operator.value() {
                TraversalOperator::GetAttr(name) => StepKind::Attribute(self.name(name.as_str())),
                TraversalOperator::Index(index) => StepKind::Index(self.expr(index)),
                TraversalOperator::LegacyIndex(index) => {
                    let key = Value::Number(Number::from(*index.value()));
                    StepKind::Index(Expr { kind: ExprKind::Literal(key), span })
                }
                TraversalOperator::AttrSplat(_) => StepKind::AttributeSplat { inner: attribute_steps(after) },
                TraversalOperator::FullSplat(_) => StepKind::Splat,
            };
            steps.push(Step { kind, span });
            operators = after;
        }
        ExprKind::Traversal(Box::new(Traversal { base, steps }))
    }

    /// Tells what may not follow an operator, as in Terraform.
    fn refused_pair(&mut self, operator: &Decorated<TraversalOperator>, after: &[Decorated<TraversalOperator>]) {
        match operator.value() {
            TraversalOperator::AttrSplat(_) => {
                if let Some(nested) =
                    after.get(attribute_steps(after)).filter(|next| matches!(next.value(), TraversalOperator::AttrSplat(_)))
                {
                    let span = self.span(nested.span());
                    self.diagnostics.push(
                        Diagnostic::error(Code::SYNTAX, "`.*` inside of another `.*`").at(span).hint("write `[*]` for every one of them"),
                    );
                }
            }
            TraversalOperator::LegacyIndex(_) => {
                let Some(next) = after.first().filter(|next| matches!(next.value(), TraversalOperator::LegacyIndex(_))) else { return };
                let range = operator.span().zip(next.span()).map(|(first, second)| first.start..second.end);
                // With a space between them they are two numbers, else one with a decimal point.
                if self.slice(range.clone()).bytes().all(|byte| byte == b'.' || byte.is_ascii_digit()) {
                    let span = self.span(range);
                    self.diagnostics.push(
                        Diagnostic::error(Code::SYNTAX, "two indices in a row written with dots")
                            .at(span)
                            .hint("write them in brackets: `[0][1]`"),
                    );
                }
            }
            _ => {}
        }
    }

    fn number(&mut self, range: Option<Range<usize>>, span: Span) -> Value {
        let text: String = self.slice(range).chars().filter(|c| !c.is_whitespace()).collect();
        match text.parse::<Number>() {
            Ok(number) => Value::Number(number),
            Err(error) => {
                let code = if error == NumberError::OutOfRange { Code::NUMBER_RANGE } else { Code::INVALID_NUMBER };
                self.diagnostics.push(Diagnostic::error(code, error.to_string()).at(span));
                Value::from(0)
            }
        }
    }

    fn string(&mut self, range: Option<Range<usize>>) -> Value {
        let start = range.clone().map_or(0, |range| range.start);
        let quoted = self.slice(range);
        let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(quoted);
        Value::string(self.unescape(inner, start + 1))
    }

    /// The text of the parser's input in that range.
    pub(super) fn slice(&self, range: Option<Range<usize>>) -> &'s str {
        range.and_then(|range| self.source.get(range)).unwrap_or_default()
    }

    /// The place in the file of that range of the parser's input.
    pub(super) fn span(&self, range: Option<Range<usize>>) -> Span {
        let range = range.unwrap_or(0..0);
        span_of(self.file, self.offset + range.start, range.end.saturating_sub(range.start))
    }

    pub(super) fn name(&mut self, text: &str) -> Name {
        if let Some(name) = self.names.get(text) {
            return name.clone();
        }
        let name: Name = Arc::from(text);
        self.names.insert(name.clone());
        name
    }
}

/// How many of the operators go into the elements of a `.*` before them.
fn attribute_steps(operators: &[Decorated<TraversalOperator>]) -> usize {
    let inner = |operator: &&Decorated<TraversalOperator>| {
        matches!(operator.value(), TraversalOperator::GetAttr(_) | TraversalOperator::LegacyIndex(_))
    };
    operators.iter().take_while(inner).count()
}

fn binary_operator(operator: cst::BinaryOperator) -> BinaryOperator {
    match operator {
        cst::BinaryOperator::Eq => BinaryOperator::Equal,
        cst::BinaryOperator::NotEq => BinaryOperator::NotEqual,
        cst::BinaryOperator::Less => BinaryOperator::Less,
        cst::BinaryOperator::LessEq => BinaryOperator::LessOrEqual,
        cst::BinaryOperator::Greater => BinaryOperator::Greater,
        cst::BinaryOperator::GreaterEq => BinaryOperator::GreaterOrEqual,
        cst::BinaryOperator::Plus => BinaryOperator::Add,
        cst::BinaryOperator::Minus => BinaryOperator::Subtract,
        cst::BinaryOperator::Mul => BinaryOperator::Multiply,
        cst::BinaryOperator::Div => BinaryOperator::Divide,
        cst::BinaryOperator::Mod => BinaryOperator::Modulo,
        cst::BinaryOperator::And => BinaryOperator::And,
        cst::BinaryOperator::Or => BinaryOperator::Or,
    }
}
