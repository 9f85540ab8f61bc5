//! Server-side apply, the other patches, and managedFields, over HTTP; the functions themselves have their own table.

use serde_json::{Value, json};

use crate::selfmade::{World, world};

const PATH: &str = "/api/v1/namespaces/default/configmaps/a";

fn map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
}

async fn apply(world: &World, manager: &str, data: Value) -> (u16, Value) {
    let reply = world.apply(&format!("{PATH}?fieldManager={manager}"), &map(data)).await;
    (reply.code, reply.body)
}

#[tokio::test]
async fn apply_creates_owns_conflicts_and_unsets() {
    let world = world().await;
    let (code, created) = apply(&world, "one", json!({"x": "1", "y": "1"})).await;
    assert_eq!(code, 201, "{created}");
    let entry = &created["metadata"]["managedFields"][0];
    assert_eq!(
        (&entry["manager"], &entry["operation"], &entry["time"], &entry["apiVersion"]),
        (&json!("one"), &json!("Apply"), &json!("2026-01-02T03:04:05Z"), &json!("v1"))
    );
    assert_eq!(entry["fieldsV1"], json!({"f:data": {"f:x": {}, "f:y": {}}}));
    let (code, same) = apply(&world, "one", json!({"x": "1", "y": "1"})).await;
    assert_eq!(code, 200);
    assert_eq!(same["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"], "twice is once");
    let (code, refused) = apply(&world, "two", json!({"x": "2"})).await;
    assert_eq!(code, 409);
    assert_eq!(refused["message"], "Apply failed with 1 conflict: conflict with \"one\": .data.x");
    assert_eq!(refused["reason"], "Conflict");
    assert_eq!(refused["details"]["causes"][0]["field"], ".data.x");
    assert_eq!(refused["details"]["causes"][0]["reason"], "FieldManagerConflict");
    let forced = world.apply(&format!("{PATH}?fieldManager=two&force=true"), &map(json!({"x": "2"}))).await;
    assert_eq!((forced.code, forced.text("/data/x")), (200, "2"));
    let (code, unset) = apply(&world, "one", json!({"z": "1"})).await;
    assert_eq!(code, 200);
    assert_eq!(unset["data"], json!({"x": "2", "z": "1"}), "y is unset, x has another owner");
    assert_eq!(world.apply(PATH, &map(json!({}))).await.code, 422, "a manager is required");
}

#[tokio::test]
async fn a_put_takes_over_the_fields_that_it_changes() {
    let world = world().await;
    apply(&world, "one", json!({"x": "1", "y": "1"})).await;
    let mut live = world.get(PATH).await.body;
    live["data"]["x"] = json!("2");
    let put = world.put(&format!("{PATH}?fieldManager=editor"), &live).await;
    assert_eq!(put.code, 200);
    let managers: Vec<&str> =
        put.at("/metadata/managedFields").as_array().unwrap().iter().map(|e| e["manager"].as_str().unwrap()).collect();
    assert_eq!(managers, ["one", "editor"]);
    assert_eq!(put.at("/metadata/managedFields/1/fieldsV1"), &json!({"f:data": {"f:x": {}}}));
    let (code, refused) = apply(&world, "one", json!({"x": "3", "y": "1"})).await;
    assert_eq!(code, 409);
    assert_eq!(refused["message"], "Apply failed with 1 conflict: conflict with \"editor\" using v1: .data.x");
}

/// The pivot's way to keep every owner: a plain create, then a merge patch that sets managedFields.
#[tokio::test]
async fn managed_fields_that_a_patch_sets_are_kept_as_given() {
    let world = world().await;
    let created = world.post("/api/v1/namespaces/default/configmaps?fieldManager=mover", &map(json!({"x": "1", "y": "2"}))).await;
    assert_eq!(created.at("/metadata/managedFields/0/manager"), &json!("mover"));
    let entries = json!([
        {"manager": "windlass", "operation": "Apply", "apiVersion": "v1", "time": "2020-05-06T07:08:09Z",
         "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:x": {}}}},
        {"manager": "kubectl-edit", "operation": "Update", "apiVersion": "v1", "time": "2021-05-06T07:08:09Z",
         "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:y": {}}}},
    ]);
    let patch = json!({"metadata": {"managedFields": entries}});
    let patched = world.merge(&format!("{PATH}?fieldManager=mover"), &patch).await;
    assert_eq!(patched.code, 200, "{}", patched.body);
    assert_eq!(patched.at("/metadata/managedFields"), &entries);
    assert_eq!(world.get(PATH).await.at("/metadata/managedFields"), &entries);
    let (code, _) = apply(&world, "windlass", json!({"x": "1"})).await;
    assert_eq!(code, 200);
    assert_eq!(world.get(PATH).await.at("/data"), &json!({"x": "1", "y": "2"}));
}

