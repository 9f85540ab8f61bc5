//! ClusterRoles with an aggregation rule hold the rules of those that their selectors choose (kube-controller-manager's
//! clusterrole-aggregation controller).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::plane::Plane;
use crate::rbac::{GROUP, Rule};
use crate::selector::Selector;
use crate::verbs::{Call, Mode, update_object};
use crate::world::{GroupResource, Stored};

const MANAGER: &str = "clusterrole-aggregation-controller";

/// Gives every sum the rules of its parts; a sum may be a part of another, so until nothing changes.
pub(crate) async fn aggregate(plane: &Plane) {
    let id = GroupResource::new(GROUP, "clusterroles");
    // As many rounds as there are sums: each gives at least one of a chain its final rules.
    let sums = plane.world().list(&id, "", None).0.iter().filter(|role| selectors(role).is_some()).count();
    for _ in 0..sums {
        let (roles, _) = plane.world().list(&id, "", None);
        let mut changed = false;
        for sum in &roles {
            let Some(selectors) = selectors(sum) else { continue };
            let mut rules: Vec<Rule> = Vec::new();
            let mut known = BTreeSet::new();
            for selector in selectors.iter().map(Selector::of_object) {
                for part in roles.iter().filter(|part| part.key != sum.key && selector.matches(&part.value)) {
                    rules.extend(Rule::of_role(&part.value).into_iter().filter(|rule| known.insert(rule.clone())));
                }
            }
            if rules != Rule::of_role(&sum.value) {
                changed = true;
                write(plane, &id, sum, rules.iter().map(Rule::to_value).collect()).await;
            }
        }
        if !changed {
            return;
        }
    }
}

async fn write(plane: &Plane, id: &GroupResource, sum: &Stored, rules: Vec<Value>) {
    let kinds = plane.kinds();
    let Some(mut call) = kinds.resource(id).and_then(|resource| Call::internal(plane, resource, &sum.key, MANAGER)) else { return };
    let written = update_object(&mut call, Mode { subresource: None, track: true }, |old| {
        let mut next = old.value.clone();
        if let Some(map) = next.as_object_mut() {
            map.insert("rules".into(), json!(rules));
        }
        Ok(next)
    })
    .await;
    if let Err(failure) = written {
        tracing::warn!(role = sum.key.name, failure.message, "role aggregation");
    }
}

fn selectors(role: &Stored) -> Option<&Vec<Value>> {
    role.value.pointer("/aggregationRule/clusterRoleSelectors")?.as_array()
}
