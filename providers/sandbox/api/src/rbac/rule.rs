//! One rule of a role and what it allows (`pkg/apis/rbac/v1/evaluation_helpers.go`).

use serde_json::{Map, Value};

use super::{Attributes, Target};

/// A `PolicyRule`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    pub verbs: Vec<String>,
    pub groups: Vec<String>,
    pub resources: Vec<String>,
    pub names: Vec<String>,
    pub paths: Vec<String>,
}

impl Rule {
    /// The rules of a Role or ClusterRole.
    pub fn of_role(role: &Value) -> Vec<Rule> {
        role.get("rules").and_then(Value::as_array).into_iter().flatten().map(Rule::read).collect()
    }

    fn read(rule: &Value) -> Rule {
        let texts = |field: &str| -> Vec<String> {
            let list = rule.get(field).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
        };
        Rule {
            verbs: texts("verbs"),
            groups: texts("apiGroups"),
            resources: texts("resources"),
            names: texts("resourceNames"),
            paths: texts("nonResourceURLs"),
        }
    }

    /// The rule as an object; empty lists are left out.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        for (field, list) in [
            ("apiGroups", &self.groups),
            ("nonResourceURLs", &self.paths),
            ("resourceNames", &self.names),
            ("resources", &self.resources),
            ("verbs", &self.verbs),
        ] {
            if !list.is_empty() {
                map.insert(field.to_owned(), list.clone().into());
            }
        }
        Value::Object(map)
    }

    pub fn allows(&self, wish: &Attributes) -> bool {
        if !any(&self.verbs, &wish.verb) {
            return false;
        }
        match &wish.target {
            Target::Path(path) => self.paths.iter().any(|rule| match rule.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix.trim_end_matches('*')),
                None => rule == path,
            }),
            Target::Resource { group, resource, subresource, name, .. } => {
                any(&self.groups, group)
                    && self.resources.iter().any(|rule| matches(rule, resource, subresource))
                    && (self.names.is_empty() || self.names.contains(name))
            }
        }
    }
}

pub(super) fn any(list: &[String], wanted: &str) -> bool {
    list.iter().any(|one| one == "*" || one == wanted)
}

/// `*`, `pods`, `pods/log` or `*/log`.
fn matches(rule: &str, resource: &str, subresource: &str) -> bool {
    match rule.split_once('/') {
        None => rule == "*" || subresource.is_empty() && rule == resource,
        Some((parent, child)) => !subresource.is_empty() && child == subresource && (parent == "*" || parent == resource),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wish(verb: &str, group: &str, resource: &str, name: &str) -> Attributes {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let [group, resource, subresource, name] = [group, resource, subresource, name].map(str::to_owned);
        Attributes { verb: verb.to_owned(), target: Target::Resource { group, resource, subresource, namespace: "a".to_owned(), name } }
    }

    #[test]
    fn a_rule_allows_what_it_says_and_nothing_else() {
        let rule = |verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]| {
            Rule::read(&json!({"verbs": verbs, "apiGroups": groups, "resources": resources, "resourceNames": names}))
        };
        for (rule, wish, expected) in [
            (rule(&["get"], &[""], &["pods"], &[]), wish("get", "", "pods", "p"), true),
            (rule(&["get"], &[""], &["pods"], &[]), wish("list", "", "pods", ""), false),
            (rule(&["get"], &[""], &["pods"], &[]), wish("get", "apps", "pods", "p"), false),
            (rule(&["get"], &[""], &["pods"], &[]), wish("get", "", "pods/log", "p"), false),
            (rule(&["get"], &[""], &["pods/log"], &[]), wish("get", "", "pods/log", "p"), true),
            (rule(&["get"], &[""], &["pods/log"], &[]), wish("get", "", "pods", "p"), false),
            (rule(&["get"], &[""], &["*/log"], &[]), wish("get", "", "pods/log", "p"), true),
            (rule(&["get"], &[""], &["*/log"], &[]), wish("get", "", "pods/logs", "p"), false),
            (rule(&["get"], &[""], &["*"], &[]), wish("get", "", "pods/log", "p"), true),
            (rule(&["*"], &["*"], &["*"], &[]), wish("approve", "x.io", "y/z", ""), true),
            (rule(&["get"], &[""], &["secrets"], &["one"]), wish("get", "", "secrets", "one"), true),
            (rule(&["get"], &[""], &["secrets"], &["one"]), wish("get", "", "secrets", "two"), false),
            (rule(&["create"], &[""], &["secrets"], &["one"]), wish("create", "", "secrets", ""), false),
        ] {
            assert_eq!(rule.allows(&wish), expected, "{rule:?} {wish:?}");
        }
    }

    #[test]
    fn paths_match_whole_or_by_prefix_and_a_resource_rule_is_no_path_rule() {
        let paths = Rule::read(&json!({"verbs": ["get"], "nonResourceURLs": ["/healthz", "/apis/*"]}));
        for (path, expected) in [("/healthz", true), ("/healthz/ping", false), ("/apis/apps", true), ("/apis", false), ("/version", false)]
        {
            assert_eq!(paths.allows(&Attributes::of_path("GET", path)), expected, "{path}");
        }
        assert!(!paths.allows(&Attributes::of_path("POST", "/healthz")));
        let all = Rule::read(&json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
        assert!(!all.allows(&Attributes::of_path("GET", "/version")));
    }
}
