//! `output` blocks.

use std::collections::BTreeMap;

use crate::addr::Address;
use crate::desired::DesiredOutput;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::lang::{Evaluator, Names};
use crate::value::Value;

use super::Inputs;
use super::block::{Handled, Reader};
use super::model::ClusterModel;
use super::{schema, without_api};

/// Evaluates the outputs of a module.
pub fn evaluate(
    inputs: &Inputs<'_>,
    clusters: &BTreeMap<Address, ClusterModel>,
    names: &Names<'_>,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, DesiredOutput> {
    let mut outputs = BTreeMap::new();
    for block in inputs.body.blocks_of("output") {
        let Some(name) = block.label(0) else { continue };
        let what = format!("output {:?}", &**name);
        let reader = Reader { scope: names, files: inputs.files, what: &what };
        let handled = Handled { attributes: &["value"], blocks: &[], refused: &[] };
        let settings = reader.read(&block.body, block.header_span, &[&schema::OUTPUT], handled, diagnostics);
        let sensitive = settings.value.get("sensitive").and_then(Value::as_bool).unwrap_or_default();
        let Some(attribute) = block.body.attribute("value") else {
            diagnostics.push(
                Diagnostic::error(Code::MISSING_ATTRIBUTE, format!("{what} lacks `value`")).at(block.header_span).hint("add `value = …`"),
            );
            continue;
        };
        let (value, found) = Evaluator::new(names, inputs.files).evaluate(&attribute.expr);
        let failed = found.has_errors();
        diagnostics.extend(found);
        if failed {
            continue;
        }
        if let Some(fault) = made_of_unknown(&value, name).or_else(|| without_api::refuse_reference(&value, &what, clusters)) {
            diagnostics.push(fault.at(attribute.expr.span));
            continue;
        }
        if value.contains_secret() && !sensitive {
            diagnostics.push(
                Diagnostic::error(Code::SECRET_NOT_ALLOWED, format!("{what} would show a sensitive value"))
                    .at(attribute.expr.span)
                    .hint("add `sensitive = true`, or use `nonsensitive()` if the value is harmless"),
            );
            continue;
        }
        outputs.insert(name.to_string(), DesiredOutput { value: value.secret_if(sensitive), sensitive });
    }
    outputs
}

/// Unknown leaves must be references and nothing made of them, since nothing could compute that after apply.
pub fn made_of_unknown(value: &Value, name: &str) -> Option<Diagnostic> {
    let mut fault = None;
    value.walk_leaves(|path, leaf| {
        if let Value::Unknown(unknown) = leaf.reveal()
            && unknown.reference.is_none()
        {
            let place = if path.is_empty() { String::new() } else { format!(" at `{path}`") };
            let summary = format!("output {name:?} is made of a value that is known only after apply{place}");
            let hint = "an output may be cluster.X.endpoint or .ca_certificate itself; nothing is computed after apply: no text around it, no function such as `try`";
            fault.get_or_insert_with(|| Diagnostic::error(Code::UNKNOWN_NOT_ALLOWED, summary).hint(hint));
        }
    });
    fault
}
