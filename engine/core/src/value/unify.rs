//! The common type of several values: what the two sides of a conditional and the elements of a list become.
//! The rules are those of Terraform's type system, read off its console.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{ObjectAttribute, Type};

/// The type that all of `types` convert to without loss, if there is one. [`Type::Any`] (the type of null) fits all.
#[must_use]
pub fn unify(types: &[Type]) -> Option<Type> {
    let mut known = types.iter().filter(|ty| **ty != Type::Any);
    let Some(first) = known.next() else { return Some(Type::Any) };
    let rest: Vec<&Type> = known.filter(|ty| *ty != first).collect();
    if rest.is_empty() {
        return Some(first.clone());
    }
    let all: Vec<&Type> = std::iter::once(first).chain(rest).collect();
    if all.iter().all(|ty| ty.is_primitive()) {
        return all.contains(&&Type::String).then_some(Type::String);
    }
    if all.iter().all(|ty| matches!(ty, Type::Object(_))) {
        return unify_objects(&all).or_else(|| unify_entries(&all));
    }
    if all.iter().all(|ty| matches!(ty, Type::Tuple(_))) {
        return unify_tuples(&all).or_else(|| unify_elements(&all).map(Type::list));
    }
    if all.iter().all(|ty| matches!(ty, Type::Object(_) | Type::Map(_))) {
        return unify_entries(&all);
    }
    if all.iter().all(|ty| matches!(ty, Type::Set(_))) {
        return unify_elements(&all).map(Type::set);
    }
    if all.iter().all(|ty| matches!(ty, Type::Tuple(_) | Type::List(_))) {
        return unify_elements(&all).map(Type::list);
    }
    if all.iter().all(|ty| matches!(ty, Type::Tuple(_) | Type::List(_) | Type::Set(_))) {
        let lists = all.iter().any(|ty| matches!(ty, Type::List(_)));
        return unify_elements(&all).map(if lists { Type::list } else { Type::set });
    }
    None
}

fn unify_objects(types: &[&Type]) -> Option<Type> {
    let mut columns: BTreeMap<Arc<str>, Vec<Type>> = BTreeMap::new();
    let mut names: Option<BTreeSet<&Arc<str>>> = None;
    for ty in types {
        let Type::Object(attributes) = ty else { return None };
        let these: BTreeSet<&Arc<str>> = attributes.keys().collect();
        if *names.get_or_insert_with(|| these.clone()) != these {
            return None;
        }
        for (name, attribute) in attributes.iter() {
            columns.entry(name.clone()).or_default().push(attribute.ty.clone());
        }
    }
    let mut unified = BTreeMap::new();
    for (name, column) in columns {
        unified.insert(name, ObjectAttribute::required(unify(&column)?));
    }
    Some(Type::Object(Arc::new(unified)))
}

fn unify_entries(types: &[&Type]) -> Option<Type> {
    let mut entries = Vec::new();
    for ty in types {
        match ty {
            Type::Object(attributes) => entries.extend(attributes.values().map(|attribute| attribute.ty.clone())),
            Type::Map(element) => entries.push(Type::clone(element)),
            _ => return None,
        }
    }
    unify(&entries).map(Type::map)
}

fn unify_tuples(types: &[&Type]) -> Option<Type> {
    let mut columns: Vec<Vec<Type>> = Vec::new();
    for (row, ty) in types.iter().enumerate() {
        let Type::Tuple(elements) = ty else { return None };
        if row == 0 {
            columns = elements.iter().map(|element| vec![element.clone()]).collect();
            continue;
        }
        if elements.len() != columns.len() {
            return None;
        }
        for (column, element) in columns.iter_mut().zip(elements.iter()) {
            column.push(element.clone());
        }
    }
    columns.iter().map(|column| unify(column)).collect::<Option<Vec<Type>>>().map(Type::tuple)
}

fn unify_elements(types: &[&Type]) -> Option<Type> {
    let mut elements = Vec::new();
    for ty in types {
        match ty {
            Type::Tuple(parts) => elements.extend(parts.iter().cloned()),
            Type::List(element) | Type::Set(element) => elements.push(Type::clone(element)),
            _ => return None,
        }
    }
    unify(&elements)
}
