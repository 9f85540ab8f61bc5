//! Two dumps side by side, and the written reasons for what may differ.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::dump::Dump;

/// Where two dumps differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// `Kind namespace/name`.
    pub object: String,
    /// Path of the field; empty: the whole object is on one side only.
    pub path: String,
    /// The first dump's value, if it has one.
    pub left: String,
    /// The second dump's value.
    pub right: String,
}

/// Why something may differ.
pub struct Reason {
    /// A part of the object's name.
    pub object: &'static str,
    /// A part of the path; empty: the object as a whole.
    pub path: &'static str,
    /// What is so on the first and the second side, as a part of its text; empty: anything, `-`: nothing is there.
    pub sides: [&'static str; 2],
    /// For the reader.
    pub why: &'static str,
}

impl Reason {
    fn explains(&self, difference: &Difference) -> bool {
        let side = |wanted: &str, found: &str| match wanted {
            "" => true,
            "-" => found.is_empty(),
            part => found.contains(part),
        };
        difference.object.contains(self.object)
            && if self.path.is_empty() { difference.path.is_empty() } else { difference.path.contains(self.path) }
            && side(self.sides[0], &difference.left)
            && side(self.sides[1], &difference.right)
    }
}

/// Every difference has a reason, and every reason explains something.
pub fn explained(what: &str, differences: &[Difference], reasons: &[Reason]) {
    let mut used = BTreeSet::new();
    let mut unexplained = Vec::new();
    for difference in differences {
        match reasons.iter().position(|reason| reason.explains(difference)) {
            Some(reason) => {
                used.insert(reason);
            }
            None => unexplained.push(format!(
                "{} {}:\n    {}\n    {}",
                difference.object,
                if difference.path.is_empty() { "as a whole" } else { &difference.path },
                shortened(&difference.left),
                shortened(&difference.right)
            )),
        }
    }
    let idle: Vec<&str> = reasons.iter().enumerate().filter(|(n, _)| !used.contains(n)).map(|(_, reason)| reason.why).collect();
    assert!(unexplained.is_empty() && idle.is_empty(), "{what}: no reason for\n{}\nno longer needed: {idle:#?}", unexplained.join("\n"));
}

fn shortened(text: &str) -> String {
    match text {
        "" => "(nothing)".to_owned(),
        text => text.chars().take(1500).collect(),
    }
}

/// All differences, by object and path.
pub fn differences(left: &Dump, right: &Dump) -> Vec<Difference> {
    let mut found = Vec::new();
    let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    for name in names {
        let mut note = |path: &str, left: Option<&Json>, right: Option<&Json>| {
            let text = |value: Option<&Json>| value.map(Json::to_string).unwrap_or_default();
            found.push(Difference { object: name.clone(), path: path.to_owned(), left: text(left), right: text(right) });
        };
        match (left.get(name), right.get(name)) {
            (Some(left), Some(right)) => differ(left, right, "", &mut note),
            (left, right) => note("", left.map(|_| &Json::Bool(true)), right.map(|_| &Json::Bool(true))),
        }
    }
    found
}

fn differ(left: &Json, right: &Json, path: &str, note: &mut impl FnMut(&str, Option<&Json>, Option<&Json>)) {
    match (left, right) {
        _ if left == right => {}
        (Json::Object(a), Json::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => differ(a, b, &below, note),
                    (a, b) => note(&below, a, b),
                }
            }
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().for_each(|(n, (a, b))| differ(a, b, &format!("{path}[{n}]"), note));
        }
        _ => note(path, Some(left), Some(right)),
    }
}

#[test]
fn what_differs_needs_a_reason_and_a_reason_a_difference() {
    let dump = |value: Json| Dump::from([("Machine n/a".to_owned(), value)]);
    let found = differences(&dump(serde_json::json!({"spec": {"a": [1, 2], "b": 1}})), &dump(serde_json::json!({"spec": {"a": [1, 3]}})));
    let said: Vec<(&str, &str, &str)> = found.iter().map(|one| (one.path.as_str(), one.left.as_str(), one.right.as_str())).collect();
    assert_eq!(said, [("spec.a[1]", "2", "3"), ("spec.b", "1", "")]);
    let reason = |path, sides| Reason { object: "Machine ", path, sides, why: "so" };
    explained("both", &found, &[reason("spec.a", ["2", "3"]), reason("spec.b", ["", "-"])]);
    for reasons in [vec![reason("spec.a", ["", ""])], vec![reason("spec", ["", ""]), reason("metadata", ["", ""])]] {
        assert!(std::panic::catch_unwind(|| explained("none", &found, &reasons)).is_err());
    }
}
