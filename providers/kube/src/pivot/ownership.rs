//! The owner graph of live objects: what hangs on what, and in which order it is created. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

/// uid of an object.
pub fn uid(object: &Json) -> &str {
    object.pointer("/metadata/uid").and_then(Json::as_str).unwrap_or_default()
}

/// uids of an object's owners.
pub fn owners(object: &Json) -> impl Iterator<Item = &str> {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Json::as_array);
    owners.into_iter().flatten().filter_map(|owner| owner.get("uid").and_then(Json::as_str))
}

/// Everything that is owned, through any number of owners, by one of `roots`; the roots included.
pub fn descendants(objects: &BTreeMap<String, Json>, roots: BTreeSet<String>) -> BTreeSet<String> {
    let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (child, object) in objects {
        for owner in owners(object) {
            children.entry(owner).or_default().push(child);
        }
    }
    let mut found = roots.clone();
    let mut queue: Vec<String> = roots.into_iter().collect();
    while let Some(next) = queue.pop() {
        for child in children.get(next.as_str()).into_iter().flatten() {
            if found.insert((*child).to_owned()) {
                queue.push((*child).to_owned());
            }
        }
    }
    found
}

/// Levels in which owners come before what they own; within a level the order is that of the keys.
///
/// Input: uid → uids of owners (owners outside of the map do not count). A cycle is an error that names one of its members.
pub fn levels(owners: &BTreeMap<String, Vec<String>>) -> Result<Vec<Vec<String>>, String> {
    let mut missing: BTreeMap<&str, usize> = BTreeMap::new();
    let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (child, theirs) in owners {
        let known: BTreeSet<&str> = theirs.iter().map(String::as_str).filter(|owner| owners.contains_key(*owner)).collect();
        missing.insert(child, known.len());
        for owner in known {
            children.entry(owner).or_default().push(child);
        }
    }
    let mut level: Vec<&str> = missing.iter().filter(|(_, n)| **n == 0).map(|(uid, _)| *uid).collect();
    let mut levels = Vec::new();
    let mut placed = 0;
    while !level.is_empty() {
        placed += level.len();
        let mut next = BTreeSet::new();
        for owner in &level {
            for child in children.get(owner).into_iter().flatten() {
                if let Some(n) = missing.get_mut(child) {
                    *n -= 1;
                    if *n == 0 {
                        next.insert(*child);
                    }
                }
            }
        }
        levels.push(level.iter().map(|uid| (*uid).to_owned()).collect());
        level = next.into_iter().collect();
    }
    if placed == owners.len() {
        return Ok(levels);
    }
    let stuck = missing.iter().find(|(_, n)| **n > 0).map(|(uid, _)| (*uid).to_owned());
    Err(stuck.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn graph(pairs: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        pairs.iter().map(|(uid, owners)| ((*uid).to_owned(), owners.iter().map(|o| (*o).to_owned()).collect())).collect()
    }

    #[test]
    fn owners_come_first() {
        let levels = levels(&graph(&[
            ("machine", &["set"]),
            ("set", &["deployment"]),
            ("deployment", &["cluster"]),
            ("cluster", &[]),
            ("secret", &["cluster", "outside"]),
        ]));
        assert_eq!(
            levels,
            Ok(vec![vec!["cluster".into()], vec!["deployment".into(), "secret".into()], vec!["set".into()], vec!["machine".into()]])
        );
    }

    #[test]
    fn a_cycle_is_told() {
        assert_eq!(levels(&graph(&[("a", &["b"]), ("b", &["a"]), ("c", &[])])), Err("a".to_owned()));
    }

    #[test]
    fn descendants_are_found_through_owners() {
        let object =
            |owners: &[&str]| json!({"metadata": {"ownerReferences": owners.iter().map(|uid| json!({"uid": uid})).collect::<Vec<_>>()}});
        let objects = BTreeMap::from([
            ("a".to_owned(), object(&[])),
            ("b".to_owned(), object(&["a"])),
            ("c".to_owned(), object(&["x", "b"])),
            ("d".to_owned(), object(&["x"])),
        ]);
        let found: Vec<_> = descendants(&objects, BTreeSet::from(["a".to_owned()])).into_iter().collect();
        assert_eq!(found, ["a", "b", "c"]);
    }
}
