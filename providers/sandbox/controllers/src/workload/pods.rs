//! Pods made from a template, and what their owners read of them. Knows no owner kind's rules.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::conditions::{find, holds};
use crate::kinds::Kind;
use crate::object::{Fields, Meta, Object, owner_reference};
use crate::plane::{Event, Plane};

/// Manager of what the built-in controllers write.
pub const MANAGER: &str = "kube-controller-manager";

/// A pod of `owner` from a pod template, with more labels.
pub fn from_template(owner_kind: Kind, owner: &Object, template: &Value, name: &str, labels: &[(&str, &str)]) -> Value {
    let mut metadata = json!({
        "name": name, "namespace": owner.namespace(),
        "labels": template.at("/metadata/labels").as_object().cloned().unwrap_or_default(),
        "ownerReferences": [owner_reference(&owner_kind.api_version(), owner_kind.kind(), owner, true)],
    });
    if let Some(annotations) = template.at("/metadata/annotations").as_object() {
        metadata["annotations"] = Value::Object(annotations.clone());
    }
    for (key, value) in labels {
        metadata["labels"][*key] = json!(value);
    }
    json!({"metadata": metadata, "spec": template.at("/spec")})
}

/// Why the API's admission would refuse pods of this template: the ServiceAccount is missing.
pub fn refused(plane: &Plane, namespace: &str, generate: &str, template: &Value) -> Option<String> {
    let account = Some(template.text("/spec/serviceAccountName")).filter(|name| !name.is_empty()).unwrap_or("default");
    let there = plane.get(Kind::ServiceAccount, &(namespace.to_owned(), account.to_owned())).is_some();
    (!there).then(|| format!("pods \"{generate}\" is forbidden: error looking up service account {namespace}/{account}: serviceaccount \"{account}\" not found"))
}

/// Whether a pod counts: neither on its way out nor finished.
pub fn active(pod: &Object) -> bool {
    !pod.deleting() && !matches!(pod.text("/status/phase"), "Succeeded" | "Failed")
}

/// Whether a pod is ready.
pub fn ready(pod: &Object) -> bool {
    !pod.deleting() && holds(pod, "Ready")
}

/// Seconds until a ready pod has been ready for `seconds`; `None` when it is available, or not ready at all.
pub fn until_available(pod: &Object, seconds: i64, now: jiff::Timestamp) -> Option<i64> {
    if seconds <= 0 || !ready(pod) {
        return None;
    }
    let since: jiff::Timestamp = find(pod, "Ready")?.text("/lastTransitionTime").parse().ok()?;
    let left = since.as_second() + seconds - now.as_second();
    (left > 0).then_some(left)
}

/// Keys of the owners of `kind` of a changed pod (or other owned object).
pub fn owner_key(plane: &Plane, kind: Kind, event: &Event) -> Option<(String, String)> {
    let owner = event.object.owner_name(kind.kind())?;
    let key = (event.object.namespace().to_owned(), owner.to_owned());
    plane.get(kind, &key).map(|_| key)
}

/// The order in which surplus pods go: unbound, not ready, then the youngest.
pub fn surplus_first(pods: &mut [Arc<Object>]) {
    pods.sort_by_key(|pod| (!pod.text("/spec/nodeName").is_empty(), ready(pod), std::cmp::Reverse(pod.created()), pod.name().to_owned()));
}
