//! Evaluation of a block against its schema: unknown, missing and ill-typed attributes, defaults, sensitive marks, nested blocks.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diag::{Code, Diagnostic, Diagnostics, Span, nearest};
use crate::files::Files;
use crate::lang::{self, Evaluator, Expr, Scope};
use crate::provider::Body;
use crate::schema::{Attribute, AttributeType, BlockSchema, Count, Presence};
use crate::value::{Entries, Type, Value};

use super::toplevel::labelled;

/// How a block is read.
pub struct Reader<'a> {
    /// Names in its expressions.
    pub scope: &'a dyn Scope,
    /// Files in its expressions.
    pub files: &'a dyn Files,
    /// What the block is called in messages: `cluster "shop"`.
    pub what: &'a str,
}

/// Attributes and blocks that the caller reads itself.
#[derive(Clone, Copy, Default)]
pub struct Handled<'a> {
    /// Meta-arguments: `for_each`, `depends_on`, …
    pub attributes: &'a [&'a str],
    /// Nested blocks.
    pub blocks: &'a [&'a str],
    /// Attributes and blocks that have been refused already, and that no hint should offer.
    pub refused: &'a [&'a str],
}

/// What an expression gives an attribute.
enum Given {
    /// A value that it may have.
    Value(Value),
    /// Null: as if it were not written.
    Null,
    /// Something that was refused, which has been told.
    Refused,
}

/// Stands for what was meant to be there and could not be read: it is not missed, and what depends on it is not judged.
fn unread() -> Value {
    Value::unknown(Type::Any)
}

