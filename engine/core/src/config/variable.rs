//! Variables: declarations, values from files, environment and command line, conversion, sensitivity.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diag::{Code, Diagnostic, Diagnostics, SourceMap, Span, nearest};
use crate::files::Files;
use crate::lang::{self, Body, Evaluator, Names, Scope, type_constraint};
use crate::value::{Type, Value, convert};

use super::block::{Handled, Reader};
use super::schema;

/// A value given to a variable from outside of the module.
#[derive(Clone)]
pub struct VariableInput {
    /// Its name.
    pub name: String,
    /// What was given.
    pub text: VariableText,
    /// Where it came from, for messages: `-var`, `WL_VAR_size`, `prod.wlvars.hcl`.
    pub origin: String,
    /// What an undeclared name means.
    pub kind: VariableOrigin,
}

/// The form in which a value is given.
#[derive(Clone)]
pub enum VariableText {
    /// Text of the command line or environment: taken as it is for a `string`, read as an expression for other types.
    Raw(String),
    /// An expression of a file.
    Expression(lang::Expr),
    /// A value of a JSON file.
    Value(Value),
}

/// What an undeclared name means, by where it came from (Terraform's rules).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum VariableOrigin {
    /// Environment: ignored.
    Environment,
    /// File: a warning.
    File,
    /// Command line: an error.
    CommandLine,
}

/// Reads a file of variable values.
pub fn parse_variable_file(sources: &mut SourceMap, name: &str, bytes: &[u8]) -> (Vec<VariableInput>, Diagnostics) {
    if name.ends_with(".json") {
        return parse_json(name, bytes);
    }
    let (body, mut diagnostics) = lang::parse(sources, name, bytes);
    sources.hide_last();
    for block in &body.blocks {
        diagnostics.push(
            Diagnostic::error(Code::UNKNOWN_BLOCK, format!("{name} holds a `{}` block", block.kind))
                .at(block.kind_span)
                .hint("a file of variable values has only lines `name = value`; blocks stand in `*.wl.hcl` files"),
        );
    }
    for called in body.attributes.iter().filter_map(|attribute| lang::first_call(&attribute.expr)) {
        diagnostics.push(
            Diagnostic::error(Code::NOT_STATIC, "a function is called in a file of values")
                .at(called)
                .detail("Values of variables are plain data: functions cannot be called there.")
                .hint("give the plain value, and call the function in a `locals` block"),
        );
    }
    let inputs = body
        .attributes
        .into_iter()
        .map(|attribute| VariableInput {
            name: attribute.name.to_string(),
            text: VariableText::Expression(attribute.expr),
            origin: name.to_owned(),
            kind: VariableOrigin::File,
        })
        .collect();
    (inputs, diagnostics)
}

fn parse_json(name: &str, bytes: &[u8]) -> (Vec<VariableInput>, Diagnostics) {
    match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(bytes) {
        Ok(entries) => {
            let input = |(key, value): (String, serde_json::Value)| VariableInput {
                name: key,
                text: VariableText::Value(Value::from_json(&value)),
                origin: name.to_owned(),
                kind: VariableOrigin::File,
            };
            (entries.into_iter().map(input).collect(), Diagnostics::new())
        }
        // serde_json's own text may quote the content, which may be a secret: only the place is told.
        Err(error) => (
            Vec::new(),
            Diagnostic::error(
                Code::SYNTAX,
                format!("{name}:{}:{}: not a JSON object of variable values", error.line(), error.column().max(1)),
            )
            .hint("write one object of names and values: `{\"size\": 3}`")
            .into(),
        ),
    }
}

/// The variables of a module or profile, evaluated.
pub type Variables = BTreeMap<Arc<str>, Value>;

/// Makes `var.*` known.
pub fn name(variables: &Variables, names: &mut Names<'_>) {
    names.group("var", "input variable");
    for (variable, value) in variables {
        names.set_entry("var", variable.clone(), value.clone());
    }
}

