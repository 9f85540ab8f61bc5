//! Object expressions and `for`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::ir::{Expr, For, Name, ObjectItem};
use super::{Run, failed, how_to_write};
use crate::diag::{Code, Diagnostic, Span};
use crate::value::{Entries, Number, Type, Value, convert};

/// What `for` walks over.
pub(super) struct Walk {
    /// Keys and values; `None` when they are not known.
    pub(super) elements: Option<Vec<(Value, Value)>>,
    /// Whether the collection as a whole is secret.
    pub(super) secret: bool,
}

impl Run<'_> {
    pub(super) fn object(&mut self, items: &[ObjectItem]) -> Value {
        let mut entries = Entries::new();
        let mut places: BTreeMap<Arc<str>, Span> = BTreeMap::new();
        let (mut secret, mut known) = (false, true);
        for item in items {
            let key = self.expr(&item.key);
            let value = self.expr(&item.value);
            secret |= key.is_secret();
            match self.key(&key, &item.key) {
                Some(key) => {
                    if let Some(earlier) = places.insert(key.clone(), item.key.span) {
                        self.duplicate(&key, item.key.span, Some(earlier), secret);
                    }
                    entries.insert(key, value);
                }
                None => known = false,
            }
        }
        if known { Value::from(entries).secret_if(secret) } else { failed().secret_if(secret) }
    }

    /// The text of a key; `None` when it is not known or was told to be wrong.
    fn key(&mut self, key: &Value, expr: &Expr) -> Option<Arc<str>> {
        match convert(key.reveal(), &Type::String) {
            Ok(Value::String(text)) => Some(text),
            Ok(Value::Unknown(_)) => None,
            Ok(_) => {
                self.fail(Diagnostic::error(Code::NULL_VALUE, "a key is null").at(expr.span));
                None
            }
            Err(error) => {
                self.fail(
                    Diagnostic::error(Code::WRONG_TYPE, format!("a key of an object: {error}"))
                        .at(expr.span)
                        .hint(how_to_write(&Type::String)),
                );
                None
            }
        }
    }

    fn duplicate(&mut self, key: &str, span: Span, earlier: Option<Span>, secret: bool) {
        let summary =
            if secret { "a key stands twice in the object".to_owned() } else { format!("the key {key:?} stands twice in the object") };
        let mut diagnostic = Diagnostic::error(Code::DUPLICATE_KEY, summary).at(span);
        diagnostic = match earlier {
            Some(earlier) => diagnostic.related(earlier, "first here"),
            None => diagnostic.hint("write `...` after the value to group the values of equal keys"),
        };
        self.fail(diagnostic);
    }

    pub(super) fn for_expr(&mut self, for_expr: &For, span: Span) -> Value {
        let Some(walk) = self.walk(&for_expr.collection) else { return failed() };
        let Some(elements) = walk.elements else { return failed().secret_if(walk.secret) };
        let mut output = Output { known: true, secret: walk.secret, ..Output::default() };
        let told = self.diagnostics.len();
        for (key, value) in elements {
            // What fails for one element mostly fails for all: told once.
            if self.diagnostics.len() > told || !self.spend(1, span) {
                break;
            }
            let depth = self.bind(for_expr.key.as_ref(), &for_expr.value, key, value);
            self.for_element(for_expr, &mut output);
            self.bound.truncate(depth);
        }
        if self.diagnostics.len() > told || !output.known {
            return failed().secret_if(output.secret);
        }
        let result = match (&for_expr.key_result, for_expr.grouping) {
            (None, _) => Value::Tuple(output.elements.into()),
            (Some(_), false) => Value::from(output.entries),
            (Some(_), true) => {
                let groups = output.groups.into_iter().map(|(key, values)| (key, Value::Tuple(values.into())));
                Value::from(groups.collect::<Entries>())
            }
        };
        result.secret_if(output.secret)
    }

    fn for_element(&mut self, for_expr: &For, output: &mut Output) {
        if let Some(condition) = &for_expr.condition {
            let keep = self.condition(condition, "the condition after `if`");
            output.secret |= keep.is_secret();
            match keep.reveal() {
                Value::Bool(true) => {}
                Value::Bool(false) => return,
                _ => output.known = false,
            }
        }
        let Some(key_expr) = &for_expr.key_result else {
            let value = self.expr(&for_expr.result);
            output.elements.push(value);
            return;
        };
        let key = self.expr(key_expr);
        output.secret |= key.is_secret();
        let value = self.expr(&for_expr.result);
        let Some(key) = self.key(&key, key_expr) else {
            output.known = false;
            return;
        };
        if for_expr.grouping {
            output.groups.entry(key).or_default().push(value);
        } else if output.entries.insert(key.clone(), value).is_some() {
            self.duplicate(&key, key_expr.span, None, output.secret);
        }
    }

    /// Binds the names of one round; gives the depth to go back to.
    pub(super) fn bind(&mut self, key_name: Option<&Name>, value_name: &Name, key: Value, value: Value) -> usize {
        let depth = self.bound.len();
        if let Some(name) = key_name {
            self.bound.push((name.clone(), key));
        }
        self.bound.push((value_name.clone(), value));
        depth
    }

    /// The keys and values to walk over; `None` after an error.
    pub(super) fn walk(&mut self, collection: &Expr) -> Option<Walk> {
        let value = self.expr(collection);
        let secret = value.is_secret();
        let elements = match value.reveal() {
            Value::List(elements) | Value::Tuple(elements) => {
                let numbered = elements.iter().enumerate();
                Some(numbered.map(|(index, value)| (Value::Number(Number::from(index)), value.clone())).collect())
            }
            Value::Set(elements) => Some(elements.iter().map(|value| (value.clone(), value.clone())).collect()),
            Value::Map(entries) | Value::Object(entries) => {
                Some(entries.iter().map(|(key, value)| (Value::String(key.clone()), value.clone())).collect())
            }
            Value::Unknown(unknown) if !unknown.ty.is_primitive() => None,
            Value::Null => {
                self.fail(
                    Diagnostic::error(Code::NULL_VALUE, "`for` cannot walk over null")
                        .at(collection.span)
                        .hint("use `coalesce(value, [])` if it may be null"),
                );
                return None;
            }
            scalar => {
                let summary = format!("`for` walks over lists, sets, maps and objects; this is {}", scalar.type_of().with_article());
                self.fail(Diagnostic::error(Code::WRONG_TYPE, summary).at(collection.span).hint("write `[value]` to walk over one value"));
                return None;
            }
        };
        Some(Walk { elements, secret })
    }
}

/// What the rounds of a `for` have given so far.
#[derive(Default)]
struct Output {
    elements: Vec<Value>,
    entries: Entries,
    groups: BTreeMap<Arc<str>, Vec<Value>>,
    known: bool,
    secret: bool,
}
