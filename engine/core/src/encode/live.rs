//! Takes secrets out of an object that a server answered with, before anybody else sees it.

use serde_json::{Map, Value as Json};

use super::digest::DigestKey;
use super::placeholder::Placeholder;

/// In which client-side apply keeps a whole copy of the object, Secret data included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Replaces the values of a v1 Secret's `data` and `stringData` by keyed digests and drops kubectl's copy of them; other objects stay
/// as they are.
pub fn hide_secret_data(object: &mut Json, key: &DigestKey) {
    let is = |field: &str, wanted: &str| object.get(field).and_then(Json::as_str) == Some(wanted);
    if !(is("kind", "Secret") && is("apiVersion", "v1")) {
        return;
    }
    if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Json::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
    for field in ["data", "stringData"] {
        if let Some(entries) = object.get_mut(field).and_then(Json::as_object_mut) {
            hide(entries, key);
        }
    }
}

fn hide(entries: &mut Map<String, Json>, key: &DigestKey) {
    for value in entries.values_mut() {
        if Placeholder::of(value).is_none() {
            *value = Placeholder::Secret { digest: &key.digest_secret_data(value), source: None }.to_json();
        }
    }
}
