//! All roles and bindings of a plane, indexed by whom they are for. Kept up to date object by object; knows no store.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::Rule;
use crate::access::Identity;
use crate::world::{ObjectKey, Stored};

/// Roles and bindings; those of cluster scope have the namespace "".
#[derive(Debug, Default)]
pub(super) struct Policy {
    roles: HashMap<ObjectKey, Vec<Rule>>,
    bindings: HashMap<ObjectKey, Binding>,
    /// Names of the bindings of a namespace that are for somebody.
    of: HashMap<(String, Subject), BTreeSet<String>>,
}

/// Somebody; a ServiceAccount is the user that it is known as.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Subject {
    User(String),
    Group(String),
}

#[derive(Debug)]
struct Binding {
    kind: String,
    role: String,
    /// With the description that the real server gives of them.
    subjects: BTreeMap<Subject, String>,
}

/// A rule that applies to somebody, and where it comes from.
pub(super) struct Granted<'a> {
    binding: &'a Binding,
    key: &'a ObjectKey,
    subject: &'a str,
    pub rule: &'a Rule,
}

impl Granted<'_> {
    /// `ClusterRoleBinding "x" of ClusterRole "y" to Group "z"`.
    pub fn source(&self) -> String {
        let (kind, name) = if self.key.namespace.is_empty() {
            ("ClusterRoleBinding", self.key.name.clone())
        } else {
            ("RoleBinding", format!("{}/{}", self.key.name, self.key.namespace))
        };
        format!("{kind} {name:?} of {} {:?} to {}", self.binding.kind, self.binding.role, self.subject)
    }
}

impl Policy {
    /// Takes in a Role or ClusterRole.
    pub fn put_role(&mut self, stored: &Stored) {
        self.roles.insert(stored.key.clone(), Rule::of_role(&stored.value));
    }

    pub fn remove_role(&mut self, key: &ObjectKey) {
        self.roles.remove(key);
    }

    /// Takes in a RoleBinding or ClusterRoleBinding.
    pub fn put_binding(&mut self, stored: &Stored) {
        self.remove_binding(&stored.key);
        let binding = Binding::read(&stored.value, &stored.key.namespace);
        for subject in binding.subjects.keys() {
            self.of.entry((stored.key.namespace.clone(), subject.clone())).or_default().insert(stored.key.name.clone());
        }
        self.bindings.insert(stored.key.clone(), binding);
    }

    pub fn remove_binding(&mut self, key: &ObjectKey) {
        let Some(binding) = self.bindings.remove(key) else { return };
        for subject in binding.subjects.into_keys() {
            let place = (key.namespace.clone(), subject);
            if let Some(names) = self.of.get_mut(&place) {
                names.remove(&key.name);
                if names.is_empty() {
                    self.of.remove(&place);
                }
            }
        }
    }

    /// Shows `visit` every rule that `who` has in a namespace and in the cluster until it says true. Otherwise the bindings whose
    /// role is not there, in words.
    pub fn find(&self, who: &Identity, namespace: &str, mut visit: impl FnMut(Granted<'_>) -> bool) -> Result<(), Vec<String>> {
        let mut missing = Vec::new();
        let subjects: BTreeSet<Subject> =
            std::iter::once(Subject::User(who.user.clone())).chain(who.groups.iter().cloned().map(Subject::Group)).collect();
        let scopes = if namespace.is_empty() { vec![""] } else { vec!["", namespace] };
        for scope in scopes {
            let mut found: BTreeMap<&str, &Subject> = BTreeMap::new();
            for subject in &subjects {
                for name in self.of.get(&(scope.to_owned(), subject.clone())).into_iter().flatten() {
                    found.entry(name).or_insert(subject);
                }
            }
            for (name, subject) in found {
                let Some((key, binding)) = self.bindings.get_key_value(&ObjectKey::new(scope, name)) else { continue };
                let role = ObjectKey::new(if binding.kind == "Role" { scope } else { "" }, &binding.role);
                let Some(rules) = self.roles.get(&role) else {
                    missing.push(format!("{}.rbac.authorization.k8s.io {:?} not found", binding.kind.to_lowercase(), binding.role));
                    continue;
                };
                let words = binding.subjects.get(subject).map_or("", String::as_str);
                for rule in rules {
                    if visit(Granted { binding, key, subject: words, rule }) {
                        return Ok(());
                    }
                }
            }
        }
        Err(missing)
    }
}

impl Binding {
    fn read(value: &Value, namespace: &str) -> Binding {
        let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
        let mut subjects = BTreeMap::new();
        for subject in value.get("subjects").and_then(Value::as_array).into_iter().flatten() {
            let (kind, name) = (text(subject, "/kind"), text(subject, "/name"));
            let (who, shown) = match kind.as_str() {
                "User" => (Subject::User(name.clone()), name),
                "Group" => (Subject::Group(name.clone()), name),
                "ServiceAccount" => {
                    let given = text(subject, "/namespace");
                    let home = if given.is_empty() { namespace.to_owned() } else { given };
                    if home.is_empty() {
                        continue;
                    }
                    (Subject::User(format!("system:serviceaccount:{home}:{name}")), format!("{name}/{home}"))
                }
                _ => continue,
            };
            subjects.entry(who).or_insert_with(|| format!("{kind} {shown:?}"));
        }
        Binding { kind: text(value, "/roleRef/kind"), role: text(value, "/roleRef/name"), subjects }
    }
}
