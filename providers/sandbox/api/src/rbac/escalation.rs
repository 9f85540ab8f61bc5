//! Nobody gives rights that he does not have: which of the rules of a role somebody lacks
//! (`k8s.io/component-helpers/auth/rbac/validation`). Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Rule;
use super::rule::any;
use crate::access::Identity;

/// The words for what somebody lacks of the rights that he would give; nothing if he has them all. `unresolved` are the bindings of his
/// that name no role.
pub(crate) fn lacks(who: &Identity, owned: &[Rule], wanted: &[Rule], unresolved: &[String]) -> Option<String> {
    let missing: Vec<Rule> = wanted.iter().flat_map(single).filter(|rule| !owned.iter().any(|own| covers(own, rule))).collect();
    if missing.is_empty() {
        return None;
    }
    let shown: BTreeSet<String> = compact(missing).iter().map(shown).collect();
    let shown: Vec<String> = shown.into_iter().collect();
    let mut words = format!(
        "user {:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        who.user,
        quoted(&who.groups),
        shown.join("\n")
    );
    match unresolved {
        [] => {}
        [one] => words.push_str(&format!("; resolution errors: [{one}]")),
        many => words.push_str(&format!("; resolution errors: [[{}]]", many.join(", "))),
    }
    Some(words)
}

/// Everything, as `cluster-admin` has it.
pub(crate) fn full_authority() -> [Rule; 2] {
    let all = || vec!["*".to_owned()];
    [Rule { verbs: all(), groups: all(), resources: all(), ..Rule::default() }, Rule { verbs: all(), paths: all(), ..Rule::default() }]
}

/// The rule in rules of one verb, one resource and one name, or one verb and one path.
fn single(rule: &Rule) -> Vec<Rule> {
    let mut all = Vec::new();
    let names: Vec<Vec<String>> =
        if rule.names.is_empty() { vec![Vec::new()] } else { rule.names.iter().map(|name| vec![name.clone()]).collect() };
    for group in &rule.groups {
        for resource in &rule.resources {
            for verb in &rule.verbs {
                all.extend(names.iter().map(|name| Rule {
                    verbs: vec![verb.clone()],
                    groups: vec![group.clone()],
                    resources: vec![resource.clone()],
                    names: name.clone(),
                    paths: Vec::new(),
                }));
            }
        }
    }
    for path in &rule.paths {
        all.extend(rule.verbs.iter().map(|verb| Rule { verbs: vec![verb.clone()], paths: vec![path.clone()], ..Rule::default() }));
    }
    all
}

/// Whether a rule has all that a single one gives.
fn covers(own: &Rule, single: &Rule) -> bool {
    let names = own.names.is_empty() || (!single.names.is_empty() && single.names.iter().all(|name| own.names.contains(name)));
    names
        && single.verbs.iter().all(|verb| any(&own.verbs, verb))
        && single.groups.iter().all(|group| any(&own.groups, group))
        && single.resources.iter().all(|resource| {
            let below = resource.split_once('/').map(|(_, subresource)| format!("*/{subresource}"));
            any(&own.resources, resource) || below.is_some_and(|below| own.resources.contains(&below))
        })
        && single.paths.iter().all(|path| own.paths.iter().any(|own| covers_path(own, path)))
}

fn covers_path(own: &str, path: &str) -> bool {
    own == path || (own.ends_with('*') && path.starts_with(own.trim_end_matches('*')))
}

/// Single rules that differ by their verb alone become one.
fn compact(rules: Vec<Rule>) -> Vec<Rule> {
    let mut compacted = Vec::new();
    let mut simple: BTreeMap<[Vec<String>; 3], Rule> = BTreeMap::new();
    for rule in rules {
        if !rule.paths.is_empty() {
            compacted.push(rule);
            continue;
        }
        match simple.get_mut(&[rule.groups.clone(), rule.resources.clone(), rule.names.clone()]) {
            Some(same) => same.verbs.extend(rule.verbs),
            None => drop(simple.insert([rule.groups.clone(), rule.resources.clone(), rule.names.clone()], rule)),
        }
    }
    compacted.extend(simple.into_values());
    compacted
}

/// `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`
fn shown(rule: &Rule) -> String {
    let parts = [
        ("APIGroups", &rule.groups),
        ("Resources", &rule.resources),
        ("NonResourceURLs", &rule.paths),
        ("ResourceNames", &rule.names),
        ("Verbs", &rule.verbs),
    ];
    let parts: Vec<String> =
        parts.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| format!("{name}:{}", quoted(list))).collect();
    format!("{{{}}}", parts.join(", "))
}

/// A list of texts as Go prints it with `%q`.
fn quoted(list: &[String]) -> String {
    format!("[{}]", list.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> Rule {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Rule { verbs: texts(verbs), groups: texts(groups), resources: texts(resources), names: texts(names), paths: Vec::new() }
    }

    fn paths(paths: &[&str]) -> Rule {
        Rule { verbs: vec!["get".to_owned()], paths: paths.iter().map(|path| (*path).to_owned()).collect(), ..Rule::default() }
    }

    #[test]
    fn what_is_lacked_is_said_in_the_real_servers_words() {
        let who = Identity { user: "ann".into(), groups: vec!["a".into(), "b".into()], ..Identity::service_account("t1", "default", "") };
        let pods = || rule(&["get", "list"], &[""], &["pods"], &[]);
        for (owned, wanted, expected) in [
            (vec![], vec![], ""),
            (vec![pods()], vec![rule(&["get"], &[""], &["pods"], &["one"])], ""),
            (vec![rule(&["*"], &["*"], &["*"], &[])], vec![pods(), rule(&["x"], &["y"], &["z/w"], &[])], ""),
            (vec![rule(&["get"], &[""], &["pods"], &[]), rule(&["list"], &[""], &["pods"], &[])], vec![pods()], ""),
            (vec![rule(&["get"], &[""], &["*/log"], &[])], vec![rule(&["get"], &[""], &["pods/log"], &[])], ""),
            (vec![paths(&["/apis/*"])], vec![paths(&["/apis/apps", "/apis/*"])], ""),
            (
                vec![rule(&["get"], &[""], &["pods"], &["one"])],
                vec![rule(&["get"], &[""], &["pods"], &[])],
                r#"{APIGroups:[""], Resources:["pods"], Verbs:["get"]}"#,
            ),
            (
                vec![rule(&["list"], &[""], &["pods"], &[])],
                vec![rule(&["get", "list", "watch"], &["", "apps"], &["pods"], &[]), paths(&["/metrics"])],
                "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"get\" \"watch\"]}\n\
                 {APIGroups:[\"apps\"], Resources:[\"pods\"], Verbs:[\"get\" \"list\" \"watch\"]}\n\
                 {NonResourceURLs:[\"/metrics\"], Verbs:[\"get\"]}",
            ),
            (full_authority()[..1].to_vec(), full_authority().to_vec(), r#"{NonResourceURLs:["*"], Verbs:["*"]}"#),
        ] {
            let words = lacks(&who, &owned, &wanted, &[]);
            let begin = "user \"ann\" (groups=[\"a\" \"b\"]) is attempting to grant RBAC permissions not currently held:\n";
            let expected = (!expected.is_empty()).then(|| format!("{begin}{expected}"));
            assert_eq!(words, expected, "{owned:?} {wanted:?}");
        }
        let words = lacks(&who, &[], &[pods()], &["role \"x\" not found".to_owned()]).unwrap_or_default();
        assert!(words.ends_with("; resolution errors: [role \"x\" not found]"), "{words}");
    }
}
