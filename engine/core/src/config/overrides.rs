//! `capi_override` of a cluster and its pools, as written: a merge patch per kind. Which kinds there are, and what a patch may touch, is
//! decided where objects are rendered.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::provider::Body;
use crate::value::Value;

/// Name of the attribute.
pub const CAPI_OVERRIDE: &str = "capi_override";

/// Patches by kind.
#[derive(Debug, Clone, Default)]
pub struct OverrideModel {
    /// RFC 7396 merge patches: `null` removes.
    pub patches: BTreeMap<String, Value>,
    /// What the block is called in messages.
    pub what: String,
    /// Where the attribute's value stands.
    pub span: Option<Span>,
}

/// Reads the attribute of a block; patches must be known and hold no secret, since they enter objects that the plan shows.
pub fn read(body: &Body, what: &str, diagnostics: &mut Diagnostics) -> OverrideModel {
    let span = body.span_of(CAPI_OVERRIDE);
    let mut model = OverrideModel { what: what.to_owned(), span, ..OverrideModel::default() };
    let Some(value) = body.value.get(CAPI_OVERRIDE) else { return model };
    let mut refuse = |code: Code, summary: String, hint: &str| {
        let mut diagnostic = Diagnostic::error(code, summary).hint(hint);
        diagnostic.primary = span;
        diagnostics.push(diagnostic);
    };
    if value.contains_unknown() {
        let hint = "what enters a Cluster API object must be known when the plan is reviewed";
        refuse(Code::UNKNOWN_NOT_ALLOWED, format!("`{CAPI_OVERRIDE}` of {what} is not known before apply"), hint);
        return model;
    }
    if value.contains_secret() {
        let hint = "Cluster API objects are shown in plans; a secret file goes into a Secret to which the object refers";
        refuse(Code::SECRET_NOT_ALLOWED, format!("`{CAPI_OVERRIDE}` of {what} would show a sensitive value"), hint);
        return model;
    }
    let Some(entries) = value.as_entries() else {
        let hint = "write `capi_override = { MachineDeployment = { spec = { … } } }`";
        refuse(Code::WRONG_TYPE, format!("`{CAPI_OVERRIDE}` of {what} must be an object with a patch for each kind"), hint);
        return model;
    };
    for (kind, patch) in entries {
        match patch.as_entries() {
            Some(_) => {
                model.patches.insert(kind.to_string(), patch.clone());
            }
            None => {
                let hint = "write it as the object that is laid over the rendered one: `{ spec = { … } }`";
                refuse(Code::WRONG_TYPE, format!("`{CAPI_OVERRIDE}.{kind}` of {what} must be an object"), hint);
            }
        }
    }
    model
}

impl OverrideModel {
    /// As plans show it; `null`, which removes a field and would not be shown, is a word.
    pub fn shown(&self) -> Option<Value> {
        (!self.patches.is_empty()).then(|| Value::object(self.patches.iter().map(|(kind, patch)| (kind.as_str(), worded(patch)))))
    }
}

fn worded(patch: &Value) -> Value {
    if patch.is_null() {
        return Value::string("(removed)");
    }
    match patch.as_entries() {
        Some(entries) => Value::object(entries.iter().map(|(name, value)| (name.clone(), worded(value)))),
        None => patch.clone(),
    }
}
