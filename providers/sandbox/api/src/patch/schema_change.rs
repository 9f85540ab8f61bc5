//! Sets that were recorded while the schema was another one.

use std::borrow::Cow;

use windlass_kubeschema::fieldpath::{FieldSet, Form, PathElement, Shape};

/// The set with everything below what is atomic now folded into one leaf.
pub(super) fn reconcile<'s>(set: &'s FieldSet, shape: Shape<'_>) -> Cow<'s, FieldSet> {
    if is_current(set, shape) { Cow::Borrowed(set) } else { Cow::Owned(folded(set, shape)) }
}

fn is_current(set: &FieldSet, shape: Shape<'_>) -> bool {
    set.nodes().all(|(element, node)| match below(shape, element) {
        None => true,
        Some(_) if node.children.is_empty() => true,
        Some(inner) => !is_atomic(inner) && is_current(&node.children, inner),
    })
}

fn folded(set: &FieldSet, shape: Shape<'_>) -> FieldSet {
    let mut out = FieldSet::new();
    for (element, node) in set.nodes() {
        let target = out.node_mut(element.clone());
        match below(shape, element) {
            Some(inner) if !node.children.is_empty() && is_atomic(inner) => target.member = true,
            Some(inner) => {
                target.member = node.member;
                target.children = folded(&node.children, inner);
            }
            None => *target = node.clone(),
        }
    }
    out
}

/// Deduced places have no declared atomicity to change.
fn is_atomic(shape: Shape<'_>) -> bool {
    if !matches!(shape, Shape::Known { .. }) {
        return false;
    }
    match shape.form(None) {
        Form::Map => shape.is_atomic_map(),
        Form::List => shape.is_atomic_list(),
        Form::Scalar => false,
    }
}

/// `None`: the schema does not know the field, or nothing is known about it.
fn below<'a>(shape: Shape<'a>, element: &PathElement) -> Option<Shape<'a>> {
    match element {
        PathElement::Field(name) => shape.field(name),
        _ => Some(shape.item()),
    }
}
