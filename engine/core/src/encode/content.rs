//! Large leaves that stand in plans and states as digests: the schemas of CustomResourceDefinitions. Knows where they stand, not
//! where their text is kept.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::canonical::{canonical_text, sha256_digest};
use super::placeholder::Placeholder;

/// Puts the digest of a leaf in its place, and gives both; nothing if a placeholder stands there already.
fn take(value: &mut Json) -> Option<(String, Json)> {
    if Placeholder::of(value).is_some() {
        return None;
    }
    let digest = content_digest(value);
    let placeholder = Placeholder::Content { digest: &digest }.to_json();
    Some((digest, std::mem::replace(value, placeholder)))
}

/// The digest by which a large leaf is known.
pub fn content_digest(value: &Json) -> String {
    match Placeholder::of(value) {
        Some(Placeholder::Content { digest }) => digest.to_owned(),
        _ => sha256_digest(&canonical_text(value)),
    }
}

/// Puts digests in the place of the schemas of a CustomResourceDefinition, and gives the schemas by digest; other objects stay as they are.
pub fn take_schemas(object: &mut Json) -> BTreeMap<String, Json> {
    schemas(object).into_iter().filter_map(take).collect()
}

/// The same for whoever has the schemas elsewhere. Twice is once.
pub fn cut_schemas(object: &mut Json) {
    take_schemas(object);
}

/// The same for whoever needs nothing else of the object.
pub fn schemas_by_digest(mut object: Json) -> BTreeMap<String, Json> {
    take_schemas(&mut object)
}

fn schemas(object: &mut Json) -> Vec<&mut Json> {
    if object.get("kind").and_then(Json::as_str) != Some("CustomResourceDefinition") {
        return Vec::new();
    }
    let versions = object.pointer_mut("/spec/versions").and_then(Json::as_array_mut);
    versions.into_iter().flatten().filter_map(|version| version.get_mut("schema")).collect()
}

/// Puts the leaves back in the place of their digests; the digests for which there is none are returned.
pub fn restore_content(value: &mut Json, known: &BTreeMap<String, Json>) -> Vec<String> {
    if let Some(placeholder) = Placeholder::of(value) {
        let Placeholder::Content { digest } = placeholder else { return Vec::new() };
        return match known.get(digest) {
            Some(found) => {
                *value = found.clone();
                Vec::new()
            }
            None => vec![digest.to_owned()],
        };
    }
    match value {
        Json::Object(map) => map.values_mut().flat_map(|value| restore_content(value, known)).collect(),
        Json::Array(items) => items.iter_mut().flat_map(|item| restore_content(item, known)).collect(),
        _ => Vec::new(),
    }
}

/// The live value with digests where the applied one has them, so that the two can be compared and shown.
pub(crate) fn cut_like<'l>(applied: &Json, live: &'l Json) -> Cow<'l, Json> {
    if applied.get("kind").and_then(Json::as_str) != Some("CustomResourceDefinition") || !holds_content(applied) {
        return Cow::Borrowed(live);
    }
    let mut live = live.clone();
    cut_in_place(applied, &mut live);
    Cow::Owned(live)
}

fn holds_content(value: &Json) -> bool {
    super::placeholder::contains_placeholder(value, &|placeholder| matches!(placeholder, Placeholder::Content { .. }))
}

fn cut_in_place(applied: &Json, live: &mut Json) {
    if matches!(Placeholder::of(applied), Some(Placeholder::Content { .. })) {
        take(live);
        return;
    }
    match (applied, live) {
        (Json::Object(ours), Json::Object(theirs)) => {
            for (name, value) in ours {
                if let Some(live) = theirs.get_mut(name) {
                    cut_in_place(value, live);
                }
            }
        }
        (Json::Array(ours), Json::Array(theirs)) => ours.iter().zip(theirs).for_each(|(value, live)| cut_in_place(value, live)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn crd(kind: &str) -> Json {
        json!({"kind": kind, "spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"type": "object"}}}, {"name": "v2"}]}})
    }

    #[test]
    fn schemas_are_cut_and_put_back_and_nothing_else_is_touched() {
        let whole = crd("CustomResourceDefinition");
        let mut object = whole.clone();
        cut_schemas(&mut object);
        assert!(object["spec"]["versions"][0]["schema"]["digest"].as_str().unwrap().starts_with("sha256:"), "{object}");
        let once = object.clone();
        cut_schemas(&mut object);
        assert_eq!(object, once);
        assert_eq!(cut_like(&once, &whole).into_owned(), once);
        let mut taken = whole.clone();
        let known = take_schemas(&mut taken);
        assert_eq!((taken, known.len()), (once.clone(), 1));
        assert_eq!(known, schemas_by_digest(whole.clone()));
        assert_eq!(restore_content(&mut object, &known), Vec::<String>::new());
        assert_eq!(object, whole);
        let mut lost = once;
        assert_eq!(restore_content(&mut lost, &BTreeMap::new()).len(), 1);
        let mut other = crd("Other");
        cut_schemas(&mut other);
        assert_eq!(other, crd("Other"));
    }
}
