//! Reading and diffing Kubernetes objects as JSON. Knows no kind.

use std::collections::BTreeMap;

use kube::core::DynamicObject;
use serde_json::{Map, Value, json};

/// An object of any kind.
pub type Object = DynamicObject;

static NULL: Value = Value::Null;

/// Namespace (empty when cluster-scoped) and name.
pub type Key = (String, String);

/// Short ways to read what an object says.
pub trait Fields {
    /// The value at a JSON pointer below the object, without metadata; null when absent.
    fn at(&self, pointer: &str) -> &Value;
    /// The string at a pointer; empty when absent.
    fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }
    /// The integer at a pointer.
    fn int(&self, pointer: &str) -> Option<i64> {
        self.at(pointer).as_i64()
    }
    /// Whether the value at a pointer is `true`.
    fn flag(&self, pointer: &str) -> bool {
        self.at(pointer).as_bool() == Some(true)
    }
    /// The list at a pointer; empty when absent.
    fn items(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().map_or(&[], Vec::as_slice)
    }
}

impl Fields for Value {
    fn at(&self, pointer: &str) -> &Value {
        self.pointer(pointer).unwrap_or(&NULL)
    }
}

impl Fields for Object {
    fn at(&self, pointer: &str) -> &Value {
        self.data.at(pointer)
    }
}

/// Short ways to read metadata.
pub trait Meta {
    /// Name; empty if the server sent none.
    fn name(&self) -> &str;
    /// Namespace; empty when cluster-scoped.
    fn namespace(&self) -> &str;
    /// Uid; empty before creation.
    fn uid(&self) -> &str;
    /// Namespace and name.
    fn key(&self) -> Key;
    /// A label's value.
    fn label(&self, name: &str) -> Option<&str>;
    /// An annotation's value.
    fn annotation(&self, name: &str) -> Option<&str>;
    /// Whether deletion was asked for.
    fn deleting(&self) -> bool;
    /// Whether it carries this finalizer.
    fn has_finalizer(&self, name: &str) -> bool;
    /// Uid of the owner with `controller: true`.
    fn controller_uid(&self) -> Option<&str>;
    /// Name of an owner of this kind.
    fn owner_name(&self, kind: &str) -> Option<&str>;
    /// `metadata.generation`, 1 if absent.
    fn generation(&self) -> i64;
    /// Seconds since the epoch at creation.
    fn created(&self) -> i64;
}

impl Meta for Object {
    fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }
    fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or_default()
    }
    fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }
    fn key(&self) -> Key {
        (self.namespace().to_owned(), self.name().to_owned())
    }
    fn label(&self, name: &str) -> Option<&str> {
        self.metadata.labels.as_ref()?.get(name).map(String::as_str)
    }
    fn annotation(&self, name: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(name).map(String::as_str)
    }
    fn deleting(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }
    fn has_finalizer(&self, name: &str) -> bool {
        self.metadata.finalizers.as_ref().is_some_and(|all| all.iter().any(|one| one == name))
    }
    fn controller_uid(&self) -> Option<&str> {
        let owners = self.metadata.owner_references.as_ref()?;
        owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.as_str())
    }
    fn owner_name(&self, kind: &str) -> Option<&str> {
        let owners = self.metadata.owner_references.as_ref()?;
        owners.iter().find(|owner| owner.kind == kind).map(|owner| owner.name.as_str())
    }
    fn generation(&self) -> i64 {
        self.metadata.generation.unwrap_or(1)
    }
    fn created(&self) -> i64 {
        self.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second())
    }
}

/// An owner reference to `owner`; a controller's blocks its owner's deletion in the foreground.
pub fn owner_reference(api_version: &str, kind: &str, owner: &Object, controller: bool) -> Value {
    let mut reference = json!({"apiVersion": api_version, "kind": kind, "name": owner.name(), "uid": owner.uid()});
    if controller {
        reference["controller"] = json!(true);
        reference["blockOwnerDeletion"] = json!(true);
    }
    reference
}

