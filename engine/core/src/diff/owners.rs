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
        Some(actor_of(owning.max_by_key(|(depth, entry)| (!is_ours(entry), *depth, entry.time.clone()))?.1))
    }

    /// Who wrote the object itself first, of those that still own something of it: its maker, as far as anybody can know.
    pub fn first(&self) -> Option<Actor> {
        let timed = self.entries.iter().filter(|entry| entry.subresource.is_empty() && entry.time.is_some());
        timed.min_by(|a, b| a.time.cmp(&b.time).then_with(|| is_ours(a).cmp(&is_ours(b)))).map(actor_of)
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

fn actor_of(entry: &ManagedEntry) -> Actor {
    Actor {
        manager: entry.manager.clone(),
        operation: entry.operation.as_str().to_owned(),
        time: entry.time.clone(),
        subresource: (!entry.subresource.is_empty()).then(|| entry.subresource.clone()),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_writer_is_the_oldest_one_of_the_object_itself() {
        let entry = |manager: &str, operation: &str, time: &str, subresource: &str| {
            json!({"manager": manager, "operation": operation, "apiVersion": "v1", "time": time, "subresource": subresource,
                "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {}}})
        };
        let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        let untimed = json!({"manager": "scaler", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {}});
        for (entries, expected) in [
            (json!([]), None),
            (json!([untimed]), None),
            (
                json!([untimed, entry("kubectl-edit", "Update", late, ""), entry("kubectl-create", "Update", early, "")]),
                Some("kubectl-create"),
            ),
            (json!([entry("controller", "Update", early, "status"), entry("kubectl-create", "Update", late, "")]), Some("kubectl-create")),
            (json!([entry(FIELD_MANAGER, "Apply", early, ""), entry("kubectl-create", "Update", early, "")]), Some("kubectl-create")),
            (json!([entry(FIELD_MANAGER, "Apply", early, ""), entry("kubectl-edit", "Update", late, "")]), Some(FIELD_MANAGER)),
        ] {
            let owners = Owners::of(&json!({"metadata": {"managedFields": entries}}));
            assert_eq!(owners.first().map(|actor| actor.manager).as_deref(), expected, "{entries}");
        }
    }
}