#[tokio::test]
async fn the_other_patches_do_what_they_say() {
    let world = world().await;
    apply(&world, "one", json!({"x": "1"})).await;
    let send = |kind: &'static str, body: Value| {
        let world = &world;
        async move { world.send("PATCH", PATH, &[("content-type", kind)], &body.to_string()).await }
    };
    let reply = send("application/json-patch+json", json!([{"op": "add", "path": "/data/j", "value": "1"}])).await;
    assert_eq!((reply.code, reply.text("/data/j")), (200, "1"));
    let reply = send("application/json-patch+json", json!([{"op": "test", "path": "/data/j", "value": "2"}])).await;
    assert_eq!(reply.code, 422);
    let reply = send("application/strategic-merge-patch+json", json!({"data": {"j": null, "s": "1"}})).await;
    assert_eq!((reply.code, reply.at("/data")), (200, &json!({"x": "1", "s": "1"})));
    let reply = send("application/merge-patch+json", json!({"metadata": {"resourceVersion": "1"}, "data": {"m": "1"}})).await;
    assert_eq!(reply.code, 409, "a resourceVersion in a patch is a condition");
    for (kind, body, code) in [
        ("application/json", json!({}), 415),
        ("application/merge-patch+json", json!([]), 400),
        ("application/merge-patch+json", json!({"metadata": {"name": "b"}}), 400),
        ("application/merge-patch+json", json!({"kind": "Secret"}), 400),
        ("application/json-patch+json", json!({}), 400),
        ("application/strategic-merge-patch+json", json!(3), 400),
    ] {
        assert_eq!(send(kind, body.clone()).await.code, code, "{kind} {body}");
    }
}

#[tokio::test]
async fn lists_of_built_ins_merge_by_their_keys() {
    let world = world().await;
    let path = "/apis/apps/v1/namespaces/default/deployments/d";
    let deployment = |containers: Value| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
                "spec": {"containers": containers}}},
        })
    };
    let applied = world.apply(&format!("{path}?fieldManager=one"), &deployment(json!([{"name": "c", "image": "i:1"}]))).await;
    assert_eq!(applied.code, 201, "{}", applied.body);
    let side = json!({"spec": {"template": {"spec": {"containers": [{"name": "s", "image": "side:1"}]}}}});
    let patched = world.send("PATCH", path, &[("content-type", "application/strategic-merge-patch+json")], &side.to_string()).await;
    assert_eq!(patched.code, 200, "{}", patched.body);
    let names: Vec<&str> = patched
        .at("/spec/template/spec/containers")
        .as_array()
        .unwrap()
        .iter()
        .map(|container| container["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["s", "c"]);
    let again = world.apply(&format!("{path}?fieldManager=one"), &deployment(json!([{"name": "c", "image": "i:2"}]))).await;
    assert_eq!(again.at("/spec/template/spec/containers").as_array().unwrap().len(), 2, "{}", again.body);
}

#[tokio::test]
async fn unknown_fields_are_told_or_refused() {
    let world = world().await;
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let object = |name: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "nonsense": 1, "template": {"metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]}}},
        })
    };
    let strict = world.post(&format!("{path}?fieldValidation=Strict"), &object("s")).await;
    assert_eq!(strict.code, 400);
    assert_eq!(
        strict.text("/message"),
        "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.nonsense\""
    );
    let warned = world.post(path, &object("w")).await;
    assert_eq!(warned.code, 201);
    assert_eq!(warned.headers.get("warning").unwrap(), "299 - \"unknown field \\\"spec.nonsense\\\"\"");
    assert_eq!(warned.at("/spec/nonsense"), &Value::Null);
    let ignored = world.post(&format!("{path}?fieldValidation=Ignore"), &object("i")).await;
    assert_eq!((ignored.code, ignored.headers.get("warning")), (201, None));
    let patch = r#"{"spec":{"nonsense":1}}"#;
    let merge = [("content-type", "application/merge-patch+json")];
    let strict = world.send("PATCH", &format!("{path}/i?fieldValidation=Strict"), &merge, patch).await;
    assert_eq!(
        (strict.code, strict.text("/message")),
        (
            422,
            r#" "" is invalid: patch: Invalid value: "{\"spec\":{\"nonsense\":1}}": strict decoding error: unknown field "spec.nonsense""#
        )
    );
    let mut wrong = object("t");
    wrong["spec"]["replicas"] = json!("three");
    assert_eq!(world.post(path, &wrong).await.code, 400, "a wrong type cannot be decoded");
}

