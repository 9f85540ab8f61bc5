//! Which leaves of rendered objects `lifecycle { ignore_changes }` means, written on these objects. Knows no plane and no state.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use windlass_kubeschema::SchemaRef;
use windlass_kubeschema::fieldpath::{FieldPath, FieldSet, PathElement};

use crate::config::{IgnoredChanges, LayerModel};
use crate::desired::DesiredObject;
use crate::diag::{Code, Diagnostic, Diagnostics, Span};
use crate::diff::{path_from_text, path_to_text};
use crate::encode::{DigestKey, Encoder};
use crate::ignored::{Ignored, holds_marks};
use crate::kinds::known_kind;
use crate::marks::ANNOTATION_IGNORED;
use crate::object::ObjectKey;
use crate::value::Value;

use super::mark::with_entry;

/// Writes on an object which of its leaves are left alone once it is made.
pub fn leave_alone(object: &mut DesiredObject, leaves: &BTreeSet<FieldPath>) {
    if !leaves.is_empty() {
        let leaves: Vec<FieldPath> = leaves.iter().cloned().collect();
        object.content =
            with_entry(&object.content, &["metadata", "annotations", ANNOTATION_IGNORED], Value::string(Ignored::text(&leaves)));
    }
}

/// The input of a cluster or pool with what is left alone of it.
pub fn shown(input: Value, ignored: &IgnoredChanges) -> Value {
    match ignored.is_empty() {
        true => input,
        false => with_entry(&input, &["ignore_changes"], Value::list(ignored.keys())),
    }
}

/// Leaves in which two renderings of one object differ.
pub fn differing(one: &Value, other: &Value) -> BTreeSet<FieldPath> {
    let (Ok(one), Ok(other)) = (one.to_json(), other.to_json()) else { return BTreeSet::new() };
    let leaves = |object: &Json| fields(object).leaves();
    let all = leaves(&one).into_iter().chain(leaves(&other));
    all.filter(|path| path.get(&one) != path.get(&other)).collect()
}

/// A value without what stands at this path of names.
pub fn without(value: &Value, names: &[&str]) -> Value {
    let (Some((head, rest)), Some(entries)) = (names.split_first(), value.as_entries()) else { return value.clone() };
    let mut entries = entries.clone();
    match (entries.get(*head), rest) {
        (Some(inner), [_, ..]) => {
            let inner = without(inner, rest);
            entries.insert((*head).into(), inner);
        }
        _ => drop(entries.remove(*head)),
    }
    Value::from(entries)
}

/// The fields that an apply of an object owns.
fn fields(object: &Json) -> FieldSet {
    let text = |name: &str| object.get(name).and_then(Json::as_str).unwrap_or_default();
    let schema = known_kind(text("apiVersion"), text("kind")).map_or_else(SchemaRef::untyped, |kind| kind.schema);
    FieldSet::of(object, schema.as_resource()).without_identity()
}

/// Writes on the objects of a layer what its block names; what is none of them is told.
pub fn of_layer(layer: &LayerModel, objects: &mut [DesiredObject], diagnostics: &mut Diagnostics) {
    // Of a layer that holds none it has been told why.
    if layer.ignored.is_empty() || objects.is_empty() {
        return;
    }
    let by_name: BTreeMap<String, &DesiredObject> = objects.iter().map(|object| (name_of(&object.key), object)).collect();
    let mut leaves: BTreeMap<ObjectKey, BTreeSet<FieldPath>> = BTreeMap::new();
    for (text, span) in &layer.ignored {
        match leaf(text, &by_name) {
            Ok((key, path)) => drop(leaves.entry(key).or_default().insert(path)),
            Err(fault) => {
                let fault = fault.told(text, &layer.name, *span);
                // A profile's layer is one in each cluster that uses it.
                if !diagnostics.iter().any(|told| told == &fault) {
                    diagnostics.push(fault);
                }
            }
        }
    }
    for object in objects {
        if let Some(leaves) = leaves.get(&object.key) {
            leave_alone(object, leaves);
        }
    }
}

/// Why a text names no leaf that can be left alone.
enum Fault {
    /// There is no such object; those that there are.
    NoObject(Vec<String>),
    /// The object has no such leaf; those that it has.
    NoLeaf { object: String, path: String, leaves: Vec<String> },
    /// It stands in a list or map that has one owner as a whole.
    Within { object: String, whole: String },
    /// Windlass knows the object by it.
    Mark { object: String, path: String },
}

