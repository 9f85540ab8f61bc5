//! What of a live object goes to the other plane, and whether a copy is true to its source. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use windlass_core::marks::PIVOT_MANAGER;

/// Fields of `metadata` that a server gives and that no copy can have.
const SERVERS_OWN: &[&str] = &[
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
    "generateName",
];

/// The object as it is created on the target: no status, no fields of the server, owners by their uids there.
///
/// `uids` maps source uids to target uids; an owner that did not move is left out, since no uid of it exists there.
pub fn for_target(live: &Json, uids: &BTreeMap<String, String>) -> Json {
    let mut copy = live.clone();
    if let Some(fields) = copy.as_object_mut() {
        fields.remove("status");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Json::as_object_mut) {
            SERVERS_OWN.iter().for_each(|field| {
                metadata.remove(*field);
            });
            let owners = metadata.get("ownerReferences").map(|owners| translated(owners, uids)).unwrap_or_default();
            if owners.is_empty() {
                metadata.remove("ownerReferences");
            } else {
                metadata.insert("ownerReferences".to_owned(), Json::Array(owners));
            }
        }
    }
    copy
}

fn translated(owners: &Json, uids: &BTreeMap<String, String>) -> Vec<Json> {
    let owners = owners.as_array().into_iter().flatten();
    owners
        .filter_map(|owner| {
            let uid = uids.get(owner.get("uid")?.as_str()?)?;
            let mut owner = owner.clone();
            owner.as_object_mut()?.insert("uid".to_owned(), json!(uid));
            Some(owner)
        })
        .collect()
}

/// The entries of `managedFields` that a copy without status can have, as they are true of the copy.
///
/// An entry tells owners in `ownerReferences` by their uids. `uids` is that of [`for_target`]: an owner that does not come along is
/// owned by no manager there either.
pub fn entries_for_target(live: &Json, uids: &BTreeMap<String, String>) -> Vec<Json> {
    let mut entries = entries_of_main_resource(live);
    for entry in &mut entries {
        let Some(owners) = entry.pointer_mut("/fieldsV1/f:metadata/f:ownerReferences").and_then(Json::as_object_mut) else { continue };
        let translated = std::mem::take(owners).into_iter().filter_map(|(key, fields)| {
            let Some(uid) = key.strip_prefix("k:").and_then(uid_of_key) else { return Some((key, fields)) };
            uids.get(&uid).map(|uid| (format!("k:{}", json!({"uid": uid})), fields))
        });
        *owners = translated.collect();
    }
    entries
}

/// The uid in the key of an owner, which is JSON: `{"uid":"…"}`.
fn uid_of_key(key: &str) -> Option<String> {
    let key: Json = serde_json::from_str(key).ok()?;
    key.get("uid").and_then(Json::as_str).map(str::to_owned)
}

/// The entries of `managedFields` that are not of a subresource.
pub fn entries_of_main_resource(live: &Json) -> Vec<Json> {
    let entries = live.pointer("/metadata/managedFields").and_then(Json::as_array);
    entries
        .into_iter()
        .flatten()
        .filter(|entry| entry.get("subresource").and_then(Json::as_str).is_none_or(str::is_empty))
        .cloned()
        .collect()
}

/// Whether an object is as a pivot has just created it: all its fields are the pivot's, none has been given back to its owner.
pub fn is_raw_copy(live: &Json) -> bool {
    let entries = live.pointer("/metadata/managedFields").and_then(Json::as_array);
    let entries = entries.map(Vec::as_slice).unwrap_or_default();
    let ours = |entry: &Json| entry.get("manager").and_then(Json::as_str) == Some(PIVOT_MANAGER);
    !entries.is_empty() && entries.iter().all(ours)
}

/// The first field of `wanted` that `copy` lacks or has with another value; what the copy has beyond it (defaults) is well.
pub fn difference(wanted: &Json, copy: &Json) -> Option<String> {
    differs(wanted, copy, "")
}

