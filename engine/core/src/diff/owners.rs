//! Who owns a leaf, by `metadata.managedFields`.

use serde_json::Value as Json;
use windlass_kubeschema::fieldpath::{FieldPath, FieldSet, ManagedEntry, Operation, PathElement, parse_managed_fields};

use crate::marks::FIELD_MANAGER;
use crate::plan::Actor;

/// The managers of one live object.
#[derive(Debug, Clone, Default)]
pub struct Owners {
    entries: Vec<ManagedEntry>,
}

impl Owners {
    /// Reads `metadata.managedFields`; entries that cannot be read count as not there.
    pub fn of(live: &Json) -> Self {
        let list = live.pointer("/metadata/managedFields").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let entries = parse_managed_fields(list).unwrap_or_else(|_| {
            let each = list.iter().filter_map(|entry| parse_managed_fields(std::slice::from_ref(entry)).ok());
            each.flatten().collect()
        });
        Self { entries }
    }

    /// Whether the server says anything about owners at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What we own by server-side apply.
    pub fn ours(&self) -> Option<&FieldSet> {
        self.entries.iter().find(|entry| is_ours(entry)).map(|entry| &entry.fields)
    }

    /// Whether we own a leaf, itself or by something atomic above it.
    pub fn we_own(&self, path: &FieldPath) -> bool {
        self.entries.iter().any(|entry| is_ours(entry) && depth(&entry.fields, path).is_some())
    }

    /// Whether the server keeps owners of the single values of a list, which it does for sets only.
    pub fn is_set(&self, path: &FieldPath) -> bool {
        self.entries.iter().any(|entry| {
            let mut set = &entry.fields;
            let reached = path.0.iter().all(|element| set.node(element).map(|node| set = &node.children).is_some());
            reached && set.nodes().any(|(element, _)| matches!(element, PathElement::Value(_)))
        })
    }

    /// Who has the leaf: the most specific entry that is not ours, the latest of them; else ours; else nobody known.
    pub fn actor(&self, path: &FieldPath) -> Option<Actor> {
        let owning = self.entries.iter().filter_map(|entry| Some((depth(&entry.fields, path)?, entry)));
        let entry = owning.max_by_key(|(depth, entry)| (!is_ours(entry), *depth, entry.time.clone()))?.1;
        Some(Actor {
            manager: entry.manager.clone(),
            operation: entry.operation.as_str().to_owned(),
            time: entry.time.clone(),
            subresource: (!entry.subresource.is_empty()).then(|| entry.subresource.clone()),
        })
    }

    /// Names of all other managers that own the leaf, sorted.
    pub fn others(&self, path: &FieldPath) -> Vec<String> {
        let mut names: Vec<String> = self
            .entries
            .iter()
            .filter(|entry| !is_ours(entry) && depth(&entry.fields, path).is_some())
            .map(|entry| entry.manager.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

fn is_ours(entry: &ManagedEntry) -> bool {
    entry.manager == FIELD_MANAGER && entry.operation == Operation::Apply && entry.subresource.is_empty()
}

/// How many steps of the path lead to the deepest member that is the leaf, something atomic above it, or has it inside.
fn depth(fields: &FieldSet, path: &FieldPath) -> Option<usize> {
    let mut set = fields;
    for (position, element) in path.0.iter().enumerate() {
        let node = set.node(element)?;
        let last = position + 1 == path.0.len();
        if last || (node.member && node.children.is_empty()) {
            return Some(position + 1);
        }
        set = &node.children;
    }
    None
}
