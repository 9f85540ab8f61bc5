//! What a pivot writes into the journal and reads from it again. Identities and uids only.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use windlass_core::recorded::JournalRecord;
use windlass_run::ports::EVIDENCE_DELETING_SOURCE;

use crate::kinds::ObjectRef;

/// An object that moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moving {
    /// `apiVersion`.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Its uid on the plane that it leaves.
    pub uid: String,
    /// uids of its owners there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
    /// Others use it too: it is copied if it is not there, and stays where it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// Keyed digest of what is copied.
    pub digest: String,
}

impl Moving {
    /// Where it is.
    pub fn reference(&self) -> ObjectRef {
        ObjectRef::new(&self.api_version, &self.kind, self.namespace.as_deref(), &self.name)
    }

    /// A v1 Secret.
    pub fn is_secret(&self) -> bool {
        self.kind == "Secret" && self.api_version == "v1"
    }
}

/// What happened to one object, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// It exists on the target.
    Copied,
    /// Its owners of fields are those of the source.
    Restored,
    /// It is true to the source.
    Verified,
    /// The source has no finalizers any more.
    Released,
    /// The source is gone.
    Deleted,
}

impl Mark {
    fn word(self) -> &'static str {
        match self {
            Mark::Copied => "copied",
            Mark::Restored => "restored",
            Mark::Verified => "verified",
            Mark::Released => "released",
            Mark::Deleted => "deleted",
        }
    }

    const ALL: [Mark; 5] = [Mark::Copied, Mark::Restored, Mark::Verified, Mark::Released, Mark::Deleted];
}

/// How far a pivot is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// What moves, once that is decided.
    pub closure: Option<Vec<Moving>>,
    /// Source uid → target uid.
    pub copies: BTreeMap<String, String>,
    /// What happened to each object, by source uid.
    pub marks: BTreeMap<String, BTreeSet<Mark>>,
    /// The copies are the truth now.
    pub switched: bool,
    /// The target works again.
    pub unpaused: bool,
}

impl Past {
    /// Reads earlier records; those before a rollback do not count.
    pub fn read(records: &[JournalRecord]) -> Self {
        let mut past = Past::default();
        for evidence in records.iter().map(|record| &record.evidence) {
            if evidence.get("rolled_back").and_then(Json::as_bool) == Some(true) {
                past = Past::default();
                continue;
            }
            if let Some(closure) = evidence.get("closure").and_then(|closure| serde_json::from_value(closure.clone()).ok()) {
                past.closure = Some(closure);
            }
            if evidence.get(EVIDENCE_DELETING_SOURCE).and_then(Json::as_bool) == Some(true) {
                past.switched = true;
            }
            if evidence.get("unpaused").and_then(Json::as_bool) == Some(true) {
                past.unpaused = true;
            }
            for mark in Mark::ALL {
                if let Some(uid) = evidence.get(mark.word()).and_then(Json::as_str) {
                    past.marks.entry(uid.to_owned()).or_default().insert(mark);
                    if let Some(copy) = evidence.get("uid").and_then(Json::as_str) {
                        past.copies.insert(uid.to_owned(), copy.to_owned());
                    }
                }
            }
        }
        past
    }

    /// Whether something happened to an object.
    pub fn has(&self, uid: &str, mark: Mark) -> bool {
        self.marks.get(uid).is_some_and(|marks| marks.contains(&mark))
    }
}

/// Record of the decision what moves.
pub fn closure(objects: &[Moving]) -> Json {
    json!({"closure": objects})
}

/// Record of a mark; `copy` is the uid on the target where that is news.
pub fn marked(object: &Moving, mark: Mark, copy: Option<&str>) -> Json {
    let mut record = json!({mark.word(): object.uid, "object": object.reference().short()});
    if let (Some(copy), Some(fields)) = (copy, record.as_object_mut()) {
        fields.insert("uid".to_owned(), json!(copy));
    }
    record
}

/// Record of the switch.
pub fn switched() -> Json {
    json!({EVIDENCE_DELETING_SOURCE: true})
}

/// Record of the end.
pub fn unpaused() -> Json {
    json!({"unpaused": true})
}

/// Record of a rollback: what came before it does not count.
pub fn rolled_back() -> Json {
    json!({"rolled_back": true})
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_core::recorded::Phase;

    fn records(evidence: Vec<Json>) -> Vec<JournalRecord> {
        (1..).zip(evidence).map(|(seq, evidence)| JournalRecord { seq, step: "s".into(), phase: Phase::Progress, evidence }).collect()
    }

    fn moving(uid: &str) -> Moving {
        Moving {
            api_version: "v1".into(),
            kind: "Secret".into(),
            namespace: Some("n".into()),
            name: "x".into(),
            uid: uid.into(),
            owners: vec![],
            shared: false,
            digest: "hmac-sha256:0".into(),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let object = moving("1");
        let past = Past::read(&records(vec![
            closure(std::slice::from_ref(&object)),
            marked(&object, Mark::Copied, Some("2")),
            marked(&object, Mark::Restored, None),
            switched(),
        ]));
        assert_eq!(past.closure.as_deref(), Some(&[object][..]));
        assert_eq!(past.copies.get("1").map(String::as_str), Some("2"));
        assert!(past.has("1", Mark::Restored) && !past.has("1", Mark::Verified));
        assert!(past.switched && !past.unpaused);
    }

    #[test]
    fn a_rollback_begins_anew() {
        let object = moving("1");
        let past =
            Past::read(&records(vec![closure(std::slice::from_ref(&object)), marked(&object, Mark::Copied, Some("2")), rolled_back()]));
        assert_eq!(past, Past::default());
    }
}
