//! Leaf by leaf: what we applied, what lives, who did it.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use windlass_kubeschema::SchemaRef;
use windlass_kubeschema::fieldpath::{FieldPath, Form, PathElement, Shape};

use super::equality::{covers, is_zero, same_scalar};
use super::owners::Owners;
use super::path::path_to_text;
use crate::encode::{DigestKey, Placeholder, cut_like};
use crate::ignored::Ignored;
use crate::plan::{Actor, LeafChange};

/// Deepest nesting that is walked (serde_json reads no deeper text than 128).
const MAX_DEPTH: usize = 160;
/// Of `metadata`, what names the object or is the server's.
const SERVER_METADATA: [&str; 9] =
    ["name", "namespace", "generateName", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"];

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub struct Comparison<'a> {
    /// The fields as sent, in placeholder form.
    pub applied: &'a Json,
    /// The live object; data of Secrets in clear or as digests.
    pub live: &'a Json,
    /// Schema of the kind; `None`: merging is deduced.
    pub schema: Option<SchemaRef<'a>>,
    /// For live data of Secrets that is in clear.
    pub key: Option<&'a DigestKey>,
}

/// One leaf that is not as we applied it. Values of Secrets are placeholders on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct LeafDiff {
    /// Where it stands.
    pub path: FieldPath,
    /// As sent; `None`: we sent none, and still own one.
    pub applied: Option<Json>,
    /// As it is; `None`: it is gone.
    pub live: Option<Json>,
    /// Who owns it now; `None` for a leaf that is gone: nobody can be known.
    pub actor: Option<Actor>,
    /// All other managers that own it now.
    pub others: Vec<String>,
}

impl LeafDiff {
    /// The path as people read it.
    pub fn path_text(&self) -> String {
        path_to_text(&self.path)
    }

    /// As a change that puts it right: from the live value to the applied one.
    pub fn to_change(&self) -> LeafChange {
        LeafChange { path: self.path_text(), before: self.live.clone(), after: self.applied.clone(), actor: self.actor.clone() }
    }
}

/// All leaves that differ, sorted by path: those that we applied, and those that we own but no longer apply. Fields of others are nothing,
/// and so are those that the applied object says are left alone once it is made.
pub fn compare(comparison: Comparison<'_>) -> Vec<LeafDiff> {
    let live = cut_like(comparison.applied, comparison.live);
    let comparison = Comparison { live: &live, ..comparison };
    let owners = Owners::of(comparison.live);
    let secret = is_secret(comparison.applied) || is_secret(comparison.live);
    let shape = comparison.schema.map_or(Shape::Deduced, |schema| Shape::of(schema.as_resource()));
    let ignored = Ignored::of(comparison.applied);
    let mut walk = Walk { owners: &owners, key: comparison.key, secret, ignored: &ignored, found: Vec::new() };
    walk.map(comparison.applied, Some(comparison.live), shape, &FieldPath::default(), 0);
    walk.left_over(comparison.applied, comparison.live);
    let mut found = walk.found;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found.dedup_by(|a, b| a.path == b.path);
    found
}

fn is_secret(object: &Json) -> bool {
    let is = |field: &str, wanted: &str| object.get(field).and_then(Json::as_str) == Some(wanted);
    is("kind", "Secret") && is("apiVersion", "v1")
}

struct Walk<'a> {
    owners: &'a Owners,
    key: Option<&'a DigestKey>,
    secret: bool,
    ignored: &'a Ignored,
    found: Vec<LeafDiff>,
}

