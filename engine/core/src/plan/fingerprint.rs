//! Fingerprints: what the plan read of an object, and whether it still holds (design section 7, Fingerprint). Reads no plane itself.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use windlass_kubeschema::fieldpath::FieldPath;

use super::Fingerprint;
use crate::diff::{path_from_text, path_to_text};
use crate::encode::{canonical_text, cut_schemas, sha256_digest};
use crate::object::ObjectKey;

/// A leaf that is not as the plan read it.
#[derive(Debug, Clone, PartialEq)]
pub struct StaleLeaf {
    /// Its path; `metadata.uid` where the object itself is another one, is gone or has come.
    pub field: String,
    /// As planned; `null`: was not there.
    pub then: Json,
    /// As it is; `null`: is not there.
    pub now: Json,
}

impl Fingerprint {
    /// The fingerprint of a live object (data of Secrets as digests) over these leaves; `None`: it does not exist.
    pub fn of(object: &ObjectKey, api_version: &str, live: Option<&Json>, leaves: impl IntoIterator<Item = FieldPath>) -> Self {
        let uid = live.map(|live| uid_of(live).to_owned());
        let live = live.map(short);
        let leaves: BTreeMap<String, Json> = match live {
            Some(live) => leaves.into_iter().map(|path| (path_to_text(&path), path.get(&live).cloned().unwrap_or(Json::Null))).collect(),
            None => BTreeMap::new(),
        };
        let hash = hash(uid.as_deref(), &leaves);
        Self { object: object.clone(), api_version: api_version.to_owned(), uid, hash, leaves }
    }

    /// What is different now; empty: it holds. `live` has its Secret data as digests of the same key.
    pub fn stale(&self, live: Option<&Json>) -> Vec<StaleLeaf> {
        let now = live.map(uid_of);
        if now != self.uid.as_deref() {
            let json = |uid: Option<&str>| uid.map_or(Json::Null, |uid| Json::String(uid.to_owned()));
            return vec![StaleLeaf { field: "metadata.uid".to_owned(), then: json(self.uid.as_deref()), now: json(now) }];
        }
        let Some(live) = live.map(short) else { return Vec::new() };
        let mut stale = Vec::new();
        for (text, then) in &self.leaves {
            let now = path_from_text(text).ok().and_then(|path| path.get(&live).cloned()).unwrap_or(Json::Null);
            if &now != then {
                stale.push(StaleLeaf { field: text.clone(), then: then.clone(), now });
            }
        }
        stale
    }

    /// Whether the hash is the one of the leaves; another one means an edited plan.
    pub fn is_consistent(&self) -> bool {
        self.hash == hash(self.uid.as_deref(), &self.leaves)
    }
}

/// A CustomResourceDefinition with its schemas as digests; the plan keeps leaves, and these are long.
fn short(live: &Json) -> Cow<'_, Json> {
    if live.get("kind").and_then(Json::as_str) != Some("CustomResourceDefinition") {
        return Cow::Borrowed(live);
    }
    let mut live = live.clone();
    cut_schemas(&mut live);
    Cow::Owned(live)
}

fn uid_of(live: &Json) -> &str {
    live.pointer("/metadata/uid").and_then(Json::as_str).unwrap_or("")
}

fn hash(uid: Option<&str>, leaves: &BTreeMap<String, Json>) -> String {
    sha256_digest(&canonical_text(&json!({"uid": uid, "leaves": leaves})))
}
