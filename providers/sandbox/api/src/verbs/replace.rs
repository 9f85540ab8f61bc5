//! PUT of an object or of its status.

use serde_json::Value;

use super::Call;
use super::update::{Mode, update_object};
use crate::document::Document;
use crate::http::Answer;
use crate::status::{Cause, Failure};
use crate::view;

/// Replaces the object (or one of its subresources); an object that is not there is a 404.
pub(crate) async fn replace(call: &mut Call, subresource: Option<&'static str>, document: Document) -> Result<Answer, Failure> {
    call.repeated = document.repeated;
    let mut object = document.value;
    call.claim(&mut object)?;
    let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or("");
    if call.resource().custom && version.is_empty() {
        let cause = Cause::invalid("metadata.resourceVersion", "0x0", "must be specified for an update");
        return Err(Failure::invalid(call.resource().group(), &call.resource().kind, &call.name, vec![cause]));
    }
    let mode = Mode { subresource, track: true };
    let updated = update_object(call, mode, |_| Ok(object.clone())).await?;
    Ok(Answer::Json { code: 200, value: view::single(call, &updated.object)? })
}