impl Fault {
    fn told(self, text: &str, layer: &str, span: Span) -> Diagnostic {
        let error = |code: Code, summary: String| Diagnostic::error(code, summary).at(span);
        match self {
            Fault::NoObject(known) => {
                let told: Vec<&str> = known.iter().map(String::as_str).take(10).collect();
                let hint = format!("write `group/Kind/namespace/name:path`; its objects are {}", told.join(", "));
                let written = text.rsplit_once(':').map_or(text, |(object, _)| object);
                error(Code::UNKNOWN_NAME, format!("`ignore_changes` of layer {layer:?} names {text:?}, and no object of it has that name"))
                    .hint(hint)
                    .did_you_mean(written, known.iter().map(String::as_str))
            }
            Fault::NoLeaf { object, path, leaves } => {
                let summary = format!("`ignore_changes` of layer {layer:?}: {object} has no `{path}`");
                let hint = "what the layer does not hold is neither sent nor compared anyway; take it out of the list";
                error(Code::UNKNOWN_ATTRIBUTE, summary).hint(hint).did_you_mean(&path, leaves.iter().map(String::as_str))
            }
            Fault::Within { object, whole } => {
                let summary = format!("`ignore_changes` of layer {layer:?}: `{whole}` of {object} can only be left alone as a whole");
                error(Code::INVALID_VALUE, summary)
                    .detail("To Kubernetes it is one value, with one owner.")
                    .hint(format!("write \"{object}:{whole}\""))
            }
            Fault::Mark { object, path } => {
                let summary = format!("`ignore_changes` of layer {layer:?}: `{path}` of {object} is what windlass knows the object by");
                error(Code::INVALID_VALUE, summary).hint("name a single label or annotation, or a field below `spec` or `data`")
            }
        }
    }
}

/// `group/Kind/namespace/name`, without what an object does not have.
fn name_of(key: &ObjectKey) -> String {
    let group = Some(key.group.as_str()).filter(|group| !group.is_empty());
    let parts = [group, Some(&key.kind), key.namespace.as_deref(), Some(&key.name)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("/")
}

fn leaf(text: &str, objects: &BTreeMap<String, &DesiredObject>) -> Result<(ObjectKey, FieldPath), Fault> {
    // Names of roles may hold colons, too.
    let cut = |at: usize| Some((text.get(..at)?.to_owned(), text.get(at + 1..)?.to_owned()));
    let named = |(name, path): (String, String)| Some((*objects.get(&name)?, name, path));
    let Some((object, name, path_text)) = text.match_indices(':').find_map(|(at, _)| named(cut(at)?)) else {
        return Err(Fault::NoObject(objects.keys().cloned().collect()));
    };
    // Paths are all that is asked of the placeholder form, so that any key will do.
    let content = Encoder { key: &DigestKey([0; 32]) }.object(object, &object.key.plane, true, None, &mut Diagnostics::new());
    let owned = fields(&content);
    let no_leaf = || {
        let leaves = owned.leaves().iter().map(path_to_text).collect();
        Fault::NoLeaf { object: name.clone(), path: path_text.clone(), leaves }
    };
    let Ok(path) = path_from_text(&path_text) else { return Err(no_leaf()) };
    if holds_marks(&path) {
        return Err(Fault::Mark { object: name, path: path_text });
    }
    let mut set = &owned;
    for (position, element) in path.0.iter().enumerate() {
        match set.node(element) {
            Some(node) => set = &node.children,
            // Of a list or map that is one value the server knows no parts.
            None if position > 0 && set.is_empty() && has_parts(&content, path.0.get(..position)) => {
                let whole = FieldPath(path.0.iter().take(position).cloned().collect());
                return Err(Fault::Within { object: name, whole: path_to_text(&whole) });
            }
            None => return Err(no_leaf()),
        }
    }
    Ok((object.key.clone(), path))
}

/// Whether something with parts stands there.
fn has_parts(content: &Json, path: Option<&[PathElement]>) -> bool {
    let value = path.and_then(|path| FieldPath(path.to_vec()).get(content).cloned());
    value.is_some_and(|value| value.is_array() || value.is_object())
}