impl Reader<'_> {
    /// Reads a block by the union of some schemas. What could not be read of it is an unknown value.
    pub fn read(
        &self,
        body: &lang::Body,
        span: Span,
        schemas: &[&'static BlockSchema],
        handled: Handled<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Body {
        let mut spans = BTreeMap::new();
        let entries = self.entries(body, span, schemas, handled, "", &mut spans, diagnostics);
        Body { value: Value::from(entries), span: Some(span), spans: spans.into_iter().collect() }
    }

    /// One expression, by its type.
    pub fn expression(&self, expr: &Expr, attribute: &Attribute, diagnostics: &mut Diagnostics) -> Option<Value> {
        match self.given(expr, attribute, diagnostics) {
            Given::Value(value) => Some(value),
            Given::Null | Given::Refused => None,
        }
    }

    fn given(&self, expr: &Expr, attribute: &Attribute, diagnostics: &mut Diagnostics) -> Given {
        let (value, found) = Evaluator::new(self.scope, self.files).evaluate_as(expr, &attribute.ty.constraint());
        let failed = found.has_errors();
        diagnostics.extend(found);
        // Of a value with parts those without faults are judged; the others are unknown.
        if failed && attribute.ty != AttributeType::Any {
            return Given::Refused;
        }
        if value.is_null() {
            return Given::Null;
        }
        self.allowed(value, expr.span, attribute, diagnostics).map_or(Given::Refused, Given::Value)
    }

    /// Marks and unknowns that the attribute may not have.
    fn allowed(&self, value: Value, span: Span, attribute: &Attribute, diagnostics: &mut Diagnostics) -> Option<Value> {
        let name = attribute.name;
        if attribute.ty == AttributeType::Any {
            return Some(value);
        }
        if value.contains_unknown() {
            diagnostics.push(
                Diagnostic::error(Code::UNKNOWN_NOT_ALLOWED, format!("`{name}` of {} is not known before apply", self.what))
                    .at(span)
                    .detail("Whether and how machines change must be known when the plan is reviewed.")
                    .hint("values that only a living cluster has may stand in outputs and, whole, in objects of layers"),
            );
            return None;
        }
        if value.contains_secret() && !attribute.sensitive {
            diagnostics.push(
                Diagnostic::error(Code::SECRET_NOT_ALLOWED, format!("`{name}` of {} would show a sensitive value", self.what))
                    .at(span)
                    .hint("put the value into a v1 Secret of a layer or into an attribute that is sensitive itself; `nonsensitive()` declares it harmless"),
            );
            return None;
        }
        if attribute.ty == AttributeType::Integer && value.reveal().as_i64().is_none() {
            diagnostics.push(
                Diagnostic::error(Code::WRONG_TYPE, format!("`{name}` of {} must be a whole number", self.what))
                    .at(span)
                    .hint("write it without a fraction, such as `3`"),
            );
            return None;
        }
        Some(value.secret_if(attribute.sensitive))
    }

    #[expect(clippy::too_many_arguments, reason = "the recursion carries the place in the block beside what it fills")]
    fn entries(
        &self,
        body: &lang::Body,
        span: Span,
        schemas: &[&'static BlockSchema],
        handled: Handled<'_>,
        prefix: &str,
        spans: &mut BTreeMap<String, Span>,
        diagnostics: &mut Diagnostics,
    ) -> Entries {
        let mut entries = Entries::new();
        for written in &body.attributes {
            let name = &*written.name;
            if handled.attributes.contains(&name) || handled.refused.contains(&name) {
                continue;
            }
            match schemas.iter().find_map(|schema| schema.attribute(name)) {
                Some(attribute) => {
                    spans.insert(format!("{prefix}{name}"), written.expr.span);
                    match self.given(&written.expr, attribute, diagnostics) {
                        Given::Value(value) => drop(entries.insert(Arc::from(name), value)),
                        Given::Refused => drop(entries.insert(Arc::from(name), unread())),
                        Given::Null => {}
                    }
                }
                None => diagnostics.push(self.unknown_attribute(written, schemas, handled)),
            }
        }
        for attribute in schemas.iter().flat_map(|schema| schema.attributes) {
            if entries.contains_key(attribute.name) {
                continue;
            }
            // Written and null is as good as not written.
            let null = body.attribute(attribute.name);
            match attribute.presence {
                _ if null.is_none() && meant(body, attribute.name, schemas, handled) => {
                    entries.insert(Arc::from(attribute.name), unread());
                }
                Presence::Default(text) => {
                    entries.insert(Arc::from(attribute.name), default_value(text, attribute.ty));
                }
                Presence::Required if !handled.attributes.contains(&attribute.name) => {
                    diagnostics.push(
                        Diagnostic::error(Code::MISSING_ATTRIBUTE, format!("{} lacks `{}`", self.what, attribute.name))
                            .at(null.map_or(span, |written| written.expr.span))
                            .detail(attribute.doc)
                            .hint(format!("add `{} = …` ({})", attribute.name, attribute.ty.word())),
                    );
                    entries.insert(Arc::from(attribute.name), unread());
                }
                Presence::Required | Presence::Optional => {}
            }
        }
        self.nested(body, span, schemas, handled, prefix, spans, &mut entries, diagnostics);
        entries
    }

    #[expect(clippy::too_many_arguments, reason = "the other half of `entries`")]
    fn nested(
        &self,
        body: &lang::Body,
        span: Span,
        schemas: &[&'static BlockSchema],
        handled: Handled<'_>,
        prefix: &str,
        spans: &mut BTreeMap<String, Span>,
        entries: &mut Entries,
        diagnostics: &mut Diagnostics,
    ) {
        let mut found: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for block in &body.blocks {
            let kind = &*block.kind;
            if handled.blocks.contains(&kind) || handled.refused.contains(&kind) {
                continue;
            }
            let Some(nested) = schemas.iter().find_map(|schema| schema.block(kind)) else {
                diagnostics.push(self.unknown_block(block, schemas, handled));
                continue;
            };
            if !labelled(block, nested.labels, diagnostics) {
                continue;
            }
            let values = found.entry(nested.name).or_default();
            if nested.count != Count::Many && !values.is_empty() {
                diagnostics.push(
                    Diagnostic::error(Code::DUPLICATE_BLOCK, format!("{} may have one `{kind}` block only", self.what))
                        .at(block.header_span),
                );
                continue;
            }
            let inner = match nested.count {
                Count::Many => format!("{prefix}{kind}[{}].", values.len()),
                Count::One | Count::Optional => format!("{prefix}{kind}."),
            };
            spans.insert(inner.trim_end_matches('.').to_owned(), block.header_span);
            let what = format!("`{kind}` of {}", self.what);
            let reader = Reader { scope: self.scope, files: self.files, what: &what };
            let mut value = reader.entries(&block.body, block.header_span, &[nested.body], Handled::default(), &inner, spans, diagnostics);
            for (label, text) in nested.labels.iter().zip(&block.labels) {
                value.insert(Arc::from(*label), Value::string(&text.text));
            }
            values.push(Value::from(value));
        }
        for nested in schemas.iter().flat_map(|schema| schema.blocks) {
            match (found.remove(nested.name), nested.count) {
                (Some(values), Count::Many) => {
                    entries.insert(Arc::from(nested.name), Value::tuple(values));
                }
                (Some(values), _) => {
                    entries.extend(values.into_iter().next().map(|value| (Arc::from(nested.name), value)));
                }
                (None, _) if meant_block(body, nested.name, schemas, handled) => {
                    entries.insert(Arc::from(nested.name), unread());
                }
                (None, Count::One) if !handled.blocks.contains(&nested.name) => {
                    diagnostics.push(
                        Diagnostic::error(Code::MISSING_BLOCK, format!("{} lacks a `{}` block", self.what, nested.name))
                            .at(span)
                            .detail(nested.doc)
                            .hint(format!("add `{} {{ … }}`", nested.name)),
                    );
                    entries.insert(Arc::from(nested.name), unread());
                }
                (None, _) => {}
            }
        }
    }

    fn unknown_attribute(&self, written: &lang::Attribute, schemas: &[&'static BlockSchema], handled: Handled<'_>) -> Diagnostic {
        let name = &*written.name;
        let error = Diagnostic::error(Code::UNKNOWN_ATTRIBUTE, format!("{} has no attribute `{name}`", self.what)).at(written.name_span);
        if schemas.iter().any(|schema| schema.block(name).is_some()) || handled.blocks.contains(&name) {
            return error.hint(format!("`{name}` is a block: write `{name} {{ … }}` without `=`"));
        }
        let known =
            schemas.iter().flat_map(|schema| schema.attributes).map(|attribute| attribute.name).chain(handled.attributes.iter().copied());
        let known: Vec<&str> = known.collect();
        match nearest(name, known.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("attributes are {}", sorted(&known).join(", "))),
        }
    }

    fn unknown_block(&self, block: &lang::Block, schemas: &[&'static BlockSchema], handled: Handled<'_>) -> Diagnostic {
        let kind = &*block.kind;
        let error = Diagnostic::error(Code::UNKNOWN_BLOCK, format!("{} has no `{kind}` block", self.what)).at(block.kind_span);
        if kind == "dynamic" {
            return Diagnostic::error(Code::NOT_YET, "`dynamic` blocks are not supported by this release yet")
                .at(block.kind_span)
                .hint("write each of its blocks out; a `cluster` or `cloud` is repeated by `for_each`");
        }
        if schemas.iter().any(|schema| schema.attribute(kind).is_some()) {
            return error.hint(format!("`{kind}` is an attribute: write `{kind} = …`"));
        }
        let known: Vec<&str> =
            schemas.iter().flat_map(|schema| schema.blocks).map(|nested| nested.name).chain(handled.blocks.iter().copied()).collect();
        match nearest(kind, known.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None if known.is_empty() => error,
            None => error.hint(format!("blocks are {}", sorted(&known).join(", "))),
        }
    }
}

/// Whether an attribute that does not exist was told to be this one, misspelt.
fn meant(body: &lang::Body, name: &str, schemas: &[&'static BlockSchema], handled: Handled<'_>) -> bool {
    let own = schemas.iter().flat_map(|schema| schema.attributes).map(|attribute| attribute.name);
    is_misspelt(body.attributes.iter().map(|written| &*written.name), name, own.chain(handled.attributes.iter().copied()), handled)
}

/// The same for a nested block.
fn meant_block(body: &lang::Body, name: &str, schemas: &[&'static BlockSchema], handled: Handled<'_>) -> bool {
    let own = schemas.iter().flat_map(|schema| schema.blocks).map(|nested| nested.name);
    is_misspelt(body.blocks.iter().map(|block| &*block.kind), name, own.chain(handled.blocks.iter().copied()), handled)
}

/// Whether a written word that is none of the known ones is nearest to this one of them.
fn is_misspelt<'w>(
    mut written: impl Iterator<Item = &'w str>,
    name: &str,
    known: impl Iterator<Item = &'w str> + Clone,
    handled: Handled<'_>,
) -> bool {
    let foreign = |word: &str| known.clone().all(|known| known != word) && !handled.refused.contains(&word);
    written.any(|word| foreign(word) && nearest(word, known.clone()) == Some(name))
}

fn sorted<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    names
}

/// The value of a default in a schema: HCL's literals.
pub fn default_value(text: &str, ty: AttributeType) -> Value {
    match ty {
        AttributeType::Bool => Value::Bool(text == "true"),
        AttributeType::Integer => text.parse::<i64>().map_or(Value::Null, Value::from),
        AttributeType::Strings => Value::list(text.split(',').map(str::trim).filter(|item| !item.is_empty())),
        AttributeType::StringMap => Value::map::<&str, Value>([]),
        AttributeType::String | AttributeType::Any | AttributeType::Reference => Value::string(text),
    }
}
