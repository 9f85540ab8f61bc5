//! Which fields differ between two versions of an object.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use windlass_kubeschema::fieldpath::{FieldSet, Form, PathElement, Shape};
use windlass_kubeschema::schema::MAX_DEPTH;

const METADATA: &str = "metadata";
const MANAGED_FIELDS: &str = "managedFields";

/// Fields that differ; no field is in two of the sets.
#[derive(Debug, Clone, Default)]
pub(super) struct Comparison {
    pub(super) removed: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) added: FieldSet,
}

impl Comparison {
    /// Without the fields that the endpoint cannot write.
    pub(super) fn without(self, reset: &FieldSet) -> Comparison {
        if reset.is_empty() {
            return self;
        }
        Comparison {
            removed: self.removed.recursive_difference(reset),
            modified: self.modified.recursive_difference(reset),
            added: self.added.recursive_difference(reset),
        }
    }

    /// No field differs; the order of list items may.
    pub(super) fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.modified.is_empty() && self.added.is_empty()
    }

    /// Fields with a value that was not there before.
    pub(super) fn written(&self) -> FieldSet {
        self.modified.union(&self.added)
    }
}

/// What `new` changes in `old`, managedFields aside.
pub(super) fn compare(old: &Value, new: &Value, shape: Shape<'_>) -> Comparison {
    let mut walk = Walk { path: Vec::new(), found: Comparison::default() };
    walk.value(Some(old), Some(new), shape);
    walk.found
}

/// Equal as the server sees values: 1 and 1.0 are.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(a), Value::Object(b)) => same_maps(a, b, |_, left, right| same(left, right)),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => left == right,
    }
}

/// Two objects are the same, managedFields aside.
pub(super) fn same_object(left: &Value, right: &Value) -> bool {
    let (Value::Object(left), Value::Object(right)) = (left, right) else {
        return same(left, right);
    };
    same_maps(left, right, |name, left, right| match (left, right) {
        (Value::Object(left), Value::Object(right)) if name == METADATA => {
            let kept = |map: &Map<String, Value>| map.len() - usize::from(map.contains_key(MANAGED_FIELDS));
            kept(left) == kept(right)
                && left.iter().all(|(name, value)| name == MANAGED_FIELDS || right.get(name).is_some_and(|other| same(value, other)))
        }
        _ => same(left, right),
    })
}

fn same_maps(left: &Map<String, Value>, right: &Map<String, Value>, same: impl Fn(&str, &Value, &Value) -> bool) -> bool {
    left.len() == right.len() && left.iter().all(|(name, value)| right.get(name).is_some_and(|other| same(name, value, other)))
}

struct Walk {
    path: Vec<PathElement>,
    found: Comparison,
}

impl Walk {
    fn value(&mut self, old: Option<&Value>, new: Option<&Value>, shape: Shape<'_>) {
        let in_leaf = match (old, new) {
            (Some(left), Some(right)) if left == right => return,
            (Some(left), Some(right)) => {
                let (left_form, right_form) = (shape.form(Some(left)), shape.form(Some(right)));
                if left_form == right_form || left.is_null() {
                    self.as_form(right_form, old, new, shape)
                } else {
                    // The forms differ (only where the schema leaves them open): what is below the
                    // old one goes, what is below the new one comes.
                    let left_leaf = self.as_form(left_form, old, new, shape);
                    self.as_form(right_form, old, new, shape) || left_leaf
                }
            }
            (Some(left), None) => self.as_form(shape.form(Some(left)), old, new, shape),
            (None, right) => self.as_form(shape.form(right), old, new, shape),
        };
        if !in_leaf {
            if old.is_none() {
                self.found.added.insert(&self.path);
            } else if new.is_none() {
                self.found.removed.insert(&self.path);
            }
        }
    }

