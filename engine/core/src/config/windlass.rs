//! The `windlass` block: what holds for the whole configuration.

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::lang::Names;
use crate::plan::Pace;
use crate::value::Value;

use super::block::{Handled, Reader};
use super::required_version::fulfils;
use super::{Inputs, schema};

/// What stands in the `windlass` block, or what holds without it.
pub struct Settings {
    /// The agent's image; without one the release's.
    pub agent_image: String,
    /// How living clusters take turns.
    pub pace: Pace,
}

/// Reads the `windlass` block.
pub fn evaluate(inputs: &Inputs<'_>, names: &Names<'_>, diagnostics: &mut Diagnostics) -> Settings {
    let mut image = None;
    let mut pace = Pace::default();
    for block in inputs.body.blocks_of("windlass") {
        let reader = Reader { scope: names, files: inputs.files, what: "windlass" };
        let body = reader.read(&block.body, block.header_span, &[&schema::WINDLASS], Handled::default(), diagnostics);
        image = body.value.get("agent_image").and_then(Value::as_str).map(str::to_owned).or(image);
        for (name, number) in
            [("max_concurrent_clusters", &mut pace.max_concurrent_clusters), ("stop_after_failures", &mut pace.stop_after_failures)]
        {
            let Some(written) = body.value.get(name).and_then(Value::as_i64) else { continue };
            match u32::try_from(written) {
                Ok(written @ 1..) => *number = written,
                _ => diagnostics.push(
                    Diagnostic::error(Code::INVALID_VALUE, format!("`{name}` is {written}, and must be 1 or more"))
                        .at(body.span_of(name).unwrap_or(block.header_span))
                        .hint("write a whole number from 1 on"),
                ),
            }
        }
        if let Some(wanted) = body.value.get("required_version").and_then(Value::as_str) {
            let span = body.span_of("required_version").unwrap_or(block.header_span);
            match fulfils(wanted, inputs.version) {
                Ok(true) => {}
                Ok(false) => diagnostics.push(
                    Diagnostic::error(
                        Code::REQUIRED_VERSION,
                        format!("this is windlass {}, the configuration needs {wanted}", inputs.version),
                    )
                    .at(span)
                    .hint("use a windlass that fits, or change `required_version`"),
                ),
                Err(part) => diagnostics.push(
                    Diagnostic::error(Code::INVALID_VALUE, format!("{part:?} is no constraint on versions"))
                        .at(span)
                        .hint("write \">= 0.1, < 0.3\" or \"~> 0.1.2\"; operators are =, !=, >, >=, <, <= and ~>"),
                ),
            }
        }
    }
    Settings { agent_image: image.unwrap_or_else(|| inputs.agent_image.to_owned()), pace }
}
