//! The questions about identity and permission: answered, never stored. Everybody who is known may do everything.

use serde_json::{Value, json};

use crate::access::Identity;
use crate::http::Answer;
use crate::plane::Plane;
use crate::status::Failure;

/// Answers a review of the given group and resource, or nothing if there is no such review.
pub(crate) fn review(plane: &Plane, identity: &Identity, group: &str, plural: &str, body: &Value) -> Option<Result<Answer, Failure>> {
    let allowed = json!({"allowed": true, "reason": "the sandbox authorizes every known client"});
    let (kind, status) = match (group, plural) {
        ("authentication.k8s.io", "selfsubjectreviews") => ("SelfSubjectReview", json!({"userInfo": user(identity)})),
        ("authentication.k8s.io", "tokenreviews") => {
            let token = body.pointer("/spec/token").and_then(Value::as_str).unwrap_or("");
            let status = match plane.identify_token(token) {
                Some(found) => json!({"authenticated": true, "user": user(&found)}),
                None => json!({"authenticated": false, "error": "invalid bearer token"}),
            };
            ("TokenReview", status)
        }
        ("authorization.k8s.io", "selfsubjectaccessreviews") => ("SelfSubjectAccessReview", allowed),
        ("authorization.k8s.io", "subjectaccessreviews") => ("SubjectAccessReview", allowed),
        ("authorization.k8s.io", "localsubjectaccessreviews") => ("LocalSubjectAccessReview", allowed),
        ("authorization.k8s.io", "selfsubjectrulesreviews") => (
            "SelfSubjectRulesReview",
            json!({
                "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                "incomplete": false,
            }),
        ),
        _ => return None,
    };
    let value = json!({
        "kind": kind,
        "apiVersion": format!("{group}/v1"),
        "metadata": {"creationTimestamp": plane.now()},
        "spec": body.get("spec").cloned().unwrap_or_else(|| json!({})),
        "status": status,
    });
    Some(Ok(Answer::Json { code: 201, value }))
}

fn user(identity: &Identity) -> Value {
    let mut user = json!({"username": identity.user, "groups": identity.groups});
    if let Some(map) = user.as_object_mut().filter(|_| !identity.uid.is_empty()) {
        map.insert("uid".into(), identity.uid.clone().into());
    }
    user
}
