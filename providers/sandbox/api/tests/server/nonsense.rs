//! Whatever a client sends, the answer is a Status with a client's error, or a sensible object: never a panic, never a 500.

use serde_json::{Value, json};

use crate::selfmade::{World, world};

/// Values that stand where something else is expected.
fn nonsense() -> Vec<Value> {
    vec![Value::Null, json!(0), json!(-1.5), json!("x"), json!(true), json!([]), json!([null]), json!({}), json!({"a": {"b": []}})]
}

/// Every pointer into a value, the root included.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                pointers(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                pointers(value, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn objects() -> Vec<(&'static str, Value)> {
    vec![
        (
            "/apis/apps/v1/namespaces/default/deployments",
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {
                    "name": "d", "labels": {"a": "b"}, "finalizers": ["a.io/b"],
                    "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "n", "uid": "u", "controller": true}],
                    "managedFields": [{"manager": "m", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                        "fieldsV1": {"f:spec": {"k:{\"a\":1}": {}}}}],
                },
                "spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "strategy": {"type": "RollingUpdate"},
                    "template": {"metadata": {"labels": {"a": "b"}}, "spec": {
                        "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}],
                            "resources": {"limits": {"cpu": "1"}}, "env": [{"name": "e", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]}],
                        "volumes": [{"name": "v", "configMap": {"name": "c"}}]}}},
            }),
        ),
        (
            "/api/v1/namespaces/default/services",
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
                "spec": {"type": "NodePort", "clusterIP": "", "ports": [{"port": 80, "nodePort": 30001}]}}),
        ),
        (
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "as.b.io"},
                "spec": {"group": "b.io", "scope": "Cluster", "names": {"kind": "A", "plural": "as"}, "versions": [{
                    "name": "v1", "served": true, "storage": true, "subresources": {"scale": {"specReplicasPath": ".spec.r"}},
                    "additionalPrinterColumns": [{"name": "R", "type": "integer", "jsonPath": ".spec.r"}],
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object",
                        "properties": {"r": {"type": "integer", "default": 1}}}}}}}]}}),
        ),
    ]
}

async fn check(world: &World, method: &str, path: &str, kind: &str, body: &Value) {
    let reply = world.send(method, path, &[("content-type", kind)], &body.to_string()).await;
    let merging = matches!(kind, "application/apply-patch+yaml" | "application/strategic-merge-patch+json");
    let refused = (400..500).contains(&reply.code) && reply.text("/kind") == "Status";
    // The real server answers 500 without a reason to a patch that does not fit its schema.
    let schema = merging && reply.code == 500 && reply.at("/reason").is_null();
    assert!(reply.code < 300 || refused || schema, "{method} {path} {kind} {body}: {} {}", reply.code, reply.body);
}

#[tokio::test]
async fn a_part_that_is_something_else_is_refused_or_ignored() {
    let world = world().await;
    for (path, object) in objects() {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let mut places = Vec::new();
        pointers(&object, "", &mut places);
        let mut plain = object.clone();
        plain["metadata"] = json!({"name": name});
        let made = world.post(path, &plain).await;
        assert_eq!(made.code, 201, "{}", made.body);
        for place in &places {
            for value in nonsense() {
                let mut changed = object.clone();
                *changed.pointer_mut(place).unwrap() = value;
                check(&world, "POST", &format!("{path}?dryRun=All"), "application/json", &changed).await;
                let own = format!("{path}/{name}?dryRun=All&fieldManager=t");
                check(&world, "PUT", &own, "application/json", &changed).await;
                check(&world, "PATCH", &own, "application/merge-patch+json", &changed).await;
                check(&world, "PATCH", &own, "application/strategic-merge-patch+json", &changed).await;
                check(&world, "PATCH", &format!("{own}&force=true"), "application/apply-patch+yaml", &changed).await;
            }
        }
        check(&world, "DELETE", &format!("{path}/{name}"), "application/json", &json!({"preconditions": []})).await;
    }
}

#[tokio::test]
async fn odd_urls_are_refused() {
    let world = world().await;
    for path in [
        "/api/v1/namespaces/default/pods/a/log",
        "/api/v1/namespaces/default/pods/a/exec",
        "/api/v1/namespaces/default/pods/a/b/c",
        "/api/v1/nodes/n/proxy/metrics",
        "/api/v1/namespaces/default/nodes",
        "/api/v1/pods/p",
        "/api/v2/pods",
        "/apis/apps/v1beta1/deployments",
        "/apis/apps/v1/namespaces/default/deployments/d/nothing",
        "/api/v1/watch/pods",
        "/%ff/%00",
        "/api/v1/namespaces/%zz/configmaps",
        "/api/v1/namespaces/default/configmaps/a%2",
        "/api/v1/namespaces/%ff%fe/configmaps",
        "/api/v1/configmaps?limit=x",
        "/api/v1/configmaps?labelSelector=%28%28",
        "/api/v1/configmaps?labelSelector=a%3D%3D%3Db",
        "/api/v1/configmaps?labelSelector=a%3Db%2F",
        "/api/v1/configmaps?fieldSelector=metadata.name%3D%3D%3Db",
        "/api/v1/configmaps?resourceVersion=x",
        "/api/v1/configmaps?watch=1&resourceVersion=-1",
        "/api/v1/configmaps?resourceVersionMatch=Exact",
        "/api/v1/configmaps?resourceVersion=1&resourceVersionMatch=Sometimes",
    ] {
        let reply = world.get(path).await;
        assert!((400..500).contains(&reply.code), "{path}: {}", reply.code);
    }
}