/// Evaluates the `variable` blocks of a body with the values given.
pub fn evaluate(
    body: &Body,
    inputs: &[VariableInput],
    files: &dyn Files,
    scope: &dyn Scope,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Variables {
    let mut given: BTreeMap<&str, &VariableInput> = BTreeMap::new();
    for input in inputs {
        given.insert(&input.name, input);
    }
    let mut variables = Variables::new();
    for block in body.blocks_of("variable") {
        let Some(name) = block.label(0) else { continue };
        let what = format!("variable {:?}", &**name);
        let reader = Reader { scope, files, what: &what };
        let handled = Handled { attributes: &["type", "default"], blocks: &[], refused: &["validation"] };
        let settings = reader.read(&block.body, block.header_span, &[&schema::VARIABLE], handled, diagnostics);
        for validation in block.body.blocks_of("validation") {
            diagnostics.push(
                Diagnostic::error(Code::NOT_YET, "`validation` blocks are not supported by this release yet")
                    .at(validation.header_span)
                    .hint("remove the block"),
            );
        }
        let flag = |key: &str| settings.value.get(key).and_then(Value::as_bool).unwrap_or_default();
        let (sensitive, nullable) = (flag("sensitive"), flag("nullable"));
        let ty = match block.body.attribute("type") {
            Some(attribute) => {
                let (ty, found) = type_constraint(&attribute.expr);
                diagnostics.extend(found);
                ty
            }
            None => Type::Any,
        };
        let default = block.body.attribute("default").map(|attribute| {
            let (value, found) = Evaluator::new(scope, files).evaluate_as(&attribute.expr, &ty);
            // The line of a sensitive default is not shown.
            let span = if sensitive { block.header_span } else { attribute.expr.span };
            diagnostics.extend(if sensitive { unseen(found, &format!("the default of {what}"), Some(span), &ty) } else { found });
            if value.is_null() && !nullable {
                let fault = Diagnostic::error(Code::NULL_VALUE, format!("{what} may not be null, and its default is null"));
                diagnostics.push(fault.at(span).hint("give another default or none, or take `nullable = false` away"));
                return Value::unknown(ty.clone());
            }
            value
        });
        let declared = Declared { name, span: block.header_span, ty: &ty, sensitive, what: &what };
        let value = match given.remove(&**name) {
            Some(input) => declared.given(input, files, scope, sources, diagnostics),
            None => default.clone().unwrap_or_else(|| {
                diagnostics.push(declared.missing());
                Value::unknown(ty.clone())
            }),
        };
        let value = match (value.is_null(), nullable, default) {
            (true, false, Some(default)) => default,
            (true, false, None) => {
                diagnostics.push(Diagnostic::error(Code::NULL_VALUE, format!("{what} may not be null")).at(block.header_span));
                Value::unknown(ty.clone())
            }
            _ => value,
        };
        variables.insert(name.clone(), value.secret_if(sensitive));
    }
    let names: Vec<&str> = variables.keys().map(|name| &**name).collect();
    for input in given.into_values().filter(|input| !body.may_hold("variable", &[input.name.as_str()])) {
        undeclared(input, &names, diagnostics);
    }
    variables
}

/// Faults in a sensitive value, without the texts and keys that it is made of; all at `span`, if one is given.
fn unseen(found: Diagnostics, what: &str, span: Option<Span>, ty: &Type) -> Diagnostics {
    let told = |fault: Diagnostic| Diagnostic {
        summary: format!("{what} has a fault, and is sensitive"),
        detail: fault.code.meaning().to_owned(),
        primary: span.or(fault.primary),
        related: Vec::new(),
        hint: (fault.code == Code::WRONG_TYPE && *ty != Type::Any).then(|| lang::how_to_write(ty)),
        ..fault
    };
    found.into_iter().map(told).collect()
}

fn undeclared(input: &VariableInput, names: &[&str], diagnostics: &mut Diagnostics) {
    let summary = format!("{} gives a value to variable {:?}, which is not declared", input.origin, input.name);
    let mut diagnostic = match input.kind {
        VariableOrigin::Environment => return,
        VariableOrigin::File => Diagnostic::warning(Code::UNKNOWN_NAME, summary),
        VariableOrigin::CommandLine => Diagnostic::error(Code::UNKNOWN_NAME, summary),
    };
    if let VariableText::Expression(expr) = &input.text {
        diagnostic.primary = Some(expr.span);
    }
    diagnostics.push(match nearest(&input.name, names.iter().copied()) {
        Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
        None => diagnostic.hint(format!("declare it: variable {:?} {{ }}", input.name)),
    });
}

struct Declared<'a> {
    name: &'a str,
    span: Span,
    ty: &'a Type,
    sensitive: bool,
    what: &'a str,
}

