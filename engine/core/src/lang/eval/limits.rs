//! Limits that keep a hostile or mistaken configuration from eating time and memory: nothing else in the language bounds
//! evaluation.

use super::{Run, failed};
use crate::diag::{Code, Diagnostic, Span};
use crate::value::Value;

/// How much one expression may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Steps: one for each node evaluated, element visited, or 64 bytes of text made.
    pub steps: u64,
    /// Parts of a result, counted as often as they appear in it.
    pub parts: u64,
    /// Collections in collections of a result.
    pub depth: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { steps: 5_000_000, parts: 2_000_000, depth: 256 }
    }
}

impl Run<'_> {
    /// Takes steps from what is left. False, and told once, when there are not enough.
    pub(in crate::lang) fn spend(&mut self, steps: u64, span: Span) -> bool {
        if let Some(left) = self.fuel.checked_sub(steps) {
            self.fuel = left;
            return true;
        }
        if !self.diagnostics.iter().any(|diagnostic| diagnostic.code == Code::EVALUATION_LIMIT) {
            self.diagnostics.push(
                Diagnostic::error(Code::EVALUATION_LIMIT, "this takes too long to evaluate")
                    .at(span)
                    .detail(format!("An expression may take {} steps.", self.limits.steps))
                    .hint("look for loops inside loops over large collections"),
            );
        }
        self.fuel = 0;
        false
    }

    /// Takes the steps that making so much text costs.
    pub(in crate::lang) fn spend_text(&mut self, bytes: usize, span: Span) -> bool {
        self.spend(bytes as u64 / 64, span)
    }

    /// Takes the steps that a function costs: what it made counts in full, what it looked at a little.
    pub(in crate::lang) fn spend_call<'v>(&mut self, seen: impl Iterator<Item = &'v Value>, made: &Value, span: Span) -> bool {
        let looked_at: u64 = seen.map(breadth).sum();
        self.spend(looked_at / 64 + breadth(made), span)
    }

    /// The value, unless it is larger or deeper than a result may be.
    pub(in crate::lang) fn within_limits(&mut self, value: Value, span: Span) -> Value {
        let mut left = self.limits.parts;
        match count(&value, self.limits.depth, &mut left) {
            Ok(()) => value,
            Err(what) => {
                let diagnostic = Diagnostic::error(Code::EVALUATION_LIMIT, format!("the result is {what}"))
                    .at(span)
                    .detail(format!("A value may have {} parts and {} levels.", self.limits.parts, self.limits.depth));
                self.diagnostics.push(diagnostic);
                failed()
            }
        }
    }
}

/// The number of parts directly in a value, or a measure for the length of its text.
fn breadth(value: &Value) -> u64 {
    match value.reveal() {
        Value::String(text) => text.len() as u64 / 64,
        Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) => elements.len() as u64,
        Value::Map(entries) | Value::Object(entries) => entries.len() as u64,
        _ => 0,
    }
}

fn count(value: &Value, depth: u32, left: &mut u64) -> Result<(), &'static str> {
    let parts = match value {
        Value::String(text) => 1 + text.len() as u64 / 64,
        _ => 1,
    };
    *left = left.checked_sub(parts).ok_or("too large")?;
    if matches!(value, Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Unknown(_)) {
        return Ok(());
    }
    let depth = depth.checked_sub(1).ok_or("nested too deeply")?;
    match value {
        Value::List(elements) | Value::Set(elements) | Value::Tuple(elements) => {
            elements.iter().try_for_each(|element| count(element, depth, left))
        }
        Value::Map(entries) | Value::Object(entries) => entries.values().try_for_each(|entry| count(entry, depth, left)),
        Value::Secret(inner) => count(inner, depth, left),
        _ => Ok(()),
    }
}
