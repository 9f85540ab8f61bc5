//! Taking the fields of a set out of an object.

use serde_json::{Map, Value};
use windlass_kubeschema::fieldpath::{FieldSet, PathElement, Shape};

/// Removes each member with all that is below it.
///
/// A container that loses everything becomes `null`, as on the server: decoding drops it where
/// the schema does not allow null.
pub(super) fn remove_fields(value: &mut Value, set: &FieldSet, shape: Shape<'_>) {
    let is_empty = match value {
        Value::Object(map) => {
            if shape.is_atomic_map() {
                map.clear();
            } else {
                remove_from_map(map, set, shape);
            }
            map.is_empty()
        }
        Value::Array(list) => {
            if shape.is_atomic_list() {
                list.clear();
            } else {
                remove_from_list(list, set, shape);
            }
            list.is_empty()
        }
        _ => false,
    };
    if is_empty {
        *value = Value::Null;
    }
}

fn remove_from_map(map: &mut Map<String, Value>, set: &FieldSet, shape: Shape<'_>) {
    for (element, node) in set.nodes() {
        let PathElement::Field(name) = element else {
            continue;
        };
        if node.member {
            map.remove(name);
        } else if let Some(value) = map.get_mut(name)
            && !node.children.is_empty()
        {
            remove_fields(value, &node.children, shape.field(name).unwrap_or(Shape::Deduced));
        }
    }
}

fn remove_from_list(list: &mut Vec<Value>, set: &FieldSet, shape: Shape<'_>) {
    list.retain_mut(|item| {
        let node = shape.element(item).ok().and_then(|element| set.node(&element));
        match node {
            Some(node) if node.member => false,
            Some(node) if !node.children.is_empty() => {
                remove_fields(item, &node.children, shape.item());
                true
            }
            _ => true,
        }
    });
}
