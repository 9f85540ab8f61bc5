//! Fields that an endpoint cannot write.

use serde_json::{Map, Value};
use windlass_kubeschema::fieldpath::{FieldSet, PathElement};

/// The fields that writes through `subresource` leave as they are, and own nothing of.
///
/// Source: `GetResetFields` of the strategies. Built-ins differ in details (a Pod's `/status`
/// also leaves two fields of its metadata); this is what all of them share.
pub fn reset_fields(subresource: &str, has_status: bool, is_custom: bool) -> FieldSet {
    let mut set = FieldSet::new();
    match subresource {
        "status" => {
            set.insert(&[PathElement::field("spec")]);
            if is_custom {
                set.insert(&[PathElement::field("metadata")]);
            }
        }
        _ if has_status => set.insert(&[PathElement::field("status")]),
        _ => {}
    }
    set
}

/// Puts the live values of `reset` (fields only) back into `new`; managedFields stay as in `new`.
pub fn restore(live: Option<&Value>, new: &mut Value, reset: &FieldSet) {
    let Value::Object(map) = new else {
        return;
    };
    restore_map(live.and_then(Value::as_object), map, reset);
}

fn restore_map(live: Option<&Map<String, Value>>, new: &mut Map<String, Value>, reset: &FieldSet) {
    for (element, node) in reset.nodes() {
        let PathElement::Field(name) = element else {
            continue;
        };
        let old = live.and_then(|map| map.get(name));
        if !node.member {
            if let Some(Value::Object(below)) = new.get_mut(name) {
                restore_map(old.and_then(Value::as_object), below, &node.children);
            }
            continue;
        }
        let managed = new.get(name).and_then(|value| value.get("managedFields")).cloned();
        match old {
            Some(value) => new.insert(name.clone(), value.clone()),
            None => new.remove(name),
        };
        if name == "metadata"
            && let (Some(Value::Object(metadata)), Some(managed)) = (new.get_mut(name), managed)
        {
            metadata.insert("managedFields".into(), managed);
        }
    }
}
