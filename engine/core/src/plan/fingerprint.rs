//! Fingerprints: what the plan read of an object, and whether it still holds (design section 7, Fingerprint). Reads no plane itself.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use windlass_kubeschema::fieldpath::FieldPath;

use super::Fingerprint;
use crate::deletion::Deletion;
use crate::diff::{Owners, path_from_text, path_to_text};
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

/// How an object stands to the one that the plan read, before its leaves are looked at.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// It is the same one.
    Same,
    /// The plan counts on its being gone, and it is, or will be.
    Going,
    /// It is another one, is gone, has come, or somebody has deleted it since.
    Stale(StaleLeaf),
}

impl Fingerprint {
    /// The fingerprint of a live object (data of Secrets as digests) over these leaves; `None`: it does not exist.
    pub fn of(object: &ObjectKey, api_version: &str, live: Option<&Json>, leaves: impl IntoIterator<Item = FieldPath>) -> Self {
        let uid = live.map(|live| uid_of(live).to_owned());
        let deleting = live.and_then(Deletion::of).map(|deletion| deletion.since);
        let leaves: BTreeMap<String, Json> = match live.filter(|_| deleting.is_none()).map(short) {
            Some(live) => leaves.into_iter().map(|path| (path_to_text(&path), path.get(&live).cloned().unwrap_or(Json::Null))).collect(),
            None => BTreeMap::new(),
        };
        let hash = hash(uid.as_deref(), deleting.as_deref(), &leaves);
        Self { object: object.clone(), api_version: api_version.to_owned(), uid, hash, deleting, leaves }
    }

    /// The same where the plan counts on the object's being gone: it is being deleted, or goes with its Namespace.
    #[must_use]
    pub fn of_what_goes(self, since: String) -> Self {
        let leaves = BTreeMap::new();
        Self { hash: hash(self.uid.as_deref(), Some(&since), &leaves), deleting: Some(since), leaves, ..self }
    }

    /// Whether the object is the one that was read.
    pub fn standing(&self, live: Option<&Json>) -> Standing {
        let json = |text: Option<&str>| text.map_or(Json::Null, |text| Json::String(text.to_owned()));
        let now = live.map(uid_of);
        if self.deleting.is_some() {
            // An agent that heals makes it again by itself.
            let again = || live.is_some_and(|live| Owners::of(live).ours().is_some());
            if now.is_none() || now == self.uid.as_deref() || again() {
                return Standing::Going;
            }
        }
        if now != self.uid.as_deref() {
            return Standing::Stale(StaleLeaf { field: "metadata.uid".to_owned(), then: json(self.uid.as_deref()), now: json(now) });
        }
        match live.and_then(Deletion::of) {
            Some(deletion) => Standing::Stale(StaleLeaf {
                field: "metadata.deletionTimestamp".to_owned(),
                then: Json::Null,
                now: json(Some(&deletion.since)),
            }),
            None => Standing::Same,
        }
    }

    /// What is different now; empty: it holds. `live` has its Secret data as digests of the same key.
    pub fn stale(&self, live: Option<&Json>) -> Vec<StaleLeaf> {
        match self.standing(live) {
            Standing::Same => {}
            Standing::Going => return Vec::new(),
            Standing::Stale(leaf) => return vec![leaf],
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
        self.hash == hash(self.uid.as_deref(), self.deleting.as_deref(), &self.leaves)
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

fn hash(uid: Option<&str>, deleting: Option<&str>, leaves: &BTreeMap<String, Json>) -> String {
    let mut read = json!({"uid": uid, "leaves": leaves});
    if let (Some(since), Some(fields)) = (deleting, read.as_object_mut()) {
        fields.insert("deleting".to_owned(), json!(since));
    }
    sha256_digest(&canonical_text(&read))
}