    /// True if the place was taken as one leaf.
    fn as_form(&mut self, form: Form, old: Option<&Value>, new: Option<&Value>, shape: Shape<'_>) -> bool {
        let deep = self.path.len() > MAX_DEPTH;
        match form {
            _ if deep => self.leaf(old, new),
            Form::Scalar => self.leaf(old, new),
            Form::Map => {
                let (left, right) = (old.and_then(Value::as_object), new.and_then(Value::as_object));
                let empty = left.is_none_or(Map::is_empty) && right.is_none_or(Map::is_empty);
                if empty || shape.is_atomic_map() {
                    return self.leaf(old, new);
                }
                self.maps(left, right, shape);
                false
            }
            Form::List => {
                let (left, right) = (old.and_then(Value::as_array), new.and_then(Value::as_array));
                let empty = left.is_none_or(Vec::is_empty) && right.is_none_or(Vec::is_empty);
                if empty || shape.is_atomic_list() {
                    return self.leaf(old, new);
                }
                self.lists(left.map_or(&[], |list| list), right.map_or(&[], |list| list), shape);
                false
            }
        }
    }

    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) -> bool {
        match (old, new) {
            (None, _) => self.found.added.insert(&self.path),
            (_, None) => self.found.removed.insert(&self.path),
            (Some(left), Some(right)) => {
                if !same(left, right) {
                    self.found.modified.insert(&self.path);
                }
            }
        }
        true
    }

    fn below(&mut self, element: PathElement, old: Option<&Value>, new: Option<&Value>, shape: Shape<'_>) {
        self.path.push(element);
        self.value(old, new, shape);
        self.path.pop();
    }

    fn maps(&mut self, old: Option<&Map<String, Value>>, new: Option<&Map<String, Value>>, shape: Shape<'_>) {
        for (name, left) in old.into_iter().flatten() {
            let right = new.and_then(|map| map.get(name));
            if right == Some(left) || self.is_managed_fields(name) {
                continue;
            }
            let field = shape.field(name).unwrap_or(Shape::Deduced);
            self.below(PathElement::field(name.as_str()), Some(left), right, field);
        }
        for (name, right) in new.into_iter().flatten() {
            if !old.is_some_and(|map| map.contains_key(name)) && !self.is_managed_fields(name) {
                let field = shape.field(name).unwrap_or(Shape::Deduced);
                self.below(PathElement::field(name.as_str()), None, Some(right), field);
            }
        }
    }

    fn is_managed_fields(&self, name: &str) -> bool {
        name == MANAGED_FIELDS && matches!(self.path.as_slice(), [PathElement::Field(parent)] if parent == METADATA)
    }

    fn lists(&mut self, old: &[Value], new: &[Value], shape: Shape<'_>) {
        let (old, new) = (index(old, shape), index(new, shape));
        let elements: BTreeSet<&PathElement> = old.keys().chain(new.keys()).collect();
        for element in elements {
            let left = old.get(element).map_or(&[][..], Vec::as_slice);
            let right = new.get(element).map_or(&[][..], Vec::as_slice);
            let item = shape.item();
            match (left, right) {
                ([] | [_], [] | [_]) => self.below(element.clone(), left.first().copied(), right.first().copied(), item),
                // There twice before and after: one leaf.
                ([_, _, ..], [_, _, ..]) => {
                    if left.len() != right.len() || !left.iter().zip(right).all(|(a, b)| same(a, b)) {
                        self.mark(element, |found| &mut found.modified);
                    }
                }
                // No longer twice.
                ([_, _, ..], _) => {
                    if let Some(only) = right.first() {
                        self.below(element.clone(), None, Some(only), item);
                    }
                    self.mark(element, |found| &mut found.removed);
                }
                // Twice from now on.
                (_, [_, _, ..]) => {
                    if let Some(only) = left.first() {
                        self.below(element.clone(), Some(only), None, item);
                    }
                    self.mark(element, |found| &mut found.added);
                }
            }
        }
    }

    fn mark(&mut self, element: &PathElement, set: impl FnOnce(&mut Comparison) -> &mut FieldSet) {
        self.path.push(element.clone());
        set(&mut self.found).insert(&self.path);
        self.path.pop();
    }
}

fn index<'v>(list: &'v [Value], shape: Shape<'_>) -> BTreeMap<PathElement, Vec<&'v Value>> {
    let mut out: BTreeMap<PathElement, Vec<&Value>> = BTreeMap::new();
    for item in list {
        if let Ok(element) = shape.element(item) {
            out.entry(element).or_default().push(item);
        }
    }
    out
}
