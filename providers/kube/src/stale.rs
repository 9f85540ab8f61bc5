//! Whether what a plan read is still so: uid and exactly the leaves of each fingerprint.

use futures::{StreamExt, stream};
use serde_json::Value as Json;
use windlass_core::diff::path_from_text;
use windlass_core::encode::{DigestKey, Placeholder, cut_schemas, hide_secret_data};
use windlass_core::plan::Fingerprint;
use windlass_core::plan::fingerprint::Standing;
use windlass_run::ports::StepError;

use crate::kinds::ObjectRef;
use crate::planes::{Planes, uid};

/// Objects read at once.
const PARALLEL: usize = 16;
/// Longest value that a message shows.
const SHOWN: usize = 80;

/// The fingerprints that do not hold now.
pub async fn stale<'a>(planes: &'a Planes, digests: &'a DigestKey, fingerprints: &'a [&'a Fingerprint]) -> Vec<StepError> {
    let mut questions = Vec::with_capacity(fingerprints.len());
    for fingerprint in fingerprints {
        questions.push(check(planes, digests, fingerprint));
    }
    let answers: Vec<Vec<StepError>> = stream::iter(questions).buffered(PARALLEL).collect().await;
    answers.into_iter().flatten().collect()
}

async fn check(planes: &Planes, digests: &DigestKey, fingerprint: &Fingerprint) -> Vec<StepError> {
    let address = &fingerprint.object.plane;
    let plane = match planes.plane(address).await {
        Ok(plane) => plane,
        Err(error) => return vec![error.during(address)],
    };
    let reference = ObjectRef::of_key(&fingerprint.object, &fingerprint.api_version);
    match plane.get(&reference).await {
        Ok(mut live) => {
            if let Some(live) = &mut live {
                hide_secret_data(live, digests);
                cut_schemas(live);
            }
            compare(fingerprint, live.as_ref())
        }
        Err(error) => vec![error.during(address, &format!("read {}", reference.short()))],
    }
}

fn compare(fingerprint: &Fingerprint, live: Option<&Json>) -> Vec<StepError> {
    let stale = |field: &str, then: String, now: String| StepError::Stale {
        object: fingerprint.object.to_string(),
        field: field.to_owned(),
        then,
        now,
    };
    match fingerprint.standing(live) {
        Standing::Same => {}
        Standing::Going => return Vec::new(),
        Standing::Stale(leaf) if leaf.field == "metadata.uid" => {
            let say = |uid: Option<&str>| uid.map_or("absent".to_owned(), |uid| format!("there ({uid})"));
            return vec![stale("the object", say(fingerprint.uid.as_deref()), say(live.and_then(uid)))];
        }
        Standing::Stale(leaf) => return vec![stale(&leaf.field, shown(&leaf.then), shown(&leaf.now))],
    }
    let Some(live) = live else { return Vec::new() };
    let differs = |(path, then): (&String, &Json)| {
        let found = path_from_text(path).ok().and_then(|path| path.get(live).cloned()).unwrap_or(Json::Null);
        (!same(then, &found)).then(|| stale(path, shown(then), shown(&found)))
    };
    fingerprint.leaves.iter().filter_map(differs).collect()
}

/// Equal, where secrets are equal by their digests and what is not known yet is equal to anything.
fn same(then: &Json, now: &Json) -> bool {
    match (Placeholder::of(then), Placeholder::of(now)) {
        (Some(Placeholder::Unknown { .. }), _) => true,
        (Some(Placeholder::Secret { digest: a, .. }), Some(Placeholder::Secret { digest: b, .. })) => a == b,
        (Some(Placeholder::Number { value }), None) => value.parse::<f64>().ok() == now.as_f64(),
        (None, None) => then == now || matches!((then, now), (Json::Number(a), Json::Number(b)) if a.as_f64() == b.as_f64()),
        _ => false,
    }
}

fn shown(value: &Json) -> String {
    match (value, Placeholder::of(value)) {
        (_, Some(Placeholder::Secret { .. })) => "(sensitive)".to_owned(),
        (Json::Null, _) => "absent".to_owned(),
        (value, _) => {
            let text = value.to_string();
            match text.char_indices().nth(SHOWN) {
                Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
                None => text,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use windlass_core::addr::Address;
    use windlass_core::object::ObjectKey;

    #[test]
    fn exactly_the_leaves_count() {
        let object = ObjectKey {
            plane: Address::management("m"),
            group: "apps".into(),
            kind: "Deployment".into(),
            namespace: Some("n".into()),
            name: "d".into(),
        };
        let of = |uid: Option<&str>, leaves: Json| Fingerprint {
            object: object.clone(),
            api_version: "apps/v1".into(),
            uid: uid.map(str::to_owned),
            hash: String::new(),
            deleting: None,
            leaves: serde_json::from_value(leaves).expect("leaves"),
        };
        let going = Fingerprint { deleting: Some("t".into()), ..of(Some("1"), json!({"spec.replicas": 3})) };
        let deleted = json!({"metadata": {"uid": "1", "deletionTimestamp": "u"}, "spec": {"replicas": 2}});
        let ours = json!([{"manager": "windlass", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}}]);
        let again = json!({"metadata": {"uid": "2", "managedFields": ours}});
        let live =
            json!({"metadata": {"uid": "1", "labels": {"a.b/c": "d"}}, "spec": {"replicas": 2, "x": {"$wl": "secret", "digest": "h"}}});
        for (fingerprint, live, expected) in [
            (of(None, json!({})), None, ""),
            (of(None, json!({})), Some(&live), "Deployment n/d on management.m: the object was absent, is there (1)"),
            (of(Some("1"), json!({})), None, "Deployment n/d on management.m: the object was there (1), is absent"),
            (of(Some("1"), json!({"spec.replicas": 2, "metadata.labels[\"a.b/c\"]": "d"})), Some(&live), ""),
            (of(Some("1"), json!({"spec.replicas": 3})), Some(&live), "Deployment n/d on management.m: spec.replicas was 3, is 2"),
            (of(Some("1"), json!({"spec.gone": null})), Some(&live), ""),
            (
                of(Some("1"), json!({"spec.replicas": 2})),
                Some(&deleted),
                "Deployment n/d on management.m: metadata.deletionTimestamp was absent, is \"u\"",
            ),
            // What the plan saw being deleted may be on its way, gone, or made again by an agent that heals; nothing else.
            (going.clone(), Some(&deleted), ""),
            (going.clone(), None, ""),
            (going.clone(), Some(&again), ""),
            (going, Some(&json!({"metadata": {"uid": "3"}})), "Deployment n/d on management.m: the object was there (1), is there (3)"),
            (of(Some("1"), json!({"spec.x": {"$wl": "secret", "digest": "h", "source": "s"}})), Some(&live), ""),
            (
                of(Some("1"), json!({"spec.x": {"$wl": "secret", "digest": "other", "source": "s"}})),
                Some(&live),
                "Deployment n/d on management.m: spec.x was (sensitive), is (sensitive)",
            ),
        ] {
            let told: Vec<String> = compare(&fingerprint, live).iter().map(ToString::to_string).collect();
            assert_eq!(told.join("; "), expected);
        }
    }
}
