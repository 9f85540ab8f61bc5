//! Writes of roles and bindings: who has not the verb `escalate` or `bind` may give only what he has
//! (`pkg/registry/rbac/*/policybased`). The server's own writes are not asked.

use serde_json::Value;

use super::Call;
use crate::rbac::{Attributes, GROUP, Rule, Target, full_authority, is_superuser, lacks};
use crate::status::Failure;
use crate::world::{GroupResource, ObjectKey};

/// Refuses a write of a role or binding that gives more than its writer has; `old` is nothing on create.
pub(super) fn check(call: &Call, old: Option<&Value>, new: &Value) -> Result<(), Failure> {
    let Some(wish) = call.wish.as_ref().filter(|_| call.resource().group() == GROUP && !is_superuser(&call.identity)) else {
        return Ok(());
    };
    // What garbage collection writes is free.
    if old.is_some_and(|old| GIVING.iter().all(|pointer| old.pointer(pointer) == new.pointer(pointer))) {
        return Ok(());
    }
    match call.resource().plural() {
        "roles" | "clusterroles" => role(call, &wish.with_verb("escalate"), old, new),
        "rolebindings" | "clusterrolebindings" => binding(call, new),
        _ => Ok(()),
    }
}

/// All that may change but owners and finalizers.
const GIVING: [&str; 6] = ["/rules", "/aggregationRule", "/roleRef", "/subjects", "/metadata/labels", "/metadata/annotations"];

fn role(call: &Call, escalate: &Attributes, old: Option<&Value>, new: &Value) -> Result<(), Failure> {
    if call.plane.decide(&call.identity, escalate).allowed {
        return Ok(());
    }
    let (owned, unresolved) = call.plane.rules_of(&call.identity, &call.namespace);
    if let Some(why) = lacks(&call.identity, &owned, &Rule::of_role(new), &unresolved) {
        return Err(forbidden(call, new, &why));
    }
    if (sums(new) || old.is_some_and(sums)) && lacks(&call.identity, &owned, &full_authority(), &[]).is_some() {
        return Err(forbidden(call, new, "must have cluster-admin privileges to use the aggregationRule"));
    }
    Ok(())
}

fn sums(role: &Value) -> bool {
    role.pointer("/aggregationRule/clusterRoleSelectors").and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}

fn binding(call: &Call, new: &Value) -> Result<(), Failure> {
    let text = |pointer: &str| new.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    // Any other kind is refused as invalid.
    let (resource, home) = match text("/roleRef/kind") {
        "ClusterRole" => ("clusterroles", ""),
        "Role" if call.resource().namespaced => ("roles", call.namespace.as_str()),
        _ => return Ok(()),
    };
    let name = text("/roleRef/name");
    let target = Target::Resource {
        group: GROUP.to_owned(),
        resource: resource.to_owned(),
        subresource: String::new(),
        namespace: call.namespace.clone(),
        name: name.to_owned(),
    };
    if call.plane.decide(&call.identity, &Attributes { verb: "bind".to_owned(), target }).allowed {
        return Ok(());
    }
    let role = call.plane.world().get(&GroupResource::new(GROUP, resource), &ObjectKey::new(home, name));
    let wanted = role.map(|role| Rule::of_role(&role.value)).ok_or_else(|| Failure::not_found(GROUP, resource, name))?;
    let (owned, unresolved) = call.plane.rules_of(&call.identity, &call.namespace);
    match lacks(&call.identity, &owned, &wanted, &unresolved) {
        Some(why) => Err(forbidden(call, new, &why)),
        None => Ok(()),
    }
}

fn forbidden(call: &Call, object: &Value, why: &str) -> Failure {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("");
    Failure::forbidden(call.resource().group(), call.resource().plural(), name, why)
}