/// `object`'s owner references with `reference` added, or made fresh where one to the same kind and name is there; `None` if nothing changes.
pub fn with_owner(object: &Object, reference: &Value) -> Option<Value> {
    let mut owners = match serde_json::to_value(&object.metadata.owner_references) {
        Ok(Value::Array(owners)) => owners,
        _ => Vec::new(),
    };
    let same = |owner: &Value| owner.text("/kind") == reference.text("/kind") && owner.text("/name") == reference.text("/name");
    match owners.iter_mut().find(|owner| same(owner)) {
        Some(owner) => {
            let changed = owner.text("/uid") != reference.text("/uid") || owner.flag("/controller") != reference.flag("/controller");
            if !changed {
                return None;
            }
            *owner = reference.clone();
        }
        None => owners.push(reference.clone()),
    }
    Some(Value::Array(owners))
}

/// `object`'s finalizers with `name` added or taken away; `None` if nothing changes.
pub fn finalizers(object: &Object, name: &str, present: bool) -> Option<Value> {
    if object.has_finalizer(name) == present {
        return None;
    }
    let mut all = object.metadata.finalizers.clone().unwrap_or_default();
    if present {
        all.push(name.to_owned());
    } else {
        all.retain(|one| one != name);
    }
    Some(json!(all))
}

/// The RFC 7396 merge patch from `old` to `new`; `None` when they are equal.
pub fn merge_diff(old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return Some(new.clone());
    };
    let mut patch = Map::new();
    for (key, value) in new {
        match old.get(key) {
            Some(before) => {
                if let Some(change) = merge_diff(before, value) {
                    patch.insert(key.clone(), change);
                }
            }
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Some(Value::Object(patch))
}

/// `value` without nulls and empty maps and lists, recursively: two spellings of the same thing become equal.
pub fn without_empty(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().map(|(key, value)| (key.clone(), without_empty(value)));
            Value::Object(kept.filter(|(_, value)| !is_empty(value)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_empty).collect()),
        other => other.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// A map of strings from JSON; other values are left out.
pub fn string_map(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// `max` for rolling updates: an integer, or a percentage of `total` rounded up or down.
pub fn int_or_percent(value: &Value, total: i64, round_up: bool, default: i64) -> i64 {
    if let Some(number) = value.as_i64() {
        return number;
    }
    let percent = value.as_str().and_then(|text| text.strip_suffix('%')).and_then(|text| text.parse::<i64>().ok());
    match percent {
        Some(percent) if round_up => (total * percent + 99) / 100,
        Some(percent) => total * percent / 100,
        None => default,
    }
}

/// Lower-case letters and digits that no word is made of, as Kubernetes uses for generated names.
const NAME_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// `length` letters drawn from a digest of `seed`: a stable short hash for names.
pub fn short_hash(seed: &str, length: usize) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(seed.as_bytes());
    let letter = |byte: &u8| char::from(NAME_LETTERS.get(usize::from(*byte) % NAME_LETTERS.len()).copied().unwrap_or(b'x'));
    digest.iter().take(length).map(letter).collect()
}

/// Five random letters, the end of a generated name.
pub fn random_suffix() -> String {
    short_hash(&uuid::Uuid::new_v4().to_string(), 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_diff_applied_gives_the_new_object() {
        let diff = merge_diff(&json!({"a": 1, "b": {"c": 2, "d": 3}, "l": [1]}), &json!({"a": 1, "b": {"c": 5}, "l": [2], "n": 1}));
        assert_eq!(diff, Some(json!({"b": {"c": 5, "d": null}, "l": [2], "n": 1})));
        assert_eq!(merge_diff(&json!({"a": [1]}), &json!({"a": [1]})), None);
    }

    #[test]
    fn percentages_round_as_kubernetes_does() {
        assert_eq!(int_or_percent(&json!("25%"), 3, true, 1), 1);
        assert_eq!(int_or_percent(&json!("25%"), 3, false, 1), 0);
        assert_eq!(int_or_percent(&json!(2), 3, false, 1), 2);
        assert_eq!(int_or_percent(&Value::Null, 3, false, 1), 1);
    }
}
