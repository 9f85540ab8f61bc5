//! Checks of roles and bindings (`pkg/apis/rbac/validation`).

use serde_json::Value;

use crate::kinds::Resource;
use crate::status::Cause;

/// What is missing or contradicts itself.
pub(super) fn causes(resource: &Resource, object: &Value, causes: &mut Vec<Cause>) {
    match resource.plural() {
        "roles" | "clusterroles" => {
            for (index, one) in items(object, "rules").iter().enumerate() {
                rule(&format!("rules[{index}]"), one, resource.namespaced, causes);
            }
            if object.get("aggregationRule").is_some_and(|rule| items(rule, "clusterRoleSelectors").is_empty()) {
                let why = "at least one clusterRoleSelector required if aggregationRule is non-nil";
                causes.push(Cause::required("aggregationRule.clusterRoleSelectors", why));
            }
        }
        "rolebindings" | "clusterrolebindings" => binding(resource, object, causes),
        _ => {}
    }
}

fn rule(path: &str, rule: &Value, namespaced: bool, causes: &mut Vec<Cause>) {
    let empty = |field: &str| items(rule, field).is_empty();
    if empty("verbs") {
        causes.push(Cause::required(&format!("{path}.verbs"), "verbs must contain at least one value"));
    }
    if !empty("nonResourceURLs") {
        let field = format!("{path}.nonResourceURLs");
        let shown = || rule.get("nonResourceURLs").map(Value::to_string).unwrap_or_default();
        if namespaced {
            causes.push(Cause::invalid(&field, shown(), "namespaced rules cannot apply to non-resource URLs"));
        }
        if !empty("apiGroups") || !empty("resources") || !empty("resourceNames") {
            causes.push(Cause::invalid(&field, shown(), "rules cannot apply to both regular resources and non-resource URLs"));
        }
        return;
    }
    if empty("apiGroups") {
        causes.push(Cause::required(&format!("{path}.apiGroups"), "resource rules must supply at least one api group"));
    }
    if empty("resources") {
        causes.push(Cause::required(&format!("{path}.resources"), "resource rules must supply at least one resource"));
    }
}

fn binding(resource: &Resource, object: &Value, causes: &mut Vec<Cause>) {
    let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
    let kind = text(object, "/roleRef/kind");
    let allowed: &[&str] = if resource.namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !allowed.contains(&kind.as_str()) {
        causes.push(Cause::not_supported("roleRef.kind", &kind, allowed));
    }
    if text(object, "/roleRef/name").is_empty() {
        causes.push(Cause::required("roleRef.name", ""));
    }
    for (index, subject) in items(object, "subjects").iter().enumerate() {
        let path = format!("subjects[{index}]");
        if text(subject, "/name").is_empty() {
            causes.push(Cause::required(&format!("{path}.name"), ""));
        }
        match text(subject, "/kind").as_str() {
            "User" | "Group" => {}
            "ServiceAccount" => {
                if !resource.namespaced && text(subject, "/namespace").is_empty() {
                    causes.push(Cause::required(&format!("{path}.namespace"), ""));
                }
            }
            other => causes.push(Cause::not_supported(&format!("{path}.kind"), other, &["ServiceAccount", "User", "Group"])),
        }
    }
}

fn items<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
