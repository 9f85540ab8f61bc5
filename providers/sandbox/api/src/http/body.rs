//! Request bodies by their content type. Knows no kind.

use bytes::Bytes;

use super::protobuf;
use crate::document::{self, Document};
use crate::status::Failure;

/// Body types of objects that are accepted, in the words of a 415.
pub(crate) const OBJECT_TYPES: &[&str] = &["application/json", "application/yaml", PROTOBUF];

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// Reads an object by its content type; none means JSON.
pub(crate) fn decode_json_or_yaml(content_type: &str, body: &Bytes) -> Result<Document, Failure> {
    match media_type(content_type) {
        "" | "application/json" | "*/*" => decode_json(body),
        "application/yaml" => decode_yaml(body),
        PROTOBUF => protobuf::decode(body).map(Document::from),
        _ => Err(Failure::unsupported_media_type(OBJECT_TYPES)),
    }
}

/// Reads the document of a patch, which is JSON for all kinds but apply.
pub(crate) fn decode_patch_document(content_type: &str, body: &Bytes) -> Result<Document, Failure> {
    match media_type(content_type) {
        "application/apply-patch+yaml" => decode_yaml(body),
        _ => decode_json(body),
    }
}

/// The type without its parameters.
pub(crate) fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or("").trim()
}

fn decode_json(body: &Bytes) -> Result<Document, Failure> {
    document::json(body).map_err(|error| Failure::bad_request(format!("the object provided is unrecognized: couldn't parse JSON: {error}")))
}

fn decode_yaml(body: &Bytes) -> Result<Document, Failure> {
    // JSON is YAML, and parses much faster as JSON; but YAML has its own words for fields that are named twice.
    if body.first() == Some(&b'{')
        && let Ok(read) = document::json(body)
        && read.repeated.is_empty()
    {
        return Ok(read);
    }
    let text = std::str::from_utf8(body).map_err(|_| Failure::bad_request("error decoding YAML: not UTF-8"))?;
    document::yaml(text).map_err(|error| Failure::bad_request(format!("error decoding YAML: {error}")))
}
