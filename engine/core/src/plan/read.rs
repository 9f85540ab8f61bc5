//! What a plan has read of objects: their fingerprints, over exactly the leaves that a comparison looks at. Judges nothing.

use serde_json::Value as Json;
use windlass_kubeschema::SchemaRef;
use windlass_kubeschema::fieldpath::{FieldPath, FieldSet, PathElement};

use super::Fingerprint;
use super::going::going;
use super::verdict::Verdicts;
use crate::diff::Owners;
use crate::encode::MARK;
use crate::facts::Facts;
use crate::ignored::Ignored;
use crate::kinds::known_kind;
use crate::object::ObjectKey;

impl Verdicts {
    /// Notes that an object was read, with the leaves that were compared.
    pub(super) fn read(&mut self, facts: &Facts, key: &ObjectKey, api_version: &str, applied: &Json) {
        self.read_for(facts, key, api_version, applied, &Ignored::default());
    }

    /// The same without leaves that are left alone from now on, beside those that were before.
    pub(super) fn read_for(&mut self, facts: &Facts, key: &ObjectKey, api_version: &str, applied: &Json, ignored: &Ignored) {
        if facts.reachable(&key.plane).is_none() {
            return;
        }
        let live = facts.object(key);
        let leaves = live.map(|live| leaves(applied, live, api_version, &key.kind)).unwrap_or_default();
        let leaves = leaves.into_iter().filter(|path| !ignored.covers(path));
        let print = Fingerprint::of(key, api_version, live, leaves);
        let print = match going(facts, key).filter(|_| live.is_some()) {
            Some(deletion) => print.of_what_goes(deletion.since),
            None => print,
        };
        self.fingerprints.insert(key.clone(), print);
    }
}

/// The leaves that a comparison looks at: those that we applied and those that we own.
fn leaves(applied: &Json, live: &Json, api_version: &str, kind: &str) -> Vec<FieldPath> {
    let schema = known_kind(api_version, kind).map_or_else(SchemaRef::untyped, |kind| kind.schema);
    let mut set = FieldSet::of(applied, schema.as_resource());
    if let Some(ours) = Owners::of(live).ours() {
        set.extend(ours);
    }
    let ignored = Ignored::of(applied);
    let mut paths: Vec<FieldPath> = set
        .without_identity()
        .leaves()
        .into_iter()
        .map(|path| {
            FieldPath(path.0.into_iter().take_while(|element| !matches!(element, PathElement::Field(name) if name == MARK)).collect())
        })
        .filter(|path| !matches!(path.0.first(), Some(PathElement::Field(name)) if name == "status") && !ignored.covers(path))
        .collect();
    paths.dedup();
    paths
}
