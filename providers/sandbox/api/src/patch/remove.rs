//! Taking the fields of a set out of an object.

use serde_json::Value;
use windlass_kubeschema::fieldpath::{FieldSet, PathElement, Shape};

/// Removes each member with all that is below it. A container that loses everything stays, empty.
pub(super) fn remove_fields(value: &mut Value, set: &FieldSet, shape: Shape<'_>) {
    match value {
        Value::Object(map) => {
            if shape.is_atomic_map() {
                map.clear();
                return;
            }
            let mut gone = Vec::new();
            for (name, value) in map.iter_mut() {
                let Some(node) = set.node(&PathElement::field(name.as_str())) else {
                    continue;
                };
                if node.member {
                    gone.push(name.clone());
                } else if !node.children.is_empty() {
                    remove_fields(value, &node.children, shape.field(name).unwrap_or(Shape::Deduced));
                }
            }
            for name in gone {
                map.remove(&name);
            }
        }
        Value::Array(list) => {
            if shape.is_atomic_list() {
                list.clear();
                return;
            }
            list.retain_mut(|item| {
                let Ok(element) = shape.element(item) else {
                    return true;
                };
                let Some(node) = set.node(&element) else {
                    return true;
                };
                if node.member {
                    return false;
                }
                if !node.children.is_empty() {
                    remove_fields(item, &node.children, shape.item());
                }
                true
            });
        }
        _ => {}
    }
}
