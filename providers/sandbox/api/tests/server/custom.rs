//! CustomResourceDefinitions and their objects.

use serde_json::{Value, json};

use crate::selfmade::{World, world};

fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "boats.sea.io", "labels": {"contract": "v1beta2"}},
        "spec": {
            "group": "sea.io",
            "scope": "Namespaced",
            "names": {"kind": "Boat", "plural": "boats", "shortNames": ["bt"]},
            "versions": [
                {
                    "name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                        "spec": {"type": "object", "required": ["length"], "properties": {
                            "length": {"type": "integer", "minimum": 1},
                            "color": {"type": "string", "default": "blue", "enum": ["blue", "red"]},
                            "home": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "home is fixed"}]},
                            "replicas": {"type": "integer"},
                            "crew": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                                "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}},
                        }},
                        "status": {"type": "object", "properties": {"replicas": {"type": "integer"}, "afloat": {"type": "boolean"}}},
                    }}},
                    "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}},
                    "additionalPrinterColumns": [
                        {"name": "Length", "type": "integer", "jsonPath": ".spec.length"},
                        {"name": "Born", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                    ],
                },
                {
                    "name": "v1alpha1", "served": true, "storage": false,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
                },
            ],
        },
    })
}

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const BOATS: &str = "/apis/sea.io/v1/namespaces/default/boats";

async fn with_boats() -> World {
    let world = world().await;
    let reply = world.post(DEFINITIONS, &definition()).await;
    assert_eq!(reply.code, 201, "{}", reply.body);
    world
}

fn boat(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "sea.io/v1", "kind": "Boat", "metadata": {"name": name}, "spec": spec})
}