impl Walk<'_> {
    fn value(&mut self, applied: &Json, live: Option<&Json>, shape: Shape<'_>, path: &FieldPath, depth: usize) {
        let live = live.filter(|live| !live.is_null());
        if depth > MAX_DEPTH || applied.is_null() || self.ignored.covers(path) {
            return;
        }
        match Placeholder::of(applied) {
            Some(Placeholder::Unknown { .. }) => return,
            Some(Placeholder::Secret { digest, .. }) => return self.secret(applied, digest, live, path),
            _ => {}
        }
        match (shape.form(Some(applied)), applied) {
            (Form::Map, Json::Object(_)) if !shape.is_atomic_map() && Placeholder::of(applied).is_none() => {
                if live.is_some_and(|live| !live.is_object()) {
                    return self.report(path, Some(applied), live);
                }
                self.map(applied, live, shape, path, depth);
            }
            (Form::List, Json::Array(items)) if !shape.is_atomic_list() => self.list(items, live, shape, path, depth),
            (_, Json::Array(items)) if matches!(shape, Shape::Deduced) && self.owners.is_set(path) => self.set(items, live, path),
            _ => self.leaf(applied, live, shape, path),
        }
    }

    fn map(&mut self, applied: &Json, live: Option<&Json>, shape: Shape<'_>, path: &FieldPath, depth: usize) {
        let Some(ours) = applied.as_object() else { return };
        if ours.is_empty() && live.is_none() {
            return self.leaf(applied, live, shape, path);
        }
        for (name, value) in ours.iter().filter(|(name, _)| !is_identity(path, name)) {
            let shape = shape.field(name).unwrap_or(Shape::Deduced);
            let there = live.and_then(|live| live.get(name));
            self.value(value, there, shape, &path.child(PathElement::field(name.as_str())), depth + 1);
        }
    }

    fn list(&mut self, items: &[Json], live: Option<&Json>, shape: Shape<'_>, path: &FieldPath, depth: usize) {
        let elements: Vec<Option<PathElement>> = items.iter().map(|item| shape.element(item).ok()).collect();
        let distinct: BTreeSet<&PathElement> = elements.iter().flatten().collect();
        if distinct.len() != items.len() || live.is_some_and(|live| !live.is_array()) {
            // Items without a key or twice the same: the server cannot tell them apart, so the list counts as a whole.
            return self.leaf(&Json::Array(items.to_vec()), live, Shape::Opaque, path);
        }
        for (item, element) in items.iter().zip(&elements) {
            let Some(element) = element else { continue };
            let there = live.and_then(|live| FieldPath(vec![element.clone()]).get(live));
            let path = path.child(element.clone());
            match (item, there) {
                (Json::Object(fields), None) => self.gone_item(fields, item, &path),
                _ => self.value(item, there, shape.item(), &path, depth + 1),
            }
        }
    }

    /// A list of which no schema is known, and which the server treats as a set: items of others are nothing to us.
    fn set(&mut self, items: &[Json], live: Option<&Json>, path: &FieldPath) {
        let there = live.and_then(Json::as_array);
        if live.is_some() && there.is_none() {
            return self.report(path, Some(&Json::Array(items.to_vec())), live);
        }
        for item in items {
            if !there.is_some_and(|there| there.contains(item)) {
                self.report(&path.child(PathElement::value(item.clone())), Some(item), None);
            }
        }
    }

    /// An item of a keyed list that is gone is one finding, not one for each of its fields.
    fn gone_item(&mut self, fields: &Map<String, Json>, item: &Json, path: &FieldPath) {
        if !fields.is_empty() {
            self.report(path, Some(item), None);
        }
    }

    fn leaf(&mut self, applied: &Json, live: Option<&Json>, shape: Shape<'_>, path: &FieldPath) {
        let same = match live {
            // A server that writes the object anew drops empty values, but keeps us as their owner.
            None => is_zero(applied) && (self.owners.is_empty() || self.owners.we_own(path)),
            Some(live) if is_zero(applied) && is_zero(live) && !applied.is_boolean() && !applied.is_number() => true,
            Some(live @ (Json::Array(_) | Json::Object(_))) => {
                live == applied || (covers(live, applied, shape, path) && (self.owners.is_empty() || self.owners.others(path).is_empty()))
            }
            Some(live) => same_scalar(applied, live, shape, path),
        };
        if !same {
            self.report(path, Some(applied), live);
        }
    }

    fn secret(&mut self, applied: &Json, digest: &str, live: Option<&Json>, path: &FieldPath) {
        let hidden = live.map(|live| self.hidden(live));
        let same = hidden.as_ref().is_some_and(|live| matches!(Placeholder::of(live), Some(Placeholder::Secret { digest: there, .. }) if there == digest && !digest.is_empty()));
        if !same {
            self.report(path, Some(applied), hidden.as_ref());
        }
    }

    /// A live value of a secret leaf, which never leaves here in clear.
    fn hidden(&self, live: &Json) -> Json {
        if matches!(Placeholder::of(live), Some(Placeholder::Secret { .. })) {
            return live.clone();
        }
        let digest = self.key.map(|key| key.digest_secret_data(live)).unwrap_or_default();
        Placeholder::Secret { digest: &digest, source: None }.to_json()
    }

    /// Leaves that our apply owns and that we no longer apply.
    fn left_over(&mut self, applied: &Json, live: &Json) {
        let Some(ours) = self.owners.ours() else { return };
        for path in ours.clone().without_identity().leaves().into_iter().filter(|path| !self.ignored.covers(path)) {
            let Some(there) = path.get(live).filter(|there| !there.is_null()) else { continue };
            if path.get(applied).is_none() && !self.within_opaque(applied, &path) {
                let there = if self.secret && in_secret_data(&path) { self.hidden(there) } else { there.clone() };
                self.report(&path, None, Some(&there));
            }
        }
    }

    /// Whether a part of the path leads into a placeholder, whose inside we cannot see.
    fn within_opaque(&self, applied: &Json, path: &FieldPath) -> bool {
        (1..path.0.len()).any(|length| {
            let above = FieldPath(path.0.iter().take(length).cloned().collect());
            above.get(applied).is_some_and(|value| Placeholder::of(value).is_some())
        })
    }

    fn report(&mut self, path: &FieldPath, applied: Option<&Json>, live: Option<&Json>) {
        let live = match live {
            Some(live) if self.secret && in_secret_data(path) => Some(self.hidden(live)),
            other => other.cloned(),
        };
        let (actor, others) = match live {
            Some(_) => (self.owners.actor(path), self.owners.others(path)),
            None => (None, Vec::new()),
        };
        self.found.push(LeafDiff { path: path.clone(), applied: applied.cloned(), live, actor, others });
    }
}

fn in_secret_data(path: &FieldPath) -> bool {
    matches!(path.0.first(), Some(PathElement::Field(name)) if name == "data" || name == "stringData")
}

fn is_identity(path: &FieldPath, name: &str) -> bool {
    match path.0.as_slice() {
        [] => matches!(name, "apiVersion" | "kind" | "status"),
        [PathElement::Field(parent)] if parent == "metadata" => SERVER_METADATA.contains(&name),
        _ => false,
    }
}
