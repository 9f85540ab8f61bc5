//! Steps into values: attributes, indices, splats.

use std::sync::Arc;

use super::super::ir::{Expr, ExprKind, Step, StepKind, Traversal};
use super::super::scope::Root;
use super::{Run, failed};
use crate::diag::{Code, Diagnostic, Span};
use crate::value::{Type, Unknown, Value, convert};

/// How many splats may stand inside one another.
const MAX_SPLATS: usize = 64;

impl Run<'_> {
    pub(super) fn traversal(&mut self, traversal: &Traversal, span: Span) -> Value {
        let splats = traversal.steps.iter().filter(|step| matches!(step.kind, StepKind::Splat | StepKind::AttributeSplat { .. }));
        if splats.count() > MAX_SPLATS {
            return self
                .fail(Diagnostic::error(Code::EVALUATION_LIMIT, format!("more than {MAX_SPLATS} splats in one expression")).at(span));
        }
        let (value, steps) = match &traversal.base.kind {
            ExprKind::Variable(name) if !self.bound.iter().any(|(bound, _)| bound == name) => {
                let scope = self.scope;
                match scope.root(name) {
                    Some(Root::Group(group)) => {
                        let Some((first, rest)) = traversal.steps.split_first() else { return failed() };
                        let Some(key) = self.entry_name(first, group.noun) else { return failed() };
                        match group.entries.get(&*key) {
                            Some(value) => (value.clone(), rest),
                            None if group.open => return failed(),
                            None => return self.missing_entry(&traversal.base, first, &key, group.noun),
                        }
                    }
                    Some(Root::Value(value)) => (value.clone(), traversal.steps.as_slice()),
                    // Told by the check of names.
                    None => return failed(),
                }
            }
            _ => (self.expr(&traversal.base), traversal.steps.as_slice()),
        };
        self.steps(value, steps)
    }

    /// The name of an entry of a group, from `.name` or `["name"]`.
    fn entry_name(&mut self, step: &Step, noun: &str) -> Option<Arc<str>> {
        match &step.kind {
            StepKind::Attribute(name) => Some(name.clone()),
            StepKind::Index(index) => {
                let value = self.expr_as(index, &Type::String, "the name");
                match value {
                    Value::String(name) => Some(name),
                    Value::Unknown(_) => None,
                    _ => {
                        self.fail(
                            Diagnostic::error(Code::INVALID_INDEX, format!("the name of the {noun} must be a plain string")).at(step.span),
                        );
                        None
                    }
                }
            }
            StepKind::Splat | StepKind::AttributeSplat { .. } => {
                self.fail(
                    Diagnostic::error(Code::UNKNOWN_NAME, format!("`*` cannot stand for every {noun}"))
                        .at(step.span)
                        .hint("name them one by one in a list"),
                );
                None
            }
        }
    }

    fn missing_entry(&mut self, base: &Expr, step: &Step, key: &str, noun: &str) -> Value {
        // A constant name was told by the check of names.
        let constant = match &step.kind {
            StepKind::Index(index) => index.as_literal_str().is_some(),
            _ => true,
        };
        if constant {
            return failed();
        }
        self.fail(Diagnostic::error(Code::UNKNOWN_NAME, format!("there is no {noun} `{key}`")).at(base.span.to(step.span)))
    }

    fn steps(&mut self, mut value: Value, steps: &[Step]) -> Value {
        let mut rest = steps;
        while let Some((step, after)) = rest.split_first() {
            if !self.spend(1, step.span) {
                return failed();
            }
            match &step.kind {
                StepKind::Attribute(name) => {
                    value = self.attribute(&value, name, step.span);
                    rest = after;
                }
                StepKind::Index(index) => {
                    let key = self.expr(index);
                    value = self.index(&value, &key, step.span);
                    rest = after;
                }
                StepKind::Splat => return self.splat(value, after, step.span),
                StepKind::AttributeSplat { inner } => {
                    let (inner, outer) = after.split_at_checked(*inner).unwrap_or((after, &[]));
                    value = self.splat(value, inner, step.span);
                    rest = outer;
                }
            }
        }
        value
    }

    fn splat(&mut self, value: Value, steps: &[Step], span: Span) -> Value {
        match value {
            Value::Null => Value::Tuple(Arc::from([])),
            Value::Secret(inner) => {
                let result = self.splat(Value::clone(&inner), steps, span);
                Value::secret(result)
            }
            Value::Unknown(_) => failed(),
            Value::Tuple(elements) => Value::Tuple(self.each(&elements, steps, span)),
            Value::List(elements) | Value::Set(elements) => {
                let results = self.each(&elements, steps, span);
                convert(&Value::Tuple(results.clone()), &Type::list(Type::Any)).unwrap_or(Value::Tuple(results))
            }
            single => Value::Tuple(self.each(&[single], steps, span)),
        }
    }

    /// The steps into each element; stops at the first element that fails, so that a fault is told once.
    fn each(&mut self, elements: &[Value], steps: &[Step], span: Span) -> Arc<[Value]> {
        let told = self.diagnostics.len();
        let mut results = Vec::with_capacity(elements.len());
        for element in elements {
            if self.diagnostics.len() > told || !self.spend(1, span) {
                break;
            }
            results.push(self.steps(element.clone(), steps));
        }
        results.into()
    }

    fn attribute(&mut self, value: &Value, name: &str, span: Span) -> Value {
        match value {
            Value::Secret(inner) => self.inside_secret(|run| run.attribute(inner, name, span)),
            Value::Object(entries) => match entries.get(name) {
                Some(found) => found.clone(),
                None => {
                    let mut diagnostic = Diagnostic::error(Code::UNKNOWN_ATTRIBUTE, format!("there is no attribute `{name}`"))
                        .at(span)
                        .did_you_mean(name, entries.keys().map(|key| &**key));
                    if diagnostic.hint.is_none() {
                        diagnostic.hint = Some(known_keys(entries.keys().map(|key| &**key)));
                    }
                    self.fail(diagnostic)
                }
            },
            Value::Map(entries) => match entries.get(name) {
                Some(found) => found.clone(),
                None => self.fail(
                    Diagnostic::error(Code::INVALID_INDEX, format!("the map has no key `{name}`"))
                        .at(span)
                        .hint(format!("use `lookup(map, \"{name}\", default)` if it may be missing")),
                ),
            },
            Value::Unknown(unknown) => self.attribute_of_unknown(unknown, name, span),
            Value::Null => self.fail(
                Diagnostic::error(Code::NULL_VALUE, format!("null has no attribute `{name}`"))
                    .at(span)
                    .hint("use `try(…, default)` if the value may be null"),
            ),
            Value::List(_) | Value::Set(_) | Value::Tuple(_) => self.fail(
                Diagnostic::error(Code::WRONG_TYPE, format!("{} has no attributes", value.type_of().with_article()))
                    .at(span)
                    .hint(format!("`[*].{name}` takes the attribute of every element, `[0].{name}` that of the first")),
            ),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.fail(Diagnostic::error(Code::WRONG_TYPE, format!("{} has no attributes", value.type_of().with_article())).at(span))
            }
        }
    }

    /// A step into a secret: the result is secret, and a fault tells neither keys nor lengths.
    fn inside_secret(&mut self, step: impl FnOnce(&mut Self) -> Value) -> Value {
        let (value, found) = self.apart(step);
        for diagnostic in found {
            let summary = "this step leads nowhere in a sensitive value";
            self.diagnostics.push(Diagnostic { summary: summary.into(), hint: None, ..diagnostic });
        }
        value.hidden_part()
    }

    /// A step that goes by a secret: the result is secret, and a fault does not tell what was looked for.
    fn by_secret(&mut self, step: impl FnOnce(&mut Self) -> Value) -> Value {
        let (value, found) = self.apart(step);
        for diagnostic in found {
            let summary = "the index is sensitive, and nothing is found by it";
            self.diagnostics.push(Diagnostic { summary: summary.into(), detail: String::new(), hint: None, ..diagnostic });
        }
        Value::secret(value)
    }

    fn attribute_of_unknown(&mut self, unknown: &Unknown, name: &str, span: Span) -> Value {
        let ty = match &unknown.ty {
            Type::Any => Type::Any,
            Type::Map(element) => Type::clone(element),
            Type::Object(attributes) => match attributes.get(name) {
                Some(attribute) => attribute.ty.clone(),
                None => {
                    return self.fail(
                        Diagnostic::error(Code::UNKNOWN_ATTRIBUTE, format!("there is no attribute `{name}`"))
                            .at(span)
                            .did_you_mean(name, attributes.keys().map(|key| &**key)),
                    );
                }
            },
            other => {
                return self.fail(Diagnostic::error(Code::WRONG_TYPE, format!("{} has no attributes", other.with_article())).at(span));
            }
        };
        match &unknown.reference {
            Some(reference) => Value::unknown_reference(ty, format!("{reference}.{name}")),
            None => Value::unknown(ty),
        }
    }

    pub(super) fn index(&mut self, value: &Value, key: &Value, span: Span) -> Value {
        if let Value::Secret(key) = key {
            return self.by_secret(|run| run.index(value, key, span));
        }
        match value {
            Value::Secret(inner) => self.inside_secret(|run| run.index(inner, key, span)),
            Value::Unknown(unknown) => match &unknown.ty {
                Type::List(element) | Type::Map(element) => Value::unknown(Type::clone(element)),
                Type::Any | Type::Tuple(_) | Type::Object(_) => failed(),
                other => {
                    self.fail(Diagnostic::error(Code::INVALID_INDEX, format!("{} has no elements to pick", other.with_article())).at(span))
                }
            },
            Value::List(elements) | Value::Tuple(elements) => match self.position(key, span) {
                Some(position) => match elements.get(position) {
                    Some(element) => element.clone(),
                    None => self.fail(
                        Diagnostic::error(
                            Code::INVALID_INDEX,
                            match elements.len() {
                                0 => format!("there is no element {position}: the list is empty"),
                                len => format!("there is no element {position}: the list has {len}, counted from 0"),
                            },
                        )
                        .at(span),
                    ),
                },
                None => failed(),
            },
            Value::Map(_) | Value::Object(_) => match convert(key, &Type::String) {
                Ok(Value::String(name)) => self.attribute(value, &name, span),
                Ok(Value::Unknown(_)) => match value.type_of() {
                    Type::Map(element) => Value::unknown(Type::clone(&element)),
                    _ => failed(),
                },
                Ok(_) => self.fail(Diagnostic::error(Code::NULL_VALUE, "the key is null").at(span)),
                Err(error) => self.fail(Diagnostic::error(Code::INVALID_INDEX, format!("the key: {error}")).at(span)),
            },
            Value::Set(_) => self.fail(
                Diagnostic::error(Code::INVALID_INDEX, "a set has no order, so no element can be picked by its position")
                    .at(span)
                    .hint("use `tolist(set)[0]`, or `one(set)` for a set of one element"),
            ),
            Value::Null => self.fail(
                Diagnostic::error(Code::NULL_VALUE, "null has no elements").at(span).hint("use `try(…, default)` if the value may be null"),
            ),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => self.fail(
                Diagnostic::error(Code::INVALID_INDEX, format!("{} has no elements to pick", value.type_of().with_article())).at(span),
            ),
        }
    }

    /// A position in a list; `None` when it is not known or was told to be wrong.
    fn position(&mut self, key: &Value, span: Span) -> Option<usize> {
        let message = match convert(key, &Type::Number) {
            Ok(Value::Number(number)) => match number.to_usize() {
                Some(position) => return Some(position),
                None if number.is_integer() && number.is_negative() => {
                    self.fail(
                        Diagnostic::error(Code::INVALID_INDEX, "an index is below 0")
                            .at(span)
                            .hint("the last element is `list[length(list) - 1]`"),
                    );
                    return None;
                }
                None => "an index must be a whole number".to_owned(),
            },
            Ok(Value::Unknown(_)) => return None,
            Ok(_) => "the index is null".to_owned(),
            Err(error) => format!("the index: {error}"),
        };
        self.fail(Diagnostic::error(Code::INVALID_INDEX, message).at(span));
        None
    }
}

/// A short list of what is there.
fn known_keys<'k>(keys: impl Iterator<Item = &'k str>) -> String {
    let keys: Vec<&str> = keys.collect();
    match keys.len() {
        0 => "it has no attributes".to_owned(),
        1..=12 => format!("it has {}", keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")),
        many => format!("it has {many} other attributes"),
    }
}
