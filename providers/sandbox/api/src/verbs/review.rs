//! The questions about identity and permission: answered by the authorizer that decides about requests, never stored.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::access::Identity;
use crate::http::{Answer, ResourcePath};
use crate::plane::Plane;
use crate::rbac::{Attributes, Rule, Target};
use crate::status::{Cause, Failure};

/// Answers a review, or nothing if the path is none.
pub(crate) fn review(plane: &Plane, identity: &Identity, path: &ResourcePath, body: &Value) -> Option<Result<Answer, Failure>> {
    let asked = body.get("spec").cloned().unwrap_or_else(|| json!({}));
    let (kind, status) = match (path.group.as_str(), path.plural.as_str()) {
        ("authentication.k8s.io", "selfsubjectreviews") => ("SelfSubjectReview", Ok(json!({"userInfo": user(identity)}))),
        ("authentication.k8s.io", "tokenreviews") => ("TokenReview", Ok(token(plane, &asked))),
        ("authorization.k8s.io", "selfsubjectaccessreviews") => {
            let kind = "SelfSubjectAccessReview";
            (kind, wish(kind, &asked).map(|wish| verdict(plane, identity, &wish)))
        }
        ("authorization.k8s.io", "subjectaccessreviews") => {
            let kind = "SubjectAccessReview";
            (kind, other(kind, &asked).and_then(|who| Ok(verdict(plane, &who, &wish(kind, &asked)?))))
        }
        ("authorization.k8s.io", "localsubjectaccessreviews") => {
            let kind = "LocalSubjectAccessReview";
            (kind, local(kind, path, &asked).map(|(who, wish)| verdict(plane, &who, &wish)))
        }
        ("authorization.k8s.io", "selfsubjectrulesreviews") => ("SelfSubjectRulesReview", rules(plane, identity, &asked)),
        _ => return None,
    };
    Some(status.map(|status| Answer::Json {
        code: 201,
        value: json!({
            "kind": kind,
            "apiVersion": format!("{}/v1", path.group),
            "metadata": {"creationTimestamp": plane.now()},
            "spec": asked,
            "status": status,
        }),
    }))
}

fn token(plane: &Plane, asked: &Value) -> Value {
    match plane.identify_token(asked.get("token").and_then(Value::as_str).unwrap_or("")) {
        Some(found) => json!({"authenticated": true, "user": user(&found)}),
        None => json!({"authenticated": false, "error": "invalid bearer token"}),
    }
}

fn verdict(plane: &Plane, who: &Identity, wish: &Attributes) -> Value {
    let verdict = plane.decide(who, wish);
    let mut status = json!({"allowed": verdict.allowed});
    if let Some(map) = status.as_object_mut().filter(|_| !verdict.reason.is_empty()) {
        map.insert("reason".into(), verdict.reason.into());
    }
    status
}

/// The wish in a review's `resourceAttributes` or `nonResourceAttributes`: exactly one of the two.
fn wish(kind: &str, asked: &Value) -> Result<Attributes, Failure> {
    let text = |pointer: &str| asked.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
    let given = |field: &str| asked.get(field).is_some_and(|value| !value.is_null());
    match (given("resourceAttributes"), given("nonResourceAttributes")) {
        (true, false) => Ok(Attributes {
            verb: text("/resourceAttributes/verb"),
            target: Target::Resource {
                group: text("/resourceAttributes/group"),
                resource: text("/resourceAttributes/resource"),
                subresource: text("/resourceAttributes/subresource"),
                namespace: text("/resourceAttributes/namespace"),
                name: text("/resourceAttributes/name"),
            },
        }),
        (false, true) => {
            Ok(Attributes { verb: text("/nonResourceAttributes/verb"), target: Target::Path(text("/nonResourceAttributes/path")) })
        }
        (both, _) => {
            let field = if both { "spec.nonResourceAttributes" } else { "spec.resourceAttributes" };
            let why = if both {
                "cannot be specified in combination with resourceAttributes"
            } else {
                "exactly one of nonResourceAttributes or resourceAttributes must be specified"
            };
            Err(invalid(kind, Cause::invalid(field, "null", why)))
        }
    }
}

/// Whom a review asks about; it gives all groups itself.
fn other(kind: &str, asked: &Value) -> Result<Identity, Failure> {
    let texts = |value: Option<&Value>| -> Vec<String> {
        value.and_then(Value::as_array).into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let text = |field: &str| asked.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
    let (user, groups) = (text("user"), texts(asked.get("groups")));
    if user.is_empty() && groups.is_empty() {
        return Err(invalid(kind, Cause::invalid("spec.user", "\"\"", "at least one of user or group must be specified")));
    }
    let extra = asked.get("extra").and_then(Value::as_object).into_iter().flatten();
    let extra: BTreeMap<String, Vec<String>> = extra.map(|(key, values)| (key.clone(), texts(Some(values)))).collect();
    Ok(Identity { user, uid: text("uid"), groups, extra, internal: true })
}

fn local(kind: &str, path: &ResourcePath, asked: &Value) -> Result<(Identity, Attributes), Failure> {
    let (who, wish) = (other(kind, asked)?, wish(kind, asked)?);
    let namespace = path.namespace.as_deref().unwrap_or("");
    if matches!(wish.target, Target::Path(_)) {
        return Err(invalid(kind, Cause::invalid("spec.nonResourceAttributes", "null", "disallowed on this kind of request")));
    }
    if wish.namespace() != namespace {
        let why = format!("spec.resourceAttributes.namespace must match namespace: {namespace}");
        return Err(Failure::bad_request(why));
    }
    Ok((who, wish))
}

fn rules(plane: &Plane, who: &Identity, asked: &Value) -> Result<Value, Failure> {
    let namespace = asked.get("namespace").and_then(Value::as_str).unwrap_or("");
    if namespace.is_empty() {
        return Err(Failure::bad_request("no namespace on request"));
    }
    let (rules, missing) = plane.rules_of(who, namespace);
    let (paths, resources): (Vec<&Rule>, Vec<&Rule>) = rules.iter().partition(|rule| !rule.paths.is_empty());
    let show = |rules: Vec<&Rule>| -> Vec<Value> { rules.into_iter().map(Rule::to_value).collect() };
    let mut status = json!({"resourceRules": show(resources), "nonResourceRules": show(paths), "incomplete": !missing.is_empty()});
    if let Some(map) = status.as_object_mut().filter(|_| !missing.is_empty()) {
        map.insert("evaluationError".into(), missing.join(", ").into());
    }
    Ok(status)
}

fn invalid(kind: &str, cause: Cause) -> Failure {
    Failure::invalid("authorization.k8s.io", kind, "", vec![cause])
}

fn user(identity: &Identity) -> Value {
    let mut user = json!({"username": identity.user, "groups": identity.groups});
    if let Some(map) = user.as_object_mut() {
        if !identity.uid.is_empty() {
            map.insert("uid".into(), identity.uid.clone().into());
        }
        if !identity.extra.is_empty() {
            map.insert("extra".into(), json!(identity.extra));
        }
    }
    user
}
