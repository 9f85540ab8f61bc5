//! An apply that makes an object and changes none: what the sandbox answers, the real server answers too.

use serde_json::{Value as Json, json};
use windlass_kube::kinds::ObjectRef;
use windlass_kube::plane::Plane;

/// Kinds that a server stores in ways of its own: with defaults, with addresses that it gives, cluster-wide, defined by users.
fn objects() -> Vec<Json> {
    let pods = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}});
    let of = |api_version: &str, kind: &str, namespace: Option<&str>, rest: Json| {
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "new"}});
        if let Some(namespace) = namespace {
            object["metadata"]["namespace"] = json!(namespace);
        }
        rest.as_object().expect("fields").iter().for_each(|(field, value)| object[field] = value.clone());
        object
    };
    let mut definition = of(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        None,
        json!({"spec": {
            "group": "example.net", "scope": "Namespaced", "names": {"kind": "Toy", "listKind": "ToyList", "plural": "toys", "singular": "toy"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }}}],
        }}),
    );
    definition["metadata"]["name"] = json!("toys.example.net");
    vec![
        of("v1", "Namespace", None, json!({})),
        of("v1", "ConfigMap", Some("new"), json!({"data": {"a": "1"}})),
        of("v1", "Service", Some("new"), json!({"spec": {"ports": [{"port": 80}]}})),
        of("apps/v1", "Deployment", Some("new"), json!({"spec": {"selector": {"matchLabels": {"app": "web"}}, "template": pods}})),
        of("rbac.authorization.k8s.io/v1", "Role", Some("new"), json!({"rules": []})),
        definition,
        of("example.net/v1", "Toy", Some("new"), json!({"spec": {"a": "1"}})),
    ]
}

/// Makes one of each kind, and tries to make it again.
pub async fn check(plane: &Plane) {
    for object in objects() {
        let reference = ObjectRef::of(&object).expect("an object");
        let what = reference.short();
        served(plane, &reference).await;
        let made = plane.apply_new(&object, "one").await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let made = made.unwrap_or_else(|| panic!("{what} was there"));
        assert!(made["metadata"]["resourceVersion"] != "1" && !made["metadata"]["managedFields"].to_string().contains("f:resourceVersion"));
        for manager in ["one", "two"] {
            let again = plane.apply_new(&object, manager).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(again.is_none(), "{what} was made twice");
        }
        let left = plane.get(&reference).await.expect("read").expect("there");
        assert_eq!(managers(&left), managers(&made), "{what}");
    }
}

/// Who wrote what, without what controllers have written since.
fn managers(object: &Json) -> Vec<&Json> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries.filter(|entry| entry["operation"] == "Apply").collect()
}

/// A kind is served a moment after it was defined.
async fn served(plane: &Plane, object: &ObjectRef) {
    let mut tries = 0;
    while plane.kind(&object.api_version, &object.kind).await.is_err() && tries < 100 {
        tries += 1;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
