//! Request bodies by their content type. Knows no kind.

use bytes::Bytes;
use serde_json::Value;

use super::protobuf;
use crate::status::Failure;

/// Body types of objects that are accepted, in the words of a 415.
pub(crate) const OBJECT_TYPES: &[&str] = &["application/json", "application/yaml", PROTOBUF];

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// Reads an object by its content type; none means JSON.
pub(crate) fn decode_json_or_yaml(content_type: &str, body: &Bytes) -> Result<Value, Failure> {
    match media_type(content_type) {
        "" | "application/json" | "*/*" => decode_json(body),
        "application/yaml" => decode_yaml(body),
        PROTOBUF => protobuf::decode(body),
        _ => Err(Failure::unsupported_media_type(OBJECT_TYPES)),
    }
}

/// Reads the document of a patch, which is JSON for all kinds but apply.
pub(crate) fn decode_patch_document(content_type: &str, body: &Bytes) -> Result<Value, Failure> {
    match media_type(content_type) {
        "application/apply-patch+yaml" => decode_yaml(body),
        _ => decode_json(body),
    }
}

/// The type without its parameters.
pub(crate) fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or("").trim()
}

fn decode_json(body: &Bytes) -> Result<Value, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| Failure::bad_request(format!("the object provided is unrecognized: couldn't parse JSON: {error}")))
}

fn decode_yaml(body: &Bytes) -> Result<Value, Failure> {
    // JSON is YAML, and parses much faster as JSON.
    if body.first() == Some(&b'{')
        && let Ok(value) = serde_json::from_slice(body)
    {
        return Ok(value);
    }
    let text = std::str::from_utf8(body).map_err(|_| Failure::bad_request("error decoding YAML: not UTF-8"))?;
    // `y` and `yes` stay strings: only true and false are booleans in YAML 1.2.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| Failure::bad_request(format!("error decoding YAML: {error}")))
}