#[tokio::test]
async fn fields_that_are_named_twice_are_told_or_refused() {
    let world = world().await;
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let deployment = |name: &str| {
        format!(
            r#"{{"metadata":{{"name":"{name}"}},"spec":{{"replicas":1,"replicas":2,"selector":{{"matchLabels":{{"a":"b"}}}},
            "template":{{"metadata":{{"labels":{{"a":"b"}}}},"spec":{{"containers":[{{"name":"c","image":"i","image":"j"}}]}}}}}}}}"#
        )
    };
    let json = [("content-type", "application/json")];
    let told = [r#"duplicate field "spec.replicas""#, r#"duplicate field "spec.template.spec.containers[0].image""#];
    let refused = world.send("POST", &format!("{path}?fieldValidation=Strict"), &json, &deployment("s")).await;
    let words = "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: ";
    assert_eq!((refused.code, refused.text("/message")), (400, format!("{words}{}", told.join(", ")).as_str()));
    let warned = world.send("POST", path, &json, &deployment("w")).await;
    let warnings: Vec<&str> = warned.headers.get_all("warning").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(warnings, told.map(|sentence| format!("299 - \"{}\"", sentence.replace('"', "\\\""))));
    let ignored = world.send("POST", &format!("{path}?fieldValidation=Ignore"), &json, &deployment("i")).await;
    assert_eq!((ignored.code, ignored.headers.get("warning"), ignored.at("/spec/replicas")), (201, None, &json!(2)));
    let merge = [("content-type", "application/merge-patch+json")];
    let patch = r#"{"spec":{"replicas":3,"replicas":4}}"#;
    let refused = world.send("PATCH", &format!("{path}/i?fieldValidation=Strict"), &merge, patch).await;
    assert_eq!(refused.code, 422);
    assert!(refused.text("/message").ends_with(r#": strict decoding error: duplicate field "spec.replicas""#), "{}", refused.body);
    assert_eq!(world.send("PATCH", &format!("{path}/i"), &merge, patch).await.at("/spec/replicas"), &json!(4));
}

#[tokio::test]
async fn keys_that_yaml_names_twice_are_told_or_refused() {
    let world = world().await;
    let path = "/api/v1/namespaces/default/configmaps";
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: y\ndata:\n  k: a\n  k: b\n";
    let line = "line 7: key \"k\" already set in map";
    let (yaml, apply) = ([("content-type", "application/yaml")], [("content-type", "application/apply-patch+yaml")]);
    let refused = world.send("POST", &format!("{path}?fieldValidation=Strict"), &yaml, text).await;
    let words = "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: yaml: unmarshal errors:\n  ";
    assert_eq!((refused.code, refused.text("/message")), (400, format!("{words}{line}").as_str()));
    let strict = format!("{path}/y?fieldManager=t&fieldValidation=Strict");
    let refused = world.send("PATCH", &strict, &apply, text).await;
    let words = "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  ";
    assert_eq!((refused.code, refused.text("/message")), (400, format!("{words}{line}").as_str()));
    assert_eq!(world.get(&format!("{path}/y")).await.code, 404);
    let applied = world.send("PATCH", &format!("{path}/y?fieldManager=t"), &apply, text).await;
    let warning = format!("299 - \"{}\"", line.replace('"', "\\\""));
    assert_eq!((applied.code, applied.text("/data/k")), (201, "b"));
    assert_eq!(applied.headers.get("warning").and_then(|value| value.to_str().ok()), Some(warning.as_str()));
    let ignored = world.send("PATCH", &format!("{path}/y?fieldManager=t&fieldValidation=Ignore"), &apply, text).await;
    assert_eq!((ignored.code, ignored.headers.get("warning")), (200, None));
}