fn differs(wanted: &Json, copy: &Json, path: &str) -> Option<String> {
    match (wanted, copy) {
        (Json::Object(wanted), Json::Object(copy)) => wanted.iter().find_map(|(key, value)| {
            let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            match copy.get(key) {
                Some(found) => differs(value, found, &below),
                // The API drops what is empty.
                None if is_empty(value) => None,
                None => Some(below),
            }
        }),
        (Json::Array(wanted), Json::Array(copy)) if wanted.len() == copy.len() => {
            wanted.iter().zip(copy).enumerate().find_map(|(n, (value, found))| differs(value, found, &format!("{path}[{n}]")))
        }
        (wanted, copy) if wanted == copy => None,
        (Json::Number(wanted), Json::Number(copy)) if wanted.as_f64() == copy.as_f64() => None,
        _ => Some(path.to_owned()),
    }
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Object(map) => map.values().all(is_empty),
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Managers that own something in `wanted` and nothing in `copy`, or with another operation.
pub fn lost_owner(wanted: &[Json], copy: &Json) -> Option<String> {
    let found: Vec<(String, String, Json)> = entries_of_main_resource(copy).iter().map(identity).collect();
    wanted.iter().map(identity).find(|entry| !found.contains(entry)).map(|(manager, ..)| manager)
}

fn identity(entry: &Json) -> (String, String, Json) {
    let text = |key: &str| entry.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    (text("manager"), text("operation"), entry.get("fieldsV1").cloned().unwrap_or(Json::Object(Map::new())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_new_owners_and_no_status() {
        let live = json!({
            "kind": "Machine",
            "metadata": {
                "name": "m", "uid": "1", "resourceVersion": "5", "generation": 2, "finalizers": ["f"], "labels": {"a": "b"},
                "managedFields": [], "creationTimestamp": "x",
                "ownerReferences": [{"kind": "MachineSet", "name": "s", "uid": "10", "controller": true}, {"kind": "X", "name": "x", "uid": "99"}],
            },
            "spec": {"x": 1},
            "status": {"y": 2},
        });
        let uids = BTreeMap::from([("10".to_owned(), "20".to_owned())]);
        assert_eq!(
            for_target(&live, &uids),
            json!({
                "kind": "Machine",
                "metadata": {
                    "name": "m", "finalizers": ["f"], "labels": {"a": "b"},
                    "ownerReferences": [{"kind": "MachineSet", "name": "s", "uid": "20", "controller": true}],
                },
                "spec": {"x": 1},
            })
        );
    }

    #[test]
    fn a_copy_may_have_more_but_not_less() {
        for (wanted, copy, expected) in [
            (json!({"a": 1}), json!({"a": 1, "b": 2}), None),
            (json!({"a": {"b": 1}}), json!({"a": {"b": 2}}), Some("a.b")),
            (json!({"a": [1, 2]}), json!({"a": [1]}), Some("a")),
            (json!({"a": [{"x": 1}]}), json!({"a": [{"x": 2}]}), Some("a[0].x")),
            (json!({"a": 1}), json!({}), Some("a")),
            (json!({"a": {}}), json!({}), None),
            (json!({"a": 1.0}), json!({"a": 1}), None),
        ] {
            assert_eq!(difference(&wanted, &copy).as_deref(), expected, "{wanted} {copy}");
        }
    }

    #[test]
    fn a_copy_is_ours_until_its_owners_have_their_fields_back() {
        let live = |managers: &[&str]| {
            let entries: Vec<Json> = managers.iter().map(|manager| json!({"manager": manager, "operation": "Update"})).collect();
            json!({"metadata": {"managedFields": entries}})
        };
        for (object, expected) in [
            (live(&[PIVOT_MANAGER]), true),
            (live(&[PIVOT_MANAGER, "capi"]), false),
            (live(&["windlass"]), false),
            (live(&[]), false),
            (json!({}), false),
        ] {
            assert_eq!(is_raw_copy(&object), expected, "{object}");
        }
    }

    #[test]
    fn status_entries_do_not_travel() {
        let live = json!({"metadata": {"managedFields": [{"manager": "a", "operation": "Apply"}, {"manager": "b", "operation": "Update", "subresource": "status"}]}});
        let entries = entries_for_target(&live, &BTreeMap::new());
        assert_eq!(entries, [json!({"manager": "a", "operation": "Apply"})]);
        assert_eq!(lost_owner(&entries, &json!({})).as_deref(), Some("a"));
        assert_eq!(lost_owner(&entries, &live), None);
    }

    #[test]
    fn who_wrote_an_owner_is_told_by_its_uid_on_the_target() {
        let entry =
            |owners: Json| json!({"manager": "capi", "operation": "Update", "fieldsV1": {"f:metadata": {"f:ownerReferences": owners}}});
        let live = json!({"metadata": {"managedFields": [
            entry(json!({".": {}, "k:{\"uid\":\"10\"}": {}, "k:{\"uid\":\"99\"}": {"f:controller": {}}})),
        ]}});
        let uids = BTreeMap::from([("10".to_owned(), "20".to_owned())]);
        assert_eq!(entries_for_target(&live, &uids), [entry(json!({".": {}, "k:{\"uid\":\"20\"}": {}}))]);
    }
}
