//! One fault of a block with `for_each` is a finding for each of its instances. They are told once, with the names of the others.

use std::collections::BTreeMap;

use windlass_core::diag::{Diagnostic, Diagnostics};

/// Most instances that are named beside the first one.
const NAMED: usize = 3;

/// A finding, and those that say the same of other instances.
pub struct Told<'d> {
    /// The first of them.
    pub first: &'d Diagnostic,
    /// The others.
    pub others: Vec<&'d Diagnostic>,
}

/// All findings in their order, each with its like.
pub fn told(diagnostics: &Diagnostics) -> Vec<Told<'_>> {
    let mut all: Vec<Told<'_>> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for diagnostic in diagnostics.iter() {
        let Some(key) = key(diagnostic) else {
            all.push(Told { first: diagnostic, others: Vec::new() });
            continue;
        };
        match known.get(&key).and_then(|place| all.get_mut(*place)) {
            Some(told) => told.others.push(diagnostic),
            None => {
                known.insert(key, all.len());
                all.push(Told { first: diagnostic, others: Vec::new() });
            }
        }
    }
    all
}

/// What findings of one block's instances have in common; `None`: this one is of no instance.
fn key(diagnostic: &Diagnostic) -> Option<String> {
    instance(&diagnostic.summary)?;
    let Diagnostic { code, severity, primary, related, hint, .. } = diagnostic;
    let words = (without_keys(&diagnostic.summary), without_keys(&diagnostic.detail));
    Some(format!("{code} {severity:?} {primary:?} {related:?} {hint:?} {words:?}"))
}

/// The text with the keys of instances left out: `cluster.a["x"]` is `cluster.a[]`.
fn without_keys(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[\"").and_then(|(before, key)| Some((before, key.split_once("\"]")?.1))) {
        out.push_str(before);
        out.push_str("[]");
        rest = after;
    }
    out + rest
}

/// The first instance that a text names.
fn instance(text: &str) -> Option<&str> {
    let word = text.split_whitespace().find(|word| word.contains("[\""))?;
    word.rfind("\"]").and_then(|end| word.get(..end + 2))
}

impl Told<'_> {
    /// Of whom else it is true.
    pub fn of_others(&self) -> Option<String> {
        let names: Vec<&str> = self.others.iter().filter_map(|other| instance(&other.summary)).collect();
        let first = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        match names.len().checked_sub(NAMED) {
            _ if names.is_empty() => None,
            None | Some(0) => Some(format!("The same is true of {first}.")),
            Some(more) => Some(format!("The same is true of {first} and {more} more.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use windlass_core::diag::Code;

    use super::*;

    fn of(summaries: &[&str]) -> Diagnostics {
        let mut all = Diagnostics::new();
        summaries.iter().for_each(|summary| all.push(Diagnostic::error(Code::INVALID_VALUE, *summary)));
        all
    }

    fn shown(summaries: &[&str]) -> Vec<(String, Option<String>)> {
        told(&of(summaries)).into_iter().map(|told| (told.first.summary.clone(), told.of_others())).collect()
    }

    #[test]
    fn instances_of_one_fault_are_told_once() {
        let many = ["a", "b", "c", "d", "e", "f"].map(|name| format!("cluster.x[\"{name}\"] has no layer"));
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let rest = "The same is true of cluster.x[\"b\"], cluster.x[\"c\"], cluster.x[\"d\"] and 2 more.";
        assert_eq!(shown(&many), [(many[0].to_owned(), Some(rest.to_owned()))]);
        assert_eq!(shown(&many[..2])[0].1.as_deref(), Some("The same is true of cluster.x[\"b\"]."));
    }

    #[test]
    fn what_differs_in_more_than_a_key_or_has_none_is_told_each_time() {
        let all = [
            "cluster.x[\"a\"] has no layer",
            "cluster.x[\"a\"] has no name",
            "cluster.y has no name",
            "cluster.z has no name",
            "odd [\" text",
        ];
        let expected: Vec<(String, Option<String>)> = all.map(|summary| (summary.to_owned(), None)).into();
        assert_eq!(shown(&all), expected);
    }
}
