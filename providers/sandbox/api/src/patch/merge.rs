//! An applied object laid over the live one; nothing is removed here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use windlass_kubeschema::fieldpath::{Form, PathElement, Shape};
use windlass_kubeschema::schema::MAX_DEPTH;

/// The merged value; `None` only if there is neither.
///
/// Items of lists that merge keep the live order; where the applied list has another order of
/// shared items, its order wins.
pub(super) fn merge(live: Option<&Value>, applied: Option<&Value>, shape: Shape<'_>) -> Option<Value> {
    merge_at(live, applied, shape, 0)
}

fn merge_at(live: Option<&Value>, applied: Option<&Value>, shape: Shape<'_>, depth: usize) -> Option<Value> {
    let leaf = || applied.or(live).cloned();
    let deciding = applied.or(live);
    match shape.form(deciding) {
        _ if depth > MAX_DEPTH => leaf(),
        Form::Scalar => leaf(),
        Form::Map => {
            let (left, right) = (live.and_then(Value::as_object), applied.and_then(Value::as_object));
            let empty = is_empty(left.map(Map::len)) && is_empty(right.map(Map::len));
            if empty || shape.is_atomic_map() {
                return leaf();
            }
            merge_maps(left, right, shape, depth)
        }
        Form::List => {
            let (left, right) = (live.and_then(Value::as_array), applied.and_then(Value::as_array));
            let empty = is_empty(left.map(Vec::len)) && is_empty(right.map(Vec::len));
            if empty || shape.is_atomic_list() {
                return leaf();
            }
            let items = |list: Option<&Vec<Value>>| list.map_or(&[][..], Vec::as_slice).to_owned();
            merge_lists(&items(left), &items(right), shape, depth)
        }
    }
}

fn is_empty(length: Option<usize>) -> bool {
    length.is_none_or(|length| length == 0)
}

fn merge_maps(live: Option<&Map<String, Value>>, applied: Option<&Map<String, Value>>, shape: Shape<'_>, depth: usize) -> Option<Value> {
    let mut out = Map::new();
    for (name, value) in live.into_iter().flatten() {
        match applied.and_then(|map| map.get(name)) {
            // Only live: nothing below can change.
            None => {
                out.insert(name.clone(), value.clone());
            }
            Some(new) => {
                let below = shape.field(name).unwrap_or(Shape::Deduced);
                out.extend(merge_at(Some(value), Some(new), below, depth + 1).map(|merged| (name.clone(), merged)));
            }
        }
    }
    for (name, value) in applied.into_iter().flatten() {
        if !live.is_some_and(|map| map.contains_key(name)) {
            out.insert(name.clone(), value.clone());
        }
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

fn merge_lists(live: &[Value], applied: &[Value], shape: Shape<'_>, depth: usize) -> Option<Value> {
    let left: Vec<PathElement> = live.iter().filter_map(|item| shape.element(item).ok()).collect();
    let right: Vec<PathElement> = applied.iter().filter_map(|item| shape.element(item).ok()).collect();
    // The form check came before; a live list that fails it is replaced.
    if left.len() != live.len() || right.len() != applied.len() {
        return Some(Value::Array(if applied.is_empty() { live } else { applied }.to_owned()));
    }
    let mut live_items: BTreeMap<&PathElement, &Value> = BTreeMap::new();
    let mut twice: BTreeSet<&PathElement> = BTreeSet::new();
    for (element, item) in left.iter().zip(live) {
        if live_items.insert(element, item).is_some() {
            twice.insert(element);
        }
    }
    let applied_items: BTreeMap<&PathElement, &Value> = right.iter().zip(applied).collect();
    let take = |element: &PathElement, out: &mut Vec<Value>| {
        // Of an item that is there twice no live copy is merged: the applied one replaces all.
        let old = live_items.get(element).copied().filter(|_| !twice.contains(element));
        let new = applied_items.get(element).copied();
        out.extend(merge_at(old, new, shape.item(), depth + 1));
    };
    let mut shared = right.iter().filter(|element| live_items.contains_key(element));
    let mut next_shared = shared.next();
    let mut done: BTreeSet<&PathElement> = BTreeSet::new();
    let mut out = Vec::with_capacity(left.len().max(right.len()));
    let (mut l, mut r) = (0, 0);
    while l < left.len() || r < right.len() {
        if let (Some(ours), Some(theirs)) = (left.get(l), right.get(r)) {
            if ours == theirs {
                take(ours, &mut out);
                done.insert(ours);
                next_shared = shared.next();
                (l, r) = (l + 1, r + 1);
                continue;
            }
            if applied_items.contains_key(ours) && next_shared.is_some_and(|next| next != ours) {
                // Shared, but another shared item comes first in the applied order.
                l += 1;
                continue;
            }
        }
        if let (Some(ours), Some(item)) = (left.get(l), live.get(l)) {
            if !applied_items.contains_key(ours) {
                out.push(item.clone());
                l += 1;
                continue;
            }
            if done.contains(ours) {
                l += 1;
            }
        }
        if let Some(theirs) = right.get(r) {
            take(theirs, &mut out);
            done.insert(theirs);
            r += 1;
            if next_shared == Some(theirs) {
                next_shared = shared.next();
            }
        }
    }
    (!out.is_empty()).then_some(Value::Array(out))
}