#[tokio::test]
async fn a_definition_is_established_and_served_at_once() {
    let world = with_boats().await;
    let found = world.get(&format!("{DEFINITIONS}/boats.sea.io")).await;
    let conditions = found.at("/status/conditions").as_array().unwrap();
    let kinds: Vec<&str> = conditions.iter().map(|condition| condition["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["NamesAccepted", "Established"]);
    assert_eq!(found.at("/status/acceptedNames/singular"), &json!("boat"));
    assert_eq!(found.at("/status/storedVersions"), &json!(["v1"]));
    assert_eq!(found.at("/metadata/labels/contract"), &json!("v1beta2"));
    let list = world.get(BOATS).await;
    assert_eq!((list.code, list.text("/kind"), list.at("/metadata/continue")), (200, "BoatList", &json!("")));
    let resources = world.get("/apis/sea.io/v1").await;
    let names: Vec<&str> = resources.at("/resources").as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["boats", "boats/scale", "boats/status"]);
    let document = || world.get("/openapi/v3/apis/sea.io/v1");
    let length = "/components/schemas/io.sea.v1.Boat/properties/spec/properties/length/type";
    assert_eq!(document().await.text(length), "integer");
    let hash = || async { world.get("/openapi/v3").await.text("/paths/apis~1sea.io~1v1/serverRelativeURL").to_owned() };
    let before = hash().await;
    assert_eq!(hash().await, before);
    let path = format!("{DEFINITIONS}/boats.sea.io");
    let patch =
        r#"[{"op":"add","path":"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/mast","value":{"type":"string"}}]"#;
    assert_eq!(world.send("PATCH", &path, &[("content-type", "application/json-patch+json")], patch).await.code, 200);
    assert_ne!(hash().await, before);
    assert_eq!(document().await.text(&length.replace("length", "mast")), "string");
    assert_eq!(world.get("/apis/sea.io/v2").await.code, 404);
}

#[tokio::test]
async fn objects_are_validated_pruned_and_defaulted() {
    let world = with_boats().await;
    let reply = world.post(BOATS, &boat("a", json!({"length": 3, "sail": "big"}))).await;
    assert_eq!(reply.code, 201, "{}", reply.body);
    assert_eq!(reply.at("/spec"), &json!({"length": 3, "color": "blue"}));
    assert_eq!(reply.headers.get("warning").unwrap(), "299 - \"unknown field \\\"spec.sail\\\"\"");
    assert_eq!(reply.at("/metadata/generation"), &json!(1));
    for (spec, message) in [
        (json!({}), "Boat.sea.io \"b\" is invalid: spec.length: Required value"),
        (
            json!({"length": 0}),
            "Boat.sea.io \"b\" is invalid: spec.length: Invalid value: 0: spec.length in body should be greater than or equal to 1",
        ),
        (
            json!({"length": "x"}),
            "Boat.sea.io \"b\" is invalid: spec.length: Invalid value: \"string\": spec.length in body must be of type integer: \"string\"",
        ),
        (
            json!({"length": 1, "color": "green"}),
            "Boat.sea.io \"b\" is invalid: spec.color: Unsupported value: \"green\": supported values: \"blue\", \"red\"",
        ),
    ] {
        let reply = world.post(BOATS, &boat("b", spec)).await;
        assert_eq!((reply.code, reply.text("/message"), reply.text("/reason")), (422, message, "Invalid"));
    }
    let path = format!("{BOATS}/a");
    assert_eq!(world.merge(&path, &json!({"spec": {"home": "Kiel"}})).await.code, 200);
    let moved = world.merge(&path, &json!({"spec": {"home": "Oslo"}})).await;
    assert_eq!(moved.code, 422);
    assert!(moved.text("/message").ends_with("spec.home: Invalid value: \"Oslo\": home is fixed"), "{}", moved.body);
    let put = world.put(&path, &boat("a", json!({"length": 4}))).await;
    assert_eq!(
        put.text("/message"),
        "Boat.sea.io \"a\" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update"
    );
    let strategic = world.send("PATCH", &path, &[("content-type", "application/strategic-merge-patch+json")], "{}").await;
    assert_eq!(strategic.code, 415);
}

/// Cluster API's provider for AWS refuses it by a webhook.
#[tokio::test]
async fn the_spec_of_an_aws_machine_template_does_not_change() {
    let world = world().await;
    let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let definition = json!({
        "metadata": {"name": "awsmachinetemplates.infrastructure.cluster.x-k8s.io"},
        "spec": {
            "group": "infrastructure.cluster.x-k8s.io", "scope": "Namespaced",
            "names": {"kind": "AWSMachineTemplate", "plural": "awsmachinetemplates"},
            "versions": [{"name": "v1beta2", "served": true, "storage": true, "schema": {"openAPIV3Schema": any}}],
        },
    });
    assert_eq!(world.post(DEFINITIONS, &definition).await.code, 201);
    let path = "/apis/infrastructure.cluster.x-k8s.io/v1beta2/namespaces/default/awsmachinetemplates";
    let template = json!({"metadata": {"name": "t"}, "spec": {"template": {"spec": {"instanceType": "m6i.large"}}}});
    assert_eq!(world.post(path, &template).await.code, 201);
    let object = format!("{path}/t");
    let change = |spec: Value| json!({"spec": {"template": {"spec": spec}}});
    let refused = world.merge(&object, &change(json!({"instanceType": "m6i.xlarge"}))).await;
    assert_eq!((refused.code, refused.text("/reason")), (422, "Invalid"), "{}", refused.body);
    let begin = "admission webhook \"validation.awsmachinetemplate.infrastructure.cluster.x-k8s.io\" denied the request: \
                 AWSMachineTemplate.infrastructure.cluster.x-k8s.io \"t\" is invalid: spec.template.spec: Invalid value: ";
    let message = refused.text("/message");
    assert!(message.starts_with(begin) && message.ends_with("AWSMachineTemplate.Spec is immutable"), "{message}");
    for (patch, code) in [
        (json!({"metadata": {"labels": {"a": "b"}}}), 200),
        (json!({"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}), 200),
        (change(json!({"instanceMetadataOptions": {"httpTokens": "required"}})), 200),
        (change(json!({"instanceMetadataOptions": {"httpTokens": "optional"}})), 422),
        (change(json!({"instanceType": "m6i.large"})), 200),
        (change(json!({"spotMarketOptions": {}})), 422),
    ] {
        let reply = world.merge(&object, &patch).await;
        assert_eq!(reply.code, code, "{patch}: {}", reply.body);
    }
}

#[tokio::test]
async fn status_and_scale_are_apart() {
    let world = with_boats().await;
    let mut object = boat("a", json!({"length": 3, "replicas": 2}));
    object["status"] = json!({"replicas": 9});
    let created = world.post(BOATS, &object).await;
    assert_eq!(created.at("/status"), &Value::Null, "a status sent at creation is dropped");
    let path = format!("{BOATS}/a");
    let status = world.merge(&format!("{path}/status"), &json!({"spec": {"length": 9}, "status": {"replicas": 2}})).await;
    assert_eq!((status.at("/spec/length"), status.at("/status/replicas")), (&json!(3), &json!(2)));
    assert_eq!(status.at("/metadata/generation"), &json!(1));
    let entry = status.at("/metadata/managedFields/1");
    assert_eq!((&entry["subresource"], &entry["fieldsV1"]), (&json!("status"), &json!({"f:status": {".": {}, "f:replicas": {}}})));
    let scale = world.get(&format!("{path}/scale")).await;
    assert_eq!((scale.at("/spec/replicas"), scale.at("/status/replicas")), (&json!(2), &json!(2)));
    assert_eq!(world.merge(&format!("{path}/scale"), &json!({"spec": {"replicas": 4}})).await.code, 200);
    let scaled = world.get(&path).await;
    assert_eq!((scaled.at("/spec/replicas"), scaled.at("/metadata/generation")), (&json!(4), &json!(2)));
    assert_eq!(world.get("/apis/sea.io/v1alpha1/namespaces/default/boats/a/status").await.code, 404);
}

#[tokio::test]
async fn versions_share_one_object() {
    let world = with_boats().await;
    world.post(BOATS, &boat("a", json!({"length": 3}))).await;
    let old = world.get("/apis/sea.io/v1alpha1/namespaces/default/boats/a").await;
    assert_eq!((old.text("/apiVersion"), old.at("/spec/length")), ("sea.io/v1alpha1", &json!(3)));
    let list = world.get("/apis/sea.io/v1alpha1/boats").await;
    assert_eq!(list.text("/items/0/apiVersion"), "sea.io/v1alpha1");
    let mismatch = world.post("/apis/sea.io/v1alpha1/namespaces/default/boats", &boat("b", json!({}))).await;
    assert_eq!(mismatch.code, 400);
}

#[tokio::test]
async fn lists_with_keys_are_owned_item_by_item() {
    let world = with_boats().await;
    let crew = |name: &str| boat("a", json!({"length": 3, "crew": [{"name": name, "age": 1}]}));
    let path = format!("{BOATS}/a");
    assert_eq!(world.apply(&format!("{path}?fieldManager=one"), &crew("ann")).await.code, 201);
    let both = world.apply(&format!("{path}?fieldManager=two"), &crew("bob")).await;
    assert_eq!(both.at("/spec/crew").as_array().unwrap().len(), 2, "{}", both.body);
    let left = world.apply(&format!("{path}?fieldManager=one"), &boat("a", json!({"length": 3}))).await;
    assert_eq!(left.at("/spec/crew"), &json!([{"name": "bob", "age": 1}]));
    let bad = world.apply(&format!("{path}?fieldManager=one"), &boat("a", json!({"length": 3, "sail": 1}))).await;
    assert_eq!((bad.code, bad.at("/reason")), (500, &Value::Null), "{}", bad.body);
}

#[tokio::test]
async fn a_deleted_definition_takes_its_objects_along() {
    let world = with_boats().await;
    let mut held = boat("held", json!({"length": 3}));
    held["metadata"]["finalizers"] = json!(["a.io/hold"]);
    world.post(BOATS, &held).await;
    world.post(BOATS, &boat("free", json!({"length": 3}))).await;
    let path = format!("{DEFINITIONS}/boats.sea.io");
    let deleted = world.delete(&path).await;
    assert_eq!(deleted.at("/metadata/finalizers"), &json!(["customresourcecleanup.apiextensions.k8s.io"]));
    world.until(&format!("{BOATS}/free"), 404).await;
    let kept = world.get(&path).await;
    assert_eq!(kept.code, 200, "an object is still there");
    let condition = kept.at("/status/conditions/2");
    let expected = ["Terminating", "True", "InstanceDeletionInProgress", "CustomResource deletion is in progress"];
    assert_eq!(["type", "status", "reason", "message"].map(|field| condition[field].as_str().unwrap_or("")), expected, "{}", kept.body);
    assert_eq!(world.post(BOATS, &boat("new", json!({"length": 3}))).await.code, 405);
    world.merge(&format!("{BOATS}/held"), &json!({"metadata": {"finalizers": null}})).await;
    world.until(&path, 404).await;
    world.until(BOATS, 404).await;
}

#[tokio::test]
async fn tables_have_the_columns_of_the_definition() {
    let world = with_boats().await;
    world.post(BOATS, &boat("a", json!({"length": 3}))).await;
    world.clock.set("2026-01-02T03:06:15Z".parse().unwrap());
    let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")];
    let table = world.send("GET", BOATS, &accept, "").await;
    assert_eq!(table.text("/kind"), "Table");
    let names: Vec<&str> = table.at("/columnDefinitions").as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Name", "Length", "Born"]);
    assert_eq!(table.at("/rows/0/cells"), &json!(["a", 3, "2m10s"]));
    assert_eq!(table.text("/rows/0/object/kind"), "PartialObjectMetadata");
    let bad = world.post(DEFINITIONS, &json!({"metadata": {"name": "x"}, "spec": {}})).await;
    assert_eq!(bad.code, 422, "{}", bad.body);
}

/// What the sandbox is for: the definitions of Cluster API and of a provider, as the carried facts have them.
#[tokio::test]
async fn every_definition_of_the_carried_facts_is_served() {
    let world = world().await;
    let mut names = Vec::new();
    for file in windlass_kubeschema::facts_table::bundles().iter().filter(|file| file.name != "kubernetes") {
        let bundle = windlass_kubeschema::facts_table::bundle(file.name, file.version).unwrap().unwrap();
        for definition in bundle.crd_objects() {
            let name = definition["metadata"]["name"].as_str().unwrap().to_owned();
            let path = format!("{DEFINITIONS}/{name}?fieldManager=windlass&fieldValidation=Strict");
            let applied = world.apply(&path, &definition).await;
            assert_eq!(applied.code, 201, "{name}: {}", applied.body);
            let again = world.apply(&path, &definition).await;
            assert_eq!(again.at("/metadata/resourceVersion"), applied.at("/metadata/resourceVersion"), "{name}: twice is once");
            names.push((name, definition));
        }
    }
    assert!(names.len() > 20, "{}", names.len());
    for (name, definition) in names {
        let spec = &definition["spec"];
        for version in spec["versions"].as_array().unwrap() {
            let path = format!(
                "/apis/{}/{}/{}",
                spec["group"].as_str().unwrap(),
                version["name"].as_str().unwrap(),
                spec["names"]["plural"].as_str().unwrap()
            );
            let expected = if version["served"] == true { 200 } else { 404 };
            assert_eq!(world.get(&path).await.code, expected, "{name} {path}");
        }
    }
}
