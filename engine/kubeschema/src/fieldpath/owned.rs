//! The set that whoever applies an object owns.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Map, Value};

use super::element::PathElement;
use super::set::FieldSet;
use super::shape::{Form, Shape};
use crate::schema::MAX_DEPTH;
use crate::view::SchemaRef;

impl FieldSet {
    /// The leaves of an object: scalars, atomic lists and maps, items of lists, keys of maps,
    /// nulls and empty maps. Struct fields on the way are no members.
    ///
    /// apiVersion, kind and names are in it like anything else; see
    /// [`FieldSet::without_identity`].
    pub fn of(value: &Value, schema: SchemaRef<'_>) -> FieldSet {
        FieldSet::of_shape(value, Shape::of(schema))
    }

    /// [`FieldSet::of`] for a place below the root.
    pub fn of_shape(value: &Value, shape: Shape<'_>) -> FieldSet {
        let mut set = FieldSet::new();
        collect(value, shape, &mut set, 0);
        set
    }

    /// The set without what nobody owns: type, name, namespace, and what the server writes.
    #[must_use]
    pub fn without_identity(mut self) -> FieldSet {
        static IDENTITY: OnceLock<FieldSet> = OnceLock::new();
        self.subtract(IDENTITY.get_or_init(identity));
        self
    }
}

/// What the server strips from every manager's set.
fn identity() -> FieldSet {
    const METADATA: [&str; 9] =
        ["name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields", "resourceVersion"];
    let mut set = FieldSet::new();
    for name in ["apiVersion", "kind", "metadata"] {
        set.insert(&[PathElement::field(name)]);
    }
    for name in METADATA {
        set.insert(&[PathElement::field("metadata"), PathElement::field(name)]);
    }
    set
}

/// Puts what is below the place of `value` into `out`; true if the place itself is a leaf.
fn collect(value: &Value, shape: Shape<'_>, out: &mut FieldSet, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return true;
    }
    match (shape.form(Some(value)), value) {
        (Form::Map, _) if shape.is_atomic_map() => true,
        (Form::List, _) if shape.is_atomic_list() => true,
        (Form::Map, Value::Object(map)) => {
            collect_map(map, shape, out, depth);
            false
        }
        (Form::List, Value::Array(list)) => {
            collect_list(list, shape, out, depth);
            false
        }
        (Form::Scalar, _) => true,
        // null where a map or list stands; the map above makes it a member.
        _ => false,
    }
}

fn collect_map(map: &Map<String, Value>, shape: Shape<'_>, out: &mut FieldSet, depth: usize) {
    for (name, value) in map {
        let node = out.node_mut(PathElement::field(name.as_str()));
        let below = shape.field(name).unwrap_or(Shape::Deduced);
        let leaf = collect(value, below, &mut node.children, depth + 1);
        let empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
        node.member = leaf || empty || !shape.declares(name);
        // An empty list that merges by item owns nothing.
        if !node.member && node.children.nodes().next().is_none() {
            out.drop_node(&PathElement::field(name.as_str()));
        }
    }
}

fn collect_list(list: &[Value], shape: Shape<'_>, out: &mut FieldSet, depth: usize) {
    let mut items: BTreeMap<PathElement, Option<&Value>> = BTreeMap::new();
    for item in list {
        let Ok(element) = shape.element(item) else {
            continue;
        };
        // Of an item that is there twice only the item itself is owned.
        (items.entry(element)).and_modify(|seen| *seen = None).or_insert(Some(item));
    }
    for (element, item) in items {
        let node = out.node_mut(element);
        if let Some(item) = item {
            collect(item, shape.item(), &mut node.children, depth + 1);
        }
        node.member = true;
    }
}