impl Declared<'_> {
    fn missing(&self) -> Diagnostic {
        Diagnostic::error(Code::MISSING_VARIABLE, format!("{} has no value", self.what)).at(self.span).hint(format!(
            "give one with -var '{name}=…', in windlass.wlvars.hcl or as WL_VAR_{name}, or declare a default",
            name = self.name
        ))
    }

    fn given(
        &self,
        input: &VariableInput,
        files: &dyn Files,
        scope: &dyn Scope,
        sources: &mut SourceMap,
        diagnostics: &mut Diagnostics,
    ) -> Value {
        let (value, span) = match &input.text {
            VariableText::Raw(text) if matches!(self.ty, Type::String | Type::Any) => (Value::string(text), None),
            VariableText::Raw(text) => {
                // Without this, an error message would show the line of a sensitive value.
                let shown = if self.sensitive { "(sensitive)" } else { text };
                match self.expression(text, shown, input, files, scope, sources, diagnostics) {
                    Some(value) => (value, None),
                    None => return Value::unknown(self.ty.clone()),
                }
            }
            VariableText::Value(value) => (value.clone(), None),
            VariableText::Expression(expr) => {
                let (value, found) = Evaluator::new(scope, files).evaluate(expr);
                let given = || format!("the value that {} gives to {}", input.origin, self.what);
                diagnostics.extend(if self.sensitive { unseen(found, &given(), None, self.ty) } else { found });
                (value, Some(expr.span))
            }
        };
        match convert(&value, self.ty) {
            Ok(value) => value,
            Err(error) => {
                let detail = if self.sensitive { String::new() } else { error.to_string() };
                let mut diagnostic = Diagnostic::error(
                    Code::WRONG_TYPE,
                    format!("the value that {} gives to {} is not a {}", input.origin, self.what, self.ty),
                )
                .detail(detail)
                .hint(lang::how_to_write(self.ty));
                diagnostic.primary = span.filter(|_| !self.sensitive).or(Some(self.span));
                diagnostics.push(diagnostic);
                Value::unknown(self.ty.clone())
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "evaluation needs names, files and a place for errors")]
    fn expression(
        &self,
        text: &str,
        shown: &str,
        input: &VariableInput,
        files: &dyn Files,
        scope: &dyn Scope,
        sources: &mut SourceMap,
        diagnostics: &mut Diagnostics,
    ) -> Option<Value> {
        let mut apart = SourceMap::default();
        let map = if self.sensitive { &mut apart } else { sources };
        let (body, found) = lang::parse(map, &format!("<{}>", input.origin), format!("value = {text}\n").as_bytes());
        let bad = |detail: String| {
            Diagnostic::error(Code::WRONG_TYPE, format!("{} is no {} for {}: {shown}", input.origin, self.ty, self.what))
                .at(self.span)
                .detail(detail)
                .hint("values of other types than string are written as in HCL: -var 'sizes=[1, 2]'")
        };
        let Some(attribute) =
            body.attributes.first().filter(|_| !found.has_errors() && body.blocks.is_empty() && body.attributes.len() == 1)
        else {
            diagnostics.push(bad(String::new()));
            return None;
        };
        if lang::first_call(&attribute.expr).is_some() {
            diagnostics.push(bad("Values of variables are plain data: functions cannot be called there.".to_owned()));
            return None;
        }
        let (value, found) = Evaluator::new(scope, files).evaluate(&attribute.expr);
        if found.has_errors() {
            let detail =
                if self.sensitive { String::new() } else { found.iter().map(|d| d.summary.as_str()).collect::<Vec<_>>().join("; ") };
            diagnostics.push(bad(detail));
            return None;
        }
        Some(value)
    }
}
