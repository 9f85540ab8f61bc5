//! How large an object may be: what etcd takes in one request.

use serde_json::Value;

use crate::kinds::Resource;
use crate::status::Failure;

/// etcd's `--max-request-bytes`, as it comes.
const MAX_BYTES: usize = 1536 * 1024;

/// Refuses an object that etcd would refuse, in its words; like the real server, first tries without `managedFields`.
pub(super) fn fit(resource: &Resource, value: &mut Value) -> Result<(), Failure> {
    if stored(resource, value) <= MAX_BYTES {
        return Ok(());
    }
    if let Some(meta) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("managedFields");
    }
    if stored(resource, value) <= MAX_BYTES { Ok(()) } else { Err(Failure::plain_internal("etcdserver: request is too large")) }
}

/// Bytes in etcd: about those of the JSON text, but that built-in kinds are stored as protobuf, where bytes are not base64.
fn stored(resource: &Resource, value: &Value) -> usize {
    let encoded = if resource.is("", "secrets") { "data" } else { "binaryData" };
    let base64 = if resource.custom { 0 } else { value.get(encoded).map_or(0, length) };
    length(value) - base64 / 4
}

/// Length of the JSON text, without escapes and digits.
fn length(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 4,
        Value::String(text) => text.len() + 2,
        Value::Array(list) => list.iter().map(|item| length(item) + 1).sum::<usize>() + 2,
        Value::Object(map) => map.iter().map(|(name, value)| name.len() + 4 + length(value)).sum::<usize>() + 2,
    }
}
