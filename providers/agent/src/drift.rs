//! Which leaves of a layer are not as they were applied, and whose they are now. Values are not told: they may be secret.

use serde_json::{Value as Json, json};
use windlass_core::diff::{Comparison, compare};
use windlass_kube::kinds::ObjectRef;
use windlass_kube::plane::Plane;

/// Most leaves that a status lists.
const LISTED: usize = 100;

/// One leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drifted {
    /// The object.
    pub object: ObjectRef,
    /// The leaf; empty: the object itself is gone.
    pub path: String,
    /// Who owns it now; empty: nobody can be known.
    pub manager: String,
    /// Since when, as the server says.
    pub time: String,
}

impl Drifted {
    /// As in the status.
    pub fn to_json(&self) -> Json {
        let mut leaf = json!({"apiVersion": self.object.api_version, "kind": self.object.kind, "name": self.object.name});
        if let Some(fields) = leaf.as_object_mut() {
            let rest = [
                ("namespace", self.object.namespace.as_deref().unwrap_or_default()),
                ("path", &self.path),
                ("manager", &self.manager),
                ("time", &self.time),
            ];
            fields.extend(rest.into_iter().filter(|(_, text)| !text.is_empty()).map(|(key, text)| (key.to_owned(), json!(text))));
        }
        leaf
    }
}

/// Compares a layer's objects with the live ones.
pub async fn find(plane: &Plane, objects: &[Json]) -> Result<Vec<Drifted>, windlass_kube::error::ApiError> {
    let mut drifted = Vec::new();
    for applied in objects {
        let Some(object) = ObjectRef::of(applied) else { continue };
        match plane.get(&object).await? {
            None => drifted.push(Drifted { object, path: String::new(), manager: String::new(), time: String::new() }),
            Some(live) => drifted.extend(leaves(&object, applied, &live)),
        }
        if drifted.len() >= LISTED {
            drifted.truncate(LISTED);
            break;
        }
    }
    Ok(drifted)
}

fn leaves(object: &ObjectRef, applied: &Json, live: &Json) -> Vec<Drifted> {
    let facts = fact_of(object);
    let schema = facts.map(|(bundle, fact)| bundle.schema_of(fact));
    let leaf = |path: String, actor: Option<windlass_core::plan::Actor>| Drifted {
        object: object.clone(),
        path,
        manager: actor.as_ref().map(|actor| actor.manager.clone()).unwrap_or_default(),
        time: actor.and_then(|actor| actor.time).unwrap_or_default(),
    };
    compare(Comparison { applied, live, schema, key: None }).into_iter().map(|diff| leaf(diff.path_text(), diff.actor)).collect()
}

/// The facts of a built-in kind; of others the merge is deduced.
fn fact_of(object: &ObjectRef) -> Option<(&'static windlass_kubeschema::Bundle, &'static windlass_kubeschema::KindFact)> {
    let file = windlass_kubeschema::facts_table::latest("kubernetes")?;
    let bundle = windlass_kubeschema::facts_table::bundle(file.name, file.version)?.ok()?;
    let (group, version) = windlass_core::object::split_api_version(&object.api_version);
    Some((bundle, bundle.kind(group, version, &object.kind)?))
}
