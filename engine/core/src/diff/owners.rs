//! Who owns a leaf, by `metadata.managedFields`.

use serde_json::Value as Json;
use windlass_kubeschema::fieldpath::{FieldPath, FieldSet, ManagedEntry, Operation, PathElement, parse_managed_fields};

use crate::marks::FIELD_MANAGER;
use crate::plan::Actor;

/// The managers of one live object.
#[derive(Debug, Clone, Default)]
pub struct Owners {
    entries: Vec<ManagedEntry>,
    /// `metadata.creationTimestamp`.
    created: Option<String>,
}

impl Owners {
    /// Reads `metadata.managedFields`; entries that cannot be read count as not there.
    pub fn of(live: &Json) -> Self {
        let list = live.pointer("/metadata/managedFields").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let entries = parse_managed_fields(list).unwrap_or_else(|_| {
            let each = list.iter().filter_map(|entry| parse_managed_fields(std::slice::from_ref(entry)).ok());
            each.flatten().collect()
        });
        let created = live.pointer("/metadata/creationTimestamp").and_then(Json::as_str).map(str::to_owned);
        Self { entries, created }
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

    /// Who made the object, if that can be told: the one manager of it that has not written since the second in which it came to be. An
    /// entry's time is that of its manager's last write, so a maker that wrote again later is nobody's to name.
    pub fn maker(&self) -> Option<Actor> {
        let since = self.entries.iter().filter(|entry| entry.subresource.is_empty() && entry.time.is_some() && entry.time == self.created);
        // Controllers are quick to write marks of their own onto what somebody else has made.
        let (made, marked): (Vec<_>, Vec<_>) = since.partition(|entry| has_content(&entry.fields));
        let candidates = if made.is_empty() { marked } else { made };
        let others: Vec<_> = candidates.iter().filter(|entry| !is_ours(entry)).collect();
        match (others.as_slice(), candidates.as_slice()) {
            ([one], _) => Some(actor_of(one)),
            ([], [one]) => Some(actor_of(one)),
            _ => None,
        }
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

/// Whether anything but metadata is owned.
fn has_content(fields: &FieldSet) -> bool {
    fields.nodes().any(|(element, _)| !matches!(element, PathElement::Field(name) if name == "metadata" || name == "status"))
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
    fn the_maker_is_named_only_if_it_can_be_told() {
        let entry = |manager: &str, time: &str, subresource: &str, fields: Json| {
            let operation = if manager == FIELD_MANAGER { "Apply" } else { "Update" };
            json!({"manager": manager, "operation": operation, "apiVersion": "v1", "time": time, "subresource": subresource,
                "fieldsType": "FieldsV1", "fieldsV1": fields})
        };
        let (then, later) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        let data = || json!({"f:data": {}});
        let mark = || json!({"f:metadata": {"f:annotations": {"f:a": {}}}});
        let untimed = json!({"manager": "scaler", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {}});
        for (entries, expected) in [
            (json!([]), None),
            (json!([untimed]), None),
            (json!([entry("kubectl-edit", later, "", data()), entry("kubectl-create", then, "", data())]), Some("kubectl-create")),
            (json!([entry("controller", then, "status", data()), entry("kubectl-create", then, "", data())]), Some("kubectl-create")),
            (json!([entry("controller", then, "", mark()), entry("kubectl-create", then, "", data())]), Some("kubectl-create")),
            // The maker has written again: who only marked it in between is not it.
            (json!([entry("alice", later, "", data()), entry("bob", later, "", mark())]), None),
            (json!([entry("alice", then, "", data()), entry("bob", then, "", data())]), None),
            (json!([entry(FIELD_MANAGER, then, "", data()), entry("kubectl-create", then, "", data())]), Some("kubectl-create")),
            (json!([entry(FIELD_MANAGER, then, "", data()), entry("kubectl-edit", later, "", data())]), Some(FIELD_MANAGER)),
        ] {
            let owners = Owners::of(&json!({"metadata": {"creationTimestamp": then, "managedFields": entries}}));
            assert_eq!(owners.maker().map(|actor| actor.manager).as_deref(), expected, "{entries}");
        }
    }
}
