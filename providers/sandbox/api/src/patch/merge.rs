//! An applied object laid over the live one; nothing is removed here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use windlass_kubeschema::fieldpath::{Form, PathElement, Shape};
use windlass_kubeschema::schema::MAX_DEPTH;

/// `live` with `applied` laid over it.
///
/// Items of lists that merge keep the live order; where the applied list has another order of
/// shared items, its order wins.
pub(super) fn merge(live: &mut Value, applied: &Value, shape: Shape<'_>) {
    merge_at(live, applied, shape, 0);
}

fn merge_at(live: &mut Value, applied: &Value, shape: Shape<'_>, depth: usize) {
    let form = if depth > MAX_DEPTH { Form::Scalar } else { shape.form(Some(applied)) };
    match form {
        Form::Scalar => *live = applied.clone(),
        Form::Map if shape.is_atomic_map() => *live = applied.clone(),
        Form::List if shape.is_atomic_list() => *live = applied.clone(),
        Form::Map => match (live, applied) {
            (Value::Object(old), Value::Object(new)) if !(old.is_empty() && new.is_empty()) => merge_maps(old, new, shape, depth),
            // null or another form leaves what is there to be pruned.
            (Value::Object(old), _) if !old.is_empty() => {}
            (live, _) => *live = applied.clone(),
        },
        Form::List => match (live, applied) {
            (Value::Array(old), Value::Array(new)) if !(old.is_empty() && new.is_empty()) => {
                let merged = merge_lists(std::mem::take(old), new, shape, depth);
                *old = merged;
            }
            (Value::Array(old), _) if !old.is_empty() => {}
            (live, _) => *live = applied.clone(),
        },
    }
}

fn merge_maps(live: &mut Map<String, Value>, applied: &Map<String, Value>, shape: Shape<'_>, depth: usize) {
    for (name, new) in applied {
        match live.get_mut(name) {
            Some(old) => merge_at(old, new, shape.field(name).unwrap_or(Shape::Deduced), depth + 1),
            None => {
                live.insert(name.clone(), new.clone());
            }
        }
    }
}

fn merge_lists(live: Vec<Value>, applied: &[Value], shape: Shape<'_>, depth: usize) -> Vec<Value> {
    let left: Vec<PathElement> = live.iter().filter_map(|item| shape.element(item).ok()).collect();
    let right: Vec<PathElement> = applied.iter().filter_map(|item| shape.element(item).ok()).collect();
    // The form check came before; a live list that fails it is replaced.
    if left.len() != live.len() || right.len() != applied.len() {
        return if applied.is_empty() { live } else { applied.to_owned() };
    }
    let mut merging = Merging::new(&left, live, &right, applied);
    let mut shared = right.iter().filter(|element| merging.is_live(element)).collect::<Vec<_>>().into_iter();
    let mut next_shared = shared.next();
    let mut done: BTreeSet<&PathElement> = BTreeSet::new();
    let mut out = Vec::with_capacity(left.len().max(right.len()));
    let (mut l, mut r) = (0, 0);
    while l < left.len() || r < right.len() {
        if let (Some(ours), Some(theirs)) = (left.get(l), right.get(r)) {
            if ours == theirs {
                out.extend(merging.take(theirs, shape, depth));
                done.insert(theirs);
                next_shared = shared.next();
                (l, r) = (l + 1, r + 1);
                continue;
            }
            if merging.is_applied(ours) && next_shared.is_some_and(|next| next != ours) {
                // Shared, but another shared item comes first in the applied order.
                l += 1;
                continue;
            }
        }
        if let Some(ours) = left.get(l) {
            if !merging.is_applied(ours) {
                out.extend(merging.take_live(l));
                l += 1;
                continue;
            }
            if done.contains(ours) {
                l += 1;
            }
        }
        if let Some(theirs) = right.get(r) {
            out.extend(merging.take(theirs, shape, depth));
            done.insert(theirs);
            r += 1;
            if next_shared == Some(theirs) {
                next_shared = shared.next();
            }
        }
    }
    out
}

/// The items of both lists by what identifies them.
struct Merging<'m> {
    live: Vec<Option<Value>>,
    live_at: BTreeMap<&'m PathElement, usize>,
    twice: BTreeSet<&'m PathElement>,
    applied: BTreeMap<&'m PathElement, &'m Value>,
}

impl<'m> Merging<'m> {
    fn new(left: &'m [PathElement], live: Vec<Value>, right: &'m [PathElement], applied: &'m [Value]) -> Merging<'m> {
        let mut live_at = BTreeMap::new();
        let mut twice = BTreeSet::new();
        for (index, element) in left.iter().enumerate() {
            if live_at.insert(element, index).is_some() {
                twice.insert(element);
            }
        }
        Merging { live: live.into_iter().map(Some).collect(), live_at, twice, applied: right.iter().zip(applied).collect() }
    }

    fn is_live(&self, element: &PathElement) -> bool {
        self.live_at.contains_key(element)
    }

    fn is_applied(&self, element: &PathElement) -> bool {
        self.applied.contains_key(element)
    }

    fn take_live(&mut self, index: usize) -> Option<Value> {
        self.live.get_mut(index)?.take()
    }

    /// The applied item over the live one. Of an item that is there twice no live copy is merged:
    /// the applied one replaces all.
    fn take(&mut self, element: &PathElement, shape: Shape<'_>, depth: usize) -> Option<Value> {
        let new = *self.applied.get(element)?;
        let index = self.live_at.get(element).filter(|_| !self.twice.contains(element)).copied();
        match index.and_then(|index| self.take_live(index)) {
            Some(mut old) => {
                merge_at(&mut old, new, shape.item(), depth + 1);
                Some(old)
            }
            None => Some(new.clone()),
        }
    }
}
